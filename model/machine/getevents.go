package machine

import "aiocheck/model/design"

// reapCall begins io_getevents, or a look at the mapped ring.
func (m *Machine) reapCall(s *State, ti int, call *Call, out []Successor) []Successor {
	th := &m.threads[ti]
	ctx := &m.ctxs[call.Context]
	actor := uint8(ti)
	t := *s
	if call.Kind == ReapRing {
		head := ctx.head.get(s)
		if head == ctx.tail.get(s) || ctx.kill.is(s) { // the ring is unmapped by K2
			m.finish(&t, th, ansCount)
			return add(out, U1n, actor, 0, &t)
		}
		th.head.set(&t, head)
		th.pc.set(&t, pcU2)
		return add(out, U1, actor, int(ctx.log[head].get(s)), &t)
	}
	if m.refusesCallers(s, int(call.Context)) {
		m.finish(&t, th, ansError+uint64(design.AnswerInvalid))
		return add(out, G1n, actor, 0, &t)
	}
	th.pc.set(&t, pcG2)
	return add(out, G1, actor, 0, &t)
}

// reapSteps is a thread inside io_getevents or about to move the mapped head.
func (m *Machine) reapSteps(s *State, ti int, call *Call, pc uint64, out []Successor) []Successor {
	th := &m.threads[ti]
	ctx := &m.ctxs[call.Context]
	actor := uint8(ti)
	t := *s
	switch pc {
	case pcG2:
		if ctx.ring.is(s) {
			return out
		}
		// The waiter is on the wait queue before it looks: a wake-up from now
		// on is not lost.
		th.wake.set(&t, 0)
		head, tail := ctx.head.get(s), ctx.tail.get(s)
		n := min(tail-head, uint64(call.Nr)-th.cnt.get(s))
		if n > 0 {
			ctx.ring.set(&t, 1)
			th.head.set(&t, head)
			th.n.set(&t, n)
			th.pc.set(&t, pcG2h)
			return add(out, G2, actor, int(ctx.log[head].get(s)), &t)
		}
		return m.afterScan(s, &t, ti, call, G2, out)
	case pcG2h:
		head, n := th.head.get(s), th.n.get(s)
		for k := head; k < head+n; k++ {
			m.deliver(&t, ti, int(ctx.log[k].get(s)))
		}
		ctx.head.set(&t, head+n)
		ctx.ring.set(&t, 0)
		th.cnt.set(&t, th.cnt.get(s)+n)
		th.head.set(&t, 0)
		th.n.set(&t, 0)
		return m.afterScan(s, &t, ti, call, G2h, out)
	case pcG4:
		if th.wake.is(s) || m.exiting.is(s) {
			u := t
			th.pc.set(&u, pcG2)
			if m.exiting.is(s) {
				m.finish(&u, th, ansCount+th.cnt.get(s))
			}
			return add(out, G4w, actor, 0, &u)
		}
		if call.Timeout {
			m.finish(&t, th, ansCount+th.cnt.get(s))
			return add(out, G4t, actor, 0, &t)
		}
	case pcU2:
		head := th.head.get(s)
		m.deliver(&t, ti, int(ctx.log[head].get(s)))
		ctx.head.set(&t, head+1)
		m.finish(&t, th, ansCount+1)
		return add(out, U2, actor, int(ctx.log[head].get(s)), &t)
	}
	return out
}

// afterScan goes on after a look at the ring: return, stop because the context
// is dead (G3), or sleep.
func (m *Machine) afterScan(s, t *State, ti int, call *Call, k Kind, out []Successor) []Successor {
	th := &m.threads[ti]
	cnt := th.cnt.get(t)
	switch {
	case cnt >= uint64(call.Min):
		m.finish(t, th, ansCount+cnt)
	case m.ctxs[call.Context].kill.is(s):
		k = G3
		answer := ansError + uint64(design.AnswerInvalid)
		if cnt > 0 {
			answer = ansCount + cnt
		}
		m.finish(t, th, answer)
	default:
		th.pc.set(t, pcG4)
	}
	return add(out, k, uint8(ti), 0, t)
}

// deliver hands the event of request i to the call that the thread is in.
func (m *Machine) deliver(t *State, ti, i int) {
	r := &m.reqs[i]
	if r.ph.get(t) == phReaped {
		m.note(t, badTwice)
		return
	}
	r.ph.set(t, phReaped)
	r.by.set(t, uint64(m.reapNumber(ti, int(m.threads[ti].call.get(t)))))
}

// reapNumber numbers the reaping calls of all threads from 1.
func (m *Machine) reapNumber(ti, call int) int {
	n := 0
	for t := range m.threads {
		for c, k := range m.threads[t].Calls {
			if k.Kind == GetEvents || k.Kind == ReapRing {
				n++
			}
			if t == ti && c == call {
				return n
			}
		}
	}
	return 0
}

// wake is W12 and K2: every thread in io_getevents on the context is woken.
func (m *Machine) wake(t *State, c int) {
	for i := range m.threads {
		th := &m.threads[i]
		if pc := th.pc.get(t); (pc == pcG2 || pc == pcG2h || pc == pcG4) && int(m.current(t, th).Context) == c {
			th.wake.set(t, 1)
		}
	}
}
