package inclusion

import (
	"fmt"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

// Judge judges the transitions of a trace, beside its history, if that is
// given. There is no verdict if it has none, as those of kernels without our
// patches.
func Judge(path string, h *traces.History) (checker.Verdict, *Coverage, error) {
	c := Beside(h)
	if err := traces.EachTransition(path, c.Add); err != nil {
		return checker.Verdict{}, nil, err
	}
	return c.Verdict(), c.Coverage(), nil
}

// JudgeLogs judges transitions that are in no file, like Judge.
func JudgeLogs(logs []traces.Log, h *traces.History) (checker.Verdict, *Coverage, error) {
	c := Beside(h)
	for _, log := range logs {
		if len(log) == 0 || log[0].Thread != traces.KernelThread {
			continue
		}
		for i := range log {
			t := log[i].Transition()
			if err := c.Add(&t); err != nil {
				return checker.Verdict{}, nil, err
			}
		}
	}
	return c.Verdict(), c.Coverage(), nil
}

// Beside is a judge who knows what programs saw.
func Beside(h *traces.History) *Checker {
	c := New(nil)
	if h != nil {
		c.programs = newPrograms(h)
	}
	return c
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
