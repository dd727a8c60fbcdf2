package qemu

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Snapshot is a guest that has booted and opened its storage, saved before its
// first program. Guests restored from it are independent of each other: each
// has copies of its memory and of its disk.
//
// They share the run's number, which all lines of the storage carry: no data
// can get from one to another. Their clocks go on from the same time. Each
// gets random numbers of its own.
type Snapshot struct {
	Hello Hello
	Ready Ready
	Took  time.Duration // to boot, open the storage and save
	Bytes int64         // that it takes in memory, besides the guest's own

	accel, why string
	conf       Config
	machine    machine
	knobs      knobs
	filled     []extent
	parts      parts
	sent, got  uint32 // frames
}

// TakeSnapshot boots a guest, opens a run in it and saves it. If ctx is
// cancelled meanwhile the guest is killed.
func TakeSnapshot(ctx context.Context, conf Config, opts Options) (*Snapshot, error) {
	if conf.Deterministic {
		return nil, errors.New("no snapshots of deterministic guests: restored ones get random numbers of their own")
	}
	began := time.Now()
	g, err := Boot(ctx, conf)
	if err != nil {
		return nil, err
	}
	s, err := g.save(ctx, opts)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, errors.Join(err, g.Close())
	}
	// The snapshot keeps the guest's files.
	g.parts = parts{}
	s.Took = time.Since(began)
	if err := g.Close(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (g *Guest) save(ctx context.Context, opts Options) (*Snapshot, error) {
	defer context.AfterFunc(ctx, g.kill)()
	conf := g.setup(opts)
	conf.Pause = true
	ready, err := g.session.open(conf)
	if err != nil {
		return nil, g.explain(err)
	}
	m, err := openMonitor(g.monitor)
	if err != nil {
		return nil, err
	}
	defer m.close()
	state, err := memoryFile("guest's state", func(io.Writer) error { return nil })
	if err != nil {
		return nil, err
	}
	if err := m.save(state); err != nil {
		return nil, errors.Join(fmt.Errorf("save the guest: %w", err), state.Close())
	}
	s := &Snapshot{Hello: g.Hello, Ready: ready, accel: g.Accel, why: g.Why, conf: g.conf, machine: g.machine, knobs: conf.Knobs,
		filled: g.filled, parts: g.parts, sent: g.session.out.number, got: g.session.in.number}
	s.parts.state = state
	s.Bytes, err = state.Seek(0, io.SeekEnd)
	return s, err
}

// Restore starts a guest from the snapshot: where Boot and Open would have
// brought it, with these defects switched on. Its session is Run at once.
func (s *Snapshot) Restore(ctx context.Context, defects string) (*Guest, error) {
	began := time.Now()
	g := &Guest{Hello: s.Hello, Accel: s.accel, Why: s.why, conf: s.conf, machine: s.machine, filled: s.filled,
		console: &Console{out: s.conf.Console}, gone: make(chan struct{})}
	if err := g.copyParts(&s.parts); err != nil {
		return nil, errors.Join(fmt.Errorf("restore a guest: %w", err), g.parts.close())
	}
	if err := g.start(); err != nil {
		return nil, errors.Join(err, g.parts.close())
	}
	defer context.AfterFunc(ctx, g.kill)()
	g.session = newSession(g.socket, bootWithin)
	g.session.out.number, g.session.in.number = s.sent, s.got
	err := g.load()
	if err == nil {
		err = g.session.wake(s.knobs, defects)
	}
	g.Boot = time.Since(began)
	g.session.silence = silence
	if err != nil {
		err = g.explain(fmt.Errorf("restore a guest: %w", err))
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// load has QEMU read the state.
func (g *Guest) load() error {
	m, err := openMonitor(g.monitor)
	if err != nil {
		return err
	}
	defer m.close()
	return m.restore(stateFd)
}

// copyParts gives the guest what is its own, and shares what it only reads.
// Its memory is mapped privately: pages are copied when they are written.
func (g *Guest) copyParts(from *parts) error {
	for _, f := range []struct{ from, to **os.File }{
		{&from.initramfs, &g.parts.initramfs}, {&from.memory, &g.parts.memory}, {&from.state, &g.parts.state},
	} {
		again, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", (*f.from).Fd()))
		if err != nil {
			return err
		}
		*f.to = again
	}
	if from.disk == nil {
		return nil
	}
	var err error
	g.parts.disk, err = copyDisk(from.disk)
	return err
}

// wake lets a restored guest go on.
func (s *session) wake(k knobs, defects string) error {
	k.Defects = defects
	w := wake{Knobs: k, Random: make([]byte, 32)}
	crand.Read(w.Random)
	if err := s.send(kindWake, w); err != nil {
		return err
	}
	kind, payload, err := s.receive()
	switch {
	case err != nil:
		return err
	case kind == kindFailed:
		return fmt.Errorf("the guest cannot run programs: %s", payload)
	case kind != kindAwake:
		return fmt.Errorf("%v from the guest instead of awake", kind)
	}
	return nil
}

// Close frees the snapshot. Guests that were restored from it live on.
func (s *Snapshot) Close() error { return s.parts.close() }
