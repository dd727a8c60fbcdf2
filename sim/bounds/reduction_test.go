package bounds

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/sim/replay"
)

// In random scenarios, under random designs with and without a seeded bug, no
// reduction hides a violation or an outcome, or invents one.
func TestReductionsHideNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := anyBounds(t).Scenario()
		if err != nil {
			t.Fatal(err)
		}
		s.Anonymous = rapid.Bool().Draw(t, "anonymous")
		d := rapid.SampledFrom(replay.DesignNames()).Draw(t, "design")
		var bugs []string
		if rapid.Bool().Draw(t, "broken") {
			bugs = append(bugs, rapid.SampledFrom(replay.BugNames()).Draw(t, "bug"))
		}
		u, err := replay.New(d, bugs, s)
		if errors.Is(err, machine.ErrNotApplicable) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		full, complete := found(t, u, explore.Options{Liveness: true, MaxStates: 10_000})
		if !complete {
			return // larger than it pays to search here
		}
		for _, o := range []explore.Options{{Symmetry: true}, {PartialOrder: true}, {Symmetry: true, PartialOrder: true}} {
			o.Liveness = true
			reduced, _ := found(t, u, o)
			if d := cmp.Diff(full, reduced); d != "" {
				t.Errorf("%s %v, %s\nsymmetry %v, partial order %v: %s", u.Design.Name, bugs, s.Name, o.Symmetry, o.PartialOrder, d)
			}
		}
	})
}

// found is what is violated and what can be observed, as text.
func found(t *rapid.T, u *replay.Setup, o explore.Options) (texts []string, complete bool) {
	t.Helper()
	r, err := explore.Run(context.Background(), u.Machine, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Violations {
		texts = append(texts, fmt.Sprintf("%s in a %s", v.Property, v.How))
	}
	for _, out := range r.Outcomes {
		texts = append(texts, out.Text)
	}
	return texts, r.Complete()
}
