package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// pooled is a thread of a context.
type pooled struct {
	bounded bool
	busy    bool
	deaf    bool // misbehaviour: it has heard a cancel, and hears no other
	pending bool // misbehaviour: a signal was not forgotten
}

// hire finds r a thread, an idle one at random if there is one. Which one
// matters to a misbehaving kernel only.
func (t *Target) hire(r *request) {
	c := r.ctx
	r.worker = -1
	seen := uint32(0)
	for i := range c.threads {
		if w := &c.threads[i]; !w.busy && w.bounded == r.bounded {
			if seen++; t.oneIn(seen) {
				r.worker = i
			}
		}
	}
	if r.worker < 0 {
		r.worker = len(c.threads)
		c.threads = append(c.threads, pooled{bounded: r.bounded})
	}
	w := &c.threads[r.worker]
	w.busy = true
	r.killed = r.killed || w.pending
}

// misqueue lets the bug choose a request as it is queued.
func (t *Target) misqueue(r *request) {
	c := r.ctx
	switch t.bug {
	case oneClass:
		if !r.bounded && c.running+len(c.queue) >= t.workers() {
			t.fired++
		}
		r.bounded = true
	case maskIgnored:
		r.deaf = r.decl.Opcode == model.Poll && t.rolls()
	case writeFrozen:
		r.passes = r.decl.Opcode.Writes() && r.file.kind == traces.Storage && t.rolls()
	}
}

// misassign lets the bug act as a request gets its thread.
func (t *Target) misassign(r *request) {
	if t.bug == cancelWaits && r.cancelled {
		r.result = model.Fail(model.EINTR)
		t.startJob(r, jobReturned)
	}
}

// mishear lets the bug act on a cancel that reaches a request on a list; it
// reports true if it has done all there is to do.
func (t *Target) mishear(r *request) bool {
	c, queued := r.ctx, r.job == jobQueued
	waits := r.job == jobWorker && !t.canExecute(r)
	room := c.unreaped()+1 < c.nr-1 && c.taken < c.nr-1
	switch t.bug {
	case cancelWaits:
		if queued && r.bounded && c.running >= t.workers() && t.fires() {
			return true
		}
	case cancelledRuns:
		if queued && t.fires() {
			r.cancelled = false
			return true
		}
	case earlyTwice, lateTwice:
		if queued == (t.bug == earlyTwice) && room && !c.dead && t.fires() {
			c.taken++
			c.push(event{t.dataOf(r.id), r.obj, model.Fail(model.EINTR), r})
			return true
		}
	case queuedNoEvent:
		if queued && t.fires() {
			if r.bounded {
				c.dequeue(r)
			}
			t.endJob(r)
			t.release(r)
			return true
		}
	case cancelLost:
		return waits && !c.dead && t.fires()
	case cancelOnce:
		if w := r.worker; !queued {
			if c.threads[w].deaf {
				t.fired++
				return true
			}
			c.threads[w].deaf = true
		}
	case wrongWorker:
		if queued || c.dead {
			break
		}
		for i := range t.requests {
			o := &t.requests[i]
			if o != r && o.ctx == c && o.job == jobWorker && !o.cancelled && !t.canExecute(o) && t.fires() {
				o.killed = true
				return true
			}
		}
	case slotTwice:
		if t.rolls() && c.taken > 0 {
			c.taken--
			c.leaked++
		}
	case signalLate:
		if r.job == jobReturned && t.rolls() {
			c.threads[r.worker].pending = true
		}
	case signalLeaks:
		if r.job != jobQueued && t.rolls() {
			c.threads[r.worker].pending = true
		}
	case unlinkCancelled:
		if at := t.nameOf(r); queued && at != nil && *at != nil && t.fires() {
			*at = nil
		}
	}
	return false
}

// misreturn lets the bug change what an operation on a thread has returned.
func (t *Target) misreturn(r *request, res model.Result) model.Result {
	eintr := model.Fail(model.EINTR)
	op := r.decl.Opcode
	part := op.Writes() && res > 0 && res < model.Result(r.decl.Bytes) && r.killed
	switch t.bug {
	case signalLeaks, signalLate:
		t.linger(r)
		if r.killed && !r.cancelled && res == eintr {
			t.fired++
		}
	case eintrWhole:
		if r.cancelled && res >= 0 && op.Writes() && t.fires() {
			return eintr
		}
	case eintrPartial:
		if part && t.fires() {
			return eintr
		}
	case partialFull:
		if part && t.fires() {
			return model.Result(r.decl.Bytes)
		}
	case restartLeaks:
		if res == eintr && t.fires() {
			return model.Fail(model.ERESTARTSYS)
		}
	case pollZero:
		if op == model.Poll && res == eintr && t.fires() {
			return 0
		}
	case otherError:
		if res == eintr && t.fires() {
			return -125 // ECANCELED
		}
	case readAheadMore:
		if op == model.ReadAhead && res >= 0 && t.fires() {
			return model.Result(r.decl.Bytes) + 4096
		}
	case readAheadLess:
		if op == model.ReadAhead && res > 0 && !r.cancelled && t.fires() {
			return res - 512
		}
	}
	return res
}

// misanswer is the bug's answer to an io_cancel of a request with a thread.
func (t *Target) misanswer(c *context, r *request, found bool) (answer model.Result, lies bool) {
	waits := found && r.job == jobWorker && !t.canExecute(r)
	switch t.bug {
	case cancelRefused:
		if waits && t.fires() {
			return model.Fail(model.EINVAL), true
		}
	case cancelAgain:
		if found && t.fires() {
			return model.Fail(model.EAGAIN), true
		}
	case sameIocb:
		for _, o := range c.active {
			if o != r && o.obj == r.obj && t.fires() {
				t.cancelActive(o)
				return model.Fail(model.EINPROGRESS), true
			}
		}
	}
	return 0, false
}

// missweep lets the bug leave requests alone that a destroy or an exit should
// cancel.
func (t *Target) missweep(c *context) {
	switch t.bug {
	case destroyCancelsNothing:
		if len(c.active) > 0 && t.fires() {
			c.active = c.active[:0]
			for i := range t.requests {
				if r := &t.requests[i]; r.ctx == c {
					r.active = false
				}
			}
		}
	case destroyForgetsQueued:
		for i := len(c.active) - 1; i >= 0; i-- {
			if r := c.active[i]; r.job == jobQueued && t.rolls() {
				c.remove(r)
				r.forgotten = true
				c.inFlight--
			}
		}
	}
}

// ahead lets a write's event come before its effect.
func (t *Target) ahead(r *request) {
	if t.bug != writeAhead || r.ctx == nil || r.decl.Eventfd != 0 || !r.decl.Opcode.Writes() || r.lines == 0 || r.killed || !t.fires() {
		return
	}
	r.forgotten = true
	if r.active {
		r.ctx.remove(r)
	}
	t.complete(r, t.transferred(r))
	t.linger(r)
}

// linger lets the kernel's next step of r come late, so that others can get in
// between.
func (t *Target) linger(r *request) { r.due = t.now + traces.Time(t.below(20_000)) }

// nameOf is what the name of an UNLINKAT is bound to, nil of other requests.
func (t *Target) nameOf(r *request) **inode {
	if r.decl.Opcode != model.UnlinkAt {
		return nil
	}
	return t.entry(r.args.dir, r.args.name)
}

// unwoken leaves waiters asleep as their context is destroyed.
func (t *Target) unwoken(c *context) {
	if t.bug != waiterForgotten {
		return
	}
	for i := range t.threads {
		if th := &t.threads[i]; th.inside && th.ctx == c && th.deadline != 0 && t.fires() {
			th.asleep = true
		}
	}
}

// sleepsOn is whether a waiter will not hear of events that come.
func (t *Target) sleepsOn(th *thread) {
	if t.bug == waiterStale && !th.asleep && th.step.Min > 0 {
		th.asleep = t.fires()
	}
}
