package inclusion

import (
	"fmt"
	"time"

	"aiocheck/model"
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// call is a system call that has found its context.
type call struct {
	kind    traces.Point
	context *context
	armed   int64    // of io_submit
	last    *request // of io_submit: accepted last, and maybe still referred to
	owes    *request // of io_submit: refused, and its slot not given back
	found   *request // of io_cancel
	missed  bool     // io_cancel has not found it
	dead    bool     // of io_destroy: it marked the context dead
	looks   int      // of io_getevents
}

// enter is a call that has found its context: S0, C2, G1, or io_destroy.
func (c *Checker) enter(x *context, t *traces.Transition) *Violation {
	if v := c.waitedFor(t); v != nil {
		return v
	}
	if c.calls[t.Task] != nil {
		return &Violation{Why: fmt.Sprintf("thread %d is inside %v already", t.Task, c.calls[t.Task].kind), State: x.String()}
	}
	// The search may have begun before the context left the table.
	if x.gone != 0 && uint64(t.Value) > x.gone {
		return &Violation{Why: fmt.Sprintf("a search that began at %d finds a context that was gone at %d", t.Value, x.gone), State: x.String(),
			Allowed: []string{"NO_CONTEXT"}}
	}
	c.calls[t.Task] = &call{kind: t.Point, context: x}
	x.users++
	switch t.Point {
	case traces.AtSubmit:
		c.took(machine.S0)
	case traces.AtGetEvents:
		c.took(machine.G1)
	}
	return nil
}

// inCall wants the thread to be inside that call on the context.
func (c *Checker) inCall(x *context, t *traces.Transition, kind traces.Point) *Violation {
	if k := c.calls[t.Task]; k == nil || k.kind != kind || k.context != x {
		return &Violation{Of: "call", Why: fmt.Sprintf("thread %d is not inside %v on context %d", t.Task, kind, x.serial), State: x.String()}
	}
	return nil
}

// leave is the end of a call: what it answers must be what it did.
func (c *Checker) leave(x *context, t *traces.Transition) *Violation {
	k := c.calls[t.Task]
	if v := c.inCall(x, t, traces.Point(t.Seen)); v != nil {
		return v
	}
	delete(c.calls, t.Task)
	x.users--
	wrong := func(want string) *Violation {
		return &Violation{Why: fmt.Sprintf("%v returns %v, not %s", k.kind, model.Result(t.Value), want), State: x.stateOf(k.found)}
	}
	switch k.kind {
	case traces.AtSubmit:
		if v := c.goesOn(x, k); v != nil {
			return v
		}
		if t.Value > 0 && t.Value != k.armed || t.Value <= 0 && k.armed > 0 {
			return wrong(fmt.Sprint(k.armed))
		}
	case traces.AtCancel:
		switch {
		case x.unsignalled != nil && x.unsignalled == k.found:
			return &Violation{Why: "the thread of the request was not signalled", State: x.stateOf(k.found), Allowed: []string{"SIGNAL"}}
		case k.found != nil && t.Value != int64(model.Fail(model.EINPROGRESS)):
			return wrong("-EINPROGRESS")
		case k.missed && t.Value != int64(model.Fail(model.EINVAL)):
			return wrong("-EINVAL")
		case k.found != nil && k.found.early && !k.found.posted && c.held(k.found):
			c.beyond(AnsweredEarly)
			k.found.over = true
		case k.found != nil && k.found.early && !k.found.posted:
			return &Violation{Why: "the request was cancelled in the queue, and its event is not in the ring", State: x.stateOf(k.found), Allowed: []string{"POSTED (C9)"}}
		}
	case traces.AtDestroy:
		if k.dead != (t.Value == 0) {
			return wrong("what it found")
		}
		if k.dead {
			c.waiting[t.Task] = x
		}
	case traces.AtGetEvents:
		if late := t.Time - x.woken; x.woken != 0 && late > prompt {
			return &Violation{Of: "call", Why: fmt.Sprintf("thread %d stays in io_getevents for %.1f s after all waiters were to be woken", t.Task, float64(late)/1e9),
				State: x.String(), Allowed: []string{"G3 before that"}}
		}
		if x.dead {
			c.took(machine.G3)
		} else {
			c.took(machine.G4t)
		}
	}
	return c.answered(k.kind, t, model.Result(t.Value))
}

// notFound is C3n: nothing on the list has the data that io_cancel names.
func (c *Checker) notFound(x *context, t *traces.Transition) *Violation {
	if v := c.inCall(x, t, traces.AtCancel); v != nil {
		return v
	}
	for _, r := range x.byData[t.Value] {
		if r.class != nil && r.class.m.Request(&r.state, 0).Listed {
			return &Violation{Why: fmt.Sprintf("request %d is on the list", r.serial), State: r.describe(), Allowed: r.class.allowed(r.state)}
		}
	}
	c.calls[t.Task].missed = true
	c.took(machine.C2, machine.C3n)
	return nil
}

// prompt is how soon a thread is awake that was woken, on a slow guest.
const prompt = 5 * traces.Time(time.Second)

// held reports whether the submitter of a request may still have its reference:
// he has not gone on after he made it known.
func (c *Checker) held(r *request) bool {
	k := c.calls[r.submitter]
	return k != nil && k.kind == traces.AtSubmit && k.last == r
}

// goesOn is a submitter who has dropped the reference of his last request, and
// has nothing more to do with one that was refused.
func (c *Checker) goesOn(x *context, k *call) *Violation {
	if r := k.last; r != nil && r.over && !r.posted {
		return r.wrong(x, "request %d has ended, its submitter goes on, and nobody has posted its event", r.serial)
	}
	k.last = nil
	if r := k.owes; r != nil {
		return &Violation{Of: "context", Why: fmt.Sprintf("request %d was refused, and its slot was not given back", r.serial), State: x.String(), Allowed: []string{"SLOTS_BACK"}, Request: r.serial}
	}
	return nil
}

// waitedFor wants a thread that begins something to have waited in the
// io_destroy before it.
func (c *Checker) waitedFor(t *traces.Transition) *Violation {
	x := c.waiting[t.Task]
	if x == nil {
		return nil
	}
	return &Violation{Of: "context", Why: fmt.Sprintf("thread %d goes on after io_destroy of context %d, which has not waited for its requests", t.Task, x.serial), State: x.String(), Allowed: []string{"K7: WAITED"}, Context: x.serial}
}
