package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// Running says which kernel runs this process, and on how many processors of
// those that are online.
func Running() (traces.Kernel, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return traces.Kernel{}, fmt.Errorf("uname: %w", err)
	}
	return traces.Kernel{
		Release: unix.ByteSliceToString(u.Release[:]),
		Version: unix.ByteSliceToString(u.Version[:]),
		Machine: unix.ByteSliceToString(u.Machine[:]),
		CPUs:    onlineCPUs(),
	}, nil
}

// onlineCPUs is how many processors are online; the process may be bound to
// fewer.
func onlineCPUs() int { return countCPUs("online") }

// PossibleCPUs is how many processors there could be: what the kernel sizes
// the rings of contexts by (fs/aio.c, ioctx_alloc).
func PossibleCPUs() int { return countCPUs("possible") }

// countCPUs counts one of the lists in sysfs. Without sysfs the processors
// that this process may use are the best guess.
func countCPUs(which string) int {
	text, err := os.ReadFile("/sys/devices/system/cpu/" + which)
	if err != nil {
		return runtime.NumCPU()
	}
	n, err := countList(strings.TrimSpace(string(text)))
	if err != nil {
		return runtime.NumCPU()
	}
	return n
}

// countList counts the members of a list like "0-3,8".
func countList(list string) (int, error) {
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		first, err := strconv.Atoi(from)
		if err != nil {
			return 0, fmt.Errorf("count processors in %q: %w", list, err)
		}
		last, err := strconv.Atoi(to)
		if err != nil {
			return 0, fmt.Errorf("count processors in %q: %w", list, err)
		}
		n += last - first + 1
	}
	return n, nil
}

// Limits are those of the kernel on AIO, of the whole system.
type Limits struct {
	Max int64 // /proc/sys/fs/aio-max-nr: most nr_events of all contexts
	Now int64 // /proc/sys/fs/aio-nr: those in use
}

// AIOLimits reads the limits. An error that is fs.ErrNotExist means a kernel
// without AIO.
func AIOLimits() (Limits, error) {
	var l Limits
	for _, field := range []struct {
		path string
		into *int64
	}{{"/proc/sys/fs/aio-max-nr", &l.Max}, {"/proc/sys/fs/aio-nr", &l.Now}} {
		text, err := os.ReadFile(field.path)
		if err != nil {
			return Limits{}, fmt.Errorf("read AIO limits: %w", err)
		}
		if *field.into, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err != nil {
			return Limits{}, fmt.Errorf("read AIO limits: %s: %w", field.path, err)
		}
	}
	return l, nil
}

// HasAIO tries io_setup: it says whether this process may use AIO, which a
// kernel without it and a container's filter forbid.
func HasAIO() error {
	var ctx aioContext
	if ret := ioSetup(1, &ctx); ret < 0 {
		return fmt.Errorf("io_setup: %w", unix.Errno(-ret))
	}
	if ret := ioDestroy(ctx); ret < 0 {
		return fmt.Errorf("io_destroy: %w", unix.Errno(-ret))
	}
	return nil
}

// ringThreaded is AIO_RING_COMPAT_THREADED, the flag in a ring's
// compat_features of a context whose requests run on worker threads.
const ringThreaded = 2

// Contract is the contract of the kernel that runs this process: that of its
// release, or thread-based AIO's if the ring of a new context says so.
func Contract(release string) (model.Contract, error) {
	on, err := threaded()
	switch {
	case err != nil:
		return model.Contract{}, err
	case on:
		c := model.ThreadContract()
		c.Workers, err = boundedThreads()
		return c, err
	}
	return model.MainlineContract(release)
}

// boundedThreads is how many threads of a context execute what ends by itself:
// 64 in kernel/patches, unless a parameter says something else; 0 if another
// implementation runs.
func boundedThreads() (int, error) {
	const dir = "/sys/module/aio_thread/parameters"
	text, err := os.ReadFile(filepath.Join(dir, "bounded"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(dir); err == nil {
			return 64, nil
		}
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the number of threads: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read the number of threads: %w", err)
	}
	return max(n, 1), nil
}

// threaded reports whether a new context has threads.
func threaded() (bool, error) {
	var ctx aioContext
	if ret := ioSetup(1, &ctx); ret < 0 {
		return false, fmt.Errorf("io_setup: %w", unix.Errno(-ret))
	}
	ring := ctx.ring()
	on := ring.valid() && ring.compatFeatures&ringThreaded != 0
	if ret := ioDestroy(ctx); ret < 0 {
		return false, fmt.Errorf("io_destroy: %w", unix.Errno(-ret))
	}
	return on, nil
}
