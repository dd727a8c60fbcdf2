package explore

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// explored runs a search that must not fail, and replays every path of it.
func explored(t *testing.T, m Model, o Options) *Result {
	t.Helper()
	r, err := Run(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Violations {
		if _, err := Replay(m, append(append([]Step{}, v.Path...), v.Cycle...)); err != nil {
			t.Errorf("%s: %v", v.Property, err)
		}
	}
	for _, o := range r.Outcomes {
		states, err := Replay(m, o.Path)
		if err != nil {
			t.Errorf("%s: %v", o.Text, err)
		}
		if got := m.Outcome(&states[len(states)-1]); got != o.Text {
			t.Errorf("the path for %q ends in %q", o.Text, got)
		}
	}
	return r
}

func TestCountsOfGrids(t *testing.T) {
	for _, c := range []struct {
		g                   grid
		states, transitions int64
		depth               int
	}{
		{grid{counters: 1, bound: 0}, 1, 0, 0},
		{grid{counters: 1, bound: 255}, 256, 255, 255},
		{grid{counters: 3, bound: 9}, 1000, 2700, 27},
		{grid{counters: 6, bound: 7, words: 2}, 262144, 6 * 7 * 32768, 42},
		{grid{counters: 10, bound: 2, words: 3}, 59049, 10 * 2 * 19683, 20},
		{grid{counters: 5, bound: 7, words: 4}, 32768, 5 * 7 * 4096, 35},
	} {
		r := explored(t, c.g, Options{})
		if !r.Complete() || r.States != c.states || r.Transitions != c.transitions || r.Depth != c.depth || r.Frontier != 0 || r.CompleteDepth != c.depth {
			t.Errorf("%+v: %+v", c.g, r)
		}
		if len(r.Outcomes) != 1 || len(r.Outcomes[0].Path) != c.depth || len(r.Violations) != 0 {
			t.Errorf("%+v: outcomes %+v, violations %+v", c.g, r.Outcomes, r.Violations)
		}
	}
}

// The states of n philosophers are the Pell-Lucas numbers: 6, 14, 34, 82, ...
func TestPhilosophersDeadlock(t *testing.T) {
	before, states := int64(2), int64(6)
	for n := 2; n < 12; n++ {
		r := explored(t, philosophers{n: n}, Options{})
		if r.States != states {
			t.Errorf("%d philosophers have %d states, want %d", n, r.States, states)
		}
		if len(r.Violations) != 1 || r.Violations[0].Property != DeadlockProperty || len(r.Violations[0].Path) != n || r.Violations[0].States != 1 {
			t.Errorf("%d philosophers: %+v", n, r.Violations)
		}
		before, states = states, 2*states+before
	}
}

// Peterson's algorithm keeps two processes apart and lets each of them in,
// unless it forgets whose turn it is.
func TestPeterson(t *testing.T) {
	for _, c := range []struct {
		m        peterson
		violated map[string]bool
	}{
		{peterson{}, map[string]bool{}},
		{peterson{noTurn: true}, map[string]bool{"lets in 0": true, "lets in 1": true}},
		{peterson{noFlag: true}, map[string]bool{"keeps apart": true}},
	} {
		r := explored(t, c.m, Options{Liveness: true})
		if d := cmp.Diff(c.violated, violated(r)); d != "" {
			t.Errorf("%+v: %s", c.m, d)
		}
	}
}

func TestWorkersChangeNothing(t *testing.T) {
	g := grid{counters: 6, bound: 6, words: 2}
	g.bad = func(s *State) bool { return g.get(s, 2) == 3 && g.get(s, 5) == 4 && g.get(s, 0) == 1 }
	one := explored(t, g, Options{Workers: 1})
	two := explored(t, g, Options{Workers: 2})
	five := explored(t, g, Options{Workers: 5})
	one.Cost, two.Cost, five.Cost = Cost{}, Cost{}, Cost{}
	if d := cmp.Diff(one, two); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(one, five); d != "" {
		t.Error(d)
	}
	if len(one.Violations) != 1 || len(one.Violations[0].Path) != 8 {
		t.Errorf("%+v", one.Violations)
	}
}
