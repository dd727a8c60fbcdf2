package qemu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeQEMU puts a shell script in QEMU's place.
func fakeQEMU(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, Program), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestBootProbe(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"boots", "printf K; exit 33", ""},
		{"wrong output", "printf X; exit 33", "unexpected end"},
		{"wrong status", "printf K; exit 1", "unexpected end"},
		{"no accelerator", "echo 'failed to initialize kvm' >&2; exit 1", "unexpected end"},
		{"hangs", "exec /bin/sleep 1000", "no end after"},
		{"not there", "", "not installed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fakeQEMU(t, c.script)
			deadline := 30 * time.Second
			if c.name == "hangs" {
				deadline = time.Millisecond
			}
			_, err := Probe(context.Background(), "tcg", deadline)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

// KVM is used only if a guest boots with it; why not is told.
func TestAccelerator(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	device := filepath.Join(t.TempDir(), "kvm")
	if err := os.WriteFile(device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ device, script, accel, why string }{
		{device, "printf K; exit 33", "kvm", "a probe guest boots"},
		{device, "exit 1", "tcg", "does not boot"},
		{device + "-not", "printf K; exit 33", "tcg", "no such file"},
	} {
		fakeQEMU(t, c.script)
		accel, why, err := Accelerator(context.Background(), c.device)
		if err != nil || accel != c.accel || !strings.Contains(why, c.why) {
			t.Errorf("%q: %q, %q, %v; want %q, %q", c.script, accel, why, err, c.accel, c.why)
		}
	}
	fakeQEMU(t, "")
	if _, _, err := Accelerator(context.Background(), device); !errors.Is(err, ErrNoQEMU) {
		t.Errorf("without QEMU: %v", err)
	}
}

// A probe is made once, until QEMU changes.
func TestAcceleratorIsRemembered(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	device := filepath.Join(t.TempDir(), "kvm")
	if err := os.WriteFile(device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tried := filepath.Join(t.TempDir(), "tried")
	probes := func() int {
		t.Helper()
		if _, _, err := Accelerator(context.Background(), device); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(tried)
		if err != nil {
			t.Fatal(err)
		}
		return len(text)
	}
	fakeQEMU(t, "printf x >>"+tried+"; exit 1")
	if a, b := probes(), probes(); a != 1 || b != 1 {
		t.Errorf("%d, then %d probes", a, b)
	}
	fakeQEMU(t, "printf x >>"+tried+"; printf K; exit 33")
	if a, b := probes(), probes(); a != 2 || b != 2 {
		t.Errorf("of another QEMU %d, then %d probes", a, b)
	}
	path, err := probedFile()
	if err == nil {
		err = os.WriteFile(path, []byte("{"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := probes(); n != 3 {
		t.Errorf("with a broken cache %d probes", n)
	}
}
