package machine

import "aiocheck/model/design"

// How far the end of a context is, context.kill.
const (
	alive    = iota
	dead     // K1
	unusable // K3: every lookup fails; K4 waits for callers to leave
	killing  // K4: the lock is held, requests are cancelled
	signals  // K4c has found a running one: target is to be signalled
	drained  // K5: waits for the last request
	contextFree
)

// refusesCallers reports whether a lookup of context c fails.
func (m *Machine) refusesCallers(s *State, c int) bool { return m.ctxs[c].kill.get(s) >= dead }

// destroyCall begins io_destroy or exit.
func (m *Machine) destroyCall(s *State, ti int, call *Call, out []Successor) []Successor {
	th := &m.threads[ti]
	t := *s
	if call.Kind == Exit {
		if m.d.Exit != design.ExitWait {
			m.exiting.set(&t, 2)
			m.finish(&t, th, ansCount)
			return add(out, X0, uint8(ti), 0, &t)
		}
		m.exiting.set(&t, 1)
		th.pc.set(&t, pcX1)
		return add(out, X0, uint8(ti), 0, &t)
	}
	return m.markDead(s, ti, int(call.Context), out)
}

// markDead is K1.
func (m *Machine) markDead(s *State, ti, c int, out []Successor) []Successor {
	th, ctx := &m.threads[ti], &m.ctxs[c]
	t := *s
	if ctx.kill.get(s) != alive {
		answer := uint64(ansError + design.AnswerInvalid)
		if m.d.Has(design.DestroyTwice) {
			answer = ansCount
			m.note(&t, badDestroy)
		}
		m.finish(&t, th, answer)
		return add(out, K1n, uint8(ti), 0, &t)
	}
	ctx.kill.set(&t, dead)
	th.pc.set(&t, pcK2)
	th.cur.set(&t, uint64(c))
	return add(out, K1, uint8(ti), 0, &t)
}

// destroySteps is a thread inside io_destroy or exit.
func (m *Machine) destroySteps(s *State, ti int, call *Call, pc uint64, out []Successor) []Successor {
	th := &m.threads[ti]
	actor := uint8(ti)
	c := int(th.cur.get(s))
	ctx := &m.ctxs[min(c, len(m.ctxs)-1)]
	t := *s
	switch pc {
	case pcK2:
		if !m.d.Has(design.DestroyWithoutWake) {
			m.wake(&t, c)
		}
		th.pc.set(&t, pcK3)
		return add(out, K2, actor, 0, &t)
	case pcK3:
		ctx.kill.set(&t, unusable)
		th.pc.set(&t, pcK7)
		return add(out, K3, actor, 0, &t)
	case pcK7:
		return m.destroyed(s, ti, call, c, out)
	case pcX1:
		if !m.othersAtRest(s, ti) {
			return out
		}
		for c < len(m.ctxs) && m.ctxs[c].kill.get(s) != alive {
			c++
		}
		if c == len(m.ctxs) {
			m.exiting.set(&t, 2)
			m.finish(&t, th, ansCount)
			return add(out, X2, actor, 0, &t)
		}
		m.ctxs[c].kill.set(&t, dead)
		th.pc.set(&t, pcK2)
		th.cur.set(&t, uint64(c))
		return add(out, K1, actor, 0, &t)
	}
	return out
}

// destroyed is K7: the wait for the context's last request has ended.
func (m *Machine) destroyed(s *State, ti int, call *Call, c int, out []Successor) []Successor {
	th, ctx := &m.threads[ti], &m.ctxs[c]
	unwaited := m.d.Has(design.DestroyNotWaiting) && call.Kind == Destroy || m.d.Has(design.ExitNotWaiting) && call.Kind == Exit
	if ctx.kill.get(s) != contextFree && !unwaited {
		return out
	}
	t := *s
	ctx.gone.set(&t, 1)
	if call.Kind == Exit {
		th.pc.set(&t, pcX1)
		th.cur.set(&t, 0)
		return add(out, K7, uint8(ti), 0, &t)
	}
	m.finish(&t, th, ansCount)
	return add(out, K7, uint8(ti), 0, &t)
}

// othersAtRest reports whether no other thread is inside a call.
func (m *Machine) othersAtRest(s *State, ti int) bool {
	for i := range m.threads {
		if i != ti && m.threads[i].pc.get(s) != pcIdle {
			return false
		}
	}
	return true
}

// contextSteps are K4 to K6, which the context itself takes once nobody uses
// it any more.
func (m *Machine) contextSteps(s *State, c int, out []Successor) []Successor {
	ctx := &m.ctxs[c]
	actor := m.contextActor(c)
	t := *s
	switch ctx.kill.get(s) {
	case unusable:
		if m.inUse(s, c) || ctx.lock.is(s) {
			return out
		}
		ctx.lock.set(&t, 1)
		ctx.kill.set(&t, killing)
		return add(out, K4, actor, 0, &t)
	case killing:
		return m.killNext(s, c, out)
	case signals:
		i := int(ctx.target.get(s)) - 1
		m.touch(&t, i)
		if wi := m.workerOf(s, i); wi >= 0 {
			m.signal(&t, wi)
		}
		m.unlink(&t, i)
		ctx.target.set(&t, 0)
		ctx.kill.set(&t, killing)
		return add(out, K4s, actor, i, &t)
	case drained:
		for i := range m.reqs {
			if r := &m.reqs[i]; r.ctx == c && m.offQueue(s, r) {
				m.endQueued(&t, i)
				out = add(out, K8, actor, i, &t)
				break
			}
		}
		if m.inFlight(s, c) {
			return out
		}
		t = *s
		ctx.kill.set(&t, contextFree)
		return add(out, K6, actor, 0, &t)
	}
	return out
}

// killNext cancels the newest request on the list, or ends K4 with K5.
func (m *Machine) killNext(s *State, c int, out []Successor) []Successor {
	ctx := &m.ctxs[c]
	actor := m.contextActor(c)
	t := *s
	newest, place := -1, uint64(0)
	for i := range m.reqs {
		r := &m.reqs[i]
		if p := r.lpos.get(s); r.ctx == c && p > place && !(m.d.Has(design.DestroySkipsQueued) && r.kc.get(s) == kcEarly) {
			newest, place = i, p
		}
	}
	if newest < 0 {
		ctx.lock.set(&t, 0)
		ctx.kill.set(&t, drained)
		return add(out, K5, actor, 0, &t)
	}
	r := &m.reqs[newest]
	m.touch(&t, newest)
	if m.d.Queued == design.QueuedRemove && (r.qpos.is(s) || r.waitq.is(s)) {
		m.remove(&t, newest)
		return add(out, K4c, actor, newest, &t)
	}
	if m.lockedQueue(r) && r.qpos.is(s) {
		m.cancelQueued(&t, newest)
		m.unlink(&t, newest)
		return add(out, K4q, actor, newest, &t)
	}
	old := r.kc.get(s)
	if old == kcEarly && !m.markAndSignal() && r.ph.get(s) >= phStarted {
		// Without marks, one that has left the queue is signalled or nothing:
		// io_uring_cancel_generic tries again until a worker is recorded.
		if m.workerOf(s, newest) < 0 {
			return out
		}
		old = kcLate
	}
	if old == kcEarly || old == kcLate {
		r.kc.set(&t, kcCancelled)
	}
	if old == kcLate {
		ctx.target.set(&t, uint64(newest)+1)
		ctx.kill.set(&t, signals)
		return add(out, K4c, actor, newest, &t)
	}
	switch {
	case r.exec == design.WaitQueue:
		m.cancelPoll(&t, newest)
	case old == kcEarly:
		r.early.set(&t, 1)
	}
	m.unlink(&t, newest)
	return add(out, K4c, actor, newest, &t)
}

// inUse reports whether a caller is inside a call on context c.
func (m *Machine) inUse(s *State, c int) bool {
	for i := range m.threads {
		th := &m.threads[i]
		pc := th.pc.get(s)
		if pc == pcIdle || pc >= pcK2 && pc <= pcX1 || pc == pcU2 {
			continue
		}
		call := m.current(s, th)
		on := int(call.Context)
		if call.Kind == Cancel {
			on = m.reqs[th.cur.get(s)].ctx
		}
		if on == c {
			return true
		}
	}
	return false
}

// inFlight reports whether a request holds its reference to context c: until
// W13.
func (m *Machine) inFlight(s *State, c int) bool {
	for i := range m.reqs {
		r := &m.reqs[i]
		ph := r.ph.get(s)
		if r.ctx != c || ph < phSubmitting {
			continue
		}
		if ph < phPosted && !(ph == phArmed && m.d.Has(design.DestroyWaitsRunning)) {
			return true
		}
	}
	for i := range m.workers {
		w := &m.workers[i]
		if pc := w.pc.get(s); pc > 0 && pc <= uint64(m.at[W13]) && m.reqs[w.req.get(s)].ctx == c {
			return true
		}
	}
	return false
}
