package qemu

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/kernel"
)

// mapper is a device-mapper device over a whole other device, made with the
// ioctls of include/uapi/linux/dm-ioctl.h: the guest has no dmsetup.
type mapper struct {
	control *os.File
	path    string // of the device
	below   string // its device's numbers, as tables name devices
	sectors uint64
}

// mapperName is what device-mapper knows it as.
const mapperName = "aiocheck"

const sector = 512

// target is a line of a table: sectors that are mapped the same way.
type target struct {
	start, sectors uint64
	kind, params   string
}

// newMapper makes a device that passes everything on.
func newMapper(on string) (*mapper, error) {
	const needs = "the kernel needs CONFIG_BLK_DEV_DM, built in or as a module"
	f, err := os.Open(on)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Seek(0, 2)
	if err != nil {
		return nil, fmt.Errorf("find the size of %s: %w", on, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, fmt.Errorf("find the number of %s: %w", on, err)
	}
	m := &mapper{sectors: uint64(size) / sector, below: fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))}
	if m.control, err = os.OpenFile("/dev/mapper/control", os.O_RDWR, 0); err != nil {
		return nil, fmt.Errorf("%w: %s", err, needs)
	}
	made, err := m.call(unix.DM_DEV_CREATE, nil)
	if err != nil {
		return nil, fmt.Errorf("create a mapped device: %w: %s", err, needs)
	}
	m.path = fmt.Sprintf("/dev/dm-%d", unix.Minor(made.Dev))
	return m, m.whole()
}

// whole passes everything on.
func (m *mapper) whole() error { return m.load(m.linear(0, m.sectors)) }

// delayMS is how long dm-delay holds every transfer back.
const delayMS = 5

// delay passes everything on with a delay.
func (m *mapper) delay() error {
	return m.load(target{0, m.sectors, "delay", fmt.Sprintf("%s 0 %d", m.below, delayMS)})
}

// fail has parts of the storage, which lies at the extents, fail as a device
// is to.
func (m *mapper) fail(device string, bytes int64, extents []kernel.Extent) error {
	from, until := failing(device, bytes)
	return m.load(m.table(device, physical(extents, from, until))...)
}

// failing is the part of the storage that a device makes fail: of dm-error a
// sixteenth in the middle, of dm-flakey all.
func failing(device string, bytes int64) (from, until int64) {
	if device == onDMFlakey {
		return 0, bytes
	}
	const grain = 4096
	half := bytes / 2 / grain * grain
	return half, min(half+max(bytes/16/grain*grain, grain), bytes)
}

// physical finds where a part of the storage lies, in the order of the device.
func physical(extents []kernel.Extent, from, until int64) []extent {
	var found []extent
	for _, e := range extents {
		begin, end := max(from, e.Logical), min(until, e.Logical+e.Bytes)
		if begin < end {
			found = append(found, extent{e.Physical + begin - e.Logical, end - begin})
		}
	}
	slices.SortFunc(found, func(a, b extent) int { return int(min(max(a.At-b.At, -1), 1)) })
	return found
}

// flakeySeconds are how long dm-flakey works, and how long it then fails.
const flakeySeconds = "2 1"

// table maps the bad parts as the device says, and passes on the others.
func (m *mapper) table(device string, bad []extent) []target {
	var all []target
	at := uint64(0)
	for _, e := range bad {
		start, n := uint64(e.At)/sector, uint64(e.Bytes)/sector
		if start > at {
			all = append(all, m.linear(at, start-at))
		}
		t := target{start, n, "error", ""}
		if device == onDMFlakey {
			t.kind, t.params = "flakey", fmt.Sprintf("%s %d %s", m.below, start, flakeySeconds)
		}
		all = append(all, t)
		at = start + n
	}
	if at < m.sectors {
		all = append(all, m.linear(at, m.sectors-at))
	}
	return all
}

func (m *mapper) linear(start, sectors uint64) target {
	return target{start, sectors, "linear", fmt.Sprintf("%s %d", m.below, start)}
}

// load makes a table the device's: what is in flight ends by the old one.
func (m *mapper) load(table ...target) error {
	if _, err := m.call(unix.DM_TABLE_LOAD, table); err != nil {
		return fmt.Errorf("load a table of %s: %w: the kernel needs CONFIG_DM_DELAY or CONFIG_DM_FLAKEY, built in or as modules", table[0].kind, err)
	}
	// Without DM_SUSPEND_FLAG this resumes the device, with the new table.
	if _, err := m.call(unix.DM_DEV_SUSPEND, nil); err != nil {
		return fmt.Errorf("switch to a table of %s: %w", table[0].kind, err)
	}
	return nil
}

// call does one ioctl. Its answer's Dev is the device's number.
func (m *mapper) call(request uintptr, table []target) (unix.DmIoctl, error) {
	buf := encodeTable(table)
	head := (*unix.DmIoctl)(unsafe.Pointer(unsafe.SliceData(buf)))
	head.Version = [3]uint32{4, 0, 0} // DM_VERSION_MAJOR, and no later feature
	head.Data_size = uint32(len(buf))
	head.Data_start = unix.SizeofDmIoctl
	head.Target_count = uint32(len(table))
	copy(head.Name[:], mapperName)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, m.control.Fd(), request, uintptr(unsafe.Pointer(head)))
	if errno != 0 {
		return *head, errno
	}
	return *head, nil
}

// encodeTable leaves room for the head and then writes struct dm_target_spec
// with its parameters for each target, all aligned to 8 bytes.
func encodeTable(table []target) []byte {
	b := make([]byte, unix.SizeofDmIoctl)
	for _, t := range table {
		params := append([]byte(t.params), make([]byte, 8-len(t.params)%8)...) // ends in a zero byte
		le := binary.LittleEndian
		b = le.AppendUint64(b, t.start)
		b = le.AppendUint64(b, t.sectors)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, uint32(unix.SizeofDmTargetSpec+len(params)))
		var kind [16]byte
		copy(kind[:], t.kind)
		b = append(append(b, kind[:]...), params...)
	}
	return b
}
