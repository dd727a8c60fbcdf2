package explore

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestAgreesWithNaiveSearch compares every combination of workers and
// reductions with the plain search.
func TestAgreesWithNaiveSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProcesses(t)
		want := searchNaively(p)
		var first *Result
		for _, o := range []Options{
			{Workers: 1}, {Workers: 2},
			{Workers: 1, Symmetry: true},
			{Workers: 1, PartialOrder: true}, {Workers: 2, PartialOrder: true},
			{Workers: 2, Symmetry: true, PartialOrder: true},
		} {
			o.Liveness = true
			r, err := Run(context.Background(), p, o)
			if err != nil {
				t.Fatalf("%+v: %v", o, err)
			}
			sameVerdicts(t, p, o, r, want)
			if o.Symmetry || o.PartialOrder {
				if r.States > want.states {
					t.Fatalf("%+v: %d states, unreduced %d", o, r.States, want.states)
				}
				continue
			}
			if r.States != want.states || r.Transitions != want.transitions || r.Depth != want.depth || r.CompleteDepth != want.depth {
				t.Fatalf("%+v: got %d states, %d steps, depth %d; want %d, %d, %d", o, r.States, r.Transitions, r.Depth, want.states, want.transitions, want.depth)
			}
			for _, s := range r.Steps {
				if s.Taken != want.taken[s.Kind] {
					t.Fatalf("kind %d was taken %d times, not %d", s.Kind, s.Taken, want.taken[s.Kind])
				}
			}
			r.Cost = Cost{}
			if first == nil {
				first = r
			} else if d := cmp.Diff(first, r); d != "" {
				t.Fatalf("two workers differ: %s", d)
			}
		}
	})
}

// sameVerdicts compares violations, deadlocks, fair cycles and outcomes, and
// makes sure of all the evidence.
func sameVerdicts(t *rapid.T, m Model, o Options, r *Result, want naive) {
	if !r.Complete() || r.Frontier != 0 || r.Liveness != LivenessChecked {
		t.Fatalf("%+v: not complete: %+v", o, r)
	}
	found := map[How]map[string]int{InState: {}, InDeadlock: {}, InCycle: {}}
	for _, v := range r.Violations {
		found[v.How][v.Property] = len(v.Path)
		checkEvidence(t, m, v)
	}
	shortest := !o.PartialOrder // a partial order keeps verdicts, not distances
	for how, wanted := range map[How]map[string]int{InState: want.inState, InDeadlock: want.deadlock} {
		for name, d := range wanted {
			if got, ok := found[how][name]; !ok || got < d || shortest && got != d {
				t.Fatalf("%+v: %s by %s: path of %d (%v), shortest %d", o, name, how, got, ok, d)
			}
		}
		if len(found[how]) != len(wanted) {
			t.Fatalf("%+v: by %s found %v, want %v", o, how, found[how], wanted)
		}
	}
	for name, fair := range want.fair {
		if _, got := found[InCycle][name]; got != fair {
			t.Fatalf("%+v: fair cycle for %s: %v, want %v", o, name, got, fair)
		}
	}
	for _, out := range r.Outcomes {
		if n := want.outcomes[out.Text]; n != out.States && !(o.Symmetry && out.States < n) {
			t.Fatalf("%+v: outcome %s of %d states, want %d", o, out.Text, out.States, n)
		}
		if d := want.outcomeAt[out.Text]; len(out.Path) < d || shortest && len(out.Path) != d {
			t.Fatalf("%+v: outcome %s after %d steps, want %d", o, out.Text, len(out.Path), d)
		}
		states, err := Replay(m, out.Path)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Outcome(&states[len(states)-1]); got != out.Text {
			t.Fatalf("%+v: path for %s ends in %s", o, out.Text, got)
		}
	}
	if len(r.Outcomes) != len(want.outcomes) {
		t.Fatalf("%+v: %d outcomes, want %d", o, len(r.Outcomes), len(want.outcomes))
	}
}

func checkEvidence(t *rapid.T, m Model, v Violation) {
	states, err := Replay(m, append(append([]Step{}, v.Path...), v.Cycle...))
	if err != nil {
		t.Fatal(err)
	}
	bit := deadlockBit
	for i, p := range m.Properties() {
		if p.Name == v.Property {
			bit = i
		}
	}
	last := states[len(states)-1]
	switch v.How {
	case InState:
		if m.Violated(&last)>>bit&1 == 0 {
			t.Fatalf("%s is not violated after its path", v.Property)
		}
	case InDeadlock:
		succ := m.Successors(&last, nil)
		for _, s := range succ {
			if m.Fair(s.Step) || bit == deadlockBit {
				t.Fatalf("%s: %v has to be taken after its path", v.Property, s.Step)
			}
		}
		if len(succ) == 0 && m.Terminal(&last) || bit < deadlockBit && m.Stuck(&last)>>bit&1 == 0 {
			t.Fatalf("%s: nothing is pending after its path", v.Property)
		}
	case InCycle:
		round := states[len(v.Path):]
		if len(v.Cycle) == 0 || round[0] != last {
			t.Fatalf("%s: the cycle does not close", v.Property)
		}
		checkFairness(t, m, v, round[:len(v.Cycle)], bit)
	}
}

// checkFairness goes round the cycle: no actor may be able everywhere and move
// nowhere.
func checkFairness(t *rapid.T, m Model, v Violation, states []State, bit int) {
	for actor := range 8 {
		always, moves := true, false
		for i := range states {
			if m.Stuck(&states[i])>>bit&1 == 0 {
				t.Fatalf("%s is not pending all round the cycle", v.Property)
			}
			able := false
			for _, s := range m.Successors(&states[i], nil) {
				able = able || int(s.Step.Actor) == actor && m.Fair(s.Step)
			}
			always = always && able
			moves = moves || int(v.Cycle[i].Actor) == actor && m.Fair(v.Cycle[i])
		}
		if always && !moves {
			t.Fatalf("%s: the cycle is unfair to actor %d", v.Property, actor)
		}
	}
}
