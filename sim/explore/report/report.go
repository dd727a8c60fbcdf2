// Package report says what an exploration of the machine found: as text for
// people and as JSON for programs.
package report

import (
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
)

// Report is what was explored and what was found.
type Report struct {
	Setup      *replay.Setup
	Method     string // "breadth-first", with the reductions used
	Result     *explore.Result
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

// New puts together what a search found. It executes every counterexample
// again: an error means that one does not show what it should.
func New(u *replay.Setup, method string, r *explore.Result) (*Report, error) {
	rep := &Report{Setup: u, Method: method, Result: r}
	for _, p := range append(u.Machine.Properties(), deadlock) {
		property := Property{Property: p, Verdict: Undecided}
		if r.Complete() {
			property.Verdict = Holds
		}
		for _, v := range r.Violations {
			if v.Property != p.Name {
				continue
			}
			run, err := execute(u.Schedule(p.Name, v.How, v.Path, v.Cycle))
			if err != nil {
				return nil, err
			}
			property.Verdict = Violated
			property.Examples = append(property.Examples, Example{How: v.How, States: v.States, Run: run})
		}
		rep.Properties = append(rep.Properties, property)
	}
	return rep, nil
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
