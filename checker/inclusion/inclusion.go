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

// Checker judges transitions as they come.
type Checker struct {
	design   design.Design
	classes  map[classKey]*class
	contexts map[uint32]*context
	calls    map[uint32]*call // by the thread that is in it
	exiting  map[uint32][]*context
	waiting  map[uint32]*context // by the thread whose io_destroy has to wait for it
	ended    ended
	programs *programs // nil: there is no history to compare with
	next     uint64    // the number expected; meaningless before the first
	begun    bool
	cover    Coverage
	violated *Violation
	recent   []traces.Transition // a ring, from oldest on
	oldest   int
}

// New is a checker against the corrected design, or d if that is given.
func New(d *design.Design) *Checker {
	c := &Checker{design: design.Thread61(), classes: map[classKey]*class{}, contexts: map[uint32]*context{},
		calls: map[uint32]*call{}, exiting: map[uint32][]*context{}, waiting: map[uint32]*context{}, ended: ended{set: map[uint32]bool{}}}
	if d != nil {
		c.design = *d
	}
	c.cover.Design = c.design.Name
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
		v.At, v.Where, v.Source = *t, table[t.Point].where, source(table[t.Point].where)
		if v.Of == "" {
			v.Of = table[t.Point].of.String()
		}
		if v.Request == 0 {
			v.Request = t.Request
		}
		if v.Context == 0 {
			v.Context = t.Context
		}
		if x := c.contexts[t.Context]; x != nil && x.requests[v.Request] != nil {
			v.Data = x.requests[v.Request].data
		}
		v.History = c.before(v)
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
	clear(c.waiting)
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

func (c *Checker) beyond(b Beyond) { c.cover.Beyond[b]++ }

// judge finds whose transition it is.
func (c *Checker) judge(t *traces.Transition) (*Violation, error) {
	switch t.Point {
	case traces.AtSetup:
		return c.setup(t)
	case traces.AtNoContext:
		if v := c.waitedFor(t); v != nil {
			return v, nil
		}
		if v := c.answered(traces.Point(t.Seen), t, model.Fail(model.EINVAL)); v != nil {
			return v, nil
		}
		c.took(noContext[traces.Point(t.Seen)]...)
		return nil, nil
	case traces.AtExit:
		if v := c.waitedFor(t); v != nil {
			return v, nil
		}
		c.took(machine.X0)
		return nil, nil
	case traces.AtExited:
		return c.exited(t), nil
	}
	x := c.contexts[t.Context]
	if x == nil {
		if c.ended.set[t.Context] {
			return &Violation{Why: fmt.Sprintf("context %d is gone", t.Context), State: "its last request, its last thread and io_destroy have ended"}, nil
		}
		c.cover.Unjudged++
		return nil, nil
	}
	defer c.forget(x)
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
		if v := c.inCall(x, t, traces.AtSubmit); v != nil {
			return v, nil
		}
		c.took(machine.S1e)
		return c.goesOn(x, c.calls[t.Task]), nil
	case traces.AtSlotsBack:
		return c.slotsBack(x, t), nil
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
