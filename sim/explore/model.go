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
	// Properties are the properties that the bits of Violated and Pending
	// speak of; at most 64.
	Properties() []model.Property
	// Violated has bit i set when the state itself violates property i.
	Violated(s *State) uint64
	// Pending has bit i set when property i, a promise, is not yet kept: it
	// is violated if it stays so for ever, in a state without successors or
	// in a fair cycle.
	Pending(s *State) uint64
	// Terminal reports whether a behaviour may end in this state. A state
	// without successors that is not terminal is a deadlock.
	Terminal(s *State) bool
	// Outcome is what can be observed of a behaviour that ended in this
	// terminal state, as canonical text.
	Outcome(s *State) string
	// Fair reports whether the step's actor is weakly fair: once it can go on
	// for ever, it does at some time.
	Fair(step Step) bool
	// Kinds are the kinds of steps that the model has, whether or not they
	// can be taken: those never taken are reported.
	Kinds() []Kind
	// Canonical is the least state among those that differ from this one
	// only by the names of interchangeable things. The initial state is its
	// own canonical state.
	Canonical(s *State) State
	// Orbit appends all states that have the same canonical state, each once.
	Orbit(s *State, out []State) []State
	// Ample selects from all successors of a state, in place, a subset that
	// stands for all of them as far as violations, deadlocks and outcomes go
	// (conditions C0 to C2 of partial order reduction: Clarke, Grumberg,
	// Peled, "Model Checking", 1999, chapter 10); it gives back all of them
	// when it knows none. The explorer itself sees to the cycle proviso.
	Ample(s *State, succ []Successor) []Successor
}
