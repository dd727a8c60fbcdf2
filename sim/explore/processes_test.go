package explore

import (
	"fmt"
	"slices"

	"aiocheck/model"
	"pgregory.net/rapid"
)

// processes is several copies of one small automaton, interchangeable, whose
// edges may ask where the others are.
type processes struct {
	count, places int
	starts        []int // where they begin; interchangeable only if all in one place
	edges         []jump
	visible       uint8    // places that the property and the guards speak of
	meet          [2]int   // violated when two processes are there
	pending       [2]uint8 // promises pending while a process is in one of these
	accepting     uint8
	unfair        uint8 // bit k: steps of kind k are not fair
	wide          bool  // spread over all words
}

// jump goes from one place to another if all other processes are in guard.
type jump struct {
	kind     Kind
	from, to int
	guard    uint8
}

func (p processes) Words() int {
	if p.wide {
		return StateWords
	}
	return 1
}

func (p processes) word(i int) (word int, shift uint) {
	if p.wide {
		return i % StateWords, 40
	}
	return 0, uint(i * 8)
}

func (p processes) place(s *State, i int) int {
	w, shift := p.word(i)
	return int(s[w] >> shift & 7)
}

func (p processes) allPlaces(s *State) []int {
	v := make([]int, p.count)
	for i := range v {
		v[i] = p.place(s, i)
	}
	return v
}

func (p processes) pack(v []int) (s State) {
	for i, at := range v {
		w, shift := p.word(i)
		s[w] |= uint64(at) << shift
	}
	return s
}

func (p processes) Initial() State { return p.pack(p.starts) }

func (p processes) Properties() []model.Property {
	return []model.Property{{Name: "meet"}, {Name: "promise"}, {Name: "other"}}
}

func (p processes) Kinds() []Kind { return []Kind{0, 1, 2, 3} }

func (p processes) Successors(s *State, out []Successor) []Successor {
	v := p.allPlaces(s)
	for i := range v {
		for e, j := range p.edges {
			if j.from != v[i] || !p.open(j, v, i) {
				continue
			}
			t := slices.Clone(v)
			t[i] = j.to
			out = append(out, Successor{Step: Step{Kind: j.kind, Actor: uint8(i), Object: uint8(e)}, State: p.pack(t)})
		}
	}
	return out
}

func (p processes) open(j jump, v []int, i int) bool {
	for k, at := range v {
		if k != i && j.guard>>at&1 == 0 {
			return false
		}
	}
	return true
}

func (p processes) Violated(s *State) uint64 {
	v := p.allPlaces(s)
	for i := range v {
		for j := range v {
			if i != j && v[i] == p.meet[0] && v[j] == p.meet[1] {
				return 1
			}
		}
	}
	return 0
}

func (p processes) Stuck(s *State) (bits uint64) {
	for _, at := range p.allPlaces(s) {
		for i, places := range p.pending {
			bits |= uint64(places>>at&1) << (i + 1)
		}
	}
	return bits
}

func (p processes) Terminal(s *State) bool {
	return !slices.ContainsFunc(p.allPlaces(s), func(at int) bool { return p.accepting>>at&1 == 0 })
}

// Outcome is where processes are, no matter which.
func (p processes) Outcome(s *State) string {
	v := p.allPlaces(s)
	slices.Sort(v)
	return fmt.Sprint(v)
}

func (p processes) Fair(step Step) bool { return p.unfair>>step.Kind&1 == 0 }

func (p processes) Canonical(s *State) State {
	if slices.Min(p.starts) != slices.Max(p.starts) {
		return *s
	}
	v := p.allPlaces(s)
	slices.Sort(v)
	return p.pack(v)
}

// Ample is all steps of one process whose next edges neither ask nor show
// anything: whatever the others do commutes with them.
func (p processes) Ample(s *State, succ []Successor) []Successor {
	for i, at := range p.allPlaces(s) {
		quiet := p.visible>>at&1 == 0
		for _, j := range p.edges {
			if j.from == at {
				quiet = quiet && j.guard == 0xff && p.visible>>j.to&1 == 0
			}
		}
		mine := slices.DeleteFunc(slices.Clone(succ), func(t Successor) bool { return int(t.Step.Actor) != i })
		if quiet && len(mine) > 0 {
			return mine
		}
	}
	return succ
}

func drawProcesses(t *rapid.T) processes {
	p := processes{count: rapid.IntRange(1, 4).Draw(t, "processes"), places: rapid.IntRange(2, 6).Draw(t, "places"), wide: rapid.Bool().Draw(t, "wide")}
	place := rapid.IntRange(0, p.places-1)
	p.starts = make([]int, p.count)
	if rapid.IntRange(0, 2).Draw(t, "scattered") == 0 {
		for i := range p.starts {
			p.starts[i] = place.Draw(t, "start")
		}
	}
	mask := rapid.Uint8()
	p.meet = [2]int{place.Draw(t, "meets"), place.Draw(t, "with")}
	p.visible = 1<<p.meet[0] | 1<<p.meet[1]
	for range rapid.IntRange(0, 2*p.places).Draw(t, "edges") {
		j := jump{kind: Kind(rapid.IntRange(0, 2).Draw(t, "kind")), from: place.Draw(t, "from"), to: place.Draw(t, "to"), guard: 0xff}
		if rapid.IntRange(0, 3).Draw(t, "guarded") == 0 {
			// A guard that shuts out one place shows processes there.
			out := place.Draw(t, "shut out")
			j.guard &^= 1 << out
			p.visible |= 1 << out
		}
		p.edges = append(p.edges, j)
	}
	p.pending = [2]uint8{mask.Draw(t, "pending"), mask.Draw(t, "pending too")}
	p.accepting = mask.Draw(t, "accepting")
	p.unfair = mask.Draw(t, "unfair")
	return p
}
