package qemu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// boxMode is the value of initEnv that makes init talk to its host by a
// mailbox.
const boxMode = "box"

// GuestEpoch is when deterministic guests boot, by their own clocks.
var GuestEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// instructionShift says how long an instruction takes: 2 to its power
// nanoseconds, about as long as QEMU takes to emulate it.
const instructionShift = 3

// checkDeterministic refuses what is not deterministic.
func (c *Config) checkDeterministic() error {
	switch {
	case !c.Deterministic:
		return nil
	case c.CPUs != 1:
		return fmt.Errorf("a deterministic guest has one processor, not %d", c.CPUs)
	case c.Accel != "" && c.Accel != "tcg":
		return errors.New("a deterministic guest is emulated (tcg)")
	}
	return nil
}

// deterministicArguments make a guest a function of its kernel, its initramfs
// and its seed. Its clock counts instructions, and time that nobody uses
// passes at once; so does its time stamp counter, in nanoseconds, and its
// calendar. Where it reads random numbers from the processor, they are of the
// seed.
func (c *Config) deterministicArguments() []string {
	return []string{
		"-icount", fmt.Sprintf("shift=%d,sleep=off,align=off", instructionShift),
		"-rtc", "clock=vm,base=" + GuestEpoch.Format("2006-01-02T15:04:05"),
		"-seed", fmt.Sprint(uint32(c.Seed ^ c.Seed>>32)),
	}
}

// deterministicParameters are what its kernel needs to know.
func deterministicParameters() string {
	return fmt.Sprintf("tsc=reliable tsc_early_khz=1000000 no_timer_check memmap=%d$%d ", boxBytes, boxAt)
}

// printedAhead is how much a guest may print that this process has not read
// yet. It takes seconds to print so much; a serial port that had to wait for
// the host would show the guest the host's time.
const printedAhead = 1 << 20

// widen makes room in the pipe from QEMU's standard output.
func widen(printed io.ReadCloser) error {
	pipe, ok := printed.(*os.File)
	if !ok {
		return errors.New("QEMU's standard output is no pipe")
	}
	raw, err := pipe.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { _, failed = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, printedAhead) })
	return errors.Join(err, failed)
}
