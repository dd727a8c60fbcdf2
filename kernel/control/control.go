// Package control holds tasks of a kernel with our patches before transitions
// of thread-based AIO, and lets them go (CONFIG_AIO_THREAD_CONTROL).
package control

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// Path is the device. What is asked for through one opening of it ends with
// its closing.
const Path = "/dev/aio-control"

// The kernel has so many holds at a time, for all who ask for some, and holds
// nobody longer.
const (
	MostHolds   = 64
	MaxDeadline = time.Minute
)

// ErrUnholdable says that the kernel cannot hold anybody before the point: see
// struct aio_hold in include/uapi/linux/aio_thread.h of the patches.
var ErrUnholdable = errors.New("nobody can be held before it")

// ErrNoHolds says that all MostHolds are in use.
var ErrNoHolds = errors.New("the kernel has no more holds")

// Hold says who is to be held, and for how long.
type Hold struct {
	Point    traces.Point // before this transition
	ByData   bool
	Data     uint64        // if ByData: aio_data of the request, or as io_cancel has it
	Task     int           // thread ID of who takes the step; 0 for anybody
	Arrival  int           // the how manyth of these, from 1 on; 0 means 1
	Deadline time.Duration // once it is held; up to MaxDeadline
}

// State is how a hold stands.
type State uint32

// The states.
const (
	Armed   State = 1 + iota // nobody has arrived
	Held                     // somebody waits
	Expired                  // somebody has waited until his deadline
)

// String is "armed", "held" or "expired".
func (s State) String() string {
	if s < Armed || s > Expired {
		return "state?"
	}
	return [...]string{"armed", "held", "expired"}[s-Armed]
}

// ID names a hold of a Device.
type ID uint32

// Device is an opening of the device. Its methods may be called by several
// goroutines at once, but for Close.
type Device struct{ fd int }

// hold is struct aio_hold.
type hold struct {
	id, point, flags, arrival uint32
	data                      uint64
	task, deadline            uint32
	state, held               uint32
}

// The flags of a hold.
const (
	flagData = 1
	flagTask = 2
)

// The requests of ioctl(2): _IOWR('a', n, struct aio_hold).
const (
	armRequest     = 3<<30 | uint(unsafe.Sizeof(hold{}))<<16 | 'a'<<8 | 0x41
	waitRequest    = 3<<30 | uint(unsafe.Sizeof(hold{}))<<16 | 'a'<<8 | 0x42
	releaseRequest = 3<<30 | uint(unsafe.Sizeof(hold{}))<<16 | 'a'<<8 | 0x43
)

// Open opens the device. It fails with ENOENT if the kernel cannot be
// controlled.
func Open() (*Device, error) {
	fd, err := unix.Open(Path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", Path, err)
	}
	return &Device{fd}, nil
}

// Close lets everybody go.
func (d *Device) Close() error {
	if err := unix.Close(d.fd); err != nil {
		return fmt.Errorf("close %s: %w", Path, err)
	}
	return nil
}

func (d *Device) ioctl(request uint, h *hold) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(d.fd), uintptr(request), uintptr(unsafe.Pointer(h)))
		switch errno {
		case 0:
			return nil
		case unix.EINTR: // a signal of Go's own
			continue
		}
		return errno
	}
}

// Arm asks for a hold, from now on. It fails with ErrUnholdable or ErrNoHolds.
func (d *Device) Arm(w Hold) (ID, error) {
	h := hold{point: uint32(w.Point), data: w.Data, arrival: uint32(max(1, w.Arrival)), deadline: milliseconds(w.Deadline), task: uint32(w.Task)}
	if w.ByData {
		h.flags |= flagData
	}
	if w.Task != 0 {
		h.flags |= flagTask
	}
	err := d.ioctl(armRequest, &h)
	switch {
	case errors.Is(err, unix.EINVAL):
		err = ErrUnholdable
	case errors.Is(err, unix.ENOSPC):
		err = ErrNoHolds
	}
	if err != nil {
		return 0, fmt.Errorf("hold before %v: %w", w.Point, err)
	}
	return ID(h.id), nil
}

// Wait waits for at most so long until somebody is held, and says how the hold
// stands then, and who is or was held.
func (d *Device) Wait(id ID, most time.Duration) (State, int, error) {
	h := hold{id: uint32(id), deadline: milliseconds(most)}
	if err := d.ioctl(waitRequest, &h); err != nil {
		return 0, 0, fmt.Errorf("wait for hold %d: %w", id, err)
	}
	return State(h.state), int(h.held), nil
}

// Release ends a hold, and says how it stood.
func (d *Device) Release(id ID) (State, int, error) {
	h := hold{id: uint32(id)}
	if err := d.ioctl(releaseRequest, &h); err != nil {
		return 0, 0, fmt.Errorf("release hold %d: %w", id, err)
	}
	return State(h.state), int(h.held), nil
}

// milliseconds is a duration as the kernel takes it: a part of one counts as
// one, so that none is 0.
func milliseconds(d time.Duration) uint32 {
	return uint32(max(0, min(d, MaxDeadline)+time.Millisecond-1) / time.Millisecond)
}
