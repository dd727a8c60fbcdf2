// Package report says what an exploration of the machine found: as text for
// people and as JSON for programs.
package report

import (
	"slices"

	"aiocheck/model"
	"aiocheck/sim/explore"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

// Verdict is what an exploration decided about a property.
type Verdict string

// The verdicts. Only a search that covered everything can say that a property
// holds, and it says so of the scenario that was explored.
const (
	Holds     Verdict = "holds"
	Violated  Verdict = "violated"
	Undecided Verdict = "undecided" // not violated in what was covered, and that was not everything
	NotAsked  Verdict = "not asked" // the scenario does not put it to the test
)

// Report is what was explored and what was found.
type Report struct {
	Setup      *replay.Setup
	Method     string // "breadth-first", with the reductions used
	Result     *explore.Result
	Partial    *explore.Partial // what a walk or bitstate covered, nil of a search; Result has the rest of it
	Shortest   bool             // counterexamples are shortest ones
	Properties []Property
}

// Property is the verdict about a property, with its shortest counterexamples.
type Property struct {
	model.Property
	Verdict  Verdict
	Examples []Example
}

// Example is a counterexample.
type Example struct {
	How    explore.How
	States int64 // that violate the property in this way
	Run    *replay.Run
	File   string // that it was written to as a schedule, "" if it was not
}

// deadlock is the property of having a way on, which no design names.
var deadlock = model.Property{Name: explore.DeadlockProperty, Sentence: "Something can happen in every state that is not an end.", Object: model.Context}

// New puts together what a breadth-first search found. It executes every
// counterexample again: an error means that one does not show what it should.
func New(u *replay.Setup, method string, shortest bool, r *explore.Result) (*Report, error) {
	rep := &Report{Setup: u, Method: method, Result: r, Shortest: shortest}
	undecided := uint64(0)
	if r.Liveness != explore.LivenessChecked {
		undecided = u.Machine.Promises()
	}
	if !r.Complete() {
		undecided = ^uint64(0)
	}
	return rep, rep.judge(undecided)
}

// NewPartial puts together what a walk or a bitstate search found: it cannot
// say that anything holds.
func NewPartial(u *replay.Setup, method string, p *explore.Partial) (*Report, error) {
	rep := &Report{Setup: u, Method: method, Partial: p, Result: &explore.Result{
		States: p.States, Transitions: p.Transitions, Depth: p.Depth, Stop: p.Stop, Steps: p.Steps,
		Outcomes: p.Outcomes, Violations: p.Violations, Liveness: explore.LivenessOff, Cost: p.Cost,
	}}
	return rep, rep.judge(^uint64(0))
}

// judge gives every property its verdict: those whose bits are in undecided
// were not looked at everywhere.
func (r *Report) judge(undecided uint64) error {
	for i, p := range slices.Concat(r.Setup.Machine.Properties(), []model.Property{deadlock}) {
		property := Property{Property: p, Verdict: Undecided}
		if undecided>>min(i, 63)&1 == 0 {
			property.Verdict = Holds
		}
		if !asked(r.Setup.Scenario, p) {
			property.Verdict = NotAsked
		}
		for _, v := range r.Result.Violations {
			if v.Property != p.Name {
				continue
			}
			run, err := execute(r.Setup.Schedule(p.Name, v.How, v.Path, v.Cycle))
			if err != nil {
				return err
			}
			property.Verdict = Violated
			property.Examples = append(property.Examples, Example{How: v.How, States: v.States, Run: run})
		}
		r.Properties = append(r.Properties, property)
	}
	return nil
}

func execute(s *traces.Schedule) (*replay.Run, error) {
	run, err := replay.Execute(s)
	if err != nil {
		return nil, err
	}
	return run, run.Check()
}

// Verdict is that of all properties together: the worst.
func (r *Report) Verdict() Verdict {
	all := Holds
	for _, p := range r.Properties {
		if p.Verdict == Violated {
			return Violated
		}
		if p.Verdict == Undecided {
			all = Undecided
		}
	}
	return all
}

// named are the names of the properties with a verdict.
func (r *Report) named(v Verdict) (names []string) {
	for _, p := range r.Properties {
		if p.Verdict == v {
			names = append(names, p.Name)
		}
	}
	return names
}
