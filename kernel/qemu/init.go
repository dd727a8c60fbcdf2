package qemu

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"aiocheck/kernel"
)

// initEnv in the environment makes process 1 a guest's init. The kernel hands
// NAME=VALUE parameters that it does not know to init's environment
// (init/main.c, unknown_bootoption).
const initEnv = "AIOCHECK_INIT"

// serveMode is its value for a guest that runs programs for its host.
const serveMode = "1"

// MaybeInit makes this process a guest's init and does not return if it was
// started as one. A program that guests are made from calls it first in main.
func MaybeInit() {
	mode := os.Getenv(initEnv)
	if os.Getpid() != 1 || mode != serveMode && mode != shellMode && mode != boxMode {
		return
	}
	uptime, err := sinceBoot()
	if err == nil {
		err = initMain(mode, uptime)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "aiocheck init:", err)
	}
	// QEMU ends upon a reset. What was written to the disk is of no use to
	// anyone any more.
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		panic("reset the guest: " + err.Error()) // which is as good: process 1 ends
	}
}

func sinceBoot() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("read the clock: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

func initMain(mode string, uptime time.Duration) error {
	for _, m := range []struct{ kind, on string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := unix.Mount(m.kind, m.on, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w: the kernel has to be built with it", m.kind, err)
		}
	}
	if err := loadModules("/" + moduleDir); err != nil {
		return err
	}
	// Reports of hung tasks are wanted while the run still waits for them.
	if err := writeIfThere("/proc/sys/kernel/hung_task_timeout_secs", "10"); err != nil {
		return err
	}
	if mode == shellMode {
		return runShell()
	}
	running, err := kernel.Running()
	if err != nil {
		return err
	}
	var port io.ReadWriteCloser
	if mode == boxMode {
		port, err = openBox()
	} else {
		port, err = openPort()
	}
	if err != nil {
		return err
	}
	defer port.Close()
	return serve(port, Hello{Protocol: protocol, Kernel: running, Uptime: uptime}, guestSide{open: openStorage(), tune: tune, stir: stir, hung: showBlocked})
}

// set writes to a file of the kernel. It makes none: these file systems answer
// that with EACCES, whether the file is there or not.
func set(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// writeIfThere is set where the kernel has the file.
func writeIfThere(path, text string) error {
	if err := set(path, text); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// showBlocked has the kernel print the stacks of blocked tasks (sysrq w).
func showBlocked() error { return writeIfThere("/proc/sysrq-trigger", "w") }

// loadModules loads the files of a directory in their order.
func loadModules(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list modules: %w", err)
	}
	for _, file := range files {
		f, err := os.Open(filepath.Join(dir, file.Name()))
		if err != nil {
			return fmt.Errorf("load module: %w", err)
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		// EEXIST: it is built in, or was loaded for a device already.
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load module %s: %w", file.Name(), err)
		}
	}
	return nil
}

const (
	portName      = "aiocheck"
	devicesWithin = 30 * time.Second // how long the kernel may take to find its devices
	lookEvery     = time.Millisecond
)

// openPort opens the virtio serial port to the host and waits until QEMU has
// told the driver that the host's end is open: before that a read would say
// end of file (drivers/char/virtio_console.c, port_fops_read).
func openPort() (*os.File, error) {
	var path string
	err := await("a virtio serial port called "+portName+": the kernel needs virtio_pci and virtio_console, built in or as modules", func() bool {
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name") // the pattern is right
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(text)) == portName {
				path = "/dev/" + filepath.Base(filepath.Dir(name))
				return true
			}
		}
		return false
	})
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the port to the host, %s: %w", path, err)
	}
	err = await("the host at the other end of "+path, func() bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, err := unix.Poll(p, 0)
		return err == nil && p[0].Revents&unix.POLLHUP == 0
	})
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// await looks for something until it is there.
func await(what string, there func() bool) error {
	for deadline := time.Now().Add(devicesWithin); !there(); time.Sleep(lookEvery) {
		if time.Now().After(deadline) {
			return fmt.Errorf("there is no %s", what)
		}
	}
	return nil
}
