package explore

import "aiocheck/model/machine"

// The words of the machine, which is what is mostly explored.
type (
	// State is a packed state of which Model.Words words are used.
	State = machine.State
	// Kind is a kind of step.
	Kind = machine.Kind
	// Step is a step by its kind, who takes it, on what, and which of the
	// alternatives that these leave.
	Step = machine.Step
	// Successor is a step and the state that it leads to.
	Successor = machine.Successor
)

// StateWords is the number of words of a State.
const StateWords = machine.StateWords
