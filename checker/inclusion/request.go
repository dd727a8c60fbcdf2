package inclusion

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// resultFlag is IOCB_FLAG_RESFD of aio_flags: an eventfd is to be signalled.
const resultFlag = 1

// request is one from its slot to its end. It has a state of the model from
// its arming on: nobody else knows it before.
type request struct {
	serial  uint32
	opcode  model.Opcode
	data    int64
	flags   uint16
	copied  bool
	pinned  bool
	refused bool
	class   *class
	state   machine.State
	was     machine.State // before the last act
	acts    []act         // that have led to the state
	retired bool          // its steps of the model are done

	growing    int
	submitter  uint32   // his thread
	poster     uint32   // who has posted its event
	over       bool     // who executes it, or has cancelled it, has done with it
	prev, next *request // in its queue
	queued     bool
	thread     uint32
	began      bool
	returned   bool
	result     int64 // what its event has to say
	signalled  bool
	early      bool // cancelled in the queue
	byKill     bool // by the end of the context
	posted     bool
	notified   bool // its eventfd was signalled
	woken      bool
}

// describe is the request in the words of the model.
func (r *request) describe() string {
	return fmt.Sprintf("request %d (request 0 of its model), %v, data %#x: %v\n%s", r.serial, r.opcode, uint64(r.data),
		r.class.m.Request(&r.state, 0), strings.TrimRight(r.class.m.Describe(&r.state), "\n"))
}

// take takes an act of the model; a Violation if it has none there.
func (r *request) take(c *Checker, a act, counts bool) *Violation {
	next := r.class.step(r.state, a)
	if !next.ok && a == (act{traces.AtReturn, full}) {
		// The kernel says afterwards that the operation has returned: the last
		// look for a signal was before, and so may all of it have been.
		next = r.class.before(r.acts, a, traces.AtFoundRunning)
	}
	if !next.ok && a.way == byCall {
		next = r.lookedUp(a)
	}
	if !next.ok {
		return &Violation{Of: "request", Why: fmt.Sprintf("the model has no such step of request %d here", r.serial), State: r.describe(), Allowed: r.class.allowed(r.state), Request: r.serial}
	}
	r.was, r.state = r.state, next.state
	r.acts = append(r.acts, a)
	if counts {
		c.took(next.kinds...)
	}
	return nil
}

// lookedUp takes what an io_cancel finds that has looked up the context (C2)
// before that was marked dead, and goes on although it is.
func (r *request) lookedUp(a act) target {
	at := slices.IndexFunc(r.acts, func(o act) bool { return o.point == traces.AtDead })
	enters := act{traces.AtCancel, byCall}
	before := r.class.before(r.acts, enters, traces.AtDead)
	if !before.ok {
		return before
	}
	next := r.class.step(before.state, a)
	if next.ok {
		next.kinds = slices.Concat(before.kinds, next.kinds)
		r.acts = slices.Insert(r.acts, at, enters)
	}
	return next
}

// wrong is a transition that the model would have, with what it must not see.
func (r *request) wrong(x *context, format string, args ...any) *Violation {
	return &Violation{Of: "request", Why: fmt.Sprintf(format, args...), State: x.stateOf(r), Allowed: r.allowed(), Request: r.serial}
}

// undone is wrong for what is only found out when the step was taken.
func (r *request) undone(x *context, format string, args ...any) *Violation {
	r.state = r.was
	return r.wrong(x, format, args...)
}

// allowed are the steps that the model has in the request's state.
func (r *request) allowed() []string {
	if r.class == nil || r.retired {
		return nil
	}
	return r.class.allowed(r.state)
}

// request judges a transition of a request.
func (c *Checker) request(x *context, r *request, t *traces.Transition) (*Violation, error) {
	switch t.Point {
	case traces.AtCopied, traces.AtPinned, traces.AtRefused:
		return c.submitting(x, r, t)
	case traces.AtArmed:
		return c.arm(x, r, t)
	case traces.AtFreed:
		return c.freed(x, r, t), nil
	}
	if r.class == nil {
		return r.wrong(x, "request %d was not armed", r.serial), nil
	}
	switch t.Point {
	case traces.AtStarted:
		return c.started(x, r, t), nil
	case traces.AtBegin, traces.AtReturn, traces.AtUnlinked, traces.AtFlushed:
		return c.executed(x, r, t), nil
	case traces.AtPosted, traces.AtEventfd, traces.AtWake, traces.AtEndEarly:
		return c.completed(x, r, t), nil
	}
	return c.cancelled(x, r, t), nil
}

// submitting is what comes before the request is known to others.
func (c *Checker) submitting(x *context, r *request, t *traces.Transition) (*Violation, error) {
	if v := c.inCall(x, t, traces.AtSubmit); v != nil {
		return v, nil
	}
	if r.class != nil || r.refused {
		return r.wrong(x, "request %d is past that", r.serial), nil
	}
	switch t.Point {
	case traces.AtCopied:
		r.copied, r.opcode, r.data, r.flags = true, model.Opcode(t.Other), t.Value, t.Seen
		x.byData[r.data] = append(x.byData[r.data], r)
	case traces.AtPinned:
		if !r.copied {
			return r.wrong(x, "request %d has no iocb", r.serial), nil
		}
		r.pinned = true
	case traces.AtRefused:
		// An opcode that the model knows will do: it is not looked at.
		k, err := c.class(classKey{opcode: model.PRead, refused: true})
		if err != nil {
			return nil, err
		}
		if next := k.step(k.start, act{traces.AtRefused, plain}); !next.ok {
			return r.wrong(x, "the model refuses nothing"), nil
		}
		c.took(machine.S3e)
		if r.pinned {
			c.beyond(RefusedLate)
		}
		r.refused = true
		c.calls[t.Task].owes = r
	}
	return nil, nil
}

// arm is S6q. The request's own steps before it are taken with it, and those
// of the context's end that have come since its slot.
func (c *Checker) arm(x *context, r *request, t *traces.Transition) (*Violation, error) {
	if v := c.inCall(x, t, traces.AtSubmit); v != nil {
		return v, nil
	}
	if !r.pinned || r.class != nil || r.refused {
		return r.wrong(x, "request %d is not before S6q", r.serial), nil
	}
	if op := r.opcode; !op.Transfers() && !op.Syncs() && !op.Names() && op != model.Poll && op != model.ReadAhead {
		return r.wrong(x, "request %d is accepted, and %v is no operation", r.serial, op), nil
	}
	r.growing = int(t.Seen & 1)
	if want, known := c.growing(r.opcode); known && want != (r.growing == 1) {
		return r.wrong(x, "request %d, %v, is in the queue of class %d: what may wait for another request has to have a thread of its own, and nothing else", r.serial, r.opcode, r.growing), nil
	}
	kind, err := c.class(classKey{opcode: r.opcode, growing: r.growing == 1, eventfd: r.flags&resultFlag != 0})
	if err != nil {
		return nil, err
	}
	r.class, r.state = kind, kind.start
	acts := []act{{traces.AtSlot, plain}, {traces.AtCopied, plain}, {traces.AtPinned, plain}}
	for _, p := range x.stage {
		acts = append(acts, act{p, plain})
	}
	for _, a := range acts {
		// S0 and S1 were counted by their own, the context's steps by its.
		if v := r.take(c, a, a.point == traces.AtCopied || a.point == traces.AtPinned); v != nil {
			return v, nil
		}
	}
	if v := r.take(c, act{traces.AtArmed, plain}, true); v != nil {
		return v, nil
	}
	q := &x.queue[r.growing]
	q.push(r)
	if q.length != int(t.Other) {
		return r.undone(x, "%d requests are in its queue, not %d", q.length, t.Other), nil
	}
	k := c.calls[t.Task]
	k.armed++
	k.last = r
	return nil, nil
}

// growing says whether requests of an opcode have threads of their own. Of
// transfers it depends on the file, which transitions do not tell.
func (c *Checker) growing(op model.Opcode) (yes, known bool) {
	return c.design.ExecutorOf(op, design.Directory) == design.Growing, !op.Transfers()
}

// freed is W11 and W13, of a request that has ended or was refused.
func (c *Checker) freed(x *context, r *request, t *traces.Transition) *Violation {
	switch {
	case r.refused:
	case r.class == nil:
		return r.wrong(x, "request %d was neither accepted nor refused", r.serial)
	case t.Task != r.poster && r.posted:
		return r.wrong(x, "thread %d has posted the event of request %d, not thread %d", r.poster, r.serial, t.Task)
	case !r.woken:
		return r.wrong(x, "waiters have not been woken for request %d", r.serial)
	case !r.early:
		if v := r.take(c, act{traces.AtFreed, plain}, true); v != nil {
			return v
		}
	}
	r.retired = true
	delete(x.requests, r.serial)
	if same := x.byData[r.data]; len(same) <= 1 {
		delete(x.byData, r.data)
	} else {
		for i := range same {
			if same[i] == r {
				x.byData[r.data] = append(same[:i:i], same[i+1:]...)
				break
			}
		}
	}
	return nil
}

// executed is what the request's thread does.
func (c *Checker) executed(x *context, r *request, t *traces.Transition) *Violation {
	if t.Task != r.thread {
		return r.wrong(x, "thread %d has request %d, not thread %d", r.thread, r.serial, t.Task)
	}
	switch t.Point {
	case traces.AtBegin:
		if r.began || r.early {
			return r.wrong(x, "request %d has begun already, or was cancelled in the queue", r.serial)
		}
		r.began = true
		return nil
	case traces.AtReturn:
		return c.returned(x, r, t)
	case traces.AtUnlinked:
		x.threads[r.thread].left = true
	case traces.AtFlushed:
		if sent := t.Seen&traces.SeenKill != 0; sent != r.signalled {
			return r.wrong(x, "signalled: %v; the signal is pending: %v", r.signalled, sent)
		}
		x.threads[r.thread].flushed = true
	}
	return r.take(c, act{t.Point, plain}, true)
}

// returned is W5 to W5r or W5i: the operation's end.
func (c *Checker) returned(x *context, r *request, t *traces.Transition) *Violation {
	if !r.began || r.returned {
		return r.wrong(x, "no operation of request %d is under way", r.serial)
	}
	if t.Seen&traces.SeenKill != 0 && !r.signalled {
		return &Violation{Of: "thread", Why: fmt.Sprintf("a signal is pending on thread %d, and none was sent for request %d", t.Task, r.serial),
			State: r.describe(), Allowed: r.class.allowed(r.state)}
	}
	how := full
	r.result = t.Value
	switch {
	case restart(t.Value) || t.Value == interrupted:
		how, r.result = stopped, interrupted
	case t.Value < 0:
		c.beyond(OwnError)
	}
	if v := r.take(c, act{traces.AtReturn, how}, true); v != nil {
		return v
	}
	r.returned = true
	return nil
}

// completed is W9 to W12, or parts of C9 and K8.
func (c *Checker) completed(x *context, r *request, t *traces.Transition) *Violation {
	if r.posted && t.Task != r.poster {
		return r.wrong(x, "thread %d has posted the event of request %d, not thread %d", r.poster, r.serial, t.Task)
	}
	switch t.Point {
	case traces.AtEndEarly:
		if !r.early {
			return r.wrong(x, "request %d was not cancelled in the queue", r.serial)
		}
		return nil
	case traces.AtPosted:
		return c.posted(x, r, t)
	case traces.AtEventfd:
		if !r.posted || r.notified || r.flags&resultFlag == 0 {
			return r.wrong(x, "the eventfd of request %d is not to be signalled now", r.serial)
		}
		r.notified = true
		if !r.early {
			return r.take(c, act{traces.AtEventfd, plain}, true)
		}
	case traces.AtWake:
		if !r.posted || r.woken {
			return r.wrong(x, "waiters are not to be woken for request %d now", r.serial)
		}
		if r.flags&resultFlag != 0 && !r.notified {
			return r.wrong(x, "the eventfd of request %d was not signalled", r.serial)
		}
		r.woken = true
	}
	return nil
}

// posted is the event's arrival in the ring.
func (c *Checker) posted(x *context, r *request, t *traces.Transition) *Violation {
	a := act{traces.AtPosted, plain}
	switch {
	case r.early && r.byKill:
		a.way = byKill
	case r.early:
		a.way = byCall
	}
	if t.Task == r.submitter && c.held(r) {
		c.beyond(PostedBySubmitter)
	} else if !r.early && t.Task != r.thread {
		return r.wrong(x, "thread %d has request %d, not thread %d, nor does its submitter still refer to it", r.thread, r.serial, t.Task)
	}
	if v := r.take(c, a, true); v != nil {
		return v
	}
	if t.Value != r.result {
		return r.undone(x, "the event of request %d says %v, not %v", r.serial, model.Result(t.Value), model.Result(r.result))
	}
	size := uint32(x.slots + 1)
	if want := (x.tail + 1) % size; t.Other != want {
		return &Violation{Of: "context", Why: fmt.Sprintf("the ring's tail becomes %d, not %d", t.Other, want), State: x.String()}
	}
	x.tail = t.Other
	x.posted++
	r.posted, r.poster = true, t.Task
	return nil
}

// cancelled is what io_cancel, or the end of the context, does to a request.
func (c *Checker) cancelled(x *context, r *request, t *traces.Transition) *Violation {
	a := act{t.Point, byCall}
	if x.killing {
		a.way = byKill
	} else if v := c.inCall(x, t, traces.AtCancel); v != nil {
		return v
	} else if v := c.meant(x, r, t); v != nil {
		return v
	}
	if other := x.unsignalled; other != nil && (t.Point != traces.AtSignal || other != r) {
		return other.wrong(x, "the thread of request %d was not signalled", other.serial)
	}
	if v := r.take(c, a, true); v != nil {
		return v
	}
	switch t.Point {
	case traces.AtFoundQueued:
		if t.Seen != 0 {
			return r.undone(x, "request %d stays in its queue", r.serial)
		}
		x.queue[r.growing].remove(r)
		r.early, r.byKill, r.result = true, x.killing, interrupted
	case traces.AtFoundRunning:
		if t.Other != r.thread {
			return r.undone(x, "thread %d has request %d, not thread %d", r.thread, r.serial, t.Other)
		}
		x.unsignalled = r
	case traces.AtSignal:
		if t.Other != r.thread || x.unsignalled != r {
			return r.undone(x, "thread %d is signalled, and thread %d has request %d", t.Other, r.thread, r.serial)
		}
		x.unsignalled = nil
		r.signalled = true
	}
	if k := c.calls[t.Task]; k != nil && !x.killing {
		k.found = r
	}
	return nil
}
