// Package force turns behaviours of the model into orders that a kernel can be
// made to follow, and compares what it then did with the model, step by step.
//
// A kernel with our patches lets tasks be held before most transitions, not
// before all steps of the model: what it does inside one critical section, or
// without a pause, is one move. So the model is walked by moves: from one state
// in which everybody waits where a kernel can have him wait to the next. Each
// move lets one go on; others may follow by themselves, such as a read whose
// data has come.
package force

import (
	"fmt"
	"slices"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
)

// Walker takes moves of a machine. It may be used by many goroutines at once.
type Walker struct {
	Scenario *machine.Scenario
	m        *machine.Machine
	threads  int
	// What the scenario has, and so where waiting can make a difference.
	destroys, gets, slots bool
	twice                 bool // two io_destroy of one context: both may have found it
	both                  bool // then both succeed
	unnotified            bool // nobody is told of requests that end with -EINTR
	changed               bool // the event does not say what the operation has returned
	unflushed             bool // no thread forgets its signals
	deaf                  bool // a thread hears one signal only
	lasts                 bool // a request leaves something behind in its thread: which one takes the next counts
}

// NewWalker refuses a scenario or a design that no kernel can be made to
// follow.
func NewWalker(d *design.Design, s *machine.Scenario) (*Walker, error) {
	if want := design.Thread61().Name; d.Name != want {
		return nil, fmt.Errorf("the kernel whose steps can be ordered is of design %s, not %s", want, d.Name)
	}
	if s.Prologue || slices.ContainsFunc(s.Threads, func(t machine.Thread) bool { return t.Forever }) {
		return nil, fmt.Errorf("scenario %q: a program does not begin in the middle, and makes no call for ever", s.Name)
	}
	m, err := machine.New(d, s)
	if err != nil {
		return nil, err
	}
	w := &Walker{Scenario: s, m: m, threads: len(s.Threads)}
	for _, t := range s.Threads {
		for _, c := range t.Calls {
			if c.Elsewhere {
				return nil, fmt.Errorf("scenario %q: an io_cancel on another context is one step of the model, and of the kernel two", s.Name)
			}
			w.destroys = w.destroys || c.Kind == machine.Destroy || c.Kind == machine.Exit
			w.gets = w.gets || c.Kind == machine.GetEvents
		}
	}
	w.unflushed, w.deaf = d.Has(design.SignalNotFlushed), d.Has(design.FatalOnce)
	w.lasts = w.deaf || w.unflushed || d.Has(design.FlushBeforeUnlink)
	w.both = d.Has(design.DestroyTwice)
	w.unnotified, w.changed = d.Has(design.EventfdNotForCancelled), d.Has(design.ResultFromCancel)
	for n, c := range s.Contexts {
		w.slots = w.slots || c.Slots != 0
		destroyers := 0
		for _, t := range s.Threads {
			for _, call := range t.Calls {
				if call.Kind == machine.Destroy && int(call.Context) == n {
					destroyers++
				}
			}
		}
		w.twice = w.twice || destroyers > 1
	}
	w.slots = w.slots || d.Has(design.SlotAtCancel) || d.Has(design.SlotAtCompletion) || d.Has(design.RefusedKeepsSlot)
	return w, nil
}

// Machine is the model that is walked.
func (w *Walker) Machine() *machine.Machine { return w.m }

// Rest is a state in which everybody waits.
type Rest struct {
	State machine.State
	// Began has bit r set when the operation of request r was let go: it may be
	// blocked since; and bit 16+t when thread t is in an io_destroy that has found
	// its context, and holds it.
	Began uint32
}

// Initial is the state before the first move.
func (w *Walker) Initial() Rest { return Rest{State: w.m.Initial()} }

// Move is what happens when one who waits is let go.
type Move struct {
	// Gate says who: the step that he waits before. Of the beginning of an
	// operation that blocks at once no step is taken.
	Gate machine.Step
	// Steps are all that are taken, his first, then those that follow by
	// themselves; States those that each leads to.
	Steps  []machine.Step
	States []machine.State
	To     Rest
}

// Key names the move among those of a state, and is the same for the same move
// of another path: who is let go, not which of the kernel's threads does it.
type Key struct {
	Kind   machine.Kind
	Thread int // whose call it is, or -1
	Object uint8
	Choice uint8
}

// Key is the move's.
func (w *Walker) Key(g machine.Step) Key {
	k := Key{Kind: family(g.Kind), Thread: -1, Object: g.Object, Choice: g.Choice}
	if int(g.Actor) < w.threads {
		k.Thread = int(g.Actor)
		switch k.Kind {
		case machine.C2, machine.C9, machine.S1, machine.S6q:
		default:
			k.Object = 0
		}
	}
	return k
}

// family is the kind that stands for all steps that the same gate can lead to.
func family(k machine.Kind) machine.Kind {
	switch k {
	case machine.S1e:
		return machine.S1
	case machine.S9:
		return machine.S0
	case machine.C2n:
		return machine.C2
	case machine.C3n:
		return machine.C3
	case machine.G1n:
		return machine.G1
	case machine.U1n:
		return machine.U1
	case machine.K1n:
		return machine.K1
	case machine.W1:
		return machine.W1r
	case machine.W5i, machine.W5r:
		return machine.W5
	}
	return k
}

// Begins reports whether a step begins a call of a thread.
func Begins(k machine.Kind) bool {
	switch k {
	case machine.S0, machine.S9, machine.C2, machine.C2n, machine.G1, machine.G1n, machine.U1, machine.U1n, machine.K1, machine.K1n, machine.X0,
		machine.A1, machine.A2, machine.F1, machine.F2, machine.F3:
		return true
	}
	return false
}

// gated reports whether who is about to take a step can be made to wait before
// it; after is the step that he has just taken, if that was without a pause.
func (w *Walker) gated(began uint32, st machine.Step, after machine.Kind) bool {
	switch st.Kind {
	case machine.K4:
		return began>>16 != 0 // somebody holds a context
	case machine.S1, machine.S1e:
		return w.slots || w.destroys
	case machine.W5, machine.W5i, machine.W5r:
		return began>>st.Object&1 == 0
	case machine.G2:
		return after != machine.G4w // a later look follows a wake-up
	case machine.W12:
		return w.gets
	case machine.W13:
		return w.destroys
	case machine.S6q, machine.C3, machine.C3n, machine.C9, machine.K2, machine.K3, machine.K8, machine.W1, machine.W1r, machine.W8, machine.W9, machine.W14:
		return true
	}
	return Begins(st.Kind)
}

// none is a kind that no step before has.
const none = machine.NumKinds

// Moves are all that can be made.
func (w *Walker) Moves(r *Rest) (moves []Move) {
	began := r.Began
	for _, o := range w.m.Successors(&r.State, nil) {
		step := o.Step
		to := Rest{State: o.State, Began: began}
		switch family(step.Kind) {
		case machine.K4:
			continue // by itself, once nobody holds the context
		case machine.K1:
			if !w.twice || w.exits(&r.State, step) {
				break
			}
			switch holds := uint32(1) << (16 + step.Actor); {
			case began&holds != 0:
			case step.Kind == machine.K1:
				step.Choice = finds
				moves = append(moves, Move{Gate: step, To: Rest{State: r.State, Began: began | holds}})
				continue
			case w.both: // it does not find it any more, and so fails
				continue
			}
			to.Began &^= 1 << (16 + step.Actor)
		case machine.S6q:
			// The kernel would make one more thread, and either could take it.
			if w.lasts && w.growing(int(step.Object)) && w.busy(&r.State) {
				continue
			}
		case machine.W5:
			to.Began |= 1 << step.Object
		case machine.W1r:
			// Which of the threads takes it nobody can say.
			if slices.ContainsFunc(moves, func(m Move) bool { return m.Gate.Kind == step.Kind && m.Gate.Object == step.Object }) {
				continue
			}
		}
		m := Move{Gate: step, Steps: []machine.Step{step}, States: []machine.State{o.State}, To: to}
		moves = w.goOn(m, step.Actor, step.Kind, moves)
	}
	for i := range w.Scenario.Requests {
		if w.waitsToBegin(r, i) && !slices.ContainsFunc(moves, func(m Move) bool { return family(m.Gate.Kind) == machine.W5 && int(m.Gate.Object) == i }) {
			to := Rest{State: r.State, Began: began | 1<<i}
			moves = append(moves, Move{Gate: machine.Step{Kind: machine.W5, Actor: w.workerOf(&r.State), Object: uint8(i)}, To: to})
		}
	}
	return moves
}

// finds is the choice of a K1 that is not the step, but the search for the
// context before it.
const finds = 1

// exits reports whether a K1 is of a process that exits: its thread is inside
// that call.
func (w *Walker) exits(s *machine.State, st machine.Step) bool {
	calls := w.m.Observe(s).Calls[st.Actor]
	n := slices.IndexFunc(calls, func(r machine.Reply) bool { return !r.Returned })
	return n >= 0 && w.Scenario.Threads[st.Actor].Calls[n].Kind == machine.Exit
}

// growing reports whether a request may wait for another: the kernel has as
// many threads for these as it takes.
func (w *Walker) growing(i int) bool {
	r := &w.Scenario.Requests[i]
	return r.Opcode == model.Poll || r.Opcode == model.OpenAt || w.Scenario.Files[r.File].Kind.Stream()
}

// busy reports whether a thread has such a request.
func (w *Walker) busy(s *machine.State) bool {
	for i := range w.Scenario.Requests {
		if w.growing(i) && w.m.Request(s, i).Held {
			return true
		}
	}
	return false
}

// workerOf is some worker: which one has a request that is blocked is of no
// interest, but it is none of the threads.
func (w *Walker) workerOf(*machine.State) uint8 { return uint8(w.threads) }

// waitsToBegin reports whether a thread has the request and waits before its
// operation.
func (w *Walker) waitsToBegin(r *Rest, i int) bool {
	if r.Began>>i&1 != 0 {
		return false
	}
	s := w.m.Request(&r.State, i)
	return s.Held && !s.Returned && s.Phase == "started"
}

// goOn has everybody go on who does not wait, first the one who was let go,
// and appends what comes of it: several moves if the kernel decides.
func (w *Walker) goOn(m Move, actor uint8, after machine.Kind, moves []Move) []Move {
	succ := w.m.Successors(&m.To.State, nil)
	free := succ[:0:0]
	others := false
	for _, o := range succ {
		if o.Step.Actor == actor && !w.gated(m.To.Began, o.Step, after) {
			free = append(free, o)
		}
	}
	if len(free) == 0 { // he waits: who else does not?
		for _, o := range succ {
			if !w.gated(m.To.Began, o.Step, none) {
				free = append(free, o)
				others = true
			}
		}
	}
	if len(free) == 0 {
		return append(moves, m)
	}
	for i, o := range free {
		if !others && o.Step.Kind == machine.G4t && len(free) > 1 {
			continue // woken, and not too late
		}
		next := m
		if i < len(free)-1 {
			next.Steps, next.States = slices.Clone(m.Steps), slices.Clone(m.States)
		}
		next.Steps, next.States = append(next.Steps, o.Step), append(next.States, o.State)
		next.To.State = o.State
		moves = w.goOn(next, o.Step.Actor, o.Step.Kind, moves)
	}
	return moves
}
