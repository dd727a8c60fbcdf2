package explore

// StateWords, State, Kind, Step and Successor stand in for those of the machine.
const StateWords = 4

type State [StateWords]uint64

type Kind uint8

type Step struct {
	Kind                  Kind
	Actor, Object, Choice uint8
}

type Successor struct {
	Step  Step
	State State
}
