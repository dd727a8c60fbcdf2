package kernel

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// clock counts nanoseconds of CLOCK_MONOTONIC since an origin that several
// processes share. Go reads that clock without a system call but only as a
// difference, so each process measures once where its own zero lies.
type clock struct {
	base   time.Time
	offset int64 // base on the run's clock
	error  int64 // the offset is right to within this many nanoseconds
}

// clockName is what a trace's header says of the clock.
const clockName = "CLOCK_MONOTONIC, nanoseconds since the start of the run"

// clockTries is how often the offset is measured; the best measurement counts.
const clockTries = 200

// monotonic is CLOCK_MONOTONIC by system call.
func monotonic() (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("read CLOCK_MONOTONIC: %w", err)
	}
	return ts.Nano(), nil
}

// newClock measures the offset against origin, in nanoseconds of
// CLOCK_MONOTONIC: a reading of Go's clock is bracketed by two system calls,
// so it lies in the middle of them to within half their distance.
func newClock(origin int64) (clock, error) {
	c := clock{base: time.Now(), error: 1 << 62}
	for range clockTries {
		before, err := monotonic()
		if err != nil {
			return clock{}, err
		}
		mine := int64(time.Since(c.base))
		after, err := monotonic()
		if err != nil {
			return clock{}, err
		}
		if half := (after - before + 1) / 2; half < c.error {
			c.error = half
			c.offset = before + (after-before)/2 - mine - origin
		}
	}
	return c, nil
}

// now is the time since the origin.
func (c *clock) now() traces.Time { return int64(time.Since(c.base)) + c.offset }
