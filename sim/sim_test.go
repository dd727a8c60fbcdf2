package sim

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/traces"
)

const testBytes = 8 << 10

// drawProgram makes a small program that ends under any honest kernel: waits
// have timeouts, streams do not block, and the last thread makes every stream
// ready for good once the others have begun their last step.
func drawProgram(rt *rapid.T, round uint64, first traces.RequestID) *traces.Program {
	p := &traces.Program{Round: round, First: first, End: traces.End(rapid.IntRange(0, 3).Draw(rt, "end"))}
	p.Contexts = []traces.ContextDecl{{Slots: rapid.Uint32Range(1, 4).Draw(rt, "slots")}, {Slots: 8}}
	p.Files = []traces.FileDecl{{Kind: traces.Storage, Bytes: testBytes}, {Kind: traces.Pipe, Nonblock: true},
		{Kind: traces.Socket, Nonblock: true}, {Kind: traces.Eventfd}, {Kind: traces.Eventfd}}
	threads := rapid.IntRange(1, 3).Draw(rt, "threads")
	for range threads {
		var steps []traces.Step
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			steps = append(steps, drawStep(rt, p))
		}
		p.Threads = append(p.Threads, steps)
	}
	if p.End == traces.EndExit {
		p.Threads[0] = append(p.Threads[0], traces.Step{Do: traces.DoExit})
	}
	var last []traces.Step
	for i, steps := range p.Threads {
		last = append(last, traces.Step{Do: traces.DoAwait, Thread: uint16(i), After: uint32(len(steps))})
	}
	last = append(last, traces.Step{Do: traces.DoWrite, File: 3})
	for f := uint16(1); f < 3; f++ {
		last = append(last, traces.Step{Do: traces.DoCloseWrite, File: f}, traces.Step{Do: traces.DoCloseRead, File: f})
	}
	p.Threads = append(p.Threads, last)
	return p
}

func drawStep(rt *rapid.T, p *traces.Program) traces.Step {
	s := traces.Step{Context: uint16(rapid.IntRange(0, 1).Draw(rt, "context"))}
	s.Spin = rapid.Uint32Range(0, 200).Draw(rt, "spin")
	at := func() traces.RequestID { return traces.RequestID(len(p.Requests)) }
	switch rapid.IntRange(0, 11).Draw(rt, "do") {
	default:
		s.Do, s.Request, s.Count = traces.DoSubmit, at(), rapid.Uint32Range(1, 4).Draw(rt, "count")
		for range s.Count {
			p.Requests = append(p.Requests, drawRequest(rt))
		}
	case 4, 5:
		s.Do, s.Max = traces.DoGetEvents, rapid.Int32Range(0, 5).Draw(rt, "max")
		s.Min = rapid.Int32Range(0, s.Max).Draw(rt, "min")
		s.Timeout = time.Duration(rapid.IntRange(0, 2000).Draw(rt, "timeout"))
	case 6:
		s.Do, s.Max = traces.DoReapRing, rapid.Int32Range(0, 5).Draw(rt, "max")
	case 7, 8:
		if at() > 0 {
			s.Do, s.Request = traces.DoCancel, traces.RequestID(rapid.IntRange(0, int(at())-1).Draw(rt, "request"))
			return s
		}
		fallthrough
	case 9:
		s.Do, s.File = traces.DoReadEventfd, 4
	case 10:
		s.Do, s.File, s.Request = traces.DoWrite, uint16(rapid.IntRange(1, 2).Draw(rt, "stream")), at()
		p.Requests = append(p.Requests, traces.RequestDecl{Opcode: model.PWrite, File: s.File, Bytes: 128, Plain: true})
	case 11:
		s.Do = rapid.SampledFrom([]traces.Do{traces.DoCloseRead, traces.DoCloseWrite, traces.DoDestroy, traces.DoDestroy}).Draw(rt, "rare")
		s.File = uint16(rapid.IntRange(1, 2).Draw(rt, "stream"))
	}
	return s
}

func drawRequest(rt *rapid.T) traces.RequestDecl {
	d := traces.RequestDecl{Opcode: rapid.SampledFrom([]model.Opcode{model.PRead, model.PWrite, model.PWriteV, model.FSync, model.Poll, 4}).Draw(rt, "op")}
	if rapid.Bool().Draw(rt, "signals") {
		d.Eventfd = 5
	}
	switch {
	case d.Opcode == model.Poll:
		d.File = uint16(rapid.IntRange(1, 3).Draw(rt, "file"))
		d.Offset = rapid.SampledFrom([]int64{pollIn, pollOut}).Draw(rt, "mask")
	case d.Opcode.Transfers():
		d.File = uint16(max(0, rapid.IntRange(-3, 2).Draw(rt, "file")))
		d.Bytes = 64 * rapid.Uint32Range(1, 40).Draw(rt, "lines")
		if rapid.IntRange(0, 3).Draw(rt, "aligned") > 0 {
			d.Bytes = (d.Bytes + 511) / 512 * 512
		}
		if d.File == 0 {
			d.Offset = 512 * rapid.Int64Range(0, testBytes/512).Draw(rt, "offset")
		}
	}
	return d
}

// runDrawn runs a few drawn programs and gives the logs.
func runDrawn(rt *rapid.T, cfg Config, rounds int) *Target {
	target := New(cfg)
	first := traces.RequestID(1)
	for i := range rounds {
		p := drawProgram(rt, uint64(i), first)
		first += traces.RequestID(len(p.Requests))
		if err := target.Run(p); err != nil {
			rt.Fatal(err)
		}
	}
	target.Finish()
	return target
}

// What an honest kernel does is well-formed and keeps the simplest promises.
func TestHonestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := Config{Seed: rapid.Uint64().Draw(rt, "seed"), StorageBytes: testBytes, Direct: rapid.Bool().Draw(rt, "direct")}
		target := runDrawn(rt, cfg, 2)
		h, err := traces.FromLogs(target.Header(), target.Logs()...)
		if err != nil {
			rt.Fatal(err)
		}
		events := make(map[traces.RequestID]int)
		for _, e := range h.Events {
			if events[e.Request]++; events[e.Request] > 1 || e.Request == 0 {
				rt.Fatalf("event of request %d: %+v", e.Request, e)
			}
		}
		for i := range h.Requests {
			r := &h.Requests[i]
			if r.Context == traces.None || h.Contexts[r.Context].Destroy == traces.None {
				continue
			}
			// A context of a drained round is empty when the closing sequence
			// destroys it; one destroyed by a step may lose events.
			destroy := &h.Calls[h.Contexts[r.Context].Destroy]
			drained := h.Rounds[r.Round].End == traces.EndDrain && destroy.Invoke > lastStep(h, r.Round)
			if n := events[r.ID]; n > 0 && r.Fate != traces.Accepted || n == 0 && r.Fate == traces.Accepted && drained {
				rt.Fatalf("request %d is %d and has %d events", r.ID, r.Fate, n)
			}
		}
		for _, d := range h.Data {
			if d.Class != traces.DataWritten {
				rt.Fatalf("read of %v data: %+v", d.Class, d)
			}
		}
		if len(h.Damages) > 0 {
			rt.Fatalf("damage: %+v", h.Damages)
		}
	})
}

// lastStep is when the last thread other than the first returned from its
// last call of the round.
func lastStep(h *traces.History, round int32) traces.Time {
	var last traces.Time
	for i := range h.Calls {
		if c := &h.Calls[i]; c.Round == round && c.Thread != 0 && c.Thread != traces.Controller && c.Completed() {
			last = max(last, c.Return)
		}
	}
	return last
}

// The same seed and the same programs give the same records.
func TestDeterministic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := Config{Seed: rapid.Uint64().Draw(rt, "seed"), StorageBytes: testBytes, Direct: rapid.Bool().Draw(rt, "direct")}
		if rapid.Bool().Draw(rt, "misbehaves") {
			cfg.Misbehaviour = &misbehaviours[rapid.IntRange(0, len(misbehaviours)-1).Draw(rt, "misbehaviour")]
		}
		p := drawProgram(rt, 0, 1)
		a, b := New(cfg), New(cfg)
		errA, errB := a.Run(p), b.Run(p)
		if (errA == nil) != (errB == nil) || errA != nil && errA.Error() != errB.Error() {
			rt.Fatalf("%v and %v", errA, errB)
		}
		a.Finish()
		b.Finish()
		for i, log := range a.Logs() {
			if !slices.Equal(log, b.Logs()[i]) {
				rt.Fatalf("logs %d differ", i)
			}
		}
	})
}

// Histories of a kernel with a bug are well-formed too.
func TestMisbehavingHistoriesAreWellFormed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &misbehaviours[rapid.IntRange(0, len(misbehaviours)-1).Draw(rt, "misbehaviour")]
		cfg := Config{Seed: rapid.Uint64().Draw(rt, "seed"), StorageBytes: testBytes, Direct: rapid.Bool().Draw(rt, "direct"), Misbehaviour: m}
		target := runDrawn(rt, cfg, 2)
		if _, err := traces.FromLogs(target.Header(), target.Logs()...); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestMisbehavioursAreDistinct(t *testing.T) {
	if len(misbehaviours) < 24 {
		t.Errorf("only %d misbehaviours", len(misbehaviours))
	}
	names, bugs := map[string]bool{}, map[bug]bool{}
	for _, m := range misbehaviours {
		if names[m.Name] || bugs[m.bug] || m.Sentence == "" || m.Expect.Name == "" || m.oneIn == 0 {
			t.Errorf("%+v is incomplete or there twice", m)
		}
		names[m.Name], bugs[m.bug] = true, true
		if Find(m.Name).bug != m.bug {
			t.Errorf("%s is not found by its name", m.Name)
		}
	}
	if Find("none") != nil {
		t.Error("there is a misbehaviour called none")
	}
}

func TestDeadlockNamesTheThreads(t *testing.T) {
	p := &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 1}}, Files: []traces.FileDecl{{Kind: traces.Storage, Bytes: testBytes}, {Kind: traces.Pipe}},
		Requests: []traces.RequestDecl{{Opcode: model.PRead, File: 1, Bytes: 64}},
		Threads: [][]traces.Step{
			{{Do: traces.DoSubmit, Count: 1}},
			{{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: -1}},
			{{Do: traces.DoAwait, After: 1}, {Do: traces.DoAwait, Thread: 1, After: 2}},
		}}
	err := New(Config{StorageBytes: testBytes}).Run(p)
	want := "thread 0 is in io_submit of step 0; thread 1 is in io_getevents of step 0; thread 2 before step 1 waits for step 1 of thread 1"
	if !errors.Is(err, errStuck) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMalformedPrograms(t *testing.T) {
	storage := []traces.FileDecl{{Kind: traces.Storage, Bytes: testBytes}}
	for name, p := range map[string]*traces.Program{
		"no threads":   {First: 1, Files: storage},
		"no storage":   {First: 1, Threads: [][]traces.Step{nil}},
		"large":        {First: 1, Threads: [][]traces.Step{nil}, Files: []traces.FileDecl{{Bytes: 2 * testBytes}}},
		"wrong first":  {First: 2, Files: storage, Threads: [][]traces.Step{nil}},
		"no context":   {First: 1, Files: storage, Threads: [][]traces.Step{{{Do: traces.DoDestroy}}}},
		"no file":      {First: 1, Files: storage, Threads: [][]traces.Step{{{Do: traces.DoCloseRead, File: 1}}}},
		"no request":   {First: 1, Files: storage, Threads: [][]traces.Step{{{Do: traces.DoWrite, Request: 1}}}},
		"unknown wait": {First: 1, Files: storage, Threads: [][]traces.Step{{{Do: traces.DoAwait, Thread: 1, After: 1}}}},
	} {
		if err := New(Config{StorageBytes: testBytes}).Run(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkRound(b *testing.B) {
	rt := rapid.Custom(func(rt *rapid.T) *traces.Program { return drawProgram(rt, 0, 1) })
	p := rt.Example(1)
	b.ReportAllocs()
	for b.Loop() {
		target := New(Config{Seed: 1, StorageBytes: testBytes, Direct: true})
		if err := target.Run(p); err != nil {
			b.Fatal(err)
		}
	}
}
