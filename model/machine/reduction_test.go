package machine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"aiocheck/model/design"
)

// cases are designs, with and without each bug, in scenarios small enough to
// be searched whole: every bug's witness, and cancel scenarios.
func cases() map[string]func(testing.TB) *Machine {
	all := map[string]func(testing.TB) *Machine{}
	seen := map[string]bool{}
	put := func(d design.Design, s *Scenario) {
		name := fmt.Sprintf("%s/%s", d.Name, s.Name)
		if d.Bugs != 0 {
			name += "/seeded"
		}
		if _, err := New(&d, s); errors.Is(err, ErrNotApplicable) {
			return
		}
		all[name] = func(t testing.TB) *Machine { return machineOf(t, d, s) }
	}
	for _, info := range design.BugTable() {
		base, err := design.Named(info.Base)
		if err != nil {
			panic(err)
		}
		put(base.With(info.Bug), Witness(info.Bug))
		s := CancelScenario(2, 2, 1)
		s.Name = "cancel with " + info.Name
		put(base.With(info.Bug), s)
		w := Witness(info.Bug)
		w.Name = ""
		if text := fmt.Sprintf("%+v", *w); !seen[text] { // many bugs share one
			seen[text] = true
			for _, d := range design.All() {
				put(d, Witness(info.Bug))
			}
		}
	}
	for _, d := range design.All() {
		put(d, CancelScenario(2, 2, 2))
		put(d, CancelScenario(3, 1, 1))
	}
	return all
}

// The reductions hide no violation and no outcome: searched with symmetry,
// with the partial order and with both, every case shows what it shows whole.
func TestReductionsHideNothing(t *testing.T) {
	all := cases()
	var before, after int
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name](t)
		whole := full(t, m, 400_000)
		before += whole.states
		for _, r := range []struct {
			how string
			e   explored
		}{
			{"symmetry", explore(t, m, allOf, m.canonical, 400_000)},
			{"partial order", explore(t, m, m.Ample, same, 400_000)},
			{"both", explore(t, m, m.Ample, m.canonical, 400_000)},
		} {
			if r.e.violated != whole.violated {
				t.Errorf("%s with %s: violated %v, whole %v", name, r.how, names(r.e.violated), names(whole.violated))
			}
			if !maps.Equal(r.e.outcomes, whole.outcomes) {
				t.Errorf("%s with %s: %d outcomes, whole %d", name, r.how, len(r.e.outcomes), len(whole.outcomes))
			}
			if r.how == "both" {
				after += r.e.states
			}
		}
	}
	t.Logf("%d cases, %d states whole, %d reduced", len(all), before, after)
}

func (m *Machine) canonical(s *State) State { return m.Canonical(s) }

// walk is a state reached by random steps, with its successors.
func walk(t *rapid.T, m *Machine) (State, []Successor) {
	s := m.Initial()
	var out []Successor
	for range rapid.IntRange(0, 60).Draw(t, "steps") {
		out = m.Successors(&s, out[:0])
		if len(out) == 0 {
			break
		}
		s = out[rapid.IntRange(0, len(out)-1).Draw(t, "step")].State
	}
	return s, m.Successors(&s, nil)
}

// drawMachine is one of the cases.
func drawMachine(t *rapid.T, tb testing.TB, all map[string]func(testing.TB) *Machine, names []string) *Machine {
	return all[rapid.SampledFrom(names).Draw(t, "case")](tb)
}

// A local step commutes with every step that another actor can take: neither
// switches the other off, both orders end in the same state, and it stays
// local. This is looked at in every state of every case.
func TestLocalStepsCommute(t *testing.T) {
	all := cases()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name](t)
		full(t, m, 400_000, func(s *State, out []Successor) {
			if text := notCommuting(m, s, out); text != "" && !t.Failed() {
				t.Errorf("%s: %s", name, text)
			}
		})
	}
}

// notCommuting says which local step of s does not commute, if one does not.
func notCommuting(m *Machine, s *State, out []Successor) string {
	for _, a := range out {
		if !m.local(s, a.Step) {
			continue
		}
		if !m.Fair(a.Step) {
			return fmt.Sprintf("in\n%s%s\nis local, but need not be taken", m.Describe(s), m.DescribeStep(a.Step))
		}
		for _, b := range out {
			if b.Step.Actor == a.Step.Actor {
				continue
			}
			ab, ok1 := after(m, &a.State, b.Step)
			ba, ok2 := after(m, &b.State, a.Step)
			if !ok1 || !ok2 || ab != ba {
				return fmt.Sprintf("in\n%s%s\nand %s\ndo not commute", m.Describe(s), m.DescribeStep(a.Step), m.DescribeStep(b.Step))
			}
			if !m.local(&b.State, a.Step) {
				return fmt.Sprintf("in\n%s%s\nis local, but not after %s", m.Describe(s), m.DescribeStep(a.Step), m.DescribeStep(b.Step))
			}
		}
		if gone := m.Violated(s) &^ m.Violated(&a.State); gone != 0 {
			return fmt.Sprintf("in\n%s%s\nis local and ends the violation of %v", m.Describe(s), m.DescribeStep(a.Step), names(gone))
		}
	}
	return ""
}

// after is the state that a step leads to from s, if it is enabled there.
func after(m *Machine, s *State, st Step) (State, bool) {
	var room [32]Successor
	for _, n := range m.Successors(s, room[:0]) {
		if n.Step == st {
			return n.State, true
		}
	}
	return State{}, false
}

// Canonical is idempotent, and the successors of a representative are, up to
// names, those of the state.
func TestCanonicalIsSound(t *testing.T) {
	all := cases()
	list := slices.Sorted(maps.Keys(all))
	rapid.Check(t, func(rt *rapid.T) {
		m := drawMachine(rt, t, all, list)
		s, out := walk(rt, m)
		rep := m.Canonical(&s)
		if twice := m.Canonical(&rep); twice != rep {
			rt.Fatalf("not idempotent:\n%s\nthen\n%s", m.Describe(&rep), m.Describe(&twice))
		}
		if m.Violated(&s) != m.Violated(&rep) {
			rt.Fatalf("violated %v, representative %v", names(m.Violated(&s)), names(m.Violated(&rep)))
		}
		reps := func(out []Successor) map[State]bool {
			set := map[State]bool{}
			for _, n := range out {
				set[m.Canonical(&n.State)] = true
			}
			return set
		}
		if !maps.Equal(reps(out), reps(m.Successors(&rep, nil))) {
			rt.Fatalf("successors differ:\n%s\nrepresentative\n%s", m.Describe(&s), m.Describe(&rep))
		}
	})
}
