package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The storages that a guest can have.
const (
	onVirtio = "virtio" // the virtio disk itself
	onExt4   = "ext4"   // a file on the virtio disk
	onXFS    = "xfs"
	onTmpfs  = InMemory
)

// InMemory is the storage that needs no disk: a file on tmpfs.
const InMemory = "tmpfs"

// Devices names the storages that a guest can have, the default first: the
// virtio disk itself, or a file on a file system.
func Devices() []string { return []string{onVirtio, onExt4, onXFS, onTmpfs} }

// makeDisk makes the guest's disk, with a file system that has room for a
// file of so many bytes if the device is one; nil if it needs none.
func makeDisk(device string, bytes int64) (*os.File, error) {
	switch device {
	case onTmpfs:
		return nil, nil
	case onVirtio:
		return diskFile(bytes)
	case onExt4:
		return formatted(bytes*5/4+64<<20, "mkfs.ext4", "e2fsprogs", "-q", "-F")
	case onXFS:
		// mkfs.xfs refuses less than 300 MiB.
		return formatted(bytes+512<<20, "mkfs.xfs", "xfsprogs", "-q", "-f")
	}
	return nil, fmt.Errorf("no storage is called %q: there are %s", device, strings.Join(Devices(), ", "))
}

func formatted(size int64, mkfs, pkg string, args ...string) (*os.File, error) {
	path, err := findTool(mkfs)
	if err != nil {
		return nil, fmt.Errorf("%w: apt-get install %s", err, pkg)
	}
	f, err := diskFile(size)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, append(args, "/proc/self/fd/3")...)
	cmd.ExtraFiles = []*os.File{f}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("format the guest's disk: %s: %w: %s", mkfs, err, bytes.TrimSpace(out)), f.Close())
	}
	return f, nil
}

// findTool looks for an administrator's program, whose directory is often not
// in the PATH of other users.
func findTool(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	dirs := []string{"/usr/sbin", "/sbin"}
	at := slices.IndexFunc(dirs, func(dir string) bool {
		_, err := exec.LookPath(filepath.Join(dir, name))
		return err == nil
	})
	if at < 0 {
		return "", err
	}
	return filepath.Join(dirs[at], name), nil
}
