package qemu

import (
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	hostClock    = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
	tscMeasured  = 5 * time.Millisecond
	tscReadTries = 20
)

// tscParameters are kernel parameters that give an emulated guest a clock
// with the resolution that histories need. QEMU hands the host's time stamp
// counter through (accel/tcg, cpu_get_host_ticks), the same to all virtual
// processors; but the kernel does not trust it, and what else a microvm has
// counts milliseconds. There are none if the host itself does not take its
// time from the counter.
func tscParameters(clock string) string {
	name, err := os.ReadFile(clock)
	if err != nil || strings.TrimSpace(string(name)) != "tsc" {
		return ""
	}
	from, since := bracketTSC()
	time.Sleep(tscMeasured)
	to, until := bracketTSC()
	if to <= from {
		return ""
	}
	khz := float64(to-from) / float64(until.Sub(since).Nanoseconds()) * 1e6
	return fmt.Sprintf("tsc=reliable tsc_early_khz=%.0f ", khz)
}

// bracketTSC reads the counter and the clock as close together as it can.
func bracketTSC() (counter uint64, at time.Time) {
	best := time.Hour
	for range tscReadTries {
		before := time.Now()
		c := readTSC()
		if took := time.Since(before); took < best {
			best, counter, at = took, c, before.Add(took/2)
		}
	}
	return counter, at
}
