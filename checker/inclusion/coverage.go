package inclusion

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aiocheck/model/machine"
	"aiocheck/traces"
)

// Coverage counts what was taken: which steps of the model the kernel took, so
// that those it never takes can be asked for, and what it did that is no step
// of the model. The model is too wide where the former stay, too narrow where
// the latter matter.
type Coverage struct {
	Design      string
	Transitions int64                   // that were judged
	Unjudged    int64                   // of contexts whose beginning was not seen
	Lost        int64                   // that the kernel had no room for
	Points      [traces.NumPoints]int64 // how often each was passed
	Kinds       [machine.NumKinds]int64 // which steps of the model these were
	Requests    int64
	Contexts    int64
	Beyond      [NumBeyond]int64
}

// Beyond is a path of the kernel that the model does not have, or does not
// tell apart from another; none is a violation.
type Beyond uint8

// The paths.
const (
	OwnError Beyond = iota
	RefusedLate
	PostedBySubmitter
	AnsweredEarly
	NumBeyond
)

// beyond says what each path is, and why the model is without it.
var beyond = [NumBeyond]struct{ what, why string }{
	OwnError: {"an operation's own error",
		"What a file says is not the machine's: it is a result like any other, taken as W5r. The history is judged for which errors there can be."},
	RefusedLate: {"a request refused after its identity was captured",
		"No thread can be had (RLIMIT_NPROC, memory), or the caller is killed meanwhile. The model has no want of memory or threads. What is left of the request is the same as after S3e, and is judged so."},
	PostedBySubmitter: {"an event posted by the submitter",
		"A request of fs/aio.c has two references, the submitter's and the executor's, and who drops the last one posts the event. The model has it posted by the executor, W9. Until io_submit has gone on, no program can tell the two apart but by the case that follows."},
	AnsweredEarly: {"io_cancel has answered before the event of a request that it ended",
		"The same reference: the submitter of the request is still inside io_submit, and posts the event there. The model has both in one step, C9."},
}

// String says what the path is.
func (b Beyond) String() string { return beyond[b].what }

// Why is the reason why the model is without it.
func (b Beyond) Why() string { return beyond[b].why }

// Steps are the steps of the design that the kernel tells of, in the order of
// the model.
func Steps() []machine.Kind {
	var told [machine.NumKinds]bool
	for i := range table {
		for _, k := range table[i].kinds {
			told[k] = true
		}
	}
	var list []machine.Kind
	for k := range machine.NumKinds {
		if told[k] {
			list = append(list, k)
		}
	}
	return list
}

// Silent says why the kernel does not tell of a step of the design; "" if it
// does, or the design has no such step.
func Silent(k machine.Kind) string { return silent[k] }

// Stepless says why a point is no step of the model by itself; "" if it is one.
func Stepless(p traces.Point) string {
	if len(table[p].kinds) > 0 {
		return ""
	}
	return table[p].note
}

// Never are the steps that the kernel tells of and was not seen to take.
func (c *Coverage) Never() []machine.Kind {
	return slices.DeleteFunc(Steps(), func(k machine.Kind) bool { return c.Kinds[k] > 0 })
}

// Add counts what another run has shown.
func (c *Coverage) Add(o *Coverage) {
	c.Design = o.Design
	c.Transitions += o.Transitions
	c.Unjudged += o.Unjudged
	c.Lost += o.Lost
	c.Requests += o.Requests
	c.Contexts += o.Contexts
	for i := range c.Points {
		c.Points[i] += o.Points[i]
	}
	for i := range c.Kinds {
		c.Kinds[i] += o.Kinds[i]
	}
	for i := range c.Beyond {
		c.Beyond[i] += o.Beyond[i]
	}
}

// fewSteps is how many steps a line names.
const fewSteps = 12

// Lines is the coverage as a person reads it: what was seen, then, if there is
// something, what was not, and what else the kernel did.
func (c *Coverage) Lines() []string {
	steps, never := len(Steps()), c.Never()
	lines := []string{fmt.Sprintf("%d transitions of %d requests; %d of %d kinds of steps of %s seen", c.Transitions, c.Requests, steps-len(never), steps, c.Design)}
	if len(never) > 0 {
		var names []string
		for _, k := range never[:min(len(never), fewSteps)] {
			names = append(names, k.String())
		}
		if len(never) > fewSteps {
			names = append(names, fmt.Sprintf("and %d more (--json)", len(never)-fewSteps))
		}
		lines = append(lines, "never seen: "+strings.Join(names, ", "))
	}
	var list []string
	for b, n := range c.Beyond {
		if n > 0 {
			list = append(list, fmt.Sprintf("%s (%d)", Beyond(b), n))
		}
	}
	if len(list) > 0 {
		lines = append(lines, "not in the model: "+strings.Join(list, ", "))
	}
	if c.Lost > 0 {
		lines = append(lines, fmt.Sprintf("%d transitions lost, for which the kernel had no room", c.Lost))
	}
	if c.Unjudged > 0 {
		lines = append(lines, fmt.Sprintf("%d transitions not judged, of contexts made before", c.Unjudged))
	}
	return lines
}

// String is the coverage on one line.
func (c *Coverage) String() string { return strings.Join(c.Lines(), "; ") }

// MarshalJSON gives steps and paths their names.
func (c *Coverage) MarshalJSON() ([]byte, error) {
	out := struct {
		Design      string           `json:"design"`
		Transitions int64            `json:"transitions"`
		Unjudged    int64            `json:"unjudged,omitempty"`
		Lost        int64            `json:"lost,omitempty"`
		Requests    int64            `json:"requests"`
		Contexts    int64            `json:"contexts"`
		Steps       map[string]int64 `json:"steps"`             // by kind of step of the model
		Never       []string         `json:"never"`             // kinds of steps that were not seen
		Stepless    map[string]int64 `json:"no_step,omitempty"` // transitions that are no step by themselves
		Beyond      map[string]int64 `json:"beyond,omitempty"`  // paths that the model does not have
	}{Design: c.Design, Transitions: c.Transitions, Unjudged: c.Unjudged, Lost: c.Lost, Requests: c.Requests, Contexts: c.Contexts,
		Steps: map[string]int64{}, Never: []string{}, Stepless: map[string]int64{}, Beyond: map[string]int64{}}
	for _, k := range Steps() {
		out.Steps[k.String()] = c.Kinds[k]
	}
	for _, k := range c.Never() {
		out.Never = append(out.Never, k.String())
	}
	for p := traces.AtSetup; p < traces.NumPoints; p++ {
		if len(table[p].kinds) == 0 && c.Points[p] > 0 {
			out.Stepless[p.String()] = c.Points[p]
		}
	}
	for b, n := range c.Beyond {
		if n > 0 {
			out.Beyond[Beyond(b).String()] = n
		}
	}
	return json.Marshal(out)
}
