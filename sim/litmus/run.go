package litmus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/traces/litmus"
)

// Result is what running a test under a design found.
type Result struct {
	Test     *litmus.Test `json:"-"`
	Name     string       `json:"test"`
	Design   string       `json:"design"`
	States   int64        `json:"states"`
	Stop     explore.Stop `json:"stop"`
	Outcomes []Outcome    `json:"outcomes"` // every one, if Stop is explore.StopComplete
	Violated []string     `json:"violated"` // properties, in some behaviour
	// Inapplicable says why the test cannot be run under the design, which has
	// no such calls; then there are no outcomes, and conditions fail.
	Inapplicable string    `json:"inapplicable,omitempty"`
	Verdicts     []Verdict `json:"conditions"`
	// Steps is how often each kind of step was taken.
	Steps []explore.StepCount `json:"-"`

	model *watched
}

// Verdict is what the outcomes say of a condition of the test that speaks of
// the design.
type Verdict struct {
	Condition string `json:"condition"`
	Is        Judged `json:"verdict"`
	Satisfy   int    `json:"satisfy"`           // outcomes of which the expression is true
	Witness   *int   `json:"witness,omitempty"` // index of the outcome that decides
	Index     int    `json:"-"`                 // in Test.Conditions
}

// Judged is what is known of a condition.
type Judged string

// The judgements.
const (
	OK      Judged = "ok"
	Failed  Judged = "failed"
	Bounded Judged = "bounded" // the exploration was stopped before it could be decided
)

// Run explores a test under a design and judges the conditions that speak of
// that design. Beside those, extra expressions say what outcomes must tell
// apart. The limits are those of opts; its reductions are not used, since an
// outcome tells which properties were violated on the way.
func Run(ctx context.Context, t *litmus.Test, d *design.Design, opts explore.Options, extra ...litmus.Expr) (*Result, error) {
	s, err := Scenario(t)
	if err != nil {
		return nil, fmt.Errorf("test %s: %w", t.Name, err)
	}
	m, err := machine.New(d, s)
	switch {
	case errors.Is(err, machine.ErrNotApplicable):
		r := &Result{Test: t, Name: t.Name, Design: d.Name, Stop: explore.StopComplete, Inapplicable: err.Error()}
		return r, r.judge(d)
	case err != nil:
		return nil, fmt.Errorf("test %s under %s: %w", t.Name, d.Name, err)
	}
	var show shown
	for i := range t.Conditions {
		show.asked(&t.Conditions[i].Expr)
	}
	for i := range extra {
		show.asked(&extra[i])
	}
	w, err := watch(m, t, show)
	if err != nil {
		return nil, err
	}
	opts.Symmetry, opts.PartialOrder, opts.Liveness, opts.StopAtViolation = false, false, false, false
	found, err := explore.Run(ctx, w, opts)
	if err != nil {
		return nil, fmt.Errorf("test %s under %s: %w", t.Name, d.Name, err)
	}
	r := &Result{Test: t, Name: t.Name, Design: d.Name, States: found.States, Stop: found.Stop, Steps: found.Steps, model: w}
	for _, f := range found.Outcomes {
		states, err := explore.Replay(w, f.Path)
		if err != nil {
			return nil, fmt.Errorf("test %s under %s: %w", t.Name, d.Name, err)
		}
		o := w.observe(&states[len(states)-1])
		o.States, o.Path = f.States, f.Path
		r.Outcomes = append(r.Outcomes, o)
	}
	for _, p := range w.Properties() {
		seen := slices.ContainsFunc(found.Violations, func(v explore.Violation) bool { return v.Property == p.Name })
		if seen || slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return slices.Contains(o.Violated, p.Name) }) {
			r.Violated = append(r.Violated, p.Name)
		}
	}
	return r, r.judge(d)
}

// judge decides the conditions that speak of the design.
func (r *Result) judge(d *design.Design) error {
	for i := range r.Test.Conditions {
		c := &r.Test.Conditions[i]
		designs, err := litmus.Expand(r.Test.DesignsOf(c))
		if err != nil {
			return fmt.Errorf("test %s: %w", r.Name, err)
		}
		if slices.ContainsFunc(designs, func(o design.Design) bool { return o.Name == d.Name }) {
			r.Verdicts = append(r.Verdicts, r.verdict(i, c))
		}
	}
	return nil
}

func (r *Result) verdict(i int, c *litmus.Condition) Verdict {
	v := Verdict{Condition: r.Test.ConditionText(c), Index: i}
	yes, no := -1, -1
	for n := range r.Outcomes {
		switch holds := r.Outcomes[n].Satisfies(r.Test, &c.Expr); {
		case holds:
			v.Satisfy++
			if yes < 0 {
				yes = n
			}
		case no < 0:
			no = n
		}
	}
	decisive := yes // the outcome that settles it, whatever else is found
	if c.Quantifier == litmus.Always {
		decisive = no
	}
	switch {
	case r.Stop == explore.StopComplete && len(r.Outcomes) == 0: // nothing can be said of nothing
		v.Is = Failed
	case decisive >= 0:
		v.Witness = &decisive
		v.Is = Failed
		if c.Quantifier == litmus.Exists {
			v.Is = OK
		}
	case r.Stop != explore.StopComplete:
		v.Is = Bounded
	case c.Quantifier == litmus.Exists:
		v.Is = Failed
	default:
		v.Is = OK
	}
	return v
}

// Judged is the worst of the verdicts: Failed, else Bounded, else OK.
func (r *Result) Judged() Judged {
	worst := OK
	for _, v := range r.Verdicts {
		if v.Is == Failed || worst == OK {
			worst = v.Is
		}
	}
	return worst
}

// Find is the first outcome of which an expression is true, nil if there is
// none.
func (r *Result) Find(e *litmus.Expr) *Outcome {
	for i := range r.Outcomes {
		if r.Outcomes[i].Satisfies(r.Test, e) {
			return &r.Outcomes[i]
		}
	}
	return nil
}
