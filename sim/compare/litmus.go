package compare

import (
	"context"
	"fmt"
	"slices"

	"aiocheck/model/design"
	"aiocheck/sim/explore"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces/litmus"
)

// Litmus runs tests under both designs and keeps those whose outcomes differ.
// A test that one of the designs cannot run, or that reaches the limit of
// states, tells nothing.
func (p *Pair) Litmus(ctx context.Context, tests []*litmus.Test, designs [2]*design.Design, maxStates int64) error {
	for _, t := range tests {
		var ends [2]*runner.Result
		for i, d := range designs {
			if s, err := runner.Scenario(t); err != nil || needs(d, s) != "" {
				break
			}
			r, err := runner.Run(ctx, t, d, explore.Options{MaxStates: maxStates})
			if err != nil {
				return fmt.Errorf("compare by litmus tests: %w", err)
			}
			if r.Stop != explore.StopComplete {
				break
			}
			ends[i] = r
		}
		if ends[0] == nil || ends[1] == nil {
			continue
		}
		p.Ran++
		if diff := differ(t, ends); diff != nil {
			p.Tests = append(p.Tests, *diff)
		}
	}
	return nil
}

// differ says how two designs' ends of a test differ, nil if they do not.
func differ(t *litmus.Test, ends [2]*runner.Result) *LitmusTest {
	l := &LitmusTest{Name: t.Name}
	if len(t.About) > 0 {
		l.Sentence = t.About[0]
	}
	for i := range t.Conditions {
		c := &t.Conditions[i]
		expr, always := t.ExprText(&c.Expr), c.Quantifier == litmus.Always
		if always {
			expr = "not (" + expr + ")"
		}
		if slices.ContainsFunc(l.Conditions, func(x LitmusCondition) bool { return x.Expr == expr }) {
			continue
		}
		can := [2]bool{}
		for side, r := range ends {
			can[side] = slices.ContainsFunc(r.Outcomes, func(o runner.Outcome) bool { return o.Satisfies(t, &c.Expr) != always })
		}
		if can[0] != can[1] {
			l.Conditions = append(l.Conditions, LitmusCondition{Expr: expr, Can: can})
		}
	}
	texts := func(r *runner.Result) (texts []string) {
		for _, o := range r.Outcomes {
			texts = append(texts, o.Text)
		}
		return texts
	}
	a, b := texts(ends[0]), texts(ends[1])
	l.Only = [2][]string{without(a, b), without(b, a)}
	if len(l.Conditions)+len(l.Only[0])+len(l.Only[1]) == 0 {
		return nil
	}
	return l
}
