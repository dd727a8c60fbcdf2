package kernel

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// direct opens the storage again with O_DIRECT and finds out the alignment
// that it asks for. Where there is no O_DIRECT the storage stays buffered,
// with a note that says why. An error is a failure of something else.
func (s *Storage) direct() error {
	// By its descriptor, because its name may have come to mean another file,
	// and without O_EXCL, because the first descriptor keeps a device claimed.
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", s.claim.Fd()), unix.O_RDWR|unix.O_CLOEXEC|unix.O_DIRECT, 0)
	if errors.Is(err, unix.EINVAL) {
		s.buffered(fmt.Sprintf("%s has no O_DIRECT", s.where()))
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s with O_DIRECT: %w%s", s.Device.Path, err, advice(err))
	}
	file := os.NewFile(uintptr(fd), s.Device.Path)
	memory, align, err := directAlign(fd)
	if err != nil {
		return errors.Join(fmt.Errorf("find the O_DIRECT alignment of %s: %w", s.Device.Path, err), file.Close())
	}
	if align == 0 || s.Device.Bytes%int64(align) != 0 {
		note := fmt.Sprintf("%s takes no direct transfer of up to a page", s.where())
		if align != 0 {
			note = fmt.Sprintf("%d bytes are not a multiple of the %d that O_DIRECT on %s works in", s.Device.Bytes, align, s.where())
		}
		s.buffered(note)
		return file.Close()
	}
	s.file = file
	s.Device.Direct, s.Device.Align, s.Device.MemAlign = true, align, memory
	return nil
}

func (s *Storage) buffered(why string) {
	s.Device.Note = why
	s.Device.Direct, s.Device.Align, s.Device.MemAlign = false, 1, 1
}

func (s *Storage) where() string {
	if s.Device.FileSystem != "" {
		return s.Device.FileSystem + " on " + s.Device.Source
	}
	return s.Device.Path
}

// directAlign is the alignment of memory, and of offset and length, that
// O_DIRECT on fd asks for: as statx says where the kernel knows (since 6.1),
// else as reads show. 0 means that no direct transfer works.
func directAlign(fd int) (memory, align int, err error) {
	var st unix.Statx_t
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	if err == nil && st.Mask&unix.STATX_DIOALIGN != 0 {
		return int(st.Dio_mem_align), int(st.Dio_offset_align), nil
	}
	if err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return 0, 0, fmt.Errorf("statx: %w", err)
	}
	return probeAlign(func(offset, bytes, skew int) error { return probeRead(fd, offset, bytes, skew) })
}

// probeAlign finds the smallest alignments with which read works. read makes
// a direct read at offset of bytes into a buffer whose address is a multiple
// of skew but not of twice as much.
func probeAlign(read func(offset, bytes, skew int) error) (memory, align int, err error) {
	for try := 512; try <= pageBytes; try *= 2 {
		if err = read(try, try, pageBytes); err == nil {
			align = try
			break
		} else if !errors.Is(err, unix.EINVAL) {
			return 0, 0, fmt.Errorf("read %d bytes directly: %w", try, err)
		}
	}
	if align == 0 {
		return 0, 0, nil
	}
	for memory = 4; memory < align; memory *= 2 {
		if err = read(align, align, memory); err == nil {
			break
		} else if !errors.Is(err, unix.EINVAL) {
			return 0, 0, fmt.Errorf("read into memory at a multiple of %d: %w", memory, err)
		}
	}
	return memory, align, nil
}

func probeRead(fd, offset, bytes, skew int) error {
	buf, err := unix.Mmap(-1, 0, 4*pageBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	defer unix.Munmap(buf)
	_, err = unix.Pread(fd, buf[skew:skew+bytes], int64(offset))
	return err
}
