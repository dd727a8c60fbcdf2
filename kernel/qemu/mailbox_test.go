package qemu

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// mailbox is both sides of one, and the session's end of the socket.
type mailbox struct {
	guest   *guestBox
	host    *hostBox
	session *os.File
	bell    *os.File // the guest's end
}

func newMailbox(t interface{ Fatal(...any) }) *mailbox {
	memory, err := memoryFile("guest's memory", func(io.Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	if err := memory.Truncate(boxAt + boxBytes); err != nil {
		t.Fatal(err)
	}
	session, port, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	host, bell, err := openHostBox(memory, port)
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := unix.Mmap(int(memory.Fd()), boxAt, boxBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	guest := newGuestBox(mapped, bell, func() error {
		_, err := bell.Write([]byte{'!'})
		return err
	})
	return &mailbox{guest, host, session, bell}
}

func (m *mailbox) close(t interface{ Fatal(...any) }) {
	m.bell.Close() // the guest may have
	if err := errors.Join(m.session.Close(), m.host.close()); err != nil {
		t.Fatal(err)
	}
}

// Every question is answered, whatever the size of both, and nothing that is
// said without waiting for an answer is lost.
func TestMailboxPassesMessages(t *testing.T) {
	passMessages(t, []int{1, boxBytes/2 - headBytes}, []int{boxBytes, 1})
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.IntRange(0, 2*pageBytes)
		asked := rapid.SliceOfN(sizes, 1, 5).Draw(t, "asked")
		passMessages(t, asked, rapid.SliceOfN(sizes, len(asked), len(asked)).Draw(t, "told"))
	})
}

// passMessages passes questions of these sizes, and answers.
func passMessages(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, asked, told []int) {
	m := newMailbox(t)
	defer m.close(t)
	hosted := make(chan error, 1)
	go func() { // the session answers every want with a program
		in, out := newFrameReader(m.session), &frameWriter{out: m.session}
		for i := 0; i < len(asked); {
			k, payload, err := in.next()
			if err == nil && k == kindWant {
				err = out.send(kindProgram, bytes.Repeat([]byte{byte(len(payload))}, told[i]))
				i++
			}
			if err != nil {
				hosted <- err
				return
			}
		}
		hosted <- nil
	}()
	out, in := &frameWriter{out: m.guest, ring: m.guest.ring}, newFrameReader(m.guest)
	for i, n := range asked {
		if err := errors.Join(out.send(kindRecords, make([]byte, told[i])), out.send(kindWant, make([]byte, n))); err != nil {
			t.Fatal(err)
		}
		k, payload, err := in.next()
		if err != nil || k != kindProgram || !bytes.Equal(payload, bytes.Repeat([]byte{byte(n)}, told[i])) {
			t.Fatalf("%v of %d bytes, %v", k, len(payload), err)
		}
	}
	if err := <-hosted; err != nil {
		t.Fatal(err)
	}
}

// A guest that dies leaves what it has written, though it has not rung.
func TestMailboxOfTheDead(t *testing.T) {
	m := newMailbox(t)
	defer m.close(t)
	out := &frameWriter{out: m.guest, ring: m.guest.ring}
	if err := out.send(kindRecords, appendRecords(nil, someRecords)); err != nil {
		t.Fatal(err)
	}
	m.bell.Close()
	in := newFrameReader(m.session)
	k, payload, err := in.next()
	if err != nil || k != kindRecords || !bytes.Equal(payload, appendRecords(nil, someRecords)) {
		t.Errorf("%v of %d bytes, %v", k, len(payload), err)
	}
	if _, _, err := in.next(); err != io.EOF {
		t.Errorf("after that %v", err)
	}
}

// A guest that went on before the host has answered would live in the host's
// time: it stops instead.
func TestMailboxThatDoesNotHold(t *testing.T) {
	g := newGuestBox(make([]byte, boxBytes), io.NopCloser(nil), func() error { return nil })
	if err := g.ring(true); !errors.Is(err, errNotHeld) {
		t.Errorf("%v", err)
	}
}
