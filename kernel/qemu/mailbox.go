package qemu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A deterministic guest and its host do not talk over a port, whose messages
// would come and go in the host's time. They use a part of the guest's memory,
// which is a file of the host's, and take turns: the guest writes there, and
// rings a bell; that is a write to a device which QEMU does not return from
// until the host has read it, which it does when it has answered. Meanwhile
// nothing in the guest moves, neither its processor nor its clock: however long
// the host takes, the guest cannot tell.
const (
	boxAt    = 128 << 20 // where in memory, below all that a guest has at least
	boxBytes = 8 << 20
	bellPort = 0xe9 // of QEMU's isa-debugcon
	// bellBytes is how often the guest rings, a byte each time: more than the
	// bell's socket takes without being read.
	bellBytes = 256
)

// box is the memory that both sides write to, each its own half.
type box struct {
	head *boxHead
	out  []byte // from the guest
	in   []byte // to the guest
}

// boxHead is its first page.
type boxHead struct {
	out      atomic.Uint32 // bytes of the guest's that the host has not taken
	in       atomic.Uint32 // bytes of the host's that the guest has not taken
	rings    atomic.Uint32 // how often the guest has rung
	answered atomic.Uint32 // the ring that the host has answered
	wants    atomic.Uint32 // 1 if the guest waits for a message
	more     atomic.Uint32 // 1 if the host has more to say than there is room for
}

func newBox(memory []byte) box {
	half := len(memory) / 2
	return box{(*boxHead)(unsafe.Pointer(&memory[0])), memory[half:], memory[pageBytes:half]}
}

const pageBytes = 4096

// guestBox is the guest's side: a connection to the host.
type guestBox struct {
	box
	strike  func() error // the bell, once; it may not return before the host has heard it
	bell    io.Closer
	writing sync.Mutex // held by who writes and rings
	reading sync.Mutex // held for unread
	arrived sync.Cond
	unread  []byte
}

// openBox finds the memory and the bell.
func openBox() (*guestBox, error) {
	const needs = "%w: the kernel needs CONFIG_DEVMEM and CONFIG_DEVPORT for a deterministic guest"
	memory, err := unix.Open("/dev/mem", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/mem: "+needs, err)
	}
	defer unix.Close(memory)
	bytes, err := unix.Mmap(memory, boxAt, boxBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the memory shared with the host: %w", err)
	}
	port, err := os.OpenFile("/dev/port", os.O_WRONLY, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open /dev/port: "+needs, err), unix.Munmap(bytes))
	}
	return newGuestBox(bytes, port, func() error {
		_, err := port.WriteAt([]byte{'!'}, bellPort)
		return err
	}), nil
}

func newGuestBox(memory []byte, bell io.Closer, strike func() error) *guestBox {
	b := &guestBox{box: newBox(memory), bell: bell, strike: strike}
	b.arrived.L = &b.reading
	return b
}

// Read takes what the host has said. Until it says something it waits.
func (b *guestBox) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	for len(b.unread) == 0 {
		b.arrived.Wait()
	}
	n := copy(p, b.unread)
	b.unread = b.unread[n:]
	return n, nil
}

// Write leaves bytes for the host, who takes them when the guest rings, or
// when it has died.
func (b *guestBox) Write(p []byte) (int, error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	written := 0
	for len(p) > 0 {
		at := int(b.head.out.Load())
		n := copy(b.out[at:], p)
		if n == 0 {
			if err := b.ringOnce(false); err != nil {
				return written, err
			}
			continue
		}
		b.head.out.Store(uint32(at + n))
		written, p = written+n, p[n:]
	}
	return written, nil
}

// ring has the host take what was written. If wants, it also answers with a
// message; if not it may.
func (b *guestBox) ring(wants bool) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	for {
		if err := b.ringOnce(wants); err != nil {
			return err
		}
		if b.head.more.Load() == 0 {
			return nil
		}
		wants = false
	}
}

var errNotHeld = errors.New("ring the host: it has not answered when the bell was heard: its sockets hold too much")

func (b *guestBox) ringOnce(wants bool) error {
	b.head.wants.Store(0)
	if wants {
		b.head.wants.Store(1)
	}
	n := b.head.rings.Add(1)
	for range bellBytes {
		if err := b.strike(); err != nil {
			return fmt.Errorf("ring the host: %w", err)
		}
	}
	if b.head.answered.Load() != n {
		return errNotHeld
	}
	b.reading.Lock()
	defer b.reading.Unlock()
	b.unread = append(b.unread, b.in[:b.head.in.Load()]...)
	b.head.in.Store(0)
	b.arrived.Broadcast()
	return nil
}

// Close lets the host be. The guest ends with its init.
func (b *guestBox) Close() error { return b.bell.Close() }

var _ io.ReadWriteCloser = (*guestBox)(nil)
