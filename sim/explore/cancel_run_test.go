package explore

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The counts are those of Spin for docs/spin/cancel.pml.
func TestCancelCountsAreThoseOfSpin(t *testing.T) {
	for _, c := range []struct {
		m                   cancel
		states, transitions int64
	}{
		{cancel{requests: 1, workers: 1, cancellers: 1}, 61, 85},
		{cancel{requests: 2, workers: 2, cancellers: 2}, 16042, 41904},
		{cancel{requests: 3, workers: 2, cancellers: 2}, 274336, 883176},
	} {
		r := explored(t, c.m, Options{})
		if r.States != c.states || r.Transitions != c.transitions || len(r.Violations) != 0 {
			t.Errorf("%+v: %d states, %d steps, %v", c.m, r.States, r.Transitions, r.Violations)
		}
		for _, s := range r.Steps {
			if s.Taken == 0 {
				t.Errorf("%+v: step %d was never taken", c.m, s.Kind)
			}
		}
	}
}

// TestBugsUnderReductions runs every seeded bug through every reduction: the
// verdicts and outcomes must be those of the search without one.
func TestBugsUnderReductions(t *testing.T) {
	for bug, property := range map[cancelBug]string{
		noBug: "", noFlush: "only-cancelled-interrupted", flushEarly: "no-signal-outlives", noLock: "no-signal-outlives",
		lostEarly: "early-cancel-no-effect", neverEnds: "request-ends", lostSignal: "request-ends",
	} {
		m := cancel{requests: 2, workers: 2, cancellers: 2, bug: bug}
		want := explored(t, m, Options{Liveness: true})
		if found := violated(want); property == "" && len(found) > 0 || property != "" && !found[property] {
			t.Errorf("bug %d violates %v, not %q", bug, found, property)
		}
		for _, o := range []Options{{Symmetry: true}, {PartialOrder: true}, {Symmetry: true, PartialOrder: true}} {
			o.Liveness = true
			got := explored(t, m, o)
			if d := cmp.Diff(violated(want), violated(got)); d != "" {
				t.Errorf("bug %d, %+v: %s", bug, o, d)
			}
			if d := cmp.Diff(texts(want.Outcomes), texts(got.Outcomes)); d != "" {
				t.Errorf("bug %d, %+v: %s", bug, o, d)
			}
			if got.States >= want.States {
				t.Errorf("bug %d, %+v: %d states of %d", bug, o, got.States, want.States)
			}
		}
	}
}

func violated(r *Result) map[string]bool {
	found := map[string]bool{}
	for _, v := range r.Violations {
		found[v.Property] = true
	}
	return found
}

func texts(outcomes []Outcome) map[string]bool {
	found := map[string]bool{}
	for _, o := range outcomes {
		found[o.Text] = true
	}
	return found
}

func TestCancelReductions(t *testing.T) {
	m := cancel{requests: 4, workers: 2, cancellers: 2}
	r, err := Run(context.Background(), m, Options{Symmetry: true, PartialOrder: true})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Complete() || r.States*100 > 3125312 {
		t.Errorf("%d states, more than a hundredth", r.States)
	}
}
