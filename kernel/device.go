package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// Storage is the storage under test, open and filled with lines of request 0.
type Storage struct {
	Device traces.Device
	file   *os.File
	claim  *os.File // opened first, and kept: it claims a device
}

// storageFile is the kind of storage that is a file; the other is a block device.
const storageFile = "file"

// StorageOptions say what to open.
type StorageOptions struct {
	Path      string // a file, a block device, or a directory for a temporary file; empty: the system's
	Bytes     int64  // of the tested range, from offset 0 on: a multiple of 512
	Run       uint32 // the run's number in the lines that the storage begins with
	Buffered  bool   // do not try O_DIRECT
	Overwrite bool   // an existing file may be overwritten
	Destroy   bool   // a block device that carries data may be overwritten
}

// OpenStorage opens what the options name and overwrites the tested range.
// Its errors name the path and say what can be done.
func OpenStorage(opts StorageOptions) (*Storage, error) {
	if opts.Bytes <= 0 || opts.Bytes%512 != 0 {
		return nil, fmt.Errorf("%d bytes of storage: not a positive multiple of 512", opts.Bytes)
	}
	path := opts.Path
	if path == "" {
		path = os.TempDir()
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return finish(createFile(path, opts))
	case err != nil:
		return nil, fmt.Errorf("open storage: %w", err)
	case info.IsDir():
		return finish(createTemp(path, opts))
	case info.Mode().IsRegular():
		if !opts.Overwrite {
			return nil, fmt.Errorf("%s: %w", path, ErrFileExists)
		}
		return finish(createFile(path, opts))
	case info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0:
		return finish(openDevice(path, opts))
	}
	return nil, fmt.Errorf("%s is neither a file, nor a directory, nor a block device", path)
}

// finish looks up how the opened storage takes O_DIRECT, and fills it.
func finish(s *Storage, opts StorageOptions, err error) (*Storage, error) {
	if err != nil {
		return nil, err
	}
	if opts.Buffered {
		s.buffered("buffered access was asked for")
	} else if err := s.direct(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.initialise(opts.Run); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// createTemp makes a file whose name is gone at once, so that nothing stays
// however this process ends.
func createTemp(dir string, opts StorageOptions) (*Storage, StorageOptions, error) {
	f, err := os.CreateTemp(dir, "aiocheck-*.data")
	if err != nil {
		return nil, opts, fmt.Errorf("make a temporary file: %w: name a file, or another directory", err)
	}
	s, opts, err := allocated(&Storage{file: f, claim: f}, opts)
	if removed := os.Remove(f.Name()); removed != nil && err == nil {
		return nil, opts, errors.Join(fmt.Errorf("unlink a temporary file: %w", removed), s.Close())
	}
	return s, opts, err
}

func createFile(path string, opts StorageOptions) (*Storage, StorageOptions, error) {
	flags := os.O_RDWR | os.O_CREATE
	if !opts.Overwrite {
		flags |= os.O_EXCL // it was not there a moment ago
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, opts, fmt.Errorf("open storage: %w%s", err, advice(err))
	}
	return allocated(&Storage{file: f, claim: f}, opts)
}

// allocated gives the file its size and its blocks, so that writes under test
// find no hole and no full disk.
func allocated(s *Storage, opts StorageOptions) (*Storage, StorageOptions, error) {
	s.Device = traces.Device{Path: s.file.Name(), Kind: storageFile, Bytes: opts.Bytes}
	info, err := s.file.Stat()
	if err == nil && info.Size() < opts.Bytes {
		err = s.file.Truncate(opts.Bytes)
	}
	if err == nil {
		err = unix.Fallocate(int(s.file.Fd()), 0, 0, opts.Bytes)
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
			err = nil // filling it will do
		}
	}
	if err == nil {
		s.Device.FileSystem, s.Device.Source, err = mountOf(s.file)
	}
	if err != nil {
		return nil, opts, errors.Join(fmt.Errorf("give %s its %d bytes: %w%s", s.file.Name(), opts.Bytes, err, advice(err)), s.Close())
	}
	return s, opts, nil
}

// openDevice opens a block device for itself: O_EXCL fails if the kernel uses
// it in any way (a mount, swap, LVM, MD, a loop device on top).
func openDevice(path string, opts StorageOptions) (*Storage, StorageOptions, error) {
	fail := func(err error) (*Storage, StorageOptions, error) { return nil, opts, err }
	use, err := deviceUse(path)
	if err != nil {
		return fail(err)
	}
	if use != "" {
		return fail(fmt.Errorf("%s %s: it is not touched; name another device", path, use))
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_EXCL|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(fmt.Errorf("open device %s: %w%s", path, err, advice(err)))
	}
	f := os.NewFile(uintptr(fd), path)
	s := &Storage{file: f, claim: f}
	s.Device = traces.Device{Path: path, Kind: "block device", Source: path, Bytes: opts.Bytes}
	size, err := s.file.Seek(0, 2)
	if err != nil {
		return fail(errors.Join(fmt.Errorf("find the size of %s: %w", path, err), s.Close()))
	}
	if size < opts.Bytes {
		return fail(errors.Join(fmt.Errorf("%s has %d bytes, fewer than the %d to test on", path, size, opts.Bytes), s.Close()))
	}
	if opts.Destroy {
		return s, opts, nil
	}
	found, err := contents(s.file, path, size)
	if err != nil {
		return fail(errors.Join(fmt.Errorf("look for data on %s: %w", path, err), s.Close()))
	}
	if found != "" {
		return fail(errors.Join(fmt.Errorf("%s %s: %w", path, found, ErrHoldsData), s.Close()))
	}
	return s, opts, nil
}

// ErrHoldsData refuses a block device whose data would be destroyed without
// StorageOptions.Destroy.
var ErrHoldsData = errors.New("its data would be destroyed, which has to be asked for")

// ErrFileExists refuses a file that would be overwritten without
// StorageOptions.Overwrite.
var ErrFileExists = errors.New("it exists, and overwriting it has to be asked for")

// contents says what a device seems to hold, empty for nothing known.
func contents(f *os.File, path string, size int64) (string, error) {
	dir, err := sysDir(path)
	if err != nil {
		return "", err
	}
	partition, err := sysPartition(dir)
	if err != nil {
		return "", err
	}
	if partition != "" {
		return "has the partition " + partition, nil
	}
	found, err := signature(f, size)
	if err != nil || found == "" {
		return "", err
	}
	return "carries " + found, nil
}

// advice is what to do about an error of opening or sizing storage.
func advice(err error) string {
	switch {
	case errors.Is(err, unix.EBUSY):
		return ": something uses it (a mount, swap, LVM, RAID, a loop device); see lsblk"
	case errors.Is(err, unix.EROFS):
		return ": name a place that can be written to"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return ": test on fewer bytes, or name a place with more room"
	case errors.Is(err, fs.ErrPermission):
		return ": name a place that this user may write to"
	case errors.Is(err, unix.EFBIG):
		return ": the file system or a limit of the process forbids files that large"
	}
	return ""
}

// initialise writes lines of request 0 to the whole range and makes them
// durable.
func (s *Storage) initialise(run uint32) error {
	buf, err := unix.Mmap(-1, 0, chunkBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("map a buffer to fill the storage: %w", err)
	}
	defer unix.Munmap(buf)
	for at := int64(0); at < s.Device.Bytes; at += chunkBytes {
		piece := buf[:min(chunkBytes, s.Device.Bytes-at)]
		Stamp(piece, run, 0, at)
		if _, err := s.file.WriteAt(piece, at); err != nil {
			return fmt.Errorf("fill %s: %d bytes at %d: %w%s", s.Device.Path, len(piece), at, err, advice(err))
		}
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("fill %s: %w", s.Device.Path, err)
	}
	return nil
}

// Close closes the storage. A temporary file is gone with it.
func (s *Storage) Close() error {
	err := s.file.Close()
	if s.claim != s.file {
		err = errors.Join(err, s.claim.Close())
	}
	if err != nil {
		return fmt.Errorf("close storage: %w", err)
	}
	return nil
}

// absolute is the path that the system's tables know a device by.
func absolute(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", path, err)
	}
	return filepath.Abs(real)
}
