package compare

import (
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
)

// explored is a machine as the explorer wants it: what must still happen in a
// state is what is stuck if nothing more does.
type explored struct{ *machine.Machine }

func (e explored) Pending(s *explore.State) uint64 { return e.Stuck(s) }
func (e explored) Kinds() []explore.Kind           { return nil }
func (e explored) Orbit(s *explore.State, out []explore.State) []explore.State {
	return append(out, *s)
}
