// Package checker judges histories: each sector of the storage, the AIO
// context and the names of a round as linearizable objects, and the contract's
// promises across requests. It explains what it finds and runs no system call.
package checker

import (
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// Outcome is the answer to whether a property holds.
type Outcome uint8

// The outcomes.
const (
	Holds     Outcome = iota // every instance was judged and none violates it
	Violated                 // at least one instance violates it
	Undecided                // the limits ended the judgement first; Why says which
	Unchecked                // the history has no instance of it
)

// String is "holds", "violated", "undecided" or "unchecked".
func (o Outcome) String() string {
	return [...]string{"holds", "violated", "undecided", "unchecked"}[o&3]
}

// MarshalText gives the outcome its name in JSON.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Verdict is what was found about one property.
type Verdict struct {
	Property   model.Property `json:"property"`
	Outcome    Outcome        `json:"outcome"`
	Why        string         `json:"why,omitempty"`      // of Undecided: the limit and what was left
	Instances  int64          `json:"instances"`          // how many times the property was put to the test
	Violations int64          `json:"violations"`         // how many instances violate it
	Findings   []Finding      `json:"findings,omitempty"` // the first few, explained
}

// Finding is one violation, explained by the smallest part of the history
// that still violates the property.
type Finding struct {
	Property string             `json:"property"`
	Summary  string             `json:"summary"`  // one line: what was seen
	Expected string             `json:"expected"` // what was to be seen, and why
	At       traces.Time        `json:"at"`       // when it was seen
	Requests []traces.RequestID `json:"requests"` // the requests of the sub-history
	Calls    []int32            `json:"calls"`    // its calls, as indexes into History.Calls, in order of invocation
	Steps    []Step             `json:"steps"`    // the sub-history as read by a person, in order of time
	File     int32              `json:"file"`     // index into History.Files, or traces.None
	Offset   int64              `json:"offset"`   // storage: first byte concerned
	Bytes    int64              `json:"bytes"`    // storage: how many
	// Inside is what the kernel did, of a finding in its transitions; else nil.
	Inside *Inside `json:"inside,omitempty"`
}

// Inside explains a transition of a kernel that is no step of the model where it
// took place: the transitions that led to it, and what the model has instead.
type Inside struct {
	Of       string       `json:"of"`       // whose: a call, a context, a request or a thread
	Why      string       `json:"why"`      // what is wrong
	Function string       `json:"function"` // of the patched kernel, where it took place
	Source   string       `json:"source"`   // and its file
	State    []string     `json:"state"`    // before it, in the words of the model
	Allowed  []string     `json:"allowed"`  // the steps that the model has in that state
	Tasks    []InsideTask `json:"tasks"`    // who takes the steps, in the order in which they come in
	Steps    []InsideStep `json:"steps"`    // in the order of their numbers; the last is the wrong one
}

// InsideTask is a thread of the kernel's: a caller, or one that executes
// requests.
type InsideTask struct {
	ID   uint32 `json:"id"`
	Name string `json:"name"`
}

// InsideStep is a transition.
type InsideStep struct {
	Number   uint64      `json:"number"`
	At       traces.Time `json:"at"`
	Task     int         `json:"task"`  // index into Tasks
	Point    string      `json:"point"` // its name
	Request  uint32      `json:"request,omitempty"`
	Detail   string      `json:"detail,omitempty"` // what it says beside
	Steps    []string    `json:"steps"`            // the kinds of steps of the model that it may stand for
	Function string      `json:"function"`
}

// Step is one line of an explained sub-history.
type Step struct {
	Thread  uint16           `json:"thread"`
	From    traces.Time      `json:"from"`
	To      traces.Time      `json:"to"` // traces.Never if it was not seen to end
	Request traces.RequestID `json:"request,omitempty"`
	Text    string           `json:"text"` // "write by request 17", "io_cancel(17) = -EINPROGRESS"
	// Order is the place that the best linearization found gives the step,
	// from 1; 0 if it fits nowhere.
	Order int `json:"order"`
}

// Limits bound a judgement. Zero values mean no bound.
type Limits struct {
	Time   time.Duration
	Memory int64 // bytes that the checker may allocate beyond the history
}

// Judgement is the result of judging a history.
type Judgement struct {
	Outcome  Outcome       `json:"outcome"`  // Violated if any is, else Undecided if any is, else Holds
	Verdicts []Verdict     `json:"verdicts"` // in the order of model.Properties
	Elapsed  time.Duration `json:"elapsed"`
}
