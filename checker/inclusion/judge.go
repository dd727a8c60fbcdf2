package inclusion

import (
	"fmt"
	"strings"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

// Judge judges the transitions of a trace. There is no verdict if it has none,
// as those of kernels without our patches.
func Judge(path string) (checker.Verdict, *Coverage, error) {
	c := New(nil)
	if err := traces.EachTransition(path, c.Add); err != nil {
		return checker.Verdict{}, nil, err
	}
	return c.Verdict(), c.Coverage(), nil
}

// Verdict is what has been found out. Unchecked says that there was nothing to
// judge.
func (c *Checker) Verdict() checker.Verdict {
	v := checker.Verdict{Property: model.TransitionsAllowed, Outcome: checker.Unchecked, Instances: c.cover.Transitions}
	switch {
	case c.violated != nil:
		v.Outcome, v.Violations = checker.Violated, 1
		v.Findings = []checker.Finding{c.violated.finding()}
	case c.cover.Lost > 0:
		v.Outcome = checker.Undecided
		v.Why = fmt.Sprintf("the kernel had no room for %d transitions", c.cover.Lost)
	case c.cover.Transitions > 0:
		v.Outcome = checker.Holds
	}
	return v
}

// finding explains a violation: the transition, the state before it, what the
// model allows there, and the transitions that led to it.
func (v *Violation) finding() checker.Finding {
	f := checker.Finding{Property: model.TransitionsAllowed.Name, At: v.At.Time, File: traces.None,
		Summary:  fmt.Sprintf("transition %v, in %s: %s; before it, the %s was: %s", &v.At, v.Where, v.Why, v.Of, strings.ReplaceAll(v.State, "\n", "; ")),
		Expected: "a step that the model has there: " + strings.Join(v.Allowed, "; ")}
	if len(v.Allowed) == 0 {
		f.Expected = "a transition that fits what was before it"
	}
	for i := range v.History {
		t := &v.History[i]
		f.Steps = append(f.Steps, checker.Step{Thread: traces.KernelThread, From: t.Time, To: t.Time, Text: t.String(), Order: i + 1})
	}
	f.Steps = append(f.Steps, checker.Step{Thread: traces.KernelThread, From: v.At.Time, To: v.At.Time, Text: v.At.String()})
	return f
}

const (
	remembered = 1024 // transitions, to tell what led to a violation
	shown      = 24   // of them
)

// remember keeps the last transitions, in a ring.
func (c *Checker) remember(t *traces.Transition) {
	if len(c.recent) < remembered {
		c.recent = append(c.recent, *t)
	} else {
		c.recent[c.oldest] = *t
		c.oldest = (c.oldest + 1) % remembered
	}
}

// before is what led to a transition: of its request if it has one, else of
// its context.
func (c *Checker) before(t *traces.Transition) []traces.Transition {
	var list []traces.Transition
	for i := range c.recent {
		r := c.recent[(c.oldest+i)%len(c.recent)]
		if r.Context == t.Context && (t.Request == 0 || r.Request == t.Request) {
			list = append(list, r)
		}
	}
	return list[max(0, len(list)-shown):]
}
