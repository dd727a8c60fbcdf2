package qemu

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// parts are the files that a guest consists of. None has a name.
type parts struct {
	initramfs *os.File
	disk      *os.File // nil if it needs none
	memory    *os.File // the guest's own
	state     *os.File // of a guest that is restored; nil of one that boots
}

func (p *parts) close() error {
	var errs []error
	for _, f := range []*os.File{p.initramfs, p.disk, p.memory, p.state} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	*p = parts{}
	return errors.Join(errs...)
}

// copyDisk copies what is not a hole of a disk.
func copyDisk(from *os.File) (*os.File, error) {
	// Guests may be restored side by side: the position in a file is shared by
	// all who have it from one opening.
	in, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", from.Fd()))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	size, err := in.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	filled, err := dataOf(in)
	if err != nil {
		return nil, err
	}
	out, err := diskFile(size)
	if err != nil {
		return nil, err
	}
	for _, e := range filled {
		_, err := in.Seek(e.At, io.SeekStart)
		if err == nil {
			_, err = out.Seek(e.At, io.SeekStart)
		}
		if err == nil {
			_, err = io.CopyN(out, in, e.Bytes)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("copy the guest's disk: %w", err), out.Close())
		}
	}
	return out, takeRoom(out)
}
