package replay

import (
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
)

// Model is the machine with what the explorer asks for beyond it.
type Model struct{ *machine.Machine }

// Pending are the promises that are not kept as long as a state lasts.
func (m Model) Pending(s *machine.State) uint64 { return m.Stuck(s) }

// Kinds are all kinds of steps.
func (m Model) Kinds() (kinds []machine.Kind) {
	for k := range machine.NumKinds {
		kinds = append(kinds, k)
	}
	return kinds
}

// Orbit is the state itself.
func (m Model) Orbit(s *machine.State, out []machine.State) []machine.State { return append(out, *s) }

var _ explore.Model = Model{}
