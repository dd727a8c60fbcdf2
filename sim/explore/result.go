package explore

import "time"

// Result is what a search found and what it covered. All but Cost is the same
// for the same model and options, on any machine and any number of workers,
// unless the search was stopped by time or from outside.
type Result struct {
	States      int64 `json:"states"`      // distinct states found
	Transitions int64 `json:"transitions"` // steps taken from expanded states
	Depth       int   `json:"depth"`       // greatest distance of a state found from the initial one

	// Stop says why the search ended; only after StopComplete was everything
	// covered.
	Stop Stop `json:"stop"`
	// Frontier is how many of the states found were not expanded. Their own
	// properties were checked, what follows them was not.
	Frontier int64 `json:"frontier"`
	// CompleteDepth is the distance up to which every state was found.
	CompleteDepth int `json:"complete_depth"`

	Steps      []StepCount `json:"steps"`      // by kind; a count of 0 is a step never taken
	Outcomes   []Outcome   `json:"outcomes"`   // by text
	Violations []Violation `json:"violations"` // in the order of the model's properties, deadlock and then cycles last
	Liveness   Liveness    `json:"liveness"`   // what was done about promises

	Cost Cost `json:"cost"`
}

// Complete reports whether every reachable state was found and expanded.
func (r *Result) Complete() bool { return r.Stop == StopComplete }

// Stop is the reason why a search ended.
type Stop string

// The reasons.
const (
	StopComplete  Stop = "complete"
	StopViolation Stop = "violation" // one was found, and Options.StopAtViolation was set
	StopStates    Stop = "states"    // limit of states
	StopMemory    Stop = "memory"    // limit of memory
	StopTime      Stop = "time"      // limit of time
	StopCancelled Stop = "cancelled" // the context was cancelled
	StopFull      Stop = "full"      // the store cannot number more states
)

// StepCount is how often steps of one kind were taken.
type StepCount struct {
	Kind  Kind  `json:"kind"`
	Taken int64 `json:"taken"`
}

// Outcome is one observable end of behaviours.
type Outcome struct {
	Text   string `json:"text"`
	States int64  `json:"states"` // terminal states with this outcome; under symmetry, canonical ones
	Path   []Step `json:"path"`   // a shortest behaviour that ends so
}

// Violation is a property that does not hold, with the shortest evidence.
type Violation struct {
	Property string `json:"property"`
	How      How    `json:"how"`
	States   int64  `json:"states"` // states that violate it in this way; under symmetry, canonical ones
	Path     []Step `json:"path"`   // from the initial state to the violation
	Cycle    []Step `json:"cycle,omitempty"`
}

// How says in which way a property is violated.
type How string

// The ways.
const (
	InState    How = "state"    // the last state of the path violates it
	InDeadlock How = "deadlock" // nothing has to happen after the path: nothing can, or only steps that are not fair (AtRest)
	InCycle    How = "cycle"    // the cycle after the path can be repeated for ever, and is fair
)

// DeadlockProperty is the name under which a deadlock is reported in which no
// promise of the model is pending.
const DeadlockProperty = "deadlock"

// Liveness says what a search did about promises.
type Liveness string

// What it did.
const (
	LivenessOff       Liveness = "off"       // not asked for
	LivenessChecked   Liveness = "checked"   // every fair cycle was considered
	LivenessUndecided Liveness = "undecided" // the search was stopped before
)

// Cost is what a search took.
type Cost struct {
	Workers       int           `json:"workers"`
	Elapsed       time.Duration `json:"elapsed_ns"`
	Rate          float64       `json:"states_per_second"` // of the search, without the look for cycles
	Bytes         int64         `json:"bytes"`             // all that the search had allocated for states, tables and outboxes at its end
	BytesPerState float64       `json:"bytes_per_state"`
}
