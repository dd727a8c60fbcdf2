// Package replay executes schedules (traces.Schedule) on the model, step by
// step, makes them from the paths that an exploration found, and prints both
// as tables for people.
package replay

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/traces"
)

// Setup is what is explored or replayed: the machine of a scenario under a
// design with seeded bugs.
type Setup struct {
	Design   design.Design // with Bugs
	Bugs     []design.Bug
	Scenario *machine.Scenario
	Machine  *machine.Machine
}

// New makes the machine of a scenario under the design and the seeded bugs of
// these names.
func New(designName string, bugs []string, s *machine.Scenario) (*Setup, error) {
	d, err := design.Named(designName)
	if err != nil {
		return nil, fmt.Errorf("%w: there are %s", err, strings.Join(DesignNames(), ", "))
	}
	u := &Setup{Design: d, Scenario: s}
	for _, name := range bugs {
		b, ok := design.ParseBug(name)
		if !ok {
			return nil, fmt.Errorf("no seeded bug is called %q: there are %s", name, strings.Join(BugNames(), ", "))
		}
		u.Bugs = append(u.Bugs, b)
	}
	u.Design = d.With(u.Bugs...)
	u.Machine, err = machine.New(&u.Design, s)
	return u, err
}

// DesignNames lists the names of all designs.
func DesignNames() (names []string) {
	for _, d := range design.All() {
		names = append(names, d.Name)
	}
	return names
}

// BugNames lists the names of all seeded bugs.
func BugNames() (names []string) {
	for _, info := range design.BugTable() {
		names = append(names, info.Name)
	}
	return names
}

// Schedule is a path of the machine, with a cycle after it if there is one, as
// a schedule that says which property it violates; "" if none.
func (u *Setup) Schedule(property string, how explore.How, path, cycle []machine.Step) *traces.Schedule {
	s := &traces.Schedule{
		Design: u.Design.Name, Scenario: *u.Scenario, Violates: property, How: string(how),
		Steps: u.steps(path), Cycle: u.steps(cycle),
	}
	for _, b := range u.Bugs {
		s.Bugs = append(s.Bugs, b.String())
	}
	return s
}

func (u *Setup) steps(path []machine.Step) (steps []traces.ScheduleStep) {
	for _, st := range path {
		steps = append(steps, traces.ScheduleStep{
			Kind: st.Kind, Actor: u.actor(st.Actor), Request: st.Object, Choice: st.Choice, Comment: what(st),
		})
	}
	return steps
}

// what is what a step does, with the lock that it does it under.
func what(st machine.Step) string {
	text := st.Sentence()
	if lock := st.Kind.Info().Lock; lock != "" {
		text += " [" + lock + "]"
	}
	return text
}

// roles is how many actors there are of each role: the machine numbers all
// threads first, then workers, contexts and the devices.
func (u *Setup) roles() [4]int {
	threads, contexts := len(u.Scenario.Threads), len(u.Scenario.Contexts)
	return [4]int{threads, u.Machine.Actors() - threads - contexts - 1, contexts, 1}
}

// actor is the machine's actor of that number.
func (u *Setup) actor(n uint8) traces.Actor {
	i := int(n)
	for role, count := range u.roles() {
		if i < count {
			return traces.Actor{Role: traces.Role(role), Number: uint8(i)}
		}
		i -= count
	}
	panic(fmt.Sprintf("replay: broken invariant: the machine has no actor %d", n))
}

// number is the machine's number of an actor, false if there is none such.
func (u *Setup) number(a traces.Actor) (uint8, bool) {
	n := 0
	for role, count := range u.roles() {
		if traces.Role(role) == a.Role {
			return uint8(n + int(a.Number)), int(a.Number) < count
		}
		n += count
	}
	return 0, false
}

// Run is a schedule that was executed.
type Run struct {
	*Setup
	Schedule *traces.Schedule
	Steps    []machine.Step // of Schedule.Steps and Schedule.Cycle
	// States are those passed, the initial one first: one more than steps
	// that could be taken.
	States []machine.State
}

// Complete reports whether every step of the schedule could be taken.
func (r *Run) Complete() bool { return len(r.Steps) == len(r.Schedule.Steps)+len(r.Schedule.Cycle) }

// Mismatch is a step of a schedule that the machine cannot take.
type Mismatch struct {
	Number  int // of the step, from 1
	Step    string
	Enabled []string // the steps that could be taken instead
}

// Error names the step and those that were enabled.
func (m *Mismatch) Error() string {
	enabled := "nothing can happen there"
	if len(m.Enabled) > 0 {
		enabled = "enabled are\n  " + strings.Join(m.Enabled, "\n  ")
	}
	return fmt.Sprintf("step %d, %s, cannot be taken: %s", m.Number, m.Step, enabled)
}

// Execute takes the steps of a schedule. The error may be a Mismatch; then the
// run has the states up to it.
func Execute(s *traces.Schedule) (*Run, error) {
	u, err := New(s.Design, s.Bugs, &s.Scenario)
	if err != nil {
		return nil, err
	}
	r := &Run{Setup: u, Schedule: s, States: []machine.State{u.Machine.Initial()}}
	var out []machine.Successor
	for i, want := range slices.Concat(s.Steps, s.Cycle) {
		out = u.Machine.Successors(&r.States[i], out[:0])
		actor, known := u.number(want.Actor)
		step := machine.Step{Kind: want.Kind, Actor: actor, Object: want.Request, Choice: want.Choice}
		at := slices.IndexFunc(out, func(o machine.Successor) bool { return known && o.Step == step })
		if at < 0 {
			m := &Mismatch{Number: i + 1, Step: stepText(want)}
			for _, o := range u.steps(stepsOf(out)) {
				m.Enabled = append(m.Enabled, stepText(o))
			}
			return r, m
		}
		r.Steps = append(r.Steps, step)
		r.States = append(r.States, out[at].State)
	}
	return r, nil
}

func stepsOf(out []machine.Successor) (steps []machine.Step) {
	for _, o := range out {
		steps = append(steps, o.Step)
	}
	return steps
}

// stepText is a step as in a schedule file.
func stepText(s traces.ScheduleStep) string {
	text := fmt.Sprintf("%s %s request%d", s.Kind, s.Actor, s.Request)
	if s.Choice != 0 {
		text += fmt.Sprintf(" choice%d", s.Choice)
	}
	return text
}
