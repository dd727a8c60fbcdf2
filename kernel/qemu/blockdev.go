package qemu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	configfs = "/sys/kernel/config"
	nullBlk  = configfs + "/nullb/aiocheck"
)

// makeNullBlk makes a null_blk device of so many bytes that keeps its data,
// through configfs (Documentation/block/null_blk.rst), and fills it.
func makeNullBlk(bytes int64, filled []extent) (string, error) {
	const needs = "the kernel needs CONFIG_BLK_DEV_NULL_BLK and CONFIG_CONFIGFS_FS, built in or as modules"
	if err := unix.Mount("configfs", configfs, "configfs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return "", fmt.Errorf("mount configfs: %w: %s", err, needs)
	}
	if err := os.Mkdir(nullBlk, 0o755); err != nil {
		return "", fmt.Errorf("%w: %s", err, needs)
	}
	for _, knob := range []struct{ name, value string }{
		{"size", fmt.Sprint((bytes + 1<<20 - 1) >> 20)}, // MiB
		{"blocksize", "512"}, {"memory_backed", "1"}, {"power", "1"},
	} {
		if err := set(filepath.Join(nullBlk, knob.name), knob.value); err != nil {
			return "", fmt.Errorf("set %s: %w", knob.name, err)
		}
	}
	index, err := os.ReadFile(filepath.Join(nullBlk, "index"))
	if err != nil {
		return "", err
	}
	// Since Linux 6.0 the device has the name of the directory.
	path := ""
	err = await("device of null_blk", func() bool {
		for _, p := range []string{"/dev/aiocheck", "/dev/nullb" + strings.TrimSpace(string(index))} {
			if _, err := os.Stat(p); err == nil {
				path = p
				return true
			}
		}
		return false
	})
	if err != nil || len(filled) == 0 {
		return path, err
	}
	return path, fillDisk(path, filled)
}

// fillDisk puts the disk's image where it belongs.
func fillDisk(to string, filled []extent) (err error) {
	from, err := os.Open("/" + diskImage)
	if err != nil {
		return err
	}
	defer from.Close()
	into, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, into.Sync(), into.Close()) }()
	for _, e := range filled {
		if _, err := io.CopyN(io.NewOffsetWriter(into, e.At), struct{ io.Reader }{from}, e.Bytes); err != nil {
			return fmt.Errorf("copy %d bytes to %d of %s: %w", e.Bytes, e.At, to, err)
		}
	}
	return os.Remove("/" + diskImage) // it is in memory
}

// makeLoop makes a loop device on another device, which it uses with direct
// I/O, as asynchronously as it was asked.
func makeLoop(on string) (string, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("%w: the kernel needs CONFIG_BLK_DEV_LOOP, built in or as a module", err)
	}
	defer control.Close()
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return "", fmt.Errorf("get a free loop device: %w", err)
	}
	below, err := os.OpenFile(on, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer below.Close()
	path := fmt.Sprintf("/dev/loop%d", number)
	loop, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer loop.Close()
	conf := unix.LoopConfig{Fd: uint32(below.Fd()), Size: 512, Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_DIRECT_IO}}
	if err := unix.IoctlLoopConfigure(int(loop.Fd()), &conf); err != nil {
		return "", fmt.Errorf("set up %s: %w", path, err)
	}
	return path, nil
}
