package replay

import (
	"fmt"
	"slices"

	"aiocheck/model/machine"
	"aiocheck/sim/explore"
)

// Violation is a property that an executed schedule violates.
type Violation struct {
	Property string      `json:"property"`
	How      explore.How `json:"how"`
}

// Violations are the properties violated at the end of the run: in its last
// state, because nothing has to happen after it, or in its cycle.
func (r *Run) Violations() (found []Violation) {
	m := r.Machine
	last := r.States[len(r.States)-1]
	add := func(bits uint64, how explore.How) {
		for i, p := range m.Properties() {
			if bits>>i&1 != 0 {
				found = append(found, Violation{p.Name, how})
			}
		}
	}
	add(m.Violated(&last), explore.InState)
	if len(r.Schedule.Cycle) > 0 {
		if r.closed() && r.fair() {
			add(r.stuck(), explore.InCycle)
		}
		return found
	}
	succ, stuck := m.Successors(&last, nil), m.Stuck(&last)
	if explore.AtRest(m, succ) {
		add(stuck, explore.InDeadlock)
	}
	if len(succ) == 0 && stuck == 0 && !m.Terminal(&last) {
		found = append(found, Violation{explore.DeadlockProperty, explore.InDeadlock})
	}
	return found
}

// Check reports whether the run violates what its schedule says.
func (r *Run) Check() error {
	claimed := Violation{r.Schedule.Violates, explore.How(r.Schedule.How)}
	if claimed.Property != "" && !slices.Contains(r.Violations(), claimed) {
		return fmt.Errorf("the schedule does not violate %s in a %s, as it says", claimed.Property, claimed.How)
	}
	return nil
}

// cycle are the states of the cycle, the one that it begins in first.
func (r *Run) cycle() []machine.State { return r.States[len(r.Schedule.Steps):] }

// closed reports whether the cycle ends where it begins.
func (r *Run) closed() bool { return r.cycle()[0] == r.cycle()[len(r.Schedule.Cycle)] }

// stuck are the promises that are not kept in any state of the cycle.
func (r *Run) stuck() uint64 {
	bits := ^uint64(0)
	for _, s := range r.cycle() {
		bits &= r.Machine.Stuck(&s)
	}
	return bits
}

// fair reports whether every actor that can take a fair step in each state of
// the cycle takes one in it.
func (r *Run) fair() bool {
	moved := map[uint8]bool{}
	for _, st := range r.Steps[len(r.Schedule.Steps):] {
		if r.Machine.Fair(st) {
			moved[st.Actor] = true
		}
	}
	able := map[uint8]int{} // in how many states
	for _, s := range r.cycle()[1:] {
		here := map[uint8]bool{}
		for _, o := range r.Machine.Successors(&s, nil) {
			if r.Machine.Fair(o.Step) && !here[o.Step.Actor] {
				here[o.Step.Actor] = true
				able[o.Step.Actor]++
			}
		}
	}
	for actor, n := range able {
		if n == len(r.Schedule.Cycle) && !moved[actor] {
			return false
		}
	}
	return true
}
