package explore

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/model"
)

// cancel is a hand-written model of early and late cancel, the same as
// docs/spin/cancel.pml at the same grain: requests are submitted side by side
// (S6, S7), workers take them in any order (W1 to W15), and each canceller
// cancels one request that it chooses (C3 to C7). The context lock is held from
// C3 to C7, and W8 waits for it; W4 does not.
//
// Word 0 has six bits for each request: phase (3), kc (2), interrupted (1).
// Word 1 has eight for each worker from bit 0: place (3), request (3), signal
// (1); and eight for each canceller from bit 32: place (3), request (3),
// answer (1).
type cancel struct {
	toy
	requests, workers, cancellers int
	bug                           cancelBug
}

type cancelBug int

const (
	noBug      cancelBug = iota
	noFlush              // T1: the signal is not flushed
	flushEarly           // T2: flushed before the request leaves the list
	noLock               // T3: the worker does not wait for the lock at W8
	lostEarly            // T4: an early cancel is not seen by the worker
	neverEnds            // the operation sleeps until it is interrupted, for ever
	lostSignal           // T17: the signal does nothing
)

// Phases of a request.
const (
	absent = iota
	armed
	queued
	started
	running
	returned
	unlinked
	posted
)

// Values of kc.
const (
	kcNull = iota
	kcEarly
	kcLate
	kcCancelled
)

// Places of a worker, each named by the step that it took last.
const (
	idle = iota
	afterW1
	afterW2
	afterW4a
	afterW6
	afterW8
	afterW9
	afterW14
)

// Places of a canceller.
const (
	notYet = iota
	afterC3
	wasEarly
	wasLate
	afterC6
	afterC7
)

// Kinds of steps.
const (
	kS6 Kind = iota
	kS7
	kW1
	kW2
	kW4a
	kW4b
	kW5
	kW6
	kW8
	kW9
	kW14
	kW15
	kC3
	kC3e
	kC5
	kC6e
	kC6l
	kC7
	cancelKinds
)

func (m cancel) Words() int { return 2 }

func (m cancel) Kinds() []Kind {
	var kinds []Kind
	for k := range cancelKinds {
		kinds = append(kinds, k)
	}
	return kinds
}

func (m cancel) Properties() []model.Property {
	return []model.Property{{Name: "no-signal-outlives"}, {Name: "only-cancelled-interrupted"}, {Name: "early-cancel-no-effect"}, {Name: "request-ends"}}
}

func request(s *State, r int) uint64       { return s[0] >> (6 * uint(r)) & 63 }
func workerOf(s *State, w int) uint64      { return s[1] >> (8 * uint(w)) & 255 }
func cancellerOf(s *State, c int) uint64   { return s[1] >> (32 + 8*uint(c)) & 255 }
func setRequest(s *State, r int, v uint64) { s[0] = s[0]&^(63<<(6*uint(r))) | v<<(6*uint(r)) }
func setWorker(s *State, w int, v uint64)  { s[1] = s[1]&^(255<<(8*uint(w))) | v<<(8*uint(w)) }
func setCanceller(s *State, c int, v uint64) {
	s[1] = s[1]&^(255<<(32+8*uint(c))) | v<<(32+8*uint(c))
}

func packRequest(phase, kc, intr uint64) uint64 { return phase | kc<<3 | intr<<5 }
func packActor(place, r, bit uint64) uint64     { return place | r<<3 | bit<<6 }

func (m cancel) Successors(s *State, out []Successor) []Successor {
	locked := false
	for c := range m.cancellers {
		place := cancellerOf(s, c) & 7
		locked = locked || place > notYet && place < afterC7
	}
	for r := range m.requests {
		switch v := request(s, r); v & 7 {
		case absent:
			out = m.step(s, out, kS6, 0, r, func(t *State) { setRequest(t, r, packRequest(armed, kcEarly, 0)) })
		case armed:
			out = m.step(s, out, kS7, 0, r, func(t *State) { setRequest(t, r, v+queued-armed) })
		}
	}
	for w := range m.workers {
		out = m.worker(s, out, w, locked)
	}
	for c := range m.cancellers {
		out = m.canceller(s, out, c, locked)
	}
	return out
}

func (m cancel) step(s *State, out []Successor, k Kind, actor, object int, change func(*State)) []Successor {
	out = append(out, Successor{Step: Step{Kind: k, Actor: uint8(actor), Object: uint8(object)}, State: *s})
	change(&out[len(out)-1].State)
	return out
}

func (m cancel) worker(s *State, out []Successor, w int, locked bool) []Successor {
	v := workerOf(s, w)
	place, r, sig := v&7, int(v>>3&7), v>>6
	q := request(s, r)
	kc, intr := q>>3&3, q>>5
	actor := 1 + w
	to := func(k Kind, place, phase, kc, intr uint64) {
		out = m.step(s, out, k, actor, r, func(t *State) {
			setWorker(t, w, packActor(place, uint64(r), sig))
			setRequest(t, r, packRequest(phase, kc, intr))
		})
	}
	switch place {
	case idle:
		for r := range m.requests {
			if q := request(s, r); q&7 == queued {
				out = m.step(s, out, kW1, actor, r, func(t *State) {
					setWorker(t, w, packActor(afterW1, uint64(r), sig))
					setRequest(t, r, q+started-queued)
				})
			}
		}
	case afterW1:
		to(kW2, afterW2, started, kc, intr)
	case afterW2:
		if kc == kcEarly || m.bug == lostEarly {
			to(kW4a, afterW4a, running, kcLate, intr)
		} else {
			to(kW4b, afterW6, returned, kc, 1)
		}
	case afterW4a:
		if sig == 1 && m.bug != lostSignal {
			to(kW5, afterW6, returned, kc, 1)
		}
		if m.bug != neverEnds && m.bug != lostSignal {
			to(kW6, afterW6, returned, kc, 0)
		}
	case afterW6:
		switch {
		case m.bug == flushEarly:
			sig = 0
			to(kW14, afterW14, returned, kc, intr)
		case !locked || m.bug == noLock:
			to(kW8, afterW8, unlinked, kc, intr)
		}
	case afterW8:
		to(kW9, afterW9, posted, kc, intr)
	case afterW9:
		if m.bug == flushEarly {
			return m.rest(s, out, w)
		}
		if m.bug != noFlush {
			sig = 0
		}
		to(kW14, afterW14, posted, kc, intr)
	case afterW14:
		if m.bug == flushEarly {
			if !locked {
				to(kW8, afterW8, unlinked, kc, intr)
			}
			return out
		}
		return m.rest(s, out, w)
	}
	return out
}

// rest is W15.
func (m cancel) rest(s *State, out []Successor, w int) []Successor {
	v := workerOf(s, w)
	return m.step(s, out, kW15, 1+w, int(v>>3&7), func(t *State) { setWorker(t, w, packActor(idle, 0, v>>6)) })
}

func (m cancel) canceller(s *State, out []Successor, c int, locked bool) []Successor {
	v := cancellerOf(s, c)
	place, r := v&7, int(v>>3&7)
	q := request(s, r)
	actor := 1 + m.workers + c
	to := func(k Kind, place, answer uint64, also func(*State)) {
		out = m.step(s, out, k, actor, r, func(t *State) {
			setCanceller(t, c, packActor(place, uint64(r), answer))
			if also != nil {
				also(t)
			}
		})
	}
	switch place {
	case notYet:
		if locked {
			return out
		}
		for r = range m.requests {
			q := request(s, r)
			listed := q&7 >= armed && q&7 <= returned
			if kc := q >> 3 & 3; listed && (kc == kcEarly || kc == kcLate) {
				to(kC3, afterC3, 0, nil)
			} else {
				to(kC3e, afterC7, 0, nil)
			}
		}
	case afterC3:
		next := uint64(wasEarly)
		if q>>3&3 == kcLate {
			next = wasLate
		}
		to(kC5, next, 0, func(t *State) { setRequest(t, r, q&^(3<<3)|kcCancelled<<3) })
	case wasEarly:
		to(kC6e, afterC6, 0, nil)
	case wasLate:
		to(kC6l, afterC6, 0, func(t *State) {
			// The worker that was recorded: the one that took the request.
			for w := range m.workers {
				if v := workerOf(t, w); v&7 != idle && int(v>>3&7) == r {
					setWorker(t, w, v|1<<6)
				}
			}
		})
	case afterC6:
		to(kC7, afterC7, 1, nil)
	}
	return out
}

func (m cancel) Violated(s *State) (bits uint64) {
	for w := range m.workers {
		if v := workerOf(s, w); v&7 == idle && v>>6 == 1 {
			bits |= 1
		}
	}
	for r := range m.requests {
		if q := request(s, r); q>>5 == 1 && q>>3&3 != kcCancelled {
			bits |= 2
		}
	}
	for c := range m.cancellers {
		v := cancellerOf(s, c)
		if q := request(s, int(v>>3&7)); v&7 == wasEarly && q&7 == running {
			bits |= 4
		}
	}
	return bits
}

func (m cancel) Stuck(s *State) uint64 {
	for r := range m.requests {
		if p := request(s, r) & 7; p != posted && p != absent {
			return 8
		}
	}
	return 0
}

func (m cancel) Terminal(s *State) bool { return m.Stuck(s) == 0 }

// Outcome is how many requests ended how, and what cancels of them answered.
func (m cancel) Outcome(s *State) string {
	lines := make([]string, m.requests)
	for r := range m.requests {
		lines[r] = [2]string{"ok", "EINTR"}[request(s, r)>>5]
		var answers []string
		for c := range m.cancellers {
			if v := cancellerOf(s, c); int(v>>3&7) == r {
				answers = append(answers, [2]string{"EINVAL", "EINPROGRESS"}[v>>6])
			}
		}
		slices.Sort(answers)
		lines[r] += fmt.Sprint(answers)
	}
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// renamed gives requests, workers and cancellers new numbers.
func (m cancel) renamed(s *State, rs, ws, cs []int) (t State) {
	for r := range m.requests {
		setRequest(&t, rs[r], request(s, r))
	}
	for w := range m.workers {
		v := workerOf(s, w)
		if v&7 != idle {
			v = v&^(7<<3) | uint64(rs[v>>3&7])<<3
		}
		setWorker(&t, ws[w], v)
	}
	for c := range m.cancellers {
		v := cancellerOf(s, c)
		if v&7 != notYet {
			v = v&^(7<<3) | uint64(rs[v>>3&7])<<3
		}
		setCanceller(&t, cs[c], v)
	}
	return t
}

func (m cancel) Canonical(s *State) State {
	least := *s
	m.images(s, func(t State) {
		if less(t, least) < 0 {
			least = t
		}
	})
	return least
}

func less(a, b State) int { return slices.Compare(a[:], b[:]) }

// images gives all states that are alike.
func (m cancel) images(s *State, yield func(State)) {
	for _, rs := range permutations[m.requests] {
		for _, ws := range permutations[m.workers] {
			for _, cs := range permutations[m.cancellers] {
				yield(m.renamed(s, rs, ws, cs))
			}
		}
	}
}

// permutations of 0..n-1, by n.
var permutations = [...][][]int{{{}}, orders(1), orders(2), orders(3), orders(4)}

func orders(n int) (all [][]int) {
	var add func(p []int)
	add = func(p []int) {
		if len(p) == n {
			all = append(all, slices.Clone(p))
		}
		for i := range n {
			if !slices.Contains(p, i) {
				add(append(p, i))
			}
		}
	}
	add(nil)
	return all
}
