package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// extent is a part of a disk that holds data.
type extent struct{ At, Bytes int64 }

// dataOf finds what of a file is not a hole.
func dataOf(f *os.File) ([]extent, error) {
	var found []extent
	for at := int64(0); ; {
		from, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return found, nil
		}
		if err == nil {
			at, err = unix.Seek(int(f.Fd()), from, unix.SEEK_HOLE)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("look for data on the guest's disk: %w", err), f.Close())
		}
		found = append(found, extent{from, at - from})
	}
}

// filledOf finds what of a file is not zero, in blocks of a page.
func filledOf(f *os.File) ([]extent, error) {
	data, err := dataOf(f)
	if err != nil {
		return nil, err
	}
	var found []extent
	block, zero := make([]byte, pageBytes), make([]byte, pageBytes)
	for _, e := range data {
		for at := e.At; at < e.At+e.Bytes; at += pageBytes {
			n, err := f.ReadAt(block[:min(pageBytes, e.At+e.Bytes-at)], at)
			if err != nil {
				return nil, fmt.Errorf("read the guest's disk: %w", err)
			}
			last := len(found) - 1
			switch {
			case bytes.Equal(block[:n], zero[:n]):
			case last >= 0 && found[last].At+found[last].Bytes == at:
				found[last].Bytes += int64(n)
			default:
				found = append(found, extent{at, int64(n)})
			}
		}
	}
	return found, nil
}

// diskEntry is the image of a disk, for the initramfs; none of none.
func diskEntry(f *os.File, filled []extent) entry {
	if f == nil {
		return entry{}
	}
	var size int64
	var all []io.Reader
	for _, e := range filled {
		size += e.Bytes
		all = append(all, io.NewSectionReader(f, e.At, e.Bytes))
	}
	return entry{size: size, open: func() (io.ReadCloser, error) { return io.NopCloser(io.MultiReader(all...)), nil }}
}
