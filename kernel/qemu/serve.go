package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"aiocheck/kernel"
	"aiocheck/traces"
)

// aliveEvery is how often a guest shows that its kernel still runs.
const aliveEvery = time.Second

// inbox is the host's messages, taken off the port by a goroutine so that
// stop is heard during a round.
type inbox struct {
	kind    kind
	payload []byte
	err     error
}

// guestSide is what only a guest's init can do.
type guestSide struct {
	tune func(knobs) error
	stir func(random []byte) error
	open func(setup) (*storage, error)
	hung func() error // shows on the console where tasks are blocked
}

// serve answers the host on conn until it hangs up, which is no error.
func serve(conn io.ReadWriter, hello Hello, guest guestSide) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &server{out: &frameWriter{out: conn}, in: make(chan inbox), guestSide: guest}
	if b, ok := conn.(*guestBox); ok {
		s.out.ring = b.ring
	}
	go func() {
		defer close(s.in)
		frames := newFrameReader(conn)
		for {
			k, payload, err := frames.next()
			select {
			case s.in <- inbox{k, append([]byte(nil), payload...), err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	if err := s.out.sendJSON(kindHello, hello); err != nil {
		return err
	}
	go func() {
		tick := time.NewTicker(aliveEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.alive()
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		m, ok := <-s.in
		if !ok || errors.Is(m.err, io.EOF) {
			return nil
		}
		if err := m.check(kindSetup, kindStop, kindProgram, kindEnd); err != nil {
			return err
		}
		if m.kind != kindSetup {
			continue // it crossed the end of the run that it was meant for
		}
		var conf setup
		if err := decode(m.kind, m.payload, &conf); err != nil {
			return err
		}
		if err := s.run(ctx, conf, hello.Kernel.Release); err != nil {
			return err
		}
	}
}

// server is the guest's side of the connection.
type server struct {
	guestSide
	out    *frameWriter
	in     chan inbox
	mu     sync.Mutex // held to send alive
	paused bool       // no alive
}

// alive shows that the kernel still runs. If the host is gone, serve finds
// out.
func (s *server) alive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.paused {
		_ = s.out.send(kindAlive, nil)
	}
}

// pause keeps the guest quiet, or ends that. Once it has returned, no alive is
// on its way.
func (s *server) pause(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = on
}

// sleep waits, quiet since before ready, for the host to wake the guest. What
// it returns is an error of the connection; failed, what goes wrong otherwise.
func (s *server) sleep() (failed, err error) {
	m, ok := <-s.in
	if !ok {
		return nil, io.EOF
	}
	if err := m.check(kindWake); err != nil {
		return nil, err
	}
	var w wake
	if err := decode(m.kind, m.payload, &w); err != nil {
		return nil, err
	}
	s.pause(false)
	if failed = errors.Join(s.tune(w.Knobs), s.stir(w.Random)); failed != nil {
		return failed, s.out.send(kindFailed, []byte(failed.Error()))
	}
	return nil, s.out.send(kindAwake, nil)
}

// check wants a message of one of these kinds.
func (m *inbox) check(kinds ...kind) error {
	if m.err != nil {
		return m.err
	}
	for _, k := range kinds {
		if m.kind == k {
			return nil
		}
	}
	return fmt.Errorf("%v from the host, out of turn", m.kind)
}

// run does one run. Its error is one of the connection; what goes wrong with
// the run is told to the host.
func (s *server) run(ctx context.Context, conf setup, release string) error {
	host, storage, ready, err := s.prepare(conf, release)
	if err != nil {
		return s.out.send(kindFailed, []byte(err.Error()))
	}
	s.pause(conf.Pause)
	if err := s.out.sendJSON(kindReady, ready); err != nil {
		return errors.Join(err, host.Close(), storage.Close())
	}
	if conf.Pause {
		if failed, err := s.sleep(); failed != nil || err != nil {
			return errors.Join(err, host.Close(), storage.Close())
		}
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &pull{server: s, storage: storage, cancel: cancel, programs: make(chan *traces.Program), ended: make(chan struct{}), over: make(chan struct{})}
	go p.listen()
	err = host.Run(running, func() (*traces.Program, bool) { return p.next(running) }, s)
	close(p.over)
	<-p.ended
	if p.err != nil {
		return errors.Join(p.err, host.Close(), storage.Close())
	}
	err = errors.Join(p.healed, err)
	// A runner in an uninterruptible call would keep Close from returning.
	hung := errors.Is(err, kernel.ErrHung)
	if hung {
		err = errors.Join(err, s.hung())
	} else {
		err = errors.Join(err, host.Close(), storage.Close())
	}
	d := done{Hung: hung, Leak: errors.Is(err, kernel.ErrLeak)}
	if err != nil {
		d.Error = err.Error()
	}
	return s.out.sendJSON(kindDone, d)
}

func (s *server) prepare(conf setup, release string) (*kernel.Host, *storage, Ready, error) {
	var ready Ready
	if err := s.tune(conf.Knobs); err != nil {
		return nil, nil, ready, err
	}
	contract, err := kernel.Contract(release)
	if err != nil {
		return nil, nil, ready, err
	}
	storage, err := s.open(conf)
	if err != nil {
		return nil, nil, ready, err
	}
	conf.Options.Freeze = true // what is frozen here is the guest's own
	host, err := kernel.NewHost(storage.Storage, conf.Options)
	if err != nil {
		return nil, nil, ready, errors.Join(err, storage.Close())
	}
	return host, storage, Ready{Device: storage.Device, Clock: host.Clock(), Contract: contract, Abilities: host.Abilities()}, nil
}

// Append sends records to the host: the guest keeps none.
func (s *server) Append(records []traces.Record) error {
	var payload []byte
	for len(records) > 0 {
		n := min(len(records), recordsPerFrame)
		payload = appendRecords(payload[:0], records[:n])
		if err := s.out.send(kindRecords, payload); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// pull asks the host for programs.
type pull struct {
	*server
	storage  *storage
	cancel   context.CancelFunc
	programs chan *traces.Program // nil for the end
	over     chan struct{}        // closed when the run is over
	ended    chan struct{}        // closed when listen has ended
	err      error                // of the connection, valid once ended
	healed   error                // of the storage, after the last program
}

// listen takes the host's messages during a run. The host hanging up ends the
// run.
func (p *pull) listen() {
	defer close(p.ended)
	defer p.cancel()
	for {
		var m inbox
		var ok bool
		select {
		case m, ok = <-p.in:
		case <-p.over:
			return
		}
		if !ok {
			p.err = io.EOF
			return
		}
		if p.err = m.check(kindProgram, kindEnd, kindStop); p.err != nil {
			return
		}
		var program *traces.Program
		switch m.kind {
		case kindStop:
			if p.err = p.storage.heal(); p.err != nil {
				return
			}
			p.cancel()
			continue
		case kindProgram:
			program = new(traces.Program)
			if p.err = decode(m.kind, m.payload, program); p.err != nil {
				return
			}
		}
		select {
		case p.programs <- program:
		case <-p.over:
			return
		}
	}
}

func (p *pull) next(ctx context.Context) (*traces.Program, bool) {
	if p.out.send(kindWant, nil) != nil {
		return nil, false // the host is gone, and listen finds out
	}
	select {
	case program := <-p.programs:
		if program == nil {
			p.healed = p.storage.heal()
		}
		return program, program != nil
	case <-ctx.Done():
		return nil, false
	}
}
