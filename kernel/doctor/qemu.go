package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const qemuProgram = "qemu-system-x86_64"

func qemu(ctx context.Context) Check {
	c := Check{Name: "QEMU", Needed: forGuests, Status: OK}
	out, err := exec.CommandContext(ctx, qemuProgram, "--version").Output()
	if err != nil {
		c.Status, c.Detail = Missing, err.Error()
		c.Fix = "apt-get install qemu-system-x86"
		return c
	}
	c.Detail, _, _ = strings.Cut(string(out), "\n")
	return c
}

// guestDeadline is how long a probe guest may take that emulation runs in a
// tenth of a second.
const guestDeadline = 3 * time.Second

// kvm runs a probe guest: opening /dev/kvm is no proof, for nested
// virtualisation often offers it and then hangs.
func kvm(ctx context.Context, device string) Check {
	c := Check{Name: "KVM", Needed: "fast guests (without it QEMU emulates)", Status: OK}
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		c.Status, c.Detail = Missing, err.Error()
		c.Fix = "enable virtualisation, or do without: guests are emulated"
		return c
	}
	f.Close()
	took, err := bootProbe(ctx, "kvm", guestDeadline)
	if errors.Is(err, exec.ErrNotFound) {
		c.Status, c.Detail = Limited, device+" is there, but not tried: no QEMU"
		c.Fix = "apt-get install qemu-system-x86"
		return c
	}
	if err != nil {
		c.Status, c.Detail = Missing, fmt.Sprintf("%s is there, but a probe guest does not boot: %v", device, err)
		c.Fix = "nothing needed: guests are emulated"
		return c
	}
	c.Detail = fmt.Sprintf("a probe guest boots in %.1f s", took.Seconds())
	return c
}

// bootSector writes "K" to the first serial port and leaves QEMU through its
// debug exit device: 16-bit x86, by hand.
var bootSector = []byte{
	0xba, 0xf8, 0x03, // mov $0x3f8, %dx
	0xb0, 'K', // mov $'K', %al
	0xee,             // out %al, (%dx)
	0xba, 0xf4, 0x00, // mov $0xf4, %dx
	0xb0, 0x10, // mov $0x10, %al
	0xee,       // out %al, (%dx)
	0xf4,       // hlt
	0xeb, 0xfd, // jmp back to it
}

// exitProbe is QEMU's exit status when 0x10 is written to isa-debug-exit:
// twice the value plus one.
const exitProbe = 0x10<<1 | 1

// bootProbe boots the boot sector and returns how long that took.
func bootProbe(ctx context.Context, accel string, deadline time.Duration) (time.Duration, error) {
	if _, err := exec.LookPath(qemuProgram); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "aiocheck-doctor-")
	if err != nil {
		return 0, fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	floppy := make([]byte, 1440<<10)
	copy(floppy, bootSector)
	floppy[510], floppy[511] = 0x55, 0xaa
	image := filepath.Join(dir, "floppy")
	if err := os.WriteFile(image, floppy, 0o600); err != nil {
		return 0, fmt.Errorf("write boot sector: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, qemuProgram, "-accel", accel, "-m", "64", "-display", "none", "-nodefaults",
		"-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
		"-drive", "file="+image+",format=raw,if=floppy,readonly=on", "-no-reboot")
	cmd.WaitDelay = time.Second
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if ctx.Err() != nil {
		return took, fmt.Errorf("no end after %v", deadline)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitProbe || string(out) != "K" {
		return took, fmt.Errorf("unexpected end: %v, output %q", err, out)
	}
	return took, nil
}
