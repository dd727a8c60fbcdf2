//go:build guest

package reproducer

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"

	"aiocheck/model"
	"aiocheck/traces"
)

// late is a read that is cancelled while it waits, and another one on the same
// thread of the kernel, which nobody cancels.
func late() *traces.Program {
	return &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 4}}, Files: []traces.FileDecl{{Kind: traces.Storage}, {Kind: traces.Pipe}},
		Requests: []traces.RequestDecl{{Opcode: model.PRead, File: 1, Bytes: 64}, {Opcode: model.PRead, File: 1, Bytes: 64}, {Opcode: model.PWrite, File: 1, Bytes: 64, Plain: true}},
		Threads: [][]traces.Step{{
			{Do: traces.DoSubmit, Request: 0, Count: 1},
			{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: 5 * time.Millisecond},
			{Do: traces.DoCancel, Request: 0},
			{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: -1},
			{Do: traces.DoSubmit, Request: 1, Count: 1},
			{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: 5 * time.Millisecond},
			{Do: traces.DoWrite, File: 1, Request: 2},
		}}}
}

// queued are writes for one thread of the kernel, of which the last are
// cancelled before it takes them.
func queued() *traces.Program {
	const n = 24
	p := &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: n}}, Files: []traces.FileDecl{{Kind: traces.Storage}}, Threads: make([][]traces.Step, 1)}
	for i := range n {
		p.Requests = append(p.Requests, traces.RequestDecl{Opcode: model.PWrite, Offset: int64(i) << 16, Bytes: 1 << 16})
	}
	p.Threads[0] = append(p.Threads[0], traces.Step{Do: traces.DoSubmit, Count: n})
	for i := range 8 {
		p.Threads[0] = append(p.Threads[0], traces.Step{Do: traces.DoCancel, Request: traces.RequestID(n - 1 - i)})
	}
	return p
}

// full are more requests than the ring has slots for, none of them reaped.
func full() *traces.Program {
	const n = 1 << 10
	p := &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 4}}, Files: []traces.FileDecl{{Kind: traces.Storage}}, Threads: make([][]traces.Step, 1)}
	for i := range n {
		p.Requests = append(p.Requests, traces.RequestDecl{Opcode: model.FSync})
		p.Threads[0] = append(p.Threads[0], traces.Step{Do: traces.DoSubmit, Request: traces.RequestID(i), Count: 1})
	}
	return p
}

// A reproducer is all that a guest holds. It passes on the corrected kernel,
// and not with a defect.
func TestGuestReproduces(t *testing.T) {
	image := os.Getenv("AIOCHECK_KERNEL")
	if image == "" {
		t.Fatal("AIOCHECK_KERNEL has to name a bzImage with thread-based AIO and its defects: see docs/kernels.md")
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
			binary := filepath.Join(t.TempDir(), "reproducer")
			gcc(t, "-static", "-o", binary, write(t, About{Property: c.property.Name}, c.program))
			initramfs := filepath.Join(t.TempDir(), "initramfs")
			pack(t, binary, initramfs)
			for _, defect := range []string{"", c.defect} {
				out := bootWith(t, image, initramfs, "sysctl.fs.aio-auto-threads=1 aio_thread.bounded=1 aio_thread.defects="+defect+" rdinit=/init -- 20 /")
				t.Logf("defects %q:\n%s", defect, out)
				if want := defect != ""; notOK(out, c.property.Name) != want || strings.Contains(out, "\nnot ok ") != want || !strings.Contains(out, "# Totals: ") {
					t.Errorf("with defects %q, %s is not as it should be", defect, c.property.Name)
				}
			}
		})
	}
}

// pack makes an initramfs of one program.
func pack(t *testing.T, binary, path string) {
	t.Helper()
	text, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := cpio.NewWriter(&b)
	if err := w.WriteHeader(&cpio.Header{Name: "init", Mode: cpio.TypeReg | 0o755, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

var returns = regexp.MustCompile(`\r`)

// bootWith boots a kernel in QEMU, emulated, until its init ends, and returns
// its console. The kernel panics then, and the panic ends QEMU.
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
	return returns.ReplaceAllString(string(out), "")
}
