package machine

import "aiocheck/model/design"

// cancelCalls begins an io_cancel, once for each request that it may name.
func (m *Machine) cancelCalls(s *State, ti int, call *Call, out []Successor) []Successor {
	th := &m.threads[ti]
	for _, n := range call.Requests {
		i := int(n)
		if th.Forever && m.hopeless(s, i) {
			continue
		}
		var t *State
		out, t = slot(out, s)
		if call.Elsewhere { // the list of that context does not have it
			m.finish(t, th, ansError+uint64(m.notFound()))
			out = took(out, C3n, uint8(ti), i)
			continue
		}
		if m.refusesCallers(s, m.reqs[i].ctx) {
			m.finish(t, th, ansError+uint64(design.AnswerInvalid))
			out = took(out, C2n, uint8(ti), i)
			continue
		}
		th.pc.set(t, pcC3)
		th.cur.set(t, uint64(i))
		out = took(out, C2, uint8(ti), i)
	}
	return out
}

// hopeless reports whether a cancel of request i that begins now could only
// answer that it did not find it: one that cancels for ever leaves it out.
func (m *Machine) hopeless(s *State, i int) bool {
	r := &m.reqs[i]
	ph := r.ph.get(s)
	if r.listed {
		return ph >= phArmed && (!r.onl.is(s) || r.kc.get(s) == kcCancelled) || ph == phRefused
	}
	return ph >= phPosted || ph == phRefused
}

// markAndSignal reports whether io_cancel works by marking the cancel slot and
// signalling the worker, in separate steps; otherwise it is one step, C8.
func (m *Machine) markAndSignal() bool {
	return m.d.Queued == design.QueuedMark || m.d.Queued == design.QueuedEnd || m.d.CancelPollOnly
}

// cancelSteps is a thread inside io_cancel.
func (m *Machine) cancelSteps(s *State, ti int, call *Call, pc uint64, out []Successor) []Successor {
	th := &m.threads[ti]
	i := int(th.cur.get(s))
	r := &m.reqs[i]
	ctx := &m.ctxs[r.ctx]
	actor := uint8(ti)
	locked := !m.d.Has(design.CancelWithoutLock)
	if pc == pcC3 && !m.markAndSignal() {
		return m.searchAndAct(s, ti, i, out)
	}
	out, t := slot(out, s)
	switch pc {
	case pcC3:
		if locked && ctx.lock.is(s) {
			return out[:len(out)-1]
		}
		found := m.find(s, i)
		if found < 0 || m.reqs[found].kc.get(s) == kcNull || m.reqs[found].kc.get(s) == kcCancelled {
			m.finish(t, th, ansError+uint64(design.AnswerInvalid))
			return took(out, C3n, actor, i)
		}
		if found != i {
			m.note(t, badTarget)
		}
		if locked {
			ctx.lock.set(t, 1)
		}
		if m.d.Has(design.UnlinkBeforeCancel) {
			m.unlink(t, found)
		}
		th.cur.set(t, uint64(found))
		th.pc.set(t, pcC5)
		return took(out, C3, actor, found)
	case pcC5:
		m.touch(t, i)
		old := r.kc.get(s)
		r.kc.set(t, kcCancelled)
		if m.lockedQueue(r) && r.qpos.is(s) {
			m.cancelQueued(t, i)
			th.pc.set(t, pcC7)
			return took(out, C5q, actor, i)
		}
		th.pc.set(t, pcC6)
		if old == kcLate {
			return took(out, C5, actor, i)
		}
		if r.exec == design.WaitQueue {
			m.cancelPoll(t, i)
			th.pc.set(t, pcC7)
			return took(out, C5, actor, i)
		}
		r.early.set(t, 1)
		if m.slots && m.d.Has(design.SlotAtCancel) {
			ctx.avail.set(t, ctx.avail.get(t)+1)
		}
		th.pc.set(t, pcC7)
		switch {
		case m.d.Has(design.QueuedCancelNoEvent) && r.qpos.is(s):
			m.dequeue(t, i)
			m.unlink(t, i)
		case m.d.Has(design.EarlyCancelCompletes):
			r.res.set(t, resInterrupted)
			m.unlink(t, i)
			m.complete(t, i)
		}
		return took(out, C5, actor, i)
	case pcC6:
		m.touch(t, i)
		th.pc.set(t, pcC7)
		wi := m.workerOf(s, i)
		if wi < 0 {
			if m.at[W2] > m.at[W4a] && !m.answers(design.AnswerAgain) {
				m.note(t, badAnswer)
			}
			if locked {
				ctx.lock.set(t, 0)
			}
			m.finish(t, th, ansError+uint64(design.AnswerAgain))
			return took(out, C6n, actor, i)
		}
		m.signal(t, wi)
		if m.d.Has(design.DoubleEvent) {
			m.post(t, i)
		}
		return took(out, C6l, actor, i)
	case pcC7:
		if m.d.List.UnlinkOnCancel && !m.d.Has(design.UnlinkBeforeCancel) && r.onl.is(s) {
			m.unlink(t, i)
		}
		if locked {
			ctx.lock.set(t, 0)
		}
		if m.offQueue(s, r) {
			th.pc.set(t, pcC9)
			return took(out, C7q, actor, i)
		}
		m.finish(t, th, ansError+uint64(design.AnswerInProgress))
		return took(out, C7, actor, i)
	case pcC9:
		m.endQueued(t, i)
		m.finish(t, th, ansError+uint64(design.AnswerInProgress))
		return took(out, C9, actor, i)
	}
	return out[:len(out)-1]
}

// cancelQueued takes a request off its queue, for its canceller to end.
func (m *Machine) cancelQueued(t *State, i int) {
	r := &m.reqs[i]
	r.kc.set(t, kcCancelled)
	r.early.set(t, 1)
	if ctx := &m.ctxs[r.ctx]; m.slots && m.d.Has(design.SlotAtCancel) {
		ctx.avail.set(t, ctx.avail.get(t)+1)
	}
	if !m.d.Has(design.EarlyCancelLost) && !m.d.Has(design.EarlyCancelCompletes) {
		m.dequeue(t, i)
	}
}

// offQueue reports whether a request was taken off its queue by who cancelled
// it, and has not been ended.
func (m *Machine) offQueue(s *State, r *request) bool {
	if !m.lockedQueue(r) || !r.early.is(s) || r.ph.get(s) != phArmed {
		return false
	}
	return !r.qpos.is(s) && !m.d.Has(design.QueuedCancelNoEvent) || m.d.Has(design.EarlyCancelCompletes)
}

// endQueued ends a request that was taken off its queue: it is not executed.
func (m *Machine) endQueued(t *State, i int) {
	m.touch(t, i)
	m.reqs[i].res.set(t, resInterrupted)
	m.complete(t, i)
}

// remove ends a request that waits, in a queue or for readiness, without
// executing it any further: what it has done so far counts.
func (m *Machine) remove(t *State, i int) {
	r := &m.reqs[i]
	if r.qpos.is(t) {
		m.dequeue(t, i)
	}
	m.unlink(t, i)
	r.waitq.set(t, pollOff)
	r.kc.set(t, kcCancelled)
	r.res.set(t, resCanceled)
	if done := r.eff.get(t); done > 0 {
		r.res.set(t, resCount+done)
	}
	m.complete(t, i)
}

func (m *Machine) answers(a design.Answer) bool { return m.d.Answers.Has(a) }

// touch is an access to the memory of a request.
func (m *Machine) touch(t *State, i int) {
	if m.reqs[i].free.is(t) {
		m.note(t, badMemory)
	}
}

// find is the request that a cancel of request i reaches, or -1. By address it
// is the first match from the head of the list: the newest if new entries go
// to the head.
func (m *Machine) find(s *State, i int) int {
	r := &m.reqs[i]
	byNumber := m.d.Identity == design.ByNumber && !m.d.Has(design.IdentityByAddress)
	if !r.twins || byNumber {
		if r.onl.is(s) {
			return i
		}
		return -1
	}
	found, place := -1, uint64(0)
	for j := range m.reqs {
		o := &m.reqs[j]
		if o.Address != r.Address || !o.onl.is(s) || o.ctx != r.ctx {
			continue
		}
		p := o.lpos.get(s)
		if found < 0 || (p > place) != m.d.List.TailInsert {
			found, place = j, p
		}
	}
	return found
}

// notFound is the answer of a cancel that does not find its request.
func (m *Machine) notFound() design.Answer {
	for _, a := range []design.Answer{design.AnswerNotFound, design.AnswerAllDone, design.AnswerAgain} {
		if m.answers(a) {
			return a
		}
	}
	return design.AnswerInvalid
}

// searchAndAct is a cancel that is one critical section under the design's own
// lock: io_uring's, acall's, POSIX AIO's, and mainline's, which finds nothing
// but polls.
func (m *Machine) searchAndAct(s *State, ti, i int, out []Successor) []Successor {
	th, r := &m.threads[ti], &m.reqs[i]
	t := *s
	ph := r.ph.get(s)
	answer := m.notFound()
	switch {
	case m.d.Queued == design.QueuedRemove && r.qpos.is(s):
		r.early.set(&t, 1)
		m.remove(&t, i)
		answer = design.AnswerZero
	case r.waitq.is(s):
		m.remove(&t, i)
		answer = design.AnswerZero
	case m.d.Running != design.RunningNone && r.onl.is(s) && m.workerOf(s, i) >= 0:
		r.kc.set(&t, kcCancelled)
		m.signal(&t, m.workerOf(s, i))
		answer = design.AnswerZero
		if m.answers(design.AnswerAlready) {
			answer = design.AnswerAlready
		}
	case m.answers(design.AnswerNotCanceled) && (ph == phArmed || ph == phStarted):
		answer = design.AnswerNotCanceled
	}
	code := uint64(ansCount)
	if answer != design.AnswerZero {
		code = ansError + uint64(answer)
	}
	m.finish(&t, th, code)
	return add(out, C8, uint8(ti), i, &t)
}
