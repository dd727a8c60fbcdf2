package force

import (
	"slices"

	"aiocheck/model/machine"
	"aiocheck/traces"
)

// Layout says where a program has what a scenario speaks of.
type Layout struct {
	Requests []traces.RequestID // by request: its position in Program.Requests
	Gated    []traces.Span      // by thread of the program; those of the scenario come first, one step for each call
}

// Script is the order of a path as a program is to follow it.
func (w *Walker) Script(path []Move, l *Layout) *traces.Script {
	b := scripting{Walker: w, Layout: l, begun: make([]uint32, w.threads), inside: map[int]bool{}, armed: map[traces.Place]bool{}}
	s := &traces.Script{Gated: l.Gated}
	from := w.Initial()
	for i := range path {
		s.Moves = append(s.Moves, b.move(&from, &path[i]))
		from = path[i].To
	}
	return s
}

// scripting makes a script.
type scripting struct {
	*Walker
	*Layout
	begun  []uint32     // by thread: calls begun
	inside map[int]bool // threads in an io_destroy that has found its context
	armed  map[traces.Place]bool
}

// points are where the kernel can have somebody wait before a step: all but
// those that begin a call, for which a thread waits in user space.
var points = map[machine.Kind]traces.Point{
	machine.S1: traces.AtSlot, machine.S6q: traces.AtArmed, machine.C3: traces.AtCancel, machine.C9: traces.AtEndEarly, machine.G2: traces.AtGetEvents,
	machine.K2: traces.AtWakeAll, machine.K3: traces.AtUsersKilled, machine.K8: traces.AtEndEarly,
	machine.W1r: traces.AtStarted, machine.W5: traces.AtBegin, machine.W8: traces.AtUnlinked, machine.W14: traces.AtFlushed, machine.W9: traces.AtPosted,
	machine.W12: traces.AtWake, machine.W13: traces.AtFreed,
}

// exits reports whether a thread is in its exit.
func (b *scripting) exits(thread int) bool {
	calls := b.Scenario.Threads[thread].Calls
	n := b.begun[thread]
	return n > 0 && calls[n-1].Kind == machine.Exit
}

// place is where one waits before a step.
func (b *scripting) place(st machine.Step) traces.Place {
	kind := family(st.Kind)
	thread := int(st.Actor)
	if thread >= b.threads {
		return traces.Place{Point: points[kind], Request: b.request(st.Object)}
	}
	switch kind {
	case machine.S1, machine.S6q, machine.C9:
		return traces.Place{Point: points[kind], Request: b.request(st.Object)}
	case machine.K1:
		if b.exits(thread) { // the last thread of the process does it, whichever that is
			return traces.Place{Point: traces.AtDead}
		}
		if b.inside[thread] && st.Choice != finds {
			return traces.Place{Point: traces.AtDead, Thread: uint16(thread + 1)}
		}
	case machine.K2, machine.K3:
		if b.exits(thread) {
			return traces.Place{Point: points[kind]}
		}
	}
	if p := points[kind]; p != traces.AtEnd {
		return traces.Place{Point: p, Thread: uint16(thread + 1)}
	}
	return traces.Place{Thread: uint16(thread + 1), Step: b.begun[thread]}
}

func (b *scripting) request(i uint8) traces.RequestID { return b.Requests[i] + 1 }

// move is one move, after those before it.
func (b *scripting) move(from *Rest, m *Move) traces.Move {
	out := traces.Move{From: b.place(m.Gate)}
	delete(b.armed, out.From)
	switch actor := int(m.Gate.Actor); {
	case !Begins(m.Gate.Kind) || b.exits(actor):
	case b.inside[actor]:
		b.inside[actor] = false
	default:
		b.begun[actor]++
		b.inside[actor] = m.Gate.Choice == finds
	}
	before, after := b.m.Successors(&from.State, nil), b.m.Successors(&m.To.State, nil)
	moved := []uint8{m.Gate.Actor}
	requests := map[uint8]bool{} // whose threads have moved
	for _, st := range m.Steps {
		if !slices.Contains(moved, st.Actor) {
			moved = append(moved, st.Actor)
		}
		if worker(st.Kind) {
			requests[st.Object] = true
		}
	}
	if worker(m.Gate.Kind) {
		requests[m.Gate.Object] = true
	}
	wait := func(a traces.Await) {
		if a.Kind == traces.Waits && a.Place.Point != traces.AtEnd && !b.armed[a.Place] {
			b.armed[a.Place] = true
			out.Arm = append(out.Arm, a.Place)
		}
		if !slices.Contains(out.Until, a) {
			out.Until = append(out.Until, a)
		}
	}
	for _, st := range m.Steps {
		if family(st.Kind) == machine.S6q {
			// Others may be before it in its queue.
			if p := (traces.Place{Point: traces.AtStarted, Request: b.request(st.Object)}); !b.armed[p] {
				b.armed[p] = true
				out.Arm = append(out.Arm, p)
			}
		}
	}
	for _, actor := range moved {
		if int(actor) < b.threads {
			b.threadComes(m, int(actor), after, wait)
		}
	}
	for i := range b.Scenario.Requests {
		if requests[uint8(i)] {
			b.workerComes(m, i, after, wait)
		}
	}
	b.contextComes(m, wait)
	// Threads that waited for what was taken out of their queue.
	for _, o := range before {
		if family(o.Step.Kind) == machine.W1r && family(m.Gate.Kind) != machine.W1r && !has(after, machine.W1r, o.Step.Object) && b.unqueued(m, o.Step.Object) {
			p := b.place(o.Step)
			delete(b.armed, p)
			out.Until = append(out.Until, traces.Await{Kind: traces.LetGo, Place: p})
		}
	}
	for _, o := range after {
		if k := family(o.Step.Kind); (k == machine.W1r || k == machine.K8) && !has(before, k, o.Step.Object) {
			wait(traces.Await{Place: b.place(o.Step)})
		}
	}
	return out
}

// unqueued reports whether a request is not in its queue after a move, and no
// thread has taken it.
func (b *scripting) unqueued(m *Move, i uint8) bool {
	s := b.m.Request(&m.To.State, int(i))
	return !s.Queued && !s.Held
}

// worker reports whether a step is one of a thread that executes requests.
func worker(k machine.Kind) bool { return k >= machine.W1 && k <= machine.W15 }

func has(succ []machine.Successor, k machine.Kind, object uint8) bool {
	return slices.ContainsFunc(succ, func(o machine.Successor) bool { return family(o.Step.Kind) == k && o.Step.Object == object })
}

// threadComes says where a thread of the program is after a move.
func (b *scripting) threadComes(m *Move, thread int, after []machine.Successor, wait func(traces.Await)) {
	if b.exits(thread) { // but for the one who ends the contexts
		for _, o := range after {
			if int(o.Step.Actor) == thread {
				wait(traces.Await{Place: b.place(o.Step)})
			}
		}
		return
	}
	replies := b.m.Observe(&m.To.State).Calls[thread]
	n := b.begun[thread]
	if n > 0 && !replies[n-1].Returned {
		for _, o := range after {
			if int(o.Step.Actor) == thread {
				wait(traces.Await{Place: b.place(o.Step)})
				return
			}
		}
		wait(traces.Await{Kind: traces.Asleep, Place: traces.Place{Thread: uint16(thread + 1)}})
		return
	}
	wait(traces.Await{Place: traces.Place{Thread: uint16(thread + 1), Step: n}})
}

// workerComes says where the kernel's thread that has, or had, a request is
// after a move.
func (b *scripting) workerComes(m *Move, i int, after []machine.Successor, wait func(traces.Await)) {
	request := b.Requests[i] + 1
	state := b.m.Request(&m.To.State, i)
	switch {
	case b.waitsToBegin(&m.To, i):
		wait(traces.Await{Place: traces.Place{Point: traces.AtBegin, Request: request}})
		return
	case !state.Held:
		wait(traces.Await{Kind: traces.Passed, Place: traces.Place{Point: traces.AtIdle, Request: request}})
		return
	}
	for _, o := range after {
		if worker(o.Step.Kind) && int(o.Step.Object) == i && family(o.Step.Kind) != machine.W1r {
			wait(traces.Await{Place: b.place(o.Step)})
			return
		}
	}
	wait(traces.Await{Kind: traces.Asleep, Place: traces.Place{Request: request}})
}

// contextComes says how far the end of a context is after a move that it has
// a step in.
func (b *scripting) contextComes(m *Move, wait func(traces.Await)) {
	for _, st := range m.Steps {
		point := traces.AtEnd
		switch st.Kind {
		case machine.K5:
			point = traces.AtKilled
		case machine.K8:
			wait(traces.Await{Kind: traces.Passed, Place: traces.Place{Point: traces.AtFreed, Request: b.request(st.Object)}})
		}
		if point != traces.AtEnd {
			context := uint16(int(st.Actor) - (b.m.Actors() - 1 - len(b.Scenario.Contexts)))
			wait(traces.Await{Kind: traces.Passed, Place: traces.Place{Point: point}, Context: context + 1})
		}
	}
}
