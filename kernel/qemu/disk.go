package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The block devices that a guest's storage can be on.
const (
	onVirtio   = "virtio"    // the virtio disk
	onNullBlk  = "null_blk"  // null_blk that keeps data in the guest's memory
	onLoop     = "loop"      // a loop device on the virtio disk
	onDMDelay  = "dm-delay"  // the virtio disk, every transfer delayed
	onDMError  = "dm-error"  // the virtio disk, a part of the storage fails
	onDMFlakey = "dm-flakey" // the virtio disk, the storage fails now and then
)

// What the storage can be on such a device.
const (
	bare    = "none" // the device itself
	onExt4  = "ext4" // a file
	onXFS   = "xfs"
	onTmpfs = "tmpfs" // a file in memory, on no device
)

// Devices names the block devices that a guest's storage can be on, the
// default first.
func Devices() []string {
	return []string{onVirtio, onNullBlk, onLoop, onDMDelay, onDMError, onDMFlakey}
}

// FileSystems names what can be on them, the default first: nothing, or a
// file system with the storage as a file.
func FileSystems() []string { return []string{bare, onExt4, onXFS, onTmpfs} }

// NoDisk reports whether a file system keeps its files in memory, so that no
// device matters.
func NoDisk(fileSystem string) bool { return fileSystem == onTmpfs }

// checkStorage refuses what no guest can have.
func (c *Config) checkStorage() error {
	switch {
	case c.Bytes == 0:
		return nil // none is asked for
	case !slices.Contains(Devices(), c.Device):
		return fmt.Errorf("no device is called %q: there are %s", c.Device, strings.Join(Devices(), ", "))
	case !slices.Contains(FileSystems(), c.FileSystem):
		return fmt.Errorf("no file system is called %q: there are %s", c.FileSystem, strings.Join(FileSystems(), ", "))
	case (c.inMemory() || NoDisk(c.FileSystem)) && c.Bytes > c.Memory-ownMemory:
		return fmt.Errorf("%d MiB of storage in the guest's memory: it has %d MiB, of which it needs %d for itself", c.Bytes>>20, c.Memory>>20, int64(ownMemory)>>20)
	}
	return nil
}

// ownMemory is what the kernel, the initramfs, the program and the runner's
// shared memory need.
const ownMemory = 256 << 20

// inMemory reports whether the disk is a null_blk in the guest's memory.
func (c *Config) inMemory() bool { return c.Device == onNullBlk || c.Deterministic }

// makeDisk makes the guest's disk, with a file system if the storage is to be
// on one; nil if it needs none.
func makeDisk(c *Config) (*os.File, error) {
	if c.Bytes == 0 || NoDisk(c.FileSystem) || c.inMemory() && c.FileSystem == bare {
		return nil, nil
	}
	var f *os.File
	var err error
	switch c.FileSystem {
	case onExt4:
		f, err = formatted(diskBytes(c), "mkfs.ext4", "e2fsprogs", "-q", "-F", "-U", diskUUID, "-E", "hash_seed="+diskUUID)
	case onXFS:
		f, err = formatted(diskBytes(c), "mkfs.xfs", "xfsprogs", "-q", "-f", "-m", "uuid="+diskUUID)
	default:
		f, err = diskFile(diskBytes(c))
	}
	if err != nil || c.inMemory() {
		return f, err
	}
	return f, takeRoom(f)
}

// diskUUID names the file systems of all guests: none of them meet.
const diskUUID = "61696f63-6865-636b-8000-000000000001"

// diskBytes is how large the device is: as large as the storage, or with room
// for what a file system needs beside it.
func diskBytes(c *Config) int64 {
	switch c.FileSystem {
	case onExt4:
		return c.Bytes*5/4 + 64<<20
	case onXFS:
		// mkfs.xfs refuses less than 300 MiB, of which its log takes 64.
		return max(c.Bytes*5/4+96<<20, 300<<20)
	}
	return c.Bytes
}

// takeRoom gives a disk all its blocks. A file system that is full later
// would look like a guest that hangs: QEMU pauses it.
func takeRoom(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	// Asked first: taking what there is until it ends would be to everyone's
	// harm.
	var room unix.Statfs_t
	if err == nil {
		err = unix.Fstatfs(int(f.Fd()), &room)
	}
	if err == nil && uint64(size) > room.Bavail*uint64(room.Bsize) {
		err = unix.ENOSPC
	}
	if err == nil {
		err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	if err != nil {
		err = fmt.Errorf("take %d MiB in %s for the guest's disk: %w: test on fewer bytes, or set TMPDIR to a place with more room", size>>20, os.TempDir(), err)
		return errors.Join(err, f.Close())
	}
	return nil
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
	cmd.Env = append(os.Environ(), fmt.Sprintf("E2FSPROGS_FAKE_TIME=%d", GuestEpoch.Unix()))
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
