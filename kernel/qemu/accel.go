package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Program is the emulator.
const Program = "qemu-system-x86_64"

// ErrNoQEMU says that there is no QEMU to run guests on.
var ErrNoQEMU = errors.New(Program + " is not installed: apt-get install qemu-system-x86")

// ProbeDeadline is how long a probe guest may take that emulation runs in a
// tenth of a second.
const ProbeDeadline = 3 * time.Second

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

// Probe boots a guest of a few instructions with an accelerator and returns
// how long that took. Opening /dev/kvm is no proof: nested virtualisation
// often offers it and then hangs. An error that wraps ErrNoQEMU means that
// nothing was tried.
func Probe(ctx context.Context, accel string, deadline time.Duration) (time.Duration, error) {
	if _, err := exec.LookPath(Program); err != nil {
		return 0, fmt.Errorf("%w (%w)", ErrNoQEMU, err)
	}
	sector := make([]byte, 1440<<10) // a floppy, which every firmware boots from
	copy(sector, bootSector)
	sector[510], sector[511] = 0x55, 0xaa
	image, err := memoryFile("boot sector", func(w io.Writer) error {
		_, err := w.Write(sector)
		return err
	})
	if err != nil {
		return 0, err
	}
	defer image.Close()
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	// QEMU is killed when the thread that started it ends: this one stays
	// until then.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	cmd := exec.CommandContext(ctx, Program, "-accel", accel, "-m", "64", "-display", "none", "-nodefaults",
		"-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
		"-drive", "file=/proc/self/fd/3,format=raw,if=floppy,readonly=on", "-no-reboot")
	cmd.ExtraFiles = []*os.File{image}
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	out, err := cmd.Output()
	took := time.Since(start)
	if ctx.Err() != nil {
		return took, fmt.Errorf("no end after %v", deadline)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitProbe || string(out) != "K" {
		said := ""
		if exit != nil {
			said = strings.TrimSpace(string(exit.Stderr))
		}
		return took, fmt.Errorf("unexpected end: %v, output %q %s", err, out, said)
	}
	return took, nil
}

// Accelerator is "kvm" if the device is there and a probe guest boots with
// it, "tcg" (emulation) otherwise, and why. What a probe has found is kept in
// the user's cache for a day, or until the machine boots again or QEMU
// changes: where KVM hangs, a probe takes all of its deadline.
func Accelerator(ctx context.Context, device string) (accel, why string, err error) {
	path, err := exec.LookPath(Program)
	if err != nil {
		return "", "", fmt.Errorf("%w (%w)", ErrNoQEMU, err)
	}
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return "tcg", err.Error(), nil
	}
	f.Close()
	key := probeKey(path, device)
	if found, ok := recall(key); ok {
		return found.Accel, found.Why, nil
	}
	took, err := Probe(ctx, "kvm", ProbeDeadline)
	if ctx.Err() != nil {
		return "", "", ctx.Err()
	}
	found := probed{key, "kvm", fmt.Sprintf("a probe guest boots in %.1f s", took.Seconds())}
	if err != nil {
		found.Accel, found.Why = "tcg", fmt.Sprintf("%s is there, but a probe guest does not boot: %v", device, err)
	}
	found.keep()
	return found.Accel, found.Why, nil
}
