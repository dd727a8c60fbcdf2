package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// miscomplete lets the bug change how a request ends: its result, or, when it
// reports true, the whole end.
func (t *Target) miscomplete(r *request, res *model.Result) bool {
	c := r.ctx
	if c.dead {
		return false // nobody will see the event
	}
	e := event{t.dataOf(r.id), r.obj, *res, r}
	switch t.bug {
	case lostEvent:
		if t.fires() {
			t.release(r)
			return true
		}
	case duplicateEvent:
		if c.unreaped()+1 < c.nr-1 && c.taken < c.nr-1 && t.fires() {
			c.taken++
			c.push(e)
		}
	case otherData, wrongObj:
		if other := t.another(r); other != nil && t.fires() {
			if t.bug == otherData {
				e.data = t.dataOf(other.id)
			} else {
				e.obj = other.obj
			}
			t.post(r, e)
			return true
		}
	case tooManyBytes:
		if r.decl.Opcode.Transfers() && *res > 0 && t.fires() {
			*res = model.Result(r.decl.Bytes) + 512
		}
	case shortReported:
		if canBeShort(r, *res) && t.fires() {
			*res -= 512
		}
	case restartCode:
		if r.decl.Opcode.Transfers() && t.fires() {
			*res = model.Fail(model.ERESTARTSYS)
		}
	case cancelResult:
		if r.cancelled && *res == 0 && t.fires() {
			*res = -125 // ECANCELED
		}
	case eventBeforeSubmit:
		if t.unsent[r.id-t.program.First] {
			c.taken--
			t.release(r)
			return true
		}
	case eventfdEarly:
		if r.decl.Eventfd != 0 && !t.inOrder(r) && t.fires() {
			r.ended = true
			if r.file != nil {
				t.putEnd(r.file, r.end)
			}
			f := &t.files[r.decl.Eventfd-1]
			f.count++
			t.wake(f)
			r.lateRes = *res
			r.due = t.now + traces.Time(t.below(10_000))
			t.startJob(r, jobLate)
			return true
		}
	case ringOrder:
		if c.unreaped() == 0 || !t.inOrder(r) {
			break
		}
		if last := &c.ring[(c.tail-1)%c.nr]; t.inOrder(last.of) && t.fires() {
			e, *last = *last, e
			t.post(r, e)
			return true
		}
	}
	return false
}

// inOrder reports whether r ran inside its io_submit.
func (t *Target) inOrder(r *request) bool {
	return !t.cfg.Threaded && r.decl.Opcode.Transfers() && (r.file.stream() || r.file.kind == traces.Storage && !t.cfg.Direct)
}

// another is a request in flight beside r in its context, nil if there is none.
func (t *Target) another(r *request) *request {
	n := len(t.requests)
	start := int(t.below(uint32(n)))
	for i := range n {
		o := &t.requests[(start+i)%n]
		if o != r && o.ctx == r.ctx && o.submitted && !o.ended {
			return o
		}
	}
	return nil
}

// miscancel is the bug's answer to an io_cancel, if it has one.
func (t *Target) miscancel(c *context, r *request, found bool) (answer model.Result, lies bool) {
	inProgress := model.Fail(model.EINPROGRESS)
	if t.cfg.Threaded {
		if answer, lies = t.misanswer(c, r, found); lies {
			return answer, lies
		}
	}
	switch t.bug {
	case earlyEinval:
		if found && r.job == jobNone && t.readiness(r) == 0 && t.fires() {
			return model.Fail(model.EINVAL), true
		}
	case cancelNoEvent:
		if found && r.job == jobNone && t.fires() {
			c.remove(r)
			r.file.forget(r)
			t.release(r)
			return inProgress, true
		}
	case cancelTwice:
		if r.ctx == c && r.cancelled && !r.reaped && t.fires() {
			return inProgress, true
		}
	case cancelReaped:
		if r.ctx == c && r.reaped && t.fires() {
			return inProgress, true
		}
	case cancelUnknown:
		if r.ctx != c && !found && t.storage.spans[r.id].invoked == 0 && t.fires() {
			return inProgress, true
		}
	case cancelZero:
		if found && t.fires() {
			t.cancelActive(r)
			return 0, true
		}
	case cancelUndo:
		t.undo(r)
	}
	return 0, false
}

// slotAnyway lets a request in for which there is no slot.
func (t *Target) slotAnyway(c *context) bool {
	switch t.bug {
	case slotsAtCompletion:
		// The ring has as many slots as ever, but those of ended requests
		// count as free.
		if c.inFlight < int(c.nr)-1 {
			t.fired++
			return true
		}
	case slotLeakRejected, slotLeakReaped:
		// The ring has twice as many slots as promised: only a refusal with
		// less than the promise in use is wrong.
		if c.taken-c.leaked < c.slots {
			t.fired++
		}
	}
	return false
}

// giveSlotBack returns the slot of a refused request.
func (t *Target) giveSlotBack(c *context) {
	if t.bug == slotLeakRejected && t.rolls() {
		c.leaked++
		return
	}
	c.taken--
}

// keepSlot takes the slot of an event just reaped again.
func (t *Target) keepSlot(th *thread) {
	if t.bug == slotLeakReaped && th.call == traces.CallReapRing && t.rolls() {
		th.ctx.taken++
		th.ctx.leaked++
	}
}

// miscount is the bug's answer of an io_submit.
func (t *Target) miscount(th *thread, ret model.Result) model.Result {
	switch t.bug {
	case submitCountWrong:
		if ret == model.Result(th.step.Count) && ret > 0 && t.fires() {
			return ret + 1
		}
	case rejectedRuns:
		if ret > 1 && t.fires() {
			return ret - 1
		}
	}
	return ret
}

// deadAnswer is the bug's answer of a wait on a destroyed context.
func (t *Target) deadAnswer(th *thread) bool {
	if t.bug == deadGetEvents && th.ctx.destroyed && t.fires() {
		t.returns(th, 0)
		return true
	}
	return false
}

// oversleep lets a wait go on after its timeout, once.
func (t *Target) oversleep(th *thread) bool {
	if th.overslept || !t.fires() {
		return false
	}
	th.overslept = true
	th.deadline = t.now + traces.Time(closingTimeout)/10
	return true
}

// impatient ends a wait that should go on.
func (t *Target) impatient(th *thread) bool {
	switch t.bug {
	case timeoutEarly:
		return th.deadline != traces.Never && t.fires()
	case minIgnored:
		return th.deadline == traces.Never && t.fires()
	}
	return false
}

// foretell adds an event for a request that the thread's program submits to
// the same context later.
func (t *Target) foretell(th *thread, limit int) {
	if len(th.got) >= limit {
		return
	}
	for i := th.pc + 1; i < len(th.steps); i++ {
		s := &th.steps[i]
		if s.Do != traces.DoSubmit || s.Context != th.step.Context {
			continue
		}
		r := &t.requests[s.Request]
		if t.unsent[s.Request] || r.submitted || !t.fires() {
			return
		}
		t.unsent[s.Request] = true
		res := model.Result(r.decl.Bytes)
		if r.decl.Opcode == model.Poll {
			res = pollIn
		}
		th.got = append(th.got, event{t.dataOf(r.id), r.obj, res, r})
		return
	}
}
