package kernel

import (
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// gate keeps a thread of a round with a script from its next step until the
// controller opens it. It is in the memory that both processes share.
type gate struct {
	thread  atomic.Uint32 // the thread's ID
	arrived atomic.Uint32 // the step that it waits before, plus one
	open    atomic.Uint32 // steps below this one may be begun
	_       [52]byte
}

// allOpen is gate.open once the script is over.
const allOpen = math.MaxUint32

// The operations of futex(2) between processes.
const (
	futexWait = 0
	futexWake = 1
)

// futexAwait sleeps while the word holds the value, for at most so long; 0 is
// for ever. It may return early.
func futexAwait(word *atomic.Uint32, value uint32, most time.Duration) {
	var limit *unix.Timespec
	if most > 0 {
		ts := unix.NsecToTimespec(int64(most))
		limit = &ts
	}
	unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(value), uintptr(unsafe.Pointer(limit)), 0, 0)
}

func futexTell(word *atomic.Uint32) {
	call(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1<<30, 0, 0, 0)
}

// pass waits before step i, if the script says so.
func (t *thread) pass(i uint32) {
	s := t.program.Script
	if s == nil || i < s.Gated[t.number].From || i >= s.Gated[t.number].To {
		return
	}
	g := &t.shared.gates[t.number]
	g.arrive(i + 1)
	for open := g.open.Load(); open <= i; open = g.open.Load() {
		// Without Go's knowledge, as all calls of a round.
		call(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&g.open)), futexWait, uintptr(open), 0, 0, 0)
	}
}

// scriptOver waits for the end of the script, if there is one: what follows is
// not forced.
func (t *thread) scriptOver() {
	if t.program.Script == nil {
		return
	}
	g := &t.shared.gates[t.number]
	for open := g.open.Load(); open != allOpen; open = g.open.Load() {
		call(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&g.open)), futexWait, uintptr(open), 0, 0, 0)
	}
}

// passed says that the last gated step is done.
func (t *thread) passed(i uint32) {
	if s := t.program.Script; s != nil && i+1 == s.Gated[t.number].To && s.Gated[t.number].From <= i {
		t.shared.gates[t.number].arrive(i + 2)
	}
}

// arrive says where the thread is.
func (g *gate) arrive(n uint32) {
	g.arrived.Store(n)
	futexTell(&g.arrived)
}

// await reports whether the thread comes to the step within a while.
func (g *gate) await(step uint32, most time.Duration) bool {
	at := g.arrived.Load()
	if at > step {
		return true
	}
	futexAwait(&g.arrived, at, most)
	return g.arrived.Load() > step
}

// let has the thread begin steps below n.
func (g *gate) let(n uint32) {
	g.open.Store(n)
	futexTell(&g.open)
}

// checkScript refuses a script that does not fit its program.
func checkScript(p *traces.Program) string {
	s := p.Script
	if len(s.Gated) != len(p.Threads) {
		return "a script has to say of each thread which steps wait"
	}
	for t, span := range s.Gated {
		if span.From > span.To || int(span.To) > len(p.Threads[t]) {
			return "a script has gates at steps that there are not"
		}
	}
	place := func(at traces.Place) bool {
		return int(at.Thread) <= len(p.Threads) && int(at.Request) <= len(p.Requests) && at.Point < traces.NumPoints &&
			(at.Point != traces.AtEnd || at.Thread > 0)
	}
	for i := range s.Moves {
		m := &s.Moves[i]
		ok := place(m.From)
		for _, at := range m.Arm {
			ok = ok && place(at) && at.Point != traces.AtEnd
		}
		for _, a := range m.Until {
			named := a.Place.Thread > 0 || a.Place.Request > 0 || a.Context > 0
			switch a.Kind {
			case traces.Asleep, traces.Passed:
				ok = ok && named && int(a.Place.Thread) <= len(p.Threads) && int(a.Place.Request) <= len(p.Requests) && int(a.Context) <= len(p.Contexts)
			default:
				ok = ok && place(a.Place)
			}
		}
		if !ok {
			return "a script names what the program does not have"
		}
	}
	return ""
}
