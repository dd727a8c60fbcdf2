package sim

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/traces"
)

// drawThreads makes a small program for a kernel with threads: what
// drawProgram makes, on a target that also has names.
func drawThreads(rt *rapid.T, round uint64, first traces.RequestID) *traces.Program {
	p := drawProgram(rt, round, first)
	directory := uint16(len(p.Files))
	p.Files = append(p.Files, traces.FileDecl{Kind: traces.Directory})
	for range 4 {
		p.Names = append(p.Names, traces.NameDecl{Directory: directory, Mode: 0o666,
			Kind: rapid.SampledFrom([]traces.NameKind{traces.Absent, traces.Regular}).Draw(rt, "kind")})
	}
	if rapid.Bool().Draw(rt, "identity") {
		p.Identity = &traces.Identity{UID: rapid.SampledFrom([]uint32{0, 1000}).Draw(rt, "uid"), Umask: 0o77, Cwd: directory + 1,
			Descriptors: rapid.Uint32Range(0, 2).Draw(rt, "descriptors")}
	}
	for range rapid.IntRange(0, 4).Draw(rt, "operations") {
		d := drawName(rt, len(p.Names))
		d.File = directory
		if p.Identity == nil {
			d.Via = traces.ViaDescriptor
		}
		if d.Opcode != model.OpenAt {
			d.Mode = 0
		}
		if d.Opcode == model.UnlinkAt {
			d.Flags = 0
		}
		p.Requests = append(p.Requests, *d)
		id := traces.RequestID(len(p.Requests) - 1)
		s := traces.Step{Do: traces.DoSubmit, Context: 1, Request: id, Count: 1}
		if rapid.Bool().Draw(rt, "plain") {
			s.Do, s.Count = traces.DoNamed, 0
		}
		t := rapid.IntRange(0, len(p.Threads)-2).Draw(rt, "thread")
		steps := p.Threads[t]
		at := rapid.IntRange(0, len(steps)).Draw(rt, "at")
		if p.End == traces.EndExit {
			at = 0 // before the exit
		}
		p.Threads[t] = slices.Insert(steps, at, s, traces.Step{Do: traces.DoStat, Name: d.Name}, traces.Step{Do: traces.DoCancel, Context: 1, Request: id})
	}
	return p
}

// With threads, too, histories are well-formed, the same seed gives the same
// one, and a request has at most one event, unless a bug is asked for.
func TestThreadedHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := Config{Seed: rapid.Uint64().Draw(rt, "seed"), StorageBytes: testBytes, Direct: rapid.Bool().Draw(rt, "direct"),
			Threaded: true, Workers: rapid.IntRange(0, 3).Draw(rt, "workers")}
		if rapid.Bool().Draw(rt, "misbehaves") {
			cfg.Misbehaviour = &misbehaviours[rapid.IntRange(0, len(misbehaviours)-1).Draw(rt, "misbehaviour")]
		}
		a, b := New(cfg), New(cfg)
		first := traces.RequestID(1)
		for round := range uint64(2) {
			p := drawThreads(rt, round, first)
			first += traces.RequestID(len(p.Requests))
			if errA, errB := a.Run(p), b.Run(p); errA != nil || errB != nil {
				rt.Fatalf("%v and %v", errA, errB)
			}
		}
		a.Finish()
		b.Finish()
		for i, log := range a.Logs() {
			if !slices.Equal(log, b.Logs()[i]) {
				rt.Fatalf("logs %d differ", i)
			}
		}
		h, err := traces.FromLogs(a.Header(), a.Logs()...)
		if err != nil {
			rt.Fatal(err)
		}
		events := make(map[traces.RequestID]int)
		for _, e := range h.Events {
			if events[e.Request]++; cfg.Misbehaviour == nil && (events[e.Request] > 1 || e.Request == 0) {
				rt.Fatalf("event of request %d: %+v", e.Request, e)
			}
		}
	})
}

// small is a program of one thread with one context, beside the storage a pipe
// that blocks, and a directory with one name.
func small(requests []traces.RequestDecl, steps ...traces.Step) *traces.Program {
	return &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 64}}, Requests: requests, Threads: [][]traces.Step{steps}, End: traces.EndDestroy,
		Files: []traces.FileDecl{{Kind: traces.Storage, Bytes: testBytes}, {Kind: traces.Pipe}, {Kind: traces.Directory}},
		Names: []traces.NameDecl{{Directory: 2, Kind: traces.Fifo, Mode: 0o600}, {Directory: 2}}}
}

// results runs a program for many seeds and gives the results of its events,
// by request, in order.
func results(t *testing.T, cfg Config, p *traces.Program, check func(order []traces.RequestID, res map[traces.RequestID]model.Result)) {
	t.Helper()
	for seed := range uint64(200) {
		cfg.Seed, cfg.StorageBytes, cfg.Threaded = seed, testBytes, true
		target := New(cfg)
		if err := target.Run(p); err != nil {
			t.Fatal(err)
		}
		h, err := traces.FromLogs(target.Header(), target.Logs()...)
		if err != nil {
			t.Fatal(err)
		}
		var order []traces.RequestID
		res := map[traces.RequestID]model.Result{}
		for _, e := range h.Events {
			order = append(order, e.Request)
			res[e.Request] = e.Res
		}
		check(order, res)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

var (
	readPipe  = traces.RequestDecl{Opcode: model.PRead, File: 1, Bytes: 64}
	writeFile = traces.RequestDecl{Opcode: model.PWrite, Bytes: 1024}
)

func submit(first traces.RequestID, n uint32) traces.Step {
	return traces.Step{Do: traces.DoSubmit, Request: first, Count: n}
}

func wait(n int32) traces.Step {
	return traces.Step{Do: traces.DoGetEvents, Min: n, Max: n, Timeout: -1}
}

func cancel(id traces.RequestID) traces.Step { return traces.Step{Do: traces.DoCancel, Request: id} }

// Requests that wait for others do not keep those that do not from a thread,
// and each waits on one of its own.
func TestWaitingTakesNoThread(t *testing.T) {
	p := small([]traces.RequestDecl{readPipe, readPipe, readPipe, writeFile, {Opcode: model.PWrite, File: 1, Bytes: 192}}, submit(0, 5), wait(5))
	results(t, Config{Workers: 1}, p, func(order []traces.RequestID, res map[traces.RequestID]model.Result) {
		if len(order) != 5 || res[4] != 1024 || res[5] != 192 {
			t.Errorf("%v: %v", order, res)
		}
	})
}

// One thread takes requests in the order in which they were submitted.
func TestQueueIsFIFO(t *testing.T) {
	p := small([]traces.RequestDecl{writeFile, writeFile, {Opcode: model.FSync}, writeFile}, submit(0, 4), wait(4))
	results(t, Config{Workers: 1}, p, func(order []traces.RequestID, _ map[traces.RequestID]model.Result) {
		if !slices.Equal(order, []traces.RequestID{1, 2, 3, 4}) {
			t.Errorf("%v", order)
		}
	})
}

// A cancel ends a wait, and a queued request at once and without effect, even
// while all threads are taken by writes that a frozen file system holds.
func TestCancels(t *testing.T) {
	waits := small([]traces.RequestDecl{readPipe, {Opcode: model.Poll, File: 1, Offset: pollIn}, {Opcode: model.OpenAt, File: 2}},
		submit(0, 3), cancel(0), cancel(1), cancel(2), wait(3))
	results(t, Config{}, waits, func(_ []traces.RequestID, res map[traces.RequestID]model.Result) {
		for id := range traces.RequestID(3) {
			if res[id+1] != model.Fail(model.EINTR) {
				t.Errorf("%v", res)
			}
		}
	})
	held := small([]traces.RequestDecl{writeFile, writeFile, {Opcode: model.UnlinkAt, File: 2}},
		traces.Step{Do: traces.DoFreeze}, submit(0, 3), cancel(1), cancel(2), wait(2), traces.Step{Do: traces.DoThaw}, wait(1))
	results(t, Config{Workers: 1}, held, func(order []traces.RequestID, res map[traces.RequestID]model.Result) {
		if !slices.Equal(order, []traces.RequestID{2, 3, 1}) || res[1] != 1024 || res[2] != model.Fail(model.EINTR) {
			t.Errorf("%v: %v", order, res)
		}
	})
}

// A cancelled write may have written all, a part, or nothing, and says which.
func TestPartialEffects(t *testing.T) {
	seen := map[model.Result]bool{}
	p := small([]traces.RequestDecl{{Opcode: model.PWrite, Bytes: 2048}}, submit(0, 1), traces.Step{Do: traces.DoCancel, Spin: 40}, wait(1))
	results(t, Config{}, p, func(_ []traces.RequestID, res map[traces.RequestID]model.Result) { seen[res[1]] = true })
	for _, want := range []model.Result{model.Fail(model.EINTR), 512, 2048} {
		if !seen[want] {
			t.Errorf("never %v: %v", want, seen)
		}
	}
}

// io_destroy returns by itself, whatever waits.
func TestDestroyCancels(t *testing.T) {
	p := small([]traces.RequestDecl{readPipe, readPipe, {Opcode: model.OpenAt, File: 2}}, submit(0, 3), traces.Step{Do: traces.DoDestroy})
	results(t, Config{Workers: 1}, p, func(order []traces.RequestID, _ map[traces.RequestID]model.Result) {
		if len(order) > 0 {
			t.Errorf("%v", order)
		}
	})
}

// Opens count against the limit that held when they were submitted.
func TestDescriptorLimit(t *testing.T) {
	open := traces.RequestDecl{Opcode: model.OpenAt, File: 2, Name: 1, Flags: oCreat, Mode: 0o600}
	p := small([]traces.RequestDecl{open, open, open}, submit(0, 3), traces.Step{Do: traces.DoGetEvents, Min: 3, Max: 3, Timeout: -1})
	p.Identity = &traces.Identity{Descriptors: 2}
	results(t, Config{}, p, func(_ []traces.RequestID, res map[traces.RequestID]model.Result) {
		refused := 0
		for _, r := range res {
			if r == model.Fail(model.EMFILE) {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("%v", res)
		}
	})
}
