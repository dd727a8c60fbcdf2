package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// getEvents makes one step of io_getevents or io_pgetevents: read_events
// takes what is in the ring until it has min_nr events, the timeout has
// passed or the context is dead.
func (t *Target) getEvents(th *thread) {
	c, s := th.ctx, &th.step
	if !th.inside {
		if c.dead {
			if t.bug != 0 && t.deadAnswer(th) {
				return
			}
			t.returns(th, model.Fail(model.EINVAL))
			return
		}
		if s.Min < 0 || s.Max < s.Min {
			t.returns(th, model.Fail(model.EINVAL))
			return
		}
		c.users++
		th.inside = true
		th.deadline = traces.Never
		if s.Timeout >= 0 {
			// The sleep begins here, a little after the invocation.
			th.deadline = t.now + traces.Time(s.Timeout)
		}
	}
	t.take(th, int(s.Max))
	late := t.now >= th.deadline
	switch {
	case c.dead:
		ret := model.Result(len(th.got))
		if ret == 0 {
			ret = model.Fail(model.EINVAL)
		}
		t.leaveReap(th, ret)
	case len(th.got) >= int(s.Min):
		t.leaveReap(th, model.Result(len(th.got)))
	case late && !(t.bug == timeoutLate && t.oversleep(th)):
		t.leaveReap(th, model.Result(len(th.got)))
		t.back(th)
	case t.bug != 0 && t.impatient(th):
		t.leaveReap(th, model.Result(len(th.got)))
	case t.bug != 0:
		t.sleepsOn(th)
	}
}

// leaveReap ends a reaping call.
func (t *Target) leaveReap(th *thread, ret model.Result) {
	t.leave(th.ctx)
	th.inside = false
	t.returns(th, ret)
}

// take is aio_read_events_ring: it takes what is there, at most up to limit
// events for the whole call.
func (t *Target) take(th *thread, limit int) {
	c := th.ctx
	if t.bug == moreThanMax && limit > 0 && len(th.got) < limit && int(c.unreaped()) > limit-len(th.got) && t.fires() {
		limit++
	}
	if t.bug == eventBeforeSubmit {
		t.foretell(th, limit)
	}
	for len(th.got) < limit && c.unreaped() > 0 {
		e := c.pop()
		t.keepSlot(th)
		th.got = append(th.got, e)
	}
}

// reapRing takes events from the mapped ring in user space.
func (t *Target) reapRing(th *thread) {
	c := th.ctx
	if c.dead { // the ring is not mapped any more
		t.returns(th, model.Fail(model.EINVAL))
		return
	}
	th.x, th.y = uint64(c.head%c.nr), uint64(c.tail%c.nr)
	t.take(th, int(th.step.Max))
	t.returns(th, model.Result(len(th.got)))
}

// reaped is what user space does with the events of a call: it finds each
// request by the event's data, and looks at the buffers of reads.
func (t *Target) reaped(th *thread) {
	log := t.log(th.number)
	for i := range th.got {
		e := &th.got[i]
		log.Record(traces.EventRecord(th.number, e.data, e.obj, e.res, 0))
	}
	th.ctx.outstanding -= len(th.got)
	for i := range th.got {
		e := &th.got[i]
		id := traces.RequestID(e.data)
		if id < t.program.First || int(id-t.program.First) >= len(t.requests) {
			continue
		}
		r := &t.requests[id-t.program.First]
		if r.reaped || !r.submitted {
			continue
		}
		r.reaped = true
		if t.bug != 0 {
			t.storage.spans[r.id].ended = t.now
		}
		if r.decl.Opcode.Reads() && e.res > 0 {
			t.recordRead(th.number, r, e.res)
		}
		if r.decl.Opcode == model.OpenAt {
			t.opened(th.number, r, e.res)
		}
		r.freeBuffer(traces.AfterEvent, t.now)
		if t.bug == writeAfterEvent {
			t.haunt(r)
		}
	}
}

// destroy makes one step of io_destroy.
func (t *Target) destroy(th *thread) {
	c := th.ctx
	switch {
	case th.destroying && c.gone(), th.destroying && t.bug == destroyEarly && t.leaveEarly(c):
		c.destroyed = true
		t.returns(th, 0)
	case th.destroying:
	case c.dead:
		if t.bug == destroyTwice && t.fires() {
			t.returns(th, 0)
			return
		}
		t.returns(th, model.Fail(model.EINVAL))
	default:
		c.dead, c.outstanding = true, 0
		t.unwoken(c)
		th.destroying = true
		t.sweep(c)
	}
}
