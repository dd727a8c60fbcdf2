package doctor

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"aiocheck/kernel"
	"aiocheck/kernel/qemu"
)

// fakeQEMU puts a shell script in QEMU's place.
func fakeQEMU(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, qemu.Program), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// A device that opens is not enough: KVM counts only if a guest boots.
func TestKVMNeedsAGuest(t *testing.T) {
	device := filepath.Join(t.TempDir(), "kvm")
	if c := kvm(context.Background(), device); c.Status != Missing {
		t.Errorf("no device: %+v", c)
	}
	if err := os.WriteFile(device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]Status{"printf K; exit 33": OK, "exit 1": Missing, "": Limited} {
		fakeQEMU(t, script)
		if c := kvm(context.Background(), device); c.Status != want {
			t.Errorf("qemu %q: %+v, want %s", script, c, want)
		}
	}
}

func TestAIOLimits(t *testing.T) {
	for _, c := range []struct {
		limits kernel.Limits
		err    error
		want   Status
		fix    string
	}{
		{kernel.Limits{Max: 65536, Now: 100}, nil, OK, ""},
		{kernel.Limits{Max: 65536, Now: 65000}, nil, Limited, "sysctl fs.aio-max-nr=131072"},
		{kernel.Limits{}, os.ErrNotExist, Limited, ""},
	} {
		if got := aioLimits(c.limits, c.err); got.Status != c.want || got.Fix != c.fix {
			t.Errorf("%+v, %v: %+v", c.limits, c.err, got)
		}
	}
}

// Whatever is missing, each check says what to do about it.
func TestEveryLackHasAFix(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, c := range Examine(context.Background(), filepath.Join(t.TempDir(), "nosuch")) {
		if c.Name == "" || c.Needed == "" || c.Detail == "" {
			t.Errorf("incomplete: %+v", c)
		}
		if c.Status == Missing && c.Fix == "" {
			t.Errorf("missing without a fix: %+v", c)
		}
	}
}

func TestEssential(t *testing.T) {
	if !Essential([]Check{{Needed: forGuests, Status: Missing}, {Needed: forVerify, Status: Limited}}) {
		t.Error("verify needs no guests")
	}
	if Essential([]Check{{Needed: forVerify, Status: Missing}}) {
		t.Error("verify needs AIO")
	}
}
