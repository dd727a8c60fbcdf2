package qemu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// hostBox is the host's side of a mailbox: it passes on what the guest's
// session says and is told, which speaks to a socket as with other guests.
type hostBox struct {
	box
	memory []byte
	bell   *os.File // one end of a socket; QEMU has the other
	port   *os.File // one end of a socket; the session has the other
	ended  sync.WaitGroup
}

// smallBuffer asks for the smallest that a socket can have.
const smallBuffer = 1

// openHostBox makes the host's side, and returns QEMU's end of the bell. port
// becomes the mailbox's.
func openHostBox(memory, port *os.File) (*hostBox, *os.File, error) {
	bytes, err := unix.Mmap(int(memory.Fd()), boxAt, boxBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map the memory shared with the guest: %w", err)
	}
	mine, theirs, err := socketPair()
	if err == nil {
		err = unix.SetsockoptInt(int(theirs.Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF, smallBuffer)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make a bell for the guest: %w", err), unix.Munmap(bytes))
	}
	b := &hostBox{box: newBox(bytes), memory: bytes, bell: mine, port: port}
	messages, over := make(chan []byte), make(chan struct{})
	b.ended.Go(func() {
		defer close(over)
		defer b.port.Close() // which the session sees
		b.answer(messages)
	})
	b.ended.Go(func() { b.listen(messages, over) })
	return b, theirs, nil
}

// listen takes the session's messages until it hangs up.
func (b *hostBox) listen(messages chan<- []byte, over <-chan struct{}) {
	defer close(messages)
	frames := newFrameReader(b.port)
	for number := uint32(0); ; number++ {
		k, payload, err := frames.next()
		if err != nil {
			return
		}
		select {
		case messages <- appendFrame(nil, k, number, payload):
		case <-over:
			return
		}
	}
}

// answer answers the guest's rings until one of both sides has hung up.
func (b *hostBox) answer(messages <-chan []byte) {
	var ring [bellBytes]byte
	var unsaid []byte
	for {
		// From the first byte on the guest is held: the others are not read yet.
		_, gone := io.ReadFull(b.bell, ring[:1])
		if b.take() != nil || gone != nil {
			return
		}
		if b.head.wants.Load() != 0 && len(unsaid) == 0 {
			message, ok := <-messages
			if !ok {
				return
			}
			unsaid = message
		}
		unsaid = addWaiting(unsaid, messages)
		n := copy(b.in, unsaid)
		unsaid = unsaid[n:]
		b.head.in.Store(uint32(n))
		b.head.more.Store(0)
		if len(unsaid) > 0 {
			b.head.more.Store(1)
		}
		b.head.answered.Store(b.head.rings.Load())
		if _, err := io.ReadFull(b.bell, ring[1:]); err != nil {
			return
		}
	}
}

// addWaiting adds the messages that are there already.
func addWaiting(to []byte, messages <-chan []byte) []byte {
	for {
		select {
		case message, ok := <-messages:
			if !ok {
				return to
			}
			to = append(to, message...)
		default:
			return to
		}
	}
}

// take passes on what the guest has written. It says so little of itself that
// a guest which scribbles over its memory is found out by its frames.
func (b *hostBox) take() error {
	n := min(int(b.head.out.Load()), len(b.out))
	_, err := b.port.Write(b.out[:n])
	b.head.out.Store(0)
	return err
}

// close ends the mailbox, once the session has hung up.
func (b *hostBox) close() error {
	err := b.bell.Close()
	b.ended.Wait()
	return errors.Join(err, unix.Munmap(b.memory))
}
