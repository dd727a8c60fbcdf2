package qemu

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"aiocheck/checker"
	"aiocheck/kernel"
	"aiocheck/model"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

// collected is a sink in memory.
type collected []traces.Record

func (c *collected) Append(records []traces.Record) error {
	*c = append(*c, records...)
	return nil
}

// fakeGuest is the host's session with a guest that a test plays. The guest's
// end is closed when play returns.
func fakeGuest(t *testing.T, quiet time.Duration, play func(out *frameWriter, in *frameReader, conn net.Conn)) *session {
	t.Helper()
	host, guest := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer guest.Close()
		play(&frameWriter{out: guest}, newFrameReader(guest), guest)
	}()
	t.Cleanup(func() {
		host.Close()
		<-ended
	})
	return newSession(host, quiet)
}

func noPrograms() (*traces.Program, bool) { return nil, false }

var someRecords = []traces.Record{
	traces.RoundRecord(0, 1, 0, traces.EndDrain),
	traces.InvokeRecord(0, 0, traces.CallSubmit, 0, 0, 2, 1, 0, 0),
}

// Whatever becomes of a guest, the records up to then are there, and the
// error says what became of it.
func TestGuestsThatFail(t *testing.T) {
	const quiet = 20 * time.Millisecond
	for _, c := range []struct {
		name  string
		want  error
		says  string
		after func(out *frameWriter, in *frameReader, conn net.Conn)
	}{
		{"dies", ErrGone, "", func(*frameWriter, *frameReader, net.Conn) {}},
		{"dies within a frame", ErrGone, "", func(_ *frameWriter, _ *frameReader, conn net.Conn) {
			conn.Write(appendFrame(nil, kindRecords, 2, make([]byte, 100))[:50])
		}},
		{"hangs", ErrSilent, "20ms", func(_ *frameWriter, in *frameReader, _ net.Conn) { in.next() }},
		{"hangs within a frame", ErrSilent, "", func(_ *frameWriter, in *frameReader, conn net.Conn) {
			conn.Write(appendFrame(nil, kindRecords, 2, make([]byte, 100))[:50])
			in.next()
		}},
		{"writes garbage", nil, "no frame at byte", func(_ *frameWriter, _ *frameReader, conn net.Conn) {
			conn.Write([]byte("BUG: unable to handle page fault for address: 0000000000001234"))
		}},
		{"repeats a frame", nil, "number 1 instead of 2", func(_ *frameWriter, _ *frameReader, conn net.Conn) {
			conn.Write(appendFrame(nil, kindRecords, 1, appendRecords(nil, someRecords)))
		}},
		{"sends half a record", nil, "not whole records", func(out *frameWriter, _ *frameReader, _ net.Conn) {
			out.send(kindRecords, make([]byte, 30))
		}},
		{"greets again", nil, "hello from the guest, out of turn", func(out *frameWriter, _ *frameReader, _ net.Conn) {
			out.sendJSON(kindHello, Hello{})
		}},
		{"ends by a message of no kind", nil, "message 77 from the guest", func(out *frameWriter, _ *frameReader, _ net.Conn) {
			out.send(77, nil)
		}},
		{"is done in no JSON", nil, "decode done", func(out *frameWriter, _ *frameReader, _ net.Conn) {
			out.send(kindDone, []byte("{"))
		}},
		{"finds its run hung", kernel.ErrHung, "thread 0", func(out *frameWriter, _ *frameReader, _ net.Conn) {
			out.sendJSON(kindDone, done{Hung: true, Error: "no progress: thread 0 has begun 3 of 5 steps"})
		}},
		{"finds its run failed", nil, "in the guest: no room", func(out *frameWriter, _ *frameReader, _ net.Conn) {
			out.sendJSON(kindDone, done{Error: "no room"})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fakeGuest(t, quiet, func(out *frameWriter, in *frameReader, conn net.Conn) {
				out.send(kindAlive, nil)
				out.send(kindRecords, appendRecords(nil, someRecords))
				c.after(out, in, conn)
			})
			var got collected
			err := s.run(context.Background(), noPrograms, &got)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v; want %v, %q", err, c.want, c.says)
			}
			if len(got) != len(someRecords) {
				t.Errorf("%d records came through, want %d", len(got), len(someRecords))
			}
		})
	}
}

// Signs of life keep a slow guest from counting as hung.
func TestSlowGuest(t *testing.T) {
	s := fakeGuest(t, time.Minute, func(out *frameWriter, _ *frameReader, _ net.Conn) {
		for range 100 {
			out.send(kindAlive, nil)
		}
		out.sendJSON(kindDone, done{})
	})
	if err := s.run(context.Background(), noPrograms, new(collected)); err != nil {
		t.Error(err)
	}
}

func TestGreetings(t *testing.T) {
	for _, c := range []struct {
		name, want string
		play       func(out *frameWriter, in *frameReader, conn net.Conn)
	}{
		{"right", "", func(out *frameWriter, _ *frameReader, _ net.Conn) { out.sendJSON(kindHello, Hello{Protocol: protocol}) }},
		{"another version", "build both from the same sources", func(out *frameWriter, _ *frameReader, _ net.Conn) { out.sendJSON(kindHello, Hello{Protocol: 99}) }},
		{"another message", "want from the guest instead of hello", func(out *frameWriter, _ *frameReader, _ net.Conn) { out.send(kindWant, nil) }},
		{"none", ErrGone.Error(), func(*frameWriter, *frameReader, net.Conn) {}},
	} {
		_, err := fakeGuest(t, time.Minute, c.play).greet()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func localHello(t *testing.T) Hello {
	running, err := kernel.Running()
	if err != nil {
		t.Error(err)
	}
	return Hello{Protocol: protocol, Kernel: running}
}

// localGuest serves as a guest does, on this machine's kernel.
func localGuest(t *testing.T, open func(setup) (*storage, error)) *session {
	t.Helper()
	host, guest := net.Pipe()
	ended := make(chan error)
	go func() {
		ended <- serve(guest, localHello(t), guestSide{open: open, tune: noKnobs, stir: noStir, hung: func() error { return nil }})
	}()
	t.Cleanup(func() {
		host.Close()
		if err := <-ended; err != nil {
			t.Errorf("the guest's side: %v", err)
		}
		guest.Close()
	})
	s := newSession(host, time.Minute)
	if _, err := s.greet(); err != nil {
		t.Fatal(err)
	}
	return s
}

// What a snapshot is taken of is quiet until it is woken, and goes on then.
func TestServePauses(t *testing.T) {
	s := localGuest(t, localStorage(t))
	opts := setup{Bytes: 1 << 20, Pause: true, Options: kernel.Options{Run: 1, Threads: 4, Records: 1 << 12}}
	if _, err := s.open(opts); err != nil {
		t.Fatal(err)
	}
	if err := s.wake(knobs{}, "nosuch"); err == nil || !strings.Contains(err.Error(), "no defect is called nosuch") {
		t.Errorf("%v", err)
	}
	ready, err := s.open(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.wake(knobs{}, ""); err != nil {
		t.Fatal(err)
	}
	if j := judgedRun(t, s, ready, 1, 100); j.Outcome != checker.Holds {
		t.Errorf("%+v", j)
	}
}

// noKnobs is for guests whose kernel is this one.
func noKnobs(k knobs) error {
	if k.Defects != "" {
		return errors.New("no defect is called " + k.Defects)
	}
	return nil
}

func noStir([]byte) error { return nil }

func localStorage(t *testing.T) func(setup) (*storage, error) {
	dir := t.TempDir()
	return func(c setup) (*storage, error) {
		s, err := kernel.OpenStorage(kernel.StorageOptions{Path: dir, Bytes: c.Bytes, Run: c.Options.Run, Buffered: c.Buffered})
		return &storage{Storage: s}, err
	}
}

// judged runs requests requests and judges what comes back.
func judged(t *testing.T, s *session, opts setup, requests int) *checker.Judgement {
	t.Helper()
	ready, err := s.open(opts)
	if err != nil {
		t.Fatal(err)
	}
	return judgedRun(t, s, ready, opts.Options.Run, requests)
}

// judgedRun is judged in a session that is open.
func judgedRun(t *testing.T, s *session, ready Ready, run uint32, requests int) *checker.Judgement {
	t.Helper()
	h := traces.Header{Target: "qemu", Run: run, Clock: ready.Clock, Device: ready.Device, Contract: ready.Contract,
		Workload: traces.Workload{Seed: 3, Threads: 2, Depth: 4, Mix: "default", MinBytes: 512, MaxBytes: 4096, Requests: requests}}
	programs, err := workload.New(h.Workload, h.Device, 2, h.Abilities)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(t.TempDir() + "/trace")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := traces.NewWriter(f, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.run(context.Background(), programs.Next, w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(traces.FinishComplete, ""); err != nil {
		t.Fatal(err)
	}
	history, err := traces.Read(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if len(history.Requests) < requests {
		t.Errorf("%d requests in the history, of %d", len(history.Requests), requests)
	}
	return checker.Check(history, checker.Limits{})
}

// The guest's whole side, but on this kernel: histories that have come over
// the port are whole, and runs follow each other.
func TestServe(t *testing.T) {
	s := localGuest(t, localStorage(t))
	for run := range uint32(2) {
		opts := setup{Bytes: 1 << 20, Options: kernel.Options{Run: run + 1, Threads: 4, Records: 1 << 12}}
		if j := judged(t, s, opts, 300); j.Outcome != checker.Holds {
			t.Errorf("run %d: %+v", run, j)
		}
	}
}

// What the guest cannot open is told, and the next run may go well.
func TestServeTellsWhatFails(t *testing.T) {
	good := localStorage(t)
	s := localGuest(t, func(c setup) (*storage, error) {
		if c.FileSystem == onXFS {
			return nil, errors.New("mount xfs: no such device")
		}
		return good(c)
	})
	opts := setup{FileSystem: onXFS, Bytes: 1 << 20, Options: kernel.Options{Run: 1, Threads: 4, Records: 1 << 12}}
	if _, err := s.open(opts); err == nil || !strings.Contains(err.Error(), "no such device") {
		t.Errorf("%v", err)
	}
	opts.FileSystem = onTmpfs
	if j := judged(t, s, opts, 50); j.Outcome != checker.Holds {
		t.Errorf("%+v", j)
	}
}

// oneRead is a round that reads a sector.
func oneRead(round uint64) *traces.Program {
	return &traces.Program{Round: round, First: traces.RequestID(round + 1), Contexts: []traces.ContextDecl{{Slots: 1}},
		Files:    []traces.FileDecl{{Kind: traces.Storage}},
		Requests: []traces.RequestDecl{{Opcode: model.PRead, Bytes: 512}},
		Threads:  [][]traces.Step{{{Do: traces.DoSubmit, Count: 1}}}}
}

// A cancelled context ends a run that would go on for ever; the storage is
// still read back.
func TestServeStops(t *testing.T) {
	s := localGuest(t, localStorage(t))
	if _, err := s.open(setup{Bytes: 1 << 20, Options: kernel.Options{Run: 1, Threads: 1, Records: 1 << 12}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	round := uint64(0)
	next := func() (*traces.Program, bool) {
		if round == 3 {
			cancel()
		}
		p := oneRead(round)
		round++
		return p, true
	}
	var got collected
	if err := s.run(ctx, next, &got); err != nil {
		t.Fatal(err)
	}
	last := got[len(got)-1]
	for i := range got {
		if got[i].Kind == traces.KindInvoke && got[i].Code == uint8(traces.CallRead) && got[i].Thread == traces.Controller {
			return
		}
	}
	t.Errorf("no final read-back: the last of %d records is %+v", len(got), last)
}

// A host that is gone, or that talks nonsense, ends the guest's side.
func TestServeEnds(t *testing.T) {
	for _, c := range []struct {
		name, want string
		play       func(s *session)
	}{
		{"hangs up", "", func(*session) {}},
		{"hangs up within a run", io.EOF.Error(), func(s *session) {
			if _, err := s.open(setup{Bytes: 1 << 20, Options: kernel.Options{Run: 1, Threads: 1, Records: 1 << 12}}); err != nil {
				t.Error(err)
			}
			if k, _, err := s.receive(); k != kindWant {
				t.Error(k, err)
			}
		}},
		{"is out of turn", "records from the host, out of turn", func(s *session) { s.out.send(kindRecords, nil) }},
		{"sends no JSON", "decode setup", func(s *session) { s.out.send(kindSetup, []byte("{")) }},
		{"sends garbage", "no frame", func(s *session) { s.conn.Write(make([]byte, headBytes)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, guest := net.Pipe()
			ended := make(chan error)
			go func() {
				err := serve(guest, localHello(t), guestSide{open: localStorage(t), tune: noKnobs, stir: noStir})
				guest.Close()
				ended <- err
			}()
			s := newSession(host, time.Minute)
			if _, err := s.greet(); err != nil {
				t.Fatal(err)
			}
			c.play(s)
			if c.want == "" || c.want == io.EOF.Error() {
				host.Close()
			}
			err := <-ended
			host.Close()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
