// Package transitions reads what a kernel with our patches says of each step
// of thread-based AIO (CONFIG_AIO_THREAD_TRACE).
package transitions

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// Device is where the kernel offers them, to one reader at a time.
const Device = "/dev/aio-transitions"

// entrySize is the size of struct aio_transition.
const entrySize = 48

// batch is how many transitions are taken at a time.
const batch = 4096

// Reader takes transitions from the kernel. From its opening to its closing
// the kernel keeps each until it is taken, as long as there is room; then it
// drops some, which their numbers show. It is for one goroutine.
type Reader struct {
	fd      int
	origin  int64 // of the times, in nanoseconds of CLOCK_MONOTONIC
	raw     []byte
	records []traces.Record
}

// status is struct aio_trace_status.
type status struct{ Next, Lost, Room, Held uint64 }

// statusRequest is AIO_TRACE_STATUS: _IOR('a', 0x40, struct aio_trace_status).
const statusRequest = 2<<30 | uint(unsafe.Sizeof(status{}))<<16 | 'a'<<8 | 0x40

// Open begins to collect transitions. Times will count from origin, in
// nanoseconds of CLOCK_MONOTONIC. It fails with ENOENT if the kernel does not
// tell of transitions, and with EBUSY if somebody else collects them.
func Open(origin int64) (*Reader, error) {
	fd, err := unix.Open(Device, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", Device, err)
	}
	return &Reader{fd: fd, origin: origin, raw: make([]byte, batch*entrySize), records: make([]traces.Record, 0, batch)}, nil
}

// Drain hands over what has happened since the last time, as records of
// traces.KernelThread, and returns how many that were. The records are valid
// during the call only.
func (r *Reader) Drain(take func([]traces.Record) error) (int, error) {
	total := 0
	for {
		n, err := unix.Read(r.fd, r.raw)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return total, nil
		case err != nil:
			return total, fmt.Errorf("read %s: %w", Device, err)
		case n%entrySize != 0:
			return total, fmt.Errorf("read %s: %d bytes are not entries of %d: another kernel's format", Device, n, entrySize)
		}
		if r.records, err = decode(r.records[:0], r.raw[:n], r.origin); err != nil {
			return total, err
		}
		if err := take(r.records); err != nil {
			return total, err
		}
		total += n / entrySize
		if n < len(r.raw) {
			return total, nil // it is caught up, but for what came meanwhile
		}
	}
}

// decode appends the entries in raw to records.
func decode(records []traces.Record, raw []byte, origin int64) ([]traces.Record, error) {
	le := binary.LittleEndian
	for ; len(raw) > 0; raw = raw[entrySize:] {
		point := le.Uint16(raw[40:])
		if point == 0 || point >= uint16(traces.NumPoints) {
			return nil, fmt.Errorf("read %s: unknown point %d: another kernel's format", Device, point)
		}
		t := traces.Transition{
			Number: le.Uint64(raw), Time: int64(le.Uint64(raw[8:])) - origin,
			Context: le.Uint32(raw[16:]), Request: le.Uint32(raw[20:]), Task: le.Uint32(raw[24:]), Other: le.Uint32(raw[28:]),
			Value: int64(le.Uint64(raw[32:])), Point: traces.Point(point), CPU: le.Uint16(raw[42:]), Seen: le.Uint16(raw[44:]),
		}
		records = append(records, t.Record())
	}
	return records, nil
}

// Next is the number that the next transition will have. It may be called
// while another goroutine drains.
func (r *Reader) Next() (uint64, error) {
	var s status
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(r.fd), uintptr(statusRequest), uintptr(unsafe.Pointer(&s))); errno != 0 {
		return 0, fmt.Errorf("ask %s how it stands: %w", Device, errno)
	}
	return s.Next, nil
}

// Finish hands over what is left, and a last record that says where the
// numbers end and how many transitions were lost. The kernel goes on
// collecting until Close.
func (r *Reader) Finish(take func([]traces.Record) error) error {
	// Whatever is numbered below Next is in the buffer, or lost.
	var s status
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(r.fd), uintptr(statusRequest), uintptr(unsafe.Pointer(&s))); errno != 0 {
		return fmt.Errorf("ask %s how it stands: %w", Device, errno)
	}
	last := traces.Transition{Point: traces.AtEnd, Number: s.Next, Value: int64(s.Lost)}
	_, err := r.Drain(func(records []traces.Record) error {
		// Later ones would follow the end.
		for len(records) > 0 && records[len(records)-1].A >= s.Next {
			records = records[:len(records)-1]
		}
		if len(records) == 0 {
			return nil
		}
		return take(records)
	})
	if err != nil {
		return err
	}
	return take([]traces.Record{last.Record()})
}

// Close ends collecting.
func (r *Reader) Close() error {
	if err := unix.Close(r.fd); err != nil {
		return fmt.Errorf("close %s: %w", Device, err)
	}
	return nil
}
