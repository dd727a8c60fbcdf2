package machine

import (
	"fmt"
	"strings"
)

// RequestState is what a state says of one request and of nothing else. It is
// comparable, so that the states of a machine can be projected on it: pictures
// of a request's life are drawn from that.
type RequestState struct {
	Phase     string // "idle", "refused", "submitting", "armed", "started", "posted" or "reaped"
	Slot      string // of ki_cancel: "NULL", "EARLY", "LATE" or "CANCELLED"
	Early     bool   // it was cancelled before a worker had looked
	Listed    bool   // io_cancel finds it
	Queued    bool   // it waits for a worker
	Returned  bool   // its operation has a result
	Freed     bool   // its memory was given back
	Signalled bool   // a signal is pending on the worker that has it
	Held      bool   // a worker has it, be it freed or not
}

// Request is the state of request i in s.
func (m *Machine) Request(s *State, i int) RequestState {
	r := &m.reqs[i]
	v := RequestState{
		Phase: phaseNames[r.ph.get(s)], Slot: slotNames[r.kc.get(s)], Early: r.early.is(s),
		Listed: r.onl.is(s), Queued: r.qpos.is(s), Returned: r.res.get(s) != resNone, Freed: r.free.is(s),
	}
	for w := range m.workers {
		if m.workers[w].pc.is(s) && int(m.workers[w].req.get(s)) == i {
			v.Held = true
			v.Signalled = m.workers[w].sig.is(s)
		}
	}
	return v
}

// String is the state in words.
func (v RequestState) String() string {
	words := []string{v.Phase}
	if v.Slot != "" && v.Slot != slotNames[kcNull] {
		words = append(words, "cancel slot "+v.Slot)
	}
	for _, f := range []struct {
		set  bool
		text string
	}{
		{v.Early, "cancelled early"}, {v.Listed, "on the list"}, {v.Queued, "queued"}, {v.Returned, "has its result"},
		{v.Held, "a worker has it"}, {v.Freed, "freed"}, {v.Signalled, "signal pending on its worker"},
	} {
		if f.set {
			words = append(words, f.text)
		}
	}
	return strings.Join(words, ", ")
}

// Result is the result of request i so far: "2" units, "-EINTR", or "none".
func (m *Machine) Result(s *State, i int) string { return resultText(m.reqs[i].res.get(s)) }

// End is how request i stands in s: its result so far, and what it did.
func (m *Machine) End(s *State, i int) RequestEnd { return m.endOf(s, i) }

// Actor names the actor of a step.
func (m *Machine) Actor(st Step) string { return m.actorText(st.Actor) }

// Sentence is what a step does, without its name, its lock and its source.
func (st Step) Sentence() string {
	return strings.ReplaceAll(st.Kind.Info().Text, "%r", fmt.Sprintf("request %d", st.Object))
}
