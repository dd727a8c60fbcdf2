package kernel

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Extent is where a part of the storage lies on the block device under it.
type Extent struct {
	Logical, Physical, Bytes int64
}

// fiemap is struct fiemap with its extents (include/uapi/linux/fiemap.h).
type fiemap struct {
	start, length uint64
	flags         uint32
	mapped, count uint32
	reserved      uint32
	extents       [fiemapExtents]struct {
		logical, physical, length uint64
		_                         [2]uint64
		flags                     uint32
		_                         [3]uint32
	}
}

const (
	fiemapExtents  = 64
	fiemapIoctl    = 0xc020660b // FS_IOC_FIEMAP
	fiemapSync     = 1          // FIEMAP_FLAG_SYNC: allocate first what is delayed
	fiemapLast     = 1          // FIEMAP_EXTENT_LAST
	fiemapNowhere  = 2 | 4      // FIEMAP_EXTENT_UNKNOWN, _DELALLOC
	fiemapUnplaced = 8 | 0x200  // FIEMAP_EXTENT_ENCODED, _DATA_INLINE
)

// Extents says where the storage lies on the device under it, in the order of
// the storage: itself if it is a block device. File systems without a device
// refuse.
func (s *Storage) Extents() ([]Extent, error) {
	if s.Device.Kind == "block device" {
		return []Extent{{Bytes: s.Device.Bytes}}, nil
	}
	var found []Extent
	for at := int64(0); at < s.Device.Bytes; {
		m := fiemap{start: uint64(at), length: uint64(s.Device.Bytes - at), flags: fiemapSync, count: fiemapExtents}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, s.file.Fd(), fiemapIoctl, uintptr(unsafe.Pointer(&m))); errno != 0 {
			return nil, fmt.Errorf("ask where %s lies on its device: %w", s.Device.Path, errno)
		}
		if m.mapped == 0 {
			return nil, fmt.Errorf("ask where %s lies on its device: nothing is known of what follows byte %d", s.Device.Path, at)
		}
		for _, e := range m.extents[:m.mapped] {
			if e.flags&(fiemapNowhere|fiemapUnplaced) != 0 {
				return nil, fmt.Errorf("ask where %s lies on its device: byte %d has no place (flags %#x)", s.Device.Path, e.logical, e.flags)
			}
			found = append(found, Extent{int64(e.logical), int64(e.physical), int64(e.length)})
			at = int64(e.logical + e.length)
			if e.flags&fiemapLast != 0 {
				return found, nil
			}
		}
	}
	return found, nil
}
