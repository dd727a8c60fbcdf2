package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"aiocheck/kernel"
	"aiocheck/traces"
)

// connection is the host's end of the port: a socket, or a pipe in tests.
type connection interface {
	io.ReadWriter
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// silence is how long a guest may show no sign of life, which it otherwise
// does every aliveEvery, until its kernel counts as hung: far longer than an
// emulated guest is kept from the processors of a busy machine.
const silence = time.Minute

// ErrSilent is wrapped by the error of a guest from which nothing was heard
// for too long. What it sent until then is in the sink.
var ErrSilent = errors.New("the guest gives no sign of life")

// ErrGone is wrapped by the error of a guest that ended by itself: it
// panicked, or QEMU died. What it sent until then is in the sink.
var ErrGone = errors.New("the guest is gone")

// session is the host's side of the messages.
type session struct {
	conn    connection
	in      *frameReader
	out     *frameWriter
	silence time.Duration
	records []traces.Record
}

func newSession(conn connection, silence time.Duration) *session {
	return &session{conn: conn, in: newFrameReader(conn), out: &frameWriter{out: conn}, silence: silence}
}

// receive waits for a message other than signs of life.
func (s *session) receive() (kind, []byte, error) {
	for {
		err := s.conn.SetReadDeadline(time.Now().Add(s.silence))
		if err != nil {
			return 0, nil, s.lost(err)
		}
		k, payload, err := s.in.next()
		if err != nil {
			return 0, nil, s.lost(err)
		}
		if k != kindAlive {
			return k, payload, nil
		}
	}
}

// send sends a message with JSON, or an empty one.
func (s *session) send(k kind, message any) error {
	err := s.conn.SetWriteDeadline(time.Now().Add(s.silence))
	switch {
	case err != nil:
	case message == nil:
		err = s.out.send(k, nil)
	default:
		err = s.out.sendJSON(k, message)
	}
	if err != nil {
		return s.lost(err)
	}
	return nil
}

// lost tells a guest that is gone, or silent, from one that talks nonsense.
func (s *session) lost(err error) error {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, unix.ECONNRESET, unix.EPIPE} {
		if errors.Is(err, end) {
			return ErrGone
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w for %v", ErrSilent, s.silence)
	}
	return err
}

// greet waits for the guest's first message.
func (s *session) greet() (Hello, error) {
	var h Hello
	k, payload, err := s.receive()
	if err != nil {
		return h, err
	}
	if k != kindHello {
		return h, fmt.Errorf("%v from the guest instead of hello", k)
	}
	if err := decode(k, payload, &h); err != nil {
		return h, err
	}
	if h.Protocol != protocol {
		return h, fmt.Errorf("the guest's program speaks version %d of the protocol, this one %d: build both from the same sources", h.Protocol, protocol)
	}
	return h, nil
}

// open asks for a run.
func (s *session) open(conf setup) (Ready, error) {
	var r Ready
	if err := s.send(kindSetup, conf); err != nil {
		return r, err
	}
	k, payload, err := s.receive()
	switch {
	case err != nil:
		return r, err
	case k == kindFailed:
		return r, fmt.Errorf("the guest cannot run programs: %s", payload)
	case k != kindReady:
		return r, fmt.Errorf("%v from the guest instead of ready", k)
	}
	return r, decode(k, payload, &r)
}

// run gives the guest programs and writes its records to sink until it is
// done. If ctx is cancelled the guest ends the round that runs, reads the
// storage back and is done.
func (s *session) run(ctx context.Context, next func() (*traces.Program, bool), sink kernel.Sink) error {
	// A stop that cannot be sent is one to a guest that is gone.
	defer context.AfterFunc(ctx, func() { _ = s.send(kindStop, nil) })()
	for {
		k, payload, err := s.receive()
		if err != nil {
			return err
		}
		switch k {
		case kindRecords:
			s.records, err = decodeRecords(s.records[:0], payload)
			if err == nil {
				err = sink.Append(s.records)
			}
		case kindWant:
			if p, ok := next(); ok {
				err = s.send(kindProgram, p)
			} else {
				err = s.send(kindEnd, nil)
			}
		case kindDone:
			var d done
			if err := decode(k, payload, &d); err != nil {
				return err
			}
			return d.err()
		default:
			err = fmt.Errorf("%v from the guest, out of turn", k)
		}
		if err != nil {
			return err
		}
	}
}

func (d *done) err() error {
	switch {
	case d.Error == "":
		return nil
	case d.Hung:
		return fmt.Errorf("in the guest: %w: %s", kernel.ErrHung, d.Error)
	case d.Leak:
		return &kernel.LeakError{Text: "in the guest: " + d.Error}
	}
	return fmt.Errorf("in the guest: %s", d.Error)
}
