//go:build guest

package reproducer

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"

	"aiocheck/model"
	"aiocheck/traces"
)

// A reproducer and an init are all that a guest holds. It passes on the corrected kernel,
// and not with a defect.
func TestGuestReproduces(t *testing.T) {
	image := os.Getenv("AIOCHECK_KERNEL")
	if image == "" {
		t.Fatal("AIOCHECK_KERNEL has to name a bzImage with thread-based AIO and its defects: see docs/kernels.md")
	}
	init, err := filepath.Abs("testdata/init.c")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		defect   string
		program  *traces.Program
		property model.Property
	}{
		{"T1", late(), model.LegalResult},
		{"T6", queued(), model.CancelledEnds},
		{"M3", full(), model.RingNeverOverflows},
	} {
		t.Run(c.defect, func(t *testing.T) {
			dir := t.TempDir()
			gcc(t, "-static", "-o", filepath.Join(dir, "reproducer"), write(t, About{Property: c.property.Name}, c.program))
			gcc(t, "-static", "-o", filepath.Join(dir, "init"), init)
			initramfs := filepath.Join(dir, "initramfs")
			pack(t, initramfs, filepath.Join(dir, "init"), filepath.Join(dir, "reproducer"))
			for _, defect := range []string{"", c.defect} {
				out := bootWith(t, image, initramfs, "reboot=t no_timer_check -- "+defect)
				t.Logf("defects %q:\n%s", defect, out)
				wrong, code := defect != "", "\nexit code 0\n"
				if wrong {
					code = "\nexit code 1\n"
				}
				if notOK(out, c.property.Name) != wrong || strings.Contains(out, "\nnot ok ") != wrong || !strings.Contains(out, code) {
					t.Errorf("with defects %q, %s is not as it should be", defect, c.property.Name)
				}
			}
		})
	}
}

// pack makes an initramfs of programs.
func pack(t *testing.T, path string, programs ...string) {
	t.Helper()
	var b bytes.Buffer
	w := cpio.NewWriter(&b)
	for _, program := range programs {
		text, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteHeader(&cpio.Header{Name: filepath.Base(program), Mode: cpio.TypeReg | 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

// bootWith boots a kernel in QEMU, emulated, until its init resets it, and
// returns its console.
func bootWith(t *testing.T, image, initramfs, parameters string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "256M", "-nodefaults", "-no-user-config",
		"-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", image, "-initrd", initramfs,
		"-append", "console=ttyS0 loglevel=3 panic=-1 "+parameters).CombinedOutput()
	if err != nil {
		t.Fatalf("QEMU: %v\n%s", err, out)
	}
	return strings.ReplaceAll(string(out), "\r", "")
}
