package main

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/checker"
	"aiocheck/checker/inclusion"
	"aiocheck/sim/force"
	"aiocheck/traces"
)

// explained is a schedule for a finding of a trace.
type explained struct {
	Property string             `json:"property"` // that the finding violates
	Finding  string             `json:"finding"`
	Requests []traces.RequestID `json:"requests"` // of the trace, in the order of the schedule's
	Bug      string             `json:"bug,omitempty"`
	Schedule *traces.Schedule   `json:"-"`
}

// String is the explanation for people.
func (e *explained) String() string {
	var names []string
	for i, id := range e.Requests {
		names = append(names, fmt.Sprintf("request %d of the trace is request %d of the schedule", id, i))
	}
	how := "thread-6.1 has this behaviour as it is: what is wrong has to do with other requests, too"
	if e.Bug != "" {
		how = fmt.Sprintf("thread-6.1 with the seeded bug %s has this behaviour, and without it has not", e.Bug)
	}
	return fmt.Sprintf("finding   %s: %s\n%s: %s\n", e.Property, e.Finding, how, strings.Join(names, ", "))
}

// mostFindings is how many findings of a trace are tried.
const mostFindings = 20

// explain looks for a schedule for one of the findings of a trace, those in
// the kernel's transitions first.
func explain(path string) (*explained, error) {
	h, err := traces.Read(path)
	if err != nil {
		return nil, usageError(err)
	}
	var transitions []traces.Transition
	if err := traces.EachTransition(path, func(t *traces.Transition) error {
		transitions = append(transitions, *t)
		return nil
	}); err != nil {
		return nil, usageError(err)
	}
	inside, _, err := inclusion.Judge(path, h)
	if err != nil {
		return nil, machineError(err)
	}
	findings := slices.Clone(inside.Findings)
	for _, v := range checker.Check(h, checker.Limits{}).Verdicts {
		findings = append(findings, v.Findings...)
	}
	switch {
	case len(findings) == 0:
		return nil, usageError(fmt.Errorf("%s: nothing is violated in it", path))
	case len(transitions) == 0:
		return nil, usageError(fmt.Errorf("%s: the kernel has told of no transitions in it: only kernels with our patches do", path))
	}
	// A behaviour that the design has as it is explains no violation: something
	// else had to do with it. It is better than nothing.
	var last error
	var asItIs *explained
	for _, f := range findings[:min(len(findings), mostFindings)] {
		if len(f.Requests) == 0 {
			continue
		}
		e, err := force.Explain(h, transitions, f.Requests)
		if err != nil {
			last = err
			continue
		}
		if e == nil {
			continue
		}
		found := &explained{Property: f.Property, Finding: f.Summary, Requests: e.Requests, Bug: e.Bug, Schedule: e.Schedule}
		if e.Bug != "" {
			return found, nil
		}
		if asItIs == nil {
			asItIs = found
		}
	}
	if asItIs != nil {
		return asItIs, nil
	}
	why := fmt.Errorf("%s: no schedule of thread-6.1, as it is or with a seeded bug, explains a finding of it", path)
	if last != nil {
		why = fmt.Errorf("%w: %w", why, last)
	}
	return nil, &failure{exitUndecided, why}
}
