package explore

import (
	"testing"

	"aiocheck/model"
)

// spinner has an actor 0 that goes round for ever without being seen, and an
// actor 1 whose one step violates the property. Their steps are independent,
// so that those of actor 0 alone are an ample set everywhere.
type spinner struct {
	toy
	edges map[uint64][]uint64 // places of actor 0
}

func (p spinner) Properties() []model.Property { return []model.Property{{Name: "seen"}} }
func (p spinner) Violated(s *State) uint64     { return s[0] >> 8 }

func (p spinner) Successors(s *State, out []Successor) []Successor {
	for i, to := range p.edges[s[0]&0xff] {
		out = append(out, Successor{Step: Step{Choice: uint8(i)}, State: State{s[0]&^0xff | to}})
	}
	if s[0]>>8 == 0 {
		out = append(out, Successor{Step: Step{Actor: 1}, State: State{s[0] | 1<<8}})
	}
	return out
}

func (p spinner) Ample(_ *State, succ []Successor) []Successor {
	if len(succ) > 1 && succ[len(succ)-1].Step.Actor == 1 {
		return succ[:len(succ)-1]
	}
	return succ
}

// Without the cycle proviso the violation would be put off for ever.
func TestCycleProviso(t *testing.T) {
	for name, edges := range map[string]map[uint64][]uint64{
		"to itself":               {0: {0}},
		"back to the beginning":   {0: {1}, 1: {2}, 2: {0}},
		"among states of a level": {0: {1, 2}, 1: {2}, 2: {1}},
		"two levels back":         {0: {1, 2}, 1: {3}, 2: {4}, 3: {2}, 4: {1}},
	} {
		r := explored(t, spinner{edges: edges}, Options{PartialOrder: true})
		if len(r.Violations) != 1 || r.Violations[0].How != InState {
			t.Errorf("%s: %+v", name, r.Violations)
		}
	}
}
