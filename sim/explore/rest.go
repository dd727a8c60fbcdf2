package explore

import "slices"

// AtRest reports whether a behaviour may stay for ever in a state with these
// successors: nobody has to take any of them. A promise pending there is
// broken, as it is where there are none.
func AtRest(m Model, succ []Successor) bool {
	return !slices.ContainsFunc(succ, func(t Successor) bool { return m.Fair(t.Step) })
}
