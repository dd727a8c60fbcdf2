package kernel

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// Storage is the storage under test, open.
type Storage struct {
	Device traces.Device
	Note   string // why it is not opened with O_DIRECT; empty if it is
	file   *os.File
	remove string // the temporary file to remove at the end
}

// StorageOptions say what to open.
type StorageOptions struct {
	Path      string // a file, a block device, or a directory for a temporary file; empty: the system's
	Bytes     int64  // of the tested range, from offset 0 on
	Run       uint32 // the run's number in the lines that the storage begins with
	Buffered  bool   // do not try O_DIRECT
	Overwrite bool   // an existing file may be overwritten
	Destroy   bool   // a block device with data may be overwritten
}

// OpenStorage opens the storage and fills it with lines of request 0.
func OpenStorage(opts StorageOptions) (*Storage, error) {
	dir := opts.Path
	f, err := os.CreateTemp(dir, "aiocheck-*.data")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(opts.Bytes); err != nil {
		return nil, err
	}
	fd, err := unix.Open(f.Name(), unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &Storage{file: os.NewFile(uintptr(fd), f.Name()), remove: f.Name()}
	s.Device = traces.Device{Path: f.Name(), Kind: "file", Direct: true, Align: 512, MemAlign: 512, Bytes: opts.Bytes}
	if err := s.initialise(opts.Run); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// initialise writes lines of request 0 to the whole range.
func (s *Storage) initialise(run uint32) error {
	buf, err := unix.Mmap(-1, 0, readBackBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("map a buffer to initialise the storage: %w", err)
	}
	defer unix.Munmap(buf)
	for at := int64(0); at < s.Device.Bytes; at += readBackBytes {
		piece := buf[:min(readBackBytes, s.Device.Bytes-at)]
		Stamp(piece, run, 0, at)
		if _, err := s.file.WriteAt(piece, at); err != nil {
			return fmt.Errorf("initialise %s: %w", s.Device.Path, err)
		}
	}
	return nil
}

// Close closes the storage and removes it if it was temporary.
func (s *Storage) Close() error {
	err := s.file.Close()
	if s.remove != "" {
		err = errors.Join(err, os.Remove(s.remove))
	}
	return err
}
