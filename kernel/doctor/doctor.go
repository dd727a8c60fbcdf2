// Package doctor finds out what a machine can do for aiocheck, by trying, and
// says what to install for what is missing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"aiocheck/kernel"
	"aiocheck/kernel/build"
)

// Status is how far an ability is there.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Limited Status = "limited" // works, with a restriction that Detail names
	Missing Status = "missing"
)

// Check is one ability of the machine.
type Check struct {
	Name   string `json:"name"`
	Needed string `json:"needed_for"` // what cannot be done without it
	Status Status `json:"status"`
	Detail string `json:"detail"`        // what was seen
	Fix    string `json:"fix,omitempty"` // what to install or change
}

// Examine tries everything. dir is where a test file may be made. It takes
// some seconds where KVM is there but does not work.
func Examine(ctx context.Context, dir string) []Check {
	return []Check{
		aio(), aioLimits(kernel.AIOLimits()), direct(dir), loopDevices("/dev/loop-control"),
		emulator(ctx), kvm(ctx, "/dev/kvm"), buildTools(ctx),
	}
}

// Essential reports whether what verify needs on this host is there.
func Essential(checks []Check) bool {
	for _, c := range checks {
		if c.Needed == forVerify && c.Status == Missing {
			return false
		}
	}
	return true
}

const (
	forVerify = "verify"
	forGuests = "guests in QEMU"
	forBuilds = "building kernels"
)

// aio tries io_setup itself: a kernel without CONFIG_AIO and a seccomp filter
// both refuse it.
func aio() Check {
	c := Check{Name: "AIO system calls", Needed: forVerify, Status: OK}
	running, err := kernel.Running()
	c.Detail = "Linux " + running.Release
	if err := errors.Join(err, kernel.HasAIO()); err != nil {
		c.Status, c.Detail = Missing, c.Detail+": "+err.Error()
		c.Fix = "run on a kernel with CONFIG_AIO, outside a sandbox that filters io_setup"
	}
	return c
}

// enoughEvents is what a verification run with large flags takes of
// fs.aio-max-nr: io_setup fails with EAGAIN when the sum of all contexts'
// nr_events would pass it.
const enoughEvents = 4096

func aioLimits(l kernel.Limits, err error) Check {
	c := Check{Name: "AIO limits", Needed: forVerify, Status: OK}
	if err != nil {
		c.Status, c.Detail = Limited, err.Error()
		return c
	}
	c.Detail = fmt.Sprintf("%d of %d events taken by all processes", l.Now, l.Max)
	if l.Max-l.Now < enoughEvents {
		c.Status, c.Fix = Limited, fmt.Sprintf("sysctl fs.aio-max-nr=%d", max(65536, 2*l.Max))
	}
	return c
}

// direct opens a small temporary file as verify would.
func direct(dir string) Check {
	c := Check{Name: "O_DIRECT", Needed: "asynchronous transfers (without it they run inside io_submit)", Status: OK}
	s, err := kernel.OpenStorage(kernel.StorageOptions{Path: dir, Bytes: 1 << 20, Run: 1})
	if err != nil {
		c.Status, c.Detail, c.Fix = Missing, err.Error(), "name a writable directory with --path"
		return c
	}
	defer s.Close()
	if !s.Device.Direct {
		c.Status, c.Detail, c.Fix = Limited, s.Device.Note, "use --path on ext4, xfs or btrfs, or a block device"
		return c
	}
	c.Detail = fmt.Sprintf("works on %s in %s, in units of %d bytes", s.Device.FileSystem, dir, s.Device.Align)
	return c
}

// loopDevices looks at whether this user may make block devices from files.
func loopDevices(control string) Check {
	c := Check{Name: "loop devices", Needed: "tests on block devices", Status: OK, Detail: control}
	f, err := os.OpenFile(control, os.O_RDWR, 0)
	if err != nil {
		c.Status, c.Detail = Missing, err.Error()
		c.Fix = "run as root, with the loop module loaded (modprobe loop)"
		return c
	}
	f.Close()
	return c
}

func buildTools(ctx context.Context) Check {
	c := Check{Name: "kernel build tools", Needed: forBuilds, Status: OK}
	missing := build.Missing(ctx)
	if len(missing) > 0 {
		c.Status, c.Detail = Missing, "not found: "+strings.Join(missing, ", ")
		c.Fix = build.InstallCommand(missing)
		return c
	}
	var have []string
	for _, t := range build.Tools {
		have = append(have, t.Package)
	}
	c.Detail = "found " + strings.Join(have, ", ")
	if _, err := exec.LookPath("ccache"); err != nil {
		c.Status, c.Detail = Limited, c.Detail+", but not ccache: every build begins from nothing"
		c.Fix = build.InstallCommand([]string{"ccache"})
	}
	return c
}
