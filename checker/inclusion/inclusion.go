// Package inclusion judges the transitions of a patched kernel: each must be
// an enabled step of the model under design thread-6.1. It reads them one at a
// time, in time linear in their number and in memory for what is in flight.
package inclusion

import (
	"fmt"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// Violation is a transition that the model does not have where it took place.
type Violation struct {
	At      traces.Transition
	Of      string              // "call", "context", "request" or "thread": whose state it is
	Why     string              // what is wrong with it
	State   string              // before it, in the words of the model
	Allowed []string            // the steps that the model has in that state
	Where   string              // the kernel's function
	History []traces.Transition // those of the same request, or else context, that led to it
}

// Error says which transition, and why not.
func (v *Violation) Error() string { return fmt.Sprintf("%v (%s): %s", &v.At, v.Where, v.Why) }

// Coverage counts what was taken.
type Coverage struct {
	Transitions int64                   // that were judged
	Unjudged    int64                   // of contexts whose beginning was not seen
	Lost        int64                   // that the kernel had no room for
	Points      [traces.NumPoints]int64 // how often each was passed
	Kinds       [machine.NumKinds]int64 // which steps of the model these were
	Requests    int64
	Contexts    int64
	// Beyond counts, in words, what the kernel does and the model does not
	// tell apart or does not have; none of it is a violation.
	Beyond map[string]int64
}

// Checker judges transitions as they come.
type Checker struct {
	design   design.Design
	classes  map[classKey]*class
	contexts map[uint32]*context
	calls    map[uint32]*call // by the thread that is in it
	exiting  map[uint32][]*context
	next     uint64 // the number expected; meaningless before the first
	begun    bool
	cover    Coverage
	violated *Violation
	recent   []traces.Transition // a ring, from oldest on
	oldest   int
}

// New is a checker against the corrected design, or d if that is given.
func New(d *design.Design) *Checker {
	c := &Checker{design: design.Thread61(), classes: map[classKey]*class{}, contexts: map[uint32]*context{},
		calls: map[uint32]*call{}, exiting: map[uint32][]*context{}, cover: Coverage{Beyond: map[string]int64{}}}
	if d != nil {
		c.design = *d
	}
	return c
}

// Coverage is what has been seen so far.
func (c *Checker) Coverage() *Coverage { return &c.cover }

// Violation is the first transition that the model does not have, or nil.
// Nothing after it is judged.
func (c *Checker) Violation() *Violation { return c.violated }

// Add judges the next transition. Its error is no verdict: it says that the
// model cannot be made.
func (c *Checker) Add(t *traces.Transition) error {
	if c.begun && t.Number != c.next {
		c.lose(t.Number)
	}
	c.begun = true
	if t.Point == traces.AtEnd {
		c.next = t.Number
		return nil
	}
	c.next = t.Number + 1
	if c.violated != nil {
		return nil
	}
	c.cover.Transitions++
	c.cover.Points[t.Point]++
	v, err := c.judge(t)
	if v != nil {
		v.At, v.Where = *t, table[t.Point].where
		if v.Of == "" {
			v.Of = table[t.Point].of.String()
		}
		v.History = c.before(t)
		c.violated = v
	}
	c.remember(t)
	return err
}

// lose forgets everything: what was lost may have been about any context.
// Those that begin later are judged again.
func (c *Checker) lose(number uint64) {
	c.cover.Lost += int64(number - c.next)
	clear(c.contexts)
	clear(c.calls)
	clear(c.exiting)
}

// class is the model of requests of a kind.
func (c *Checker) class(k classKey) (*class, error) {
	if known := c.classes[k]; known != nil {
		return known, nil
	}
	made, err := newClass(&c.design, k)
	if err != nil {
		return nil, err
	}
	c.classes[k] = made
	return made, nil
}

// took counts steps of the model.
func (c *Checker) took(kinds ...machine.Kind) {
	for _, k := range kinds {
		c.cover.Kinds[k]++
	}
}

func (c *Checker) beyond(what string) { c.cover.Beyond[what]++ }

// judge finds whose transition it is.
func (c *Checker) judge(t *traces.Transition) (*Violation, error) {
	switch t.Point {
	case traces.AtSetup:
		return c.setup(t)
	case traces.AtNoContext:
		c.took(noContext[traces.Point(t.Seen)]...)
		return nil, nil
	case traces.AtExit:
		c.took(machine.X0)
		return nil, nil
	case traces.AtExited:
		return c.exited(t), nil
	}
	x := c.contexts[t.Context]
	if x == nil {
		c.cover.Unjudged++
		return nil, nil
	}
	switch t.Point {
	case traces.AtSubmit, traces.AtCancel, traces.AtGetEvents, traces.AtDestroy:
		return c.enter(x, t), nil
	case traces.AtLeave:
		return c.leave(x, t), nil
	case traces.AtNotFound:
		return c.notFound(x, t), nil
	case traces.AtSlot:
		return c.slot(x, t)
	case traces.AtNoSlot:
		c.took(machine.S1e)
		return c.inCall(x, t, traces.AtSubmit), nil
	case traces.AtSlotsBack:
		return x.slotsBack(t), nil
	case traces.AtReaped:
		return c.reaped(x, t), nil
	case traces.AtDead, traces.AtDeadAlready, traces.AtWakeAll, traces.AtUsersKilled, traces.AtKill, traces.AtKilled, traces.AtDrained, traces.AtWaited:
		return c.ends(x, t), nil
	case traces.AtThreadNew, traces.AtThreadEnd, traces.AtIdle:
		return c.thread(x, t), nil
	}
	r := x.requests[t.Request]
	if r == nil {
		return &Violation{Why: fmt.Sprintf("request %d has no slot, or is freed", t.Request), State: x.String()}, nil
	}
	return c.request(x, r, t)
}

// noContext are the steps of calls that find no context.
var noContext = map[traces.Point][]machine.Kind{
	traces.AtSubmit: {machine.S9}, traces.AtCancel: {machine.C2n}, traces.AtGetEvents: {machine.G1n},
}

// exited is X2: exit has waited for every context that it ended.
func (c *Checker) exited(t *traces.Transition) *Violation {
	for _, x := range c.exiting[t.Task] {
		if !x.drained {
			return &Violation{Why: fmt.Sprintf("exit does not wait for context %d", x.serial), State: x.String(), Allowed: []string{"DRAINED of that context"}}
		}
		c.took(machine.K7)
	}
	delete(c.exiting, t.Task)
	c.took(machine.X2)
	return nil
}

// restart are what interrupted operations return inside the kernel; a program
// sees -EINTR instead (include/linux/errno.h: ERESTARTSYS to ERESTARTNOHAND,
// and ERESTART_RESTARTBLOCK).
func restart(value int64) bool {
	return value == -512 || value == -513 || value == -514 || value == -516
}

// interrupted is -EINTR.
var interrupted = int64(model.Fail(model.EINTR))
