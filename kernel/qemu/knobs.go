package qemu

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// knobs is what a guest's kernel is told before a run.
type knobs struct {
	Unthreaded bool   `json:"unthreaded"` // contexts without threads
	Defects    string `json:"defects"`    // names, separated by commas
	Bounded    int    `json:"bounded"`    // threads of a context for what ends by itself; 0 for the default
}

// What kernels with our patches offer.
const (
	threadsSysctl = "/proc/sys/fs/aio-auto-threads"
	defectsKnob   = "/sys/module/aio_thread/parameters/defects"
	boundedKnob   = "/sys/module/aio_thread/parameters/bounded"
	// defaultBounded is what boundedKnob holds when the kernel has booted.
	defaultBounded = 64
)

// tune sets the kernel's knobs, those that are not asked for included: what
// an earlier run has set must not last.
func tune(k knobs) error {
	threads := "1"
	if k.Unthreaded {
		threads = "0"
	}
	if err := writeIfThere(threadsSysctl, threads); err != nil {
		return fmt.Errorf("switch threads of AIO contexts: %w", err)
	}
	bounded := k.Bounded
	if bounded == 0 {
		bounded = defaultBounded
	}
	if err := writeIfThere(boundedKnob, fmt.Sprint(bounded)); err != nil {
		return fmt.Errorf("set the number of a context's threads: %w", err)
	}
	// sysfs takes a write of nothing for none: the line end is what counts then.
	err := set(defectsKnob, k.Defects+"\n")
	switch {
	case errors.Is(err, fs.ErrNotExist) && k.Defects == "":
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("this kernel has no defects to switch on: it needs our patches and CONFIG_AIO_THREAD_DEFECTS, as aiocheck kernel build makes it")
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("this kernel does not know all of the defects %s: see kernel/patches/README.md", strings.ReplaceAll(k.Defects, ",", ", "))
	case err != nil:
		return fmt.Errorf("switch on the defects %s: %w", k.Defects, err)
	}
	return nil
}

// stir gives the kernel random numbers that no other guest has, and has it use
// them at once (drivers/char/random.c).
func stir(random []byte) error {
	f, err := os.OpenFile("/dev/urandom", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("stir random numbers: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(random); err != nil {
		return fmt.Errorf("stir random numbers: %w", err)
	}
	if err := unix.IoctlSetInt(int(f.Fd()), unix.RNDRESEEDCRNG, 0); err != nil {
		return fmt.Errorf("stir random numbers: %w", err)
	}
	return nil
}
