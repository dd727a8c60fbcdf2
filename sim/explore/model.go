package explore

import "aiocheck/model"

// Model is a finite transition system with packed states. All methods are
// pure and safe for concurrent use.
type Model interface {
	// Words is how many words of a State are used, 1 to StateWords; the
	// others are 0 in every state.
	Words() int
	// Initial is the state in which every behaviour begins.
	Initial() State
	// Successors appends the steps that can be taken in a state and where
	// they lead, in a fixed order. No two of them have the same Step.
	Successors(s *State, out []Successor) []Successor
	// Properties are the properties that the bits of Violated and Stuck
	// speak of; at most 64.
	Properties() []model.Property
	// Violated has bit i set when the state itself violates property i.
	Violated(s *State) uint64
	// Stuck has bit i set when, by property i, something must still happen:
	// the property is violated if the bit stays set for ever, in a state that
	// nobody has to leave (AtRest) or in a fair cycle.
	Stuck(s *State) uint64
	// Terminal reports whether a behaviour may end in this state, which has
	// no successors. One that is not terminal is a deadlock.
	Terminal(s *State) bool
	// Outcome is what can be observed of a behaviour that ended in this
	// terminal state, as canonical text: the same for states that have the
	// same canonical state.
	Outcome(s *State) string
	// Fair reports whether the step's actor must take a step at some time
	// once it is able to take such steps for ever (weak fairness).
	Fair(step Step) bool
	// Canonical is one state for all that differ from this one only by the
	// names of interchangeable things.
	Canonical(s *State) State
	// Ample selects from all successors of a state, in place, a subset that
	// stands for all of them as far as violations, deadlocks and outcomes go
	// (conditions C0 to C2 of partial order reduction: Clarke, Grumberg,
	// Peled, "Model Checking", 1999, chapter 10); it gives back all of them
	// when it knows none. The explorer itself sees to the cycle proviso, and
	// takes no proper subset without a fair step.
	Ample(s *State, succ []Successor) []Successor
}

// Kinded is a Model that knows which kinds of steps it has, so that those that
// are never taken can be reported.
type Kinded interface {
	Kinds() []Kind
}

// stepCounts lists how often each kind was taken: the kinds of a Kinded model,
// and all that were taken.
func stepCounts(m Model, taken *[256]int64) (counts []StepCount) {
	var has [256]bool
	if k, ok := m.(Kinded); ok {
		for _, kind := range k.Kinds() {
			has[kind] = true
		}
	}
	for kind, n := range taken {
		if has[kind] || n > 0 {
			counts = append(counts, StepCount{Kind(kind), n})
		}
	}
	return counts
}
