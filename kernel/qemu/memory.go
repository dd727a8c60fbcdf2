package qemu

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile is a file without a name: whatever ends this process, nothing
// stays.
func memoryFile(name string, write func(io.Writer) error) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory for the %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := write(f); err != nil {
		return nil, errors.Join(fmt.Errorf("write the %s: %w", name, err), f.Close())
	}
	return f, nil
}

// diskFile is a file of so many bytes, all holes, that has no name, in the
// system's temporary directory.
func diskFile(bytes int64) (*os.File, error) {
	f, err := os.CreateTemp("", "aiocheck-*.disk")
	if err != nil {
		return nil, fmt.Errorf("make the guest's disk: %w", err)
	}
	if err := errors.Join(os.Remove(f.Name()), f.Truncate(bytes)); err != nil {
		return nil, errors.Join(fmt.Errorf("make the guest's disk: %w", err), f.Close())
	}
	return f, nil
}
