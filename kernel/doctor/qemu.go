package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"aiocheck/kernel/qemu"
)

func emulator(ctx context.Context) Check {
	c := Check{Name: "QEMU", Needed: forGuests, Status: OK}
	out, err := exec.CommandContext(ctx, qemu.Program, "--version").Output()
	if err != nil {
		c.Status, c.Detail = Missing, err.Error()
		c.Fix = "apt-get install qemu-system-x86"
		return c
	}
	c.Detail, _, _ = strings.Cut(string(out), "\n")
	return c
}

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
	took, err := qemu.Probe(ctx, "kvm", qemu.ProbeDeadline)
	if errors.Is(err, qemu.ErrNoQEMU) {
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
