package explore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// result puts together what was found.
func (x *search) result(stop Stop) (*Result, error) {
	r := &Result{
		States: x.states, Transitions: x.tally.transitions(), Depth: x.depth(),
		Stop: stop, Frontier: x.states - x.expanded, CompleteDepth: x.level,
		Liveness: LivenessOff,
	}
	r.Steps = stepCounts(x.model, &x.tally.steps)
	r.Cost = Cost{
		Workers: len(x.workers), Elapsed: time.Since(x.began), Bytes: x.bytes(),
		BytesPerState: float64(x.bytes()) / float64(x.states),
	}
	r.Cost.Rate = float64(x.states) / r.Cost.Elapsed.Seconds()
	if err := x.outcomes(r); err != nil {
		return nil, err
	}
	return r, x.violations(r)
}

// depth is the level of the states found last.
func (x *search) depth() int {
	for i := range x.store.shards {
		if sh := &x.store.shards[i]; sh.count > sh.end {
			return x.level + 1
		}
	}
	return x.level
}

func (x *search) outcomes(r *Result) error {
	// In the order of the states that show them, which path likes best.
	all := slices.SortedFunc(maps.Keys(x.tally.outcomes), func(a, b string) int {
		return cmp.Or(cmp.Compare(x.tally.outcomes[a].least, x.tally.outcomes[b].least), strings.Compare(a, b))
	})
	for _, text := range all {
		s := x.tally.outcomes[text]
		path, err := x.path(keyRef(s.least), nil)
		if err != nil {
			return err
		}
		r.Outcomes = append(r.Outcomes, Outcome{text, s.count, path})
	}
	slices.SortFunc(r.Outcomes, func(a, b Outcome) int { return strings.Compare(a.Text, b.Text) })
	return nil
}

// propertyName is the name of a bit's property, or that of deadlock.
func propertyName(m Model, bit int) string {
	if properties := m.Properties(); bit < len(properties) {
		return properties[bit].Name
	}
	return DeadlockProperty
}

func (x *search) violations(r *Result) error {
	for i := range x.tally.inState {
		for _, f := range []struct {
			how How
			seen
		}{{InState, x.tally.inState[i]}, {InDeadlock, x.tally.inDeadlock[i]}} {
			if f.count == 0 {
				continue
			}
			path, err := x.path(keyRef(f.least), nil)
			if err != nil {
				return err
			}
			r.Violations = append(r.Violations, Violation{Property: propertyName(x.model, i), How: f.how, States: f.count, Path: path})
		}
	}
	return nil
}

// checkLiveness adds the promises that a fair cycle breaks.
func (x *search) checkLiveness(ctx context.Context, r *Result) error {
	cycles, done := x.liveness(ctx)
	if !done {
		return nil
	}
	r.Liveness = LivenessChecked
	for i, p := range x.model.Properties() {
		c, found := cycles[i]
		if !found {
			continue
		}
		path, err := x.path(keyRef(c.at), func(s *State) bool { return *s == c.start })
		if err != nil {
			return err
		}
		r.Violations = append(r.Violations, Violation{Property: p.Name, How: InCycle, States: c.size, Path: path, Cycle: c.steps})
	}
	r.Cost.Elapsed = time.Since(x.began)
	return nil
}

// addLiveness takes over what a second search found out about cycles.
func (r *Result) addLiveness(full *Result) {
	r.Liveness = full.Liveness
	for _, v := range full.Violations {
		if v.How == InCycle {
			r.Violations = append(r.Violations, v)
		}
	}
	r.Cost.Elapsed += full.Cost.Elapsed
}
