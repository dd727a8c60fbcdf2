package machine

import (
	"aiocheck/model"
	"aiocheck/model/design"
)

// Answers of calls: 0 not returned, 1 to 7 a count of 0 to 6, then 8 plus a
// design.Answer.
const (
	ansCount   = 1
	ansBadFile = 8 // -EBADF
	ansError   = 8
)

// threadSteps appends the steps of a caller.
func (m *Machine) threadSteps(s *State, ti int, out []Successor) []Successor {
	th := &m.threads[ti]
	pc := th.pc.get(s)
	if m.d.Exit != design.ExitWait && m.exiting.get(s) == 2 {
		return out
	}
	if pc == pcIdle {
		return m.callSteps(s, ti, out)
	}
	call := m.current(s, th)
	switch {
	case pc <= pcS9 || pc == pcEnd:
		return m.submitSteps(s, ti, call, pc, out)
	case pc <= pcC9:
		return m.cancelSteps(s, ti, call, pc, out)
	case pc <= pcU2:
		return m.reapSteps(s, ti, call, pc, out)
	}
	return m.destroySteps(s, ti, call, pc, out)
}

// current is the call that the thread is in, or makes next.
func (m *Machine) current(s *State, th *thread) *Call { return &th.Calls[th.call.get(s)] }

// callSteps begins the next call, or makes one that is a single step.
func (m *Machine) callSteps(s *State, ti int, out []Successor) []Successor {
	th := &m.threads[ti]
	if !th.Forever && int(th.call.get(s)) == len(th.Calls) || m.exiting.is(s) {
		return out
	}
	call := m.current(s, th)
	switch call.Kind {
	case Submit:
		t := *s
		if m.refusesCallers(s, int(call.Context)) {
			m.finish(&t, th, ansError+uint64(design.AnswerInvalid))
			return add(out, S9, uint8(ti), int(call.Requests[0]), &t)
		}
		first := call.Requests[0]
		th.pc.set(&t, uint64(m.reqs[first].next[pcIdle]))
		th.cur.set(&t, 0)
		return add(out, S0, uint8(ti), int(first), &t)
	case Cancel:
		return m.cancelCalls(s, ti, call, out)
	case GetEvents, ReapRing:
		return m.reapCall(s, ti, call, out)
	case Destroy, Exit:
		return m.destroyCall(s, ti, call, out)
	}
	return m.plainCall(s, ti, call, out)
}

// plainCall makes the calls that are one step each.
func (m *Machine) plainCall(s *State, ti int, call *Call, out []Successor) []Successor {
	th := &m.threads[ti]
	f := &m.files[call.File]
	t := *s
	switch call.Kind {
	case ChangeIocb:
		for i := range m.reqs { // every request whose iocb is in that memory
			if i == int(call.Requests[0]) || m.reqs[i].Address != 0 && m.reqs[i].Address == m.reqs[call.Requests[0]].Address {
				m.reqs[i].arg.set(&t, 1)
			}
		}
		m.finish(&t, th, ansCount)
		return add(out, A1, uint8(ti), int(call.Requests[0]), &t)
	case ChangeContext:
		m.changed.set(&t, 1)
		m.finish(&t, th, ansCount)
		return add(out, A2, uint8(ti), 0, &t)
	case Close:
		f.closed.set(&t, 1)
		m.wakePolls(&t, int(call.File))
		m.finish(&t, th, ansCount)
		return add(out, F1, uint8(ti), 0, &t)
	case Write:
		have := f.content.get(s)
		if have+uint64(call.Units) > uint64(f.Capacity) {
			return out
		}
		m.put(&t, int(call.File), uint64(call.Units), len(m.reqs)+1)
		m.finish(&t, th, ansCount+uint64(call.Units))
		return add(out, F2, uint8(ti), 0, &t)
	case Read:
		have := f.content.get(s)
		if have == 0 {
			return out
		}
		n := min(have, uint64(call.Units))
		f.content.set(&t, have-n)
		m.finish(&t, th, ansCount+n)
		return add(out, F3, uint8(ti), 0, &t)
	}
	return out
}

// finish ends the call of a thread with an answer.
func (m *Machine) finish(t *State, th *thread, answer uint64) {
	th.pc.set(t, pcIdle)
	th.cur.set(t, 0)
	th.cnt.set(t, 0)
	th.n.set(t, 0)
	th.head.set(t, 0)
	th.wake.set(t, 0)
	if th.Forever {
		return
	}
	c := th.call.get(t)
	th.ans[c].set(t, answer)
	th.call.set(t, c+1)
}

// submitSteps is a thread inside io_submit, at one request of its batch.
func (m *Machine) submitSteps(s *State, ti int, call *Call, pc uint64, out []Successor) []Successor {
	th := &m.threads[ti]
	cur := th.cur.get(s)
	i := int(call.Requests[cur])
	r := &m.reqs[i]
	ctx := &m.ctxs[r.ctx]
	actor := uint8(ti)
	t := *s
	switch pc {
	case pcS1:
		if !m.slots || m.takeSlot(&t, ctx) {
			r.ph.set(&t, phSubmitting)
			m.goOn(&t, th, r, call, pc)
			return add(out, S1, actor, i, &t)
		}
		if m.freeSlots(s, r.ctx) > 0 {
			m.note(&t, badSlot)
		}
		m.refuse(&t, th, r, cur, ansError+uint64(design.AnswerAgain))
		return add(out, S1e, actor, i, &t)
	case pcS3:
		if e := m.refusal(s, r); e != 0 {
			if m.slots && !m.d.Has(design.RefusedKeepsSlot) {
				ctx.avail.set(&t, ctx.avail.get(&t)+1)
			}
			m.refuse(&t, th, r, cur, e)
			return add(out, S3e, actor, i, &t)
		}
		r.ph.set(&t, phSubmitting)
		if r.noMethod {
			r.res.set(&t, resInvalid)
		}
		if r.next[pcS3] != pcS5 {
			m.pin(&t, r)
		}
		m.goOn(&t, th, r, call, pc)
		return add(out, S3, actor, i, &t)
	case pcS5:
		m.pin(&t, r)
		m.goOn(&t, th, r, call, pc)
		return add(out, S5, actor, i, &t)
	case pcOp:
		return m.inlineSteps(s, ti, call, i, out)
	case pcEnd:
		if r.exec == design.Handoff && !m.d.HotCompletion {
			r.ph.set(&t, phReaped) // the answer is the call's own, without an event
		} else {
			m.complete(&t, i)
		}
		m.goOn(&t, th, r, call, pc)
		return add(out, SIr, actor, i, &t)
	case pcS6:
		if ctx.lock.is(s) {
			return out
		}
		if r.exec == design.WaitQueue {
			m.armPoll(&t, i)
			m.goOn(&t, th, r, call, pc)
			return add(out, S6, actor, i, &t)
		}
		r.ph.set(&t, phArmed)
		if r.exec == design.Device {
			r.ph.set(&t, phStarted)
		}
		if r.listed {
			r.kc.set(&t, kcEarly)
			m.link(&t, i)
		}
		k := S6
		if m.lockedQueue(r) {
			k = S6q
			m.enqueue(&t, i)
		}
		m.goOn(&t, th, r, call, pc)
		return add(out, k, actor, i, &t)
	case pcS7:
		if ph := r.ph.get(s); ph == phStarted || ph == phSubmitting { // it was tried, and handed over
			r.ph.set(&t, phArmed)
		}
		m.touch(&t, i)
		if r.listed && r.next[pcS6] == pcIdle { // handed over: nobody could find it before
			r.kc.set(&t, kcEarly)
			m.link(&t, i)
		}
		if r.retried {
			r.waitq.set(&t, pollWaiting)
		} else {
			m.enqueue(&t, i)
		}
		m.goOn(&t, th, r, call, pc)
		return add(out, S7, actor, i, &t)
	case pcS8:
		if m.d.Has(design.SubmitTouchesRequest) && r.free.is(s) {
			m.note(&t, badMemory)
		}
		if !m.d.HoldUntilEnd || m.d.Has(design.FileDropped) {
			m.dropProtection(&t, i)
		}
		m.goOn(&t, th, r, call, pc)
		return add(out, S8, actor, i, &t)
	}
	return out
}

// goOn moves the submitter to what follows for this request, the next request
// or the end of the call.
func (m *Machine) goOn(t *State, th *thread, r *request, call *Call, pc uint64) {
	next := uint64(r.next[pc])
	if (pc == pcOp || pc == pcS6) && next != pcEnd && r.res.is(t) {
		next = pcEnd
	}
	if next != pcS9 && next != pcIdle {
		th.pc.set(t, next)
		return
	}
	cur := th.cur.get(t) + 1
	if int(cur) == len(call.Requests) {
		m.finish(t, th, ansCount+cur)
		return
	}
	th.cur.set(t, cur)
	th.pc.set(t, uint64(m.reqs[call.Requests[cur]].next[pcIdle]))
}

// refuse ends io_submit at a request that it does not accept: the number of
// those before it, or the error if there is none.
func (m *Machine) refuse(t *State, th *thread, r *request, cur, answer uint64) {
	r.ph.set(t, phRefused)
	if cur > 0 {
		m.finish(t, th, ansCount+cur)
		return
	}
	m.finish(t, th, answer)
}

// refusal is the answer of an io_submit that does not accept a request, or 0.
func (m *Machine) refusal(s *State, r *request) uint64 {
	f := &m.files[r.File]
	switch {
	case r.NoFile && (r.Opcode != openAt && m.d.SpuriousFget || !r.byName()):
		return ansBadFile
	case f.closed.is(s) && !f.Kind.Stream():
		return ansBadFile
	case r.Refused, r.exec == design.Unsupported, r.noMethod && m.d.ErrorsFromSubmit:
		return ansError + uint64(design.AnswerInvalid)
	}
	return 0
}

// byName reports whether the request works on names, not on a descriptor.
func (r *request) byName() bool {
	return r.Opcode == openAt || r.Opcode == model.UnlinkAt || r.Opcode == model.RenameAt
}

// pin is the moment from which a request keeps its submitter's context.
func (m *Machine) pin(t *State, r *request) {
	if m.changed.is(t) {
		r.as.set(t, asPinnedNew)
	}
}

// dropProtection is S8: the freeze protection goes, through a file that the
// request's end may have closed (D16).
func (m *Machine) dropProtection(t *State, i int) {
	r := &m.reqs[i]
	ended := r.ph.get(t) >= phPosted
	if !ended {
		m.note(t, badFile)
	}
	if ended && m.files[r.File].closed.is(t) {
		m.note(t, badMemory)
	}
}

// enqueue puts a request at the end of its queue.
func (m *Machine) enqueue(t *State, i int) {
	queue := m.reqs[i].queue
	n := uint64(1)
	for j := range m.reqs {
		if m.reqs[j].queue == queue && m.reqs[j].qpos.is(t) {
			n++
		}
	}
	m.reqs[i].qpos.set(t, n)
}

// dequeue takes a request out of its queue, wherever it stands.
func (m *Machine) dequeue(t *State, i int) {
	queue, at := m.reqs[i].queue, m.reqs[i].qpos.get(t)
	m.reqs[i].qpos.set(t, 0)
	for j := range m.reqs {
		if q := m.reqs[j].qpos.get(t); m.reqs[j].queue == queue && q > at {
			m.reqs[j].qpos.set(t, q-1)
		}
	}
}

// link puts a request onto its context's list. lpos counts from the oldest.
func (m *Machine) link(t *State, i int) {
	r := &m.reqs[i]
	r.onl.set(t, 1)
	if r.lpos.mask == 0 {
		return
	}
	n := uint64(1)
	for j := range m.reqs {
		if m.reqs[j].ctx == r.ctx && m.reqs[j].lpos.is(t) {
			n++
		}
	}
	r.lpos.set(t, n)
}

// unlink takes a request off its context's list.
func (m *Machine) unlink(t *State, i int) {
	r := &m.reqs[i]
	at := r.lpos.get(t)
	r.onl.set(t, 0)
	r.lpos.set(t, 0)
	if at == 0 {
		return
	}
	for j := range m.reqs {
		if p := m.reqs[j].lpos.get(t); m.reqs[j].ctx == r.ctx && p > at {
			m.reqs[j].lpos.set(t, p-1)
		}
	}
}
