package machine

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/model/design"
)

var opcodes = []model.Opcode{model.PRead, model.PWrite, model.PWrite, model.FSync, model.Poll, model.OpenAt, model.UnlinkAt}

var kinds = []design.FileKind{design.Regular, design.DirectIO, design.Pipe, design.Pipe, design.Socket, design.Eventfd, design.NFS, design.FUSE}

// drawScenario is a small program: up to three threads of up to three calls.
// It makes no mistake that would break a sound kernel: events are not reaped
// in two ways at once.
func drawScenario(t *rapid.T) *Scenario {
	s := &Scenario{
		Name: "random", Contexts: []Context{{Slots: uint8(rapid.IntRange(0, 2).Draw(t, "slots"))}},
		CPUs: rapid.IntRange(1, 2).Draw(t, "cpus"), Workers: rapid.IntRange(1, 2).Draw(t, "workers"),
		Anonymous: rapid.Bool().Draw(t, "anonymous"), Prologue: rapid.Bool().Draw(t, "prologue"),
	}
	for range rapid.IntRange(1, 2).Draw(t, "files") {
		s.Files = append(s.Files, File{
			Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Content: uint8(rapid.IntRange(0, 1).Draw(t, "content")),
			Capacity: uint8(rapid.IntRange(1, 3).Draw(t, "capacity")), Atomic: uint8(rapid.IntRange(1, 2).Draw(t, "atomic")),
		})
	}
	alike := rapid.Bool().Draw(t, "alike")
	for i := range rapid.IntRange(1, 3).Draw(t, "requests") {
		r := Request{
			Opcode: rapid.SampledFrom(opcodes).Draw(t, "opcode"), File: uint8(rapid.IntRange(0, len(s.Files)-1).Draw(t, "file")),
			Units: uint8(rapid.IntRange(1, 2).Draw(t, "units")), Offset: uint8(rapid.IntRange(0, 1).Draw(t, "offset")),
			Eventfd: rapid.Bool().Draw(t, "eventfd"), Refused: rapid.IntRange(0, 9).Draw(t, "refused") == 9,
			Address: uint8(rapid.IntRange(0, 2).Draw(t, "address")),
		}
		if alike && i > 0 {
			r = s.Requests[0]
		}
		s.Requests = append(s.Requests, r)
	}
	user := rapid.Bool().Draw(t, "user space")
	reapers := 0
	var left []uint8
	for i := range s.Requests {
		left = append(left, uint8(i))
	}
	s.Threads = append(s.Threads, caller())
	n := rapid.IntRange(1, len(left)).Draw(t, "batch")
	s.Threads[0].Calls = []Call{submit(left[:n]...)}
	if left = left[n:]; len(left) > 0 {
		s.Threads[0].Calls = append(s.Threads[0].Calls, submit(left...))
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "threads") {
		if i == len(s.Threads) {
			s.Threads = append(s.Threads, caller())
		}
		th := &s.Threads[i]
		th.CPU = uint8(rapid.IntRange(0, 1).Draw(t, "cpu"))
		for range rapid.IntRange(0, 2).Draw(t, "calls") {
			c := drawCall(t, s, user)
			if c.Kind == ReapRing {
				if reapers++; reapers > 1 || user && i > 0 {
					continue // the mapped ring has one reader
				}
			}
			th.Calls = append(th.Calls, c)
		}
	}
	return s
}

func drawCall(t *rapid.T, s *Scenario, user bool) Call {
	reap := Call{Kind: GetEvents, Min: uint8(rapid.IntRange(0, 2).Draw(t, "min")), Nr: 2, Timeout: rapid.Bool().Draw(t, "timeout")}
	if user {
		reap = Call{Kind: ReapRing}
	}
	one := uint8(rapid.IntRange(0, len(s.Requests)-1).Draw(t, "target"))
	var any []uint8
	for i := range s.Requests {
		any = append(any, uint8(i))
	}
	return rapid.SampledFrom([]Call{
		cancel(one), cancel(one), cancel(any...), reap, reap, {Kind: Destroy}, {Kind: Exit}, {Kind: ChangeIocb, Requests: []uint8{one}},
		{Kind: ChangeContext}, {Kind: Close}, {Kind: Write, Units: 1}, {Kind: Read, Units: 1},
	}).Draw(t, "call")
}

// legal reports whether the calls fit the files they are made on.
func legal(s *Scenario) bool {
	for _, th := range s.Threads {
		for _, c := range th.Calls {
			if (c.Kind == Write || c.Kind == Read) && !s.Files[0].Kind.Stream() {
				return false
			}
		}
	}
	for _, r := range s.Requests {
		if r.Opcode == model.Poll && !s.Files[r.File].Kind.Stream() {
			return false
		}
	}
	return true
}

// What must hold of every state, whatever the design: places in queues and
// lists are dense, a lock is held by exactly one, nothing is outside the layout.
func checkInvariants(t *rapid.T, m *Machine, s *State) {
	for w := m.Words(); w < StateWords; w++ {
		if s[w] != 0 {
			t.Fatalf("word %d is in use", w)
		}
	}
	for i := range m.reqs {
		r := &m.reqs[i]
		ahead, older := uint64(0), uint64(0)
		for j := range m.reqs {
			if q := m.reqs[j].qpos.get(s); m.reqs[j].queue == r.queue && q > 0 && q < r.qpos.get(s) {
				ahead++
			}
			if p := m.reqs[j].lpos.get(s); m.reqs[j].ctx == r.ctx && p > 0 && p < r.lpos.get(s) {
				older++
			}
		}
		if q := r.qpos.get(s); q > 0 && ahead != q-1 {
			t.Fatalf("request %d is at place %d of its queue, with %d before it", i, q, ahead)
		}
		if p := r.lpos.get(s); p > 0 && older != p-1 {
			t.Fatalf("request %d is at place %d of its list, with %d older ones", i, p, older)
		}
	}
	for c := range m.ctxs {
		holders := uint64(0)
		for i := range m.threads {
			th := &m.threads[i]
			if pc := th.pc.get(s); pc >= pcC5 && pc <= pcC7 && m.reqs[th.cur.get(s)].ctx == c {
				holders++
			}
		}
		if k := m.ctxs[c].kill.get(s); k == killing || k == signals {
			holders++
		}
		if holders != m.ctxs[c].lock.get(s) && !m.d.Has(design.CancelWithoutLock) {
			t.Fatalf("context %d: %d hold the lock, which says %d", c, holders, m.ctxs[c].lock.get(s))
		}
	}
}

// Random programs walked at random keep the invariants under every design, and
// the corrected design violates nothing.
func TestRandomPrograms(t *testing.T) {
	designs := design.All()
	rapid.Check(t, func(rt *rapid.T) {
		d := rapid.SampledFrom(designs).Draw(rt, "design")
		s := drawScenario(rt)
		if !legal(s) {
			return
		}
		m, err := New(&d, s)
		if err != nil {
			return // refused with a reason, not built wrong
		}
		st := m.Initial()
		var out []Successor
		for range 200 {
			checkInvariants(rt, m, &st)
			if v := m.Violated(&st); v != 0 && d.Name == "thread-6.1" {
				rt.Fatalf("%v in\n%s", names(v), m.Describe(&st))
			}
			out = m.Successors(&st, out[:0])
			if len(out) == 0 {
				if v := m.Stuck(&st); v != 0 && d.Name == "thread-6.1" {
					rt.Fatalf("stuck: %v in\n%s", names(v), m.Describe(&st))
				}
				_ = m.Outcome(&st)
				break
			}
			st = out[rapid.Uint64().Draw(rt, "step")%uint64(len(out))].State
		}
	})
}

// On random small programs, the reductions hide nothing either.
func TestRandomReductions(t *testing.T) {
	designs := design.All()
	bugs := design.BugTable()
	rapid.Check(t, func(rt *rapid.T) {
		d := rapid.SampledFrom(designs).Draw(rt, "design")
		if k := rapid.IntRange(0, 2*len(bugs)).Draw(rt, "bug"); k < len(bugs) {
			d = d.With(bugs[k].Bug)
		}
		s := drawScenario(rt)
		m, err := New(&d, s)
		if err != nil || !legal(s) {
			return
		}
		const most = 5_000
		whole, ok := search(m, allOf, same, most, func(st *State, out []Successor) {
			if text := notCommuting(m, st, out); text != "" {
				rt.Fatalf("%s\nscenario %+v\ndesign %s %b", text, *s, d.Name, d.Bugs)
			}
		})
		if !ok {
			return
		}
		for _, next := range []func(*State, []Successor) []Successor{allOf, m.Ample} {
			reduced, _ := search(m, next, m.canonical, most)
			if reduced.violated != whole.violated {
				rt.Fatalf("violated %v, whole %v\nscenario %+v\ndesign %s %b", names(reduced.violated), names(whole.violated), *s, d.Name, d.Bugs)
			}
			if !maps.Equal(reduced.outcomes, whole.outcomes) {
				rt.Fatalf("%d outcomes, whole %d\nscenario %+v\ndesign %s %b", len(reduced.outcomes), len(whole.outcomes), *s, d.Name, d.Bugs)
			}
		}
	})
}

// An OPENAT of a FIFO whose other end nobody opens waits, and is not stuck.
func TestOpenOfFIFOWaits(t *testing.T) {
	d := design.Thread61()
	m, err := New(&d, &Scenario{Workers: 1, Files: []File{{Kind: design.Pipe, Capacity: 1}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.OpenAt}}, Threads: []Thread{{Calls: []Call{{Kind: Submit, Requests: []uint8{0}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	st := m.Initial()
	for out := m.Successors(&st, nil); len(out) > 0; out = m.Successors(&st, nil) {
		st = out[0].State
	}
	if v := m.Stuck(&st); v != 0 || m.Result(&st, 0) != "none" {
		t.Errorf("%v, result %q in\n%s", names(v), m.Result(&st, 0), m.Describe(&st))
	}
}
