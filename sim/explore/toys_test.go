package explore

import (
	"fmt"

	"aiocheck/model"
)

// toy gives a model the methods that it does not care for.
type toy struct{}

func (toy) Words() int                                   { return 1 }
func (toy) Initial() State                               { return State{} }
func (toy) Properties() []model.Property                 { return nil }
func (toy) Violated(*State) uint64                       { return 0 }
func (toy) Stuck(*State) uint64                          { return 0 }
func (toy) Terminal(*State) bool                         { return true }
func (toy) Outcome(s *State) string                      { return fmt.Sprintf("%x", *s) }
func (toy) Fair(Step) bool                               { return true }
func (toy) Canonical(s *State) State                     { return *s }
func (toy) Ample(_ *State, succ []Successor) []Successor { return succ }

// grid is counters that count to a bound, each on its own: (bound+1)^counters
// states, counters·bound·(bound+1)^(counters-1) steps, depth counters·bound.
// The counters are interchangeable, and their steps are independent.
type grid struct {
	toy
	counters, bound int
	words           int
	bad             func(*State) bool // violates property 0
}

func (g grid) Words() int                   { return max(g.words, 1) }
func (g grid) Properties() []model.Property { return []model.Property{{Name: "good"}} }
func (g grid) Kinds() []Kind                { return []Kind{0, 1, 2} } // kind 2 never happens

// Counters are spread over the words.
func (g grid) at(i int) (word int, shift uint) { return i % g.Words(), uint(i / g.Words() * 8) }

func (g grid) get(s *State, i int) int {
	w, shift := g.at(i)
	return int(s[w] >> shift & 0xff)
}

func (g grid) Successors(s *State, out []Successor) []Successor {
	for i := range g.counters {
		if v := g.get(s, i); v < g.bound {
			t := *s
			w, shift := g.at(i)
			t[w] += 1 << shift
			out = append(out, Successor{Step: Step{Kind: Kind(v % 2), Actor: uint8(i)}, State: t})
		}
	}
	return out
}

func (g grid) Violated(s *State) uint64 {
	if g.bad != nil && g.bad(s) {
		return 1
	}
	return 0
}

func (g grid) values(s *State) []int {
	v := make([]int, g.counters)
	for i := range v {
		v[i] = g.get(s, i)
	}
	return v
}

func (g grid) pack(values []int) (s State) {
	for i, v := range values {
		w, shift := g.at(i)
		s[w] |= uint64(v) << shift
	}
	return s
}

// Canonical sorts the counters, smallest first.
func (g grid) Canonical(s *State) State {
	v := g.values(s)
	for i := range v {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
	return g.pack(v)
}

// Ample is the first counter's step: the others can always be done later.
func (g grid) Ample(_ *State, succ []Successor) []Successor { return succ[:1] }

func (g grid) Outcome(s *State) string { return fmt.Sprint(g.values(s)) }

// philosophers dine: each takes the left fork, then the right one, eats, and
// lays both down. Fork i lies left of philosopher i. Two bits each.
type philosophers struct {
	toy
	n int
}

const (
	takeLeft Kind = iota
	takeRight
	layDown
)

func (p philosophers) Kinds() []Kind        { return []Kind{takeLeft, takeRight, layDown} }
func (p philosophers) Terminal(*State) bool { return false }

func (p philosophers) get(s *State, i int) uint64 { return s[0] >> (2 * uint(i%p.n)) & 3 }

func (p philosophers) Successors(s *State, out []Successor) []Successor {
	for i := range p.n {
		left := p.get(s, i+p.n-1) < 2 // the neighbour's right fork
		right := p.get(s, i+1) < 1    // the neighbour's left fork
		t := *s
		switch p.get(s, i) {
		case 0:
			if left {
				t[0] += 1 << (2 * uint(i))
				out = append(out, Successor{Step: Step{Kind: takeLeft, Actor: uint8(i)}, State: t})
			}
		case 1:
			if right {
				t[0] += 1 << (2 * uint(i))
				out = append(out, Successor{Step: Step{Kind: takeRight, Actor: uint8(i)}, State: t})
			}
		case 2:
			t[0] -= 2 << (2 * uint(i))
			out = append(out, Successor{Step: Step{Kind: layDown, Actor: uint8(i)}, State: t})
		}
	}
	return out
}

// rescue has an actor 0 that can keep a promise by its one step, and an actor 1
// whose one step makes it. Bit i of the state: actor i has taken its step.
type rescue struct {
	toy
	must bool // actor 0 has to take its step at some time
}

func (p rescue) Properties() []model.Property { return []model.Property{{Name: "kept"}} }
func (p rescue) Fair(step Step) bool          { return step.Actor == 1 || p.must }

func (p rescue) Successors(s *State, out []Successor) []Successor {
	for i := range uint8(2) {
		if s[0]>>i&1 == 0 {
			out = append(out, Successor{Step: Step{Actor: i}, State: State{s[0] | 1<<i}})
		}
	}
	return out
}

func (p rescue) Stuck(s *State) uint64 {
	if s[0] == 2 {
		return 1
	}
	return 0
}

// Ample is actor 0's step: the two commute.
func (p rescue) Ample(_ *State, succ []Successor) []Successor { return succ[:1] }

// peterson is Peterson's algorithm for two processes: raise the flag, give the
// turn away, wait until the other's flag is down or the turn is one's own,
// enter, lower the flag, begin again. Three bits for the place of each, then
// the turn.
type peterson struct {
	toy
	noTurn bool // waits for the other's flag alone
	noFlag bool // looks at the turn alone, which is given away late
}

func (p peterson) Properties() []model.Property {
	return []model.Property{{Name: "keeps apart"}, {Name: "lets in 0"}, {Name: "lets in 1"}}
}

// Places of a process.
const (
	outside = iota
	raised
	waiting
	inside
)

func (p peterson) Successors(s *State, out []Successor) []Successor {
	for i := range uint(2) {
		place, other, turn := s[0]>>(3*i)&7, s[0]>>(3*(1-i))&7, uint(s[0]>>6)
		t := *s
		switch {
		case place == outside, place == raised:
			t[0] += 1 << (3 * i)
			if place == raised {
				t[0] = t[0]&63 | uint64(1-i)<<6
			}
		case place == waiting:
			mayEnter := other == outside || turn == i && !p.noTurn
			if p.noFlag {
				mayEnter = other != inside || turn == i
			}
			if !mayEnter {
				continue
			}
			t[0] += 1 << (3 * i)
		default:
			t[0] -= inside << (3 * i)
		}
		out = append(out, Successor{Step: Step{Kind: Kind(place), Actor: uint8(i)}, State: t})
	}
	return out
}

func (p peterson) Violated(s *State) uint64 {
	if s[0]&7 == inside && s[0]>>3&7 == inside {
		return 1
	}
	return 0
}

func (p peterson) Stuck(s *State) (bits uint64) {
	for i := range uint(2) {
		if place := s[0] >> (3 * i) & 7; place == raised || place == waiting {
			bits |= 2 << i
		}
	}
	return bits
}

func (p peterson) Terminal(*State) bool { return false }
