package machine

import "aiocheck/model/design"

// What a request was executed with, request.as.
const (
	asSubmitter = iota // the context of its submission
	asChanged          // the submitter's, as changed later
	asWorker           // (in part) the executing thread's own
	asPinnedNew        // that of its submission, which came after the change
)

// workerSteps appends the steps of a worker.
func (m *Machine) workerSteps(s *State, wi int, out []Successor) []Successor {
	w := &m.workers[wi]
	if m.d.Exit == design.ExitKill && m.exiting.get(s) == 2 {
		return out
	}
	pc := w.pc.get(s)
	if pc == 0 {
		return m.take(s, wi, out)
	}
	i := int(w.req.get(s))
	r := &m.reqs[i]
	out, t := slot(out, s)
	k := m.program[pc-1]
	if k > W4s && k < W11 && k != W7 && r.free.is(s) {
		m.note(t, badMemory)
	}
	w.pc.set(t, pc+1)
	switch k {
	case W4a:
		if r.kc.get(s) != kcCancelled {
			r.kc.set(t, kcLate)
			break
		}
		k = W4b
		m.notExecuted(t, w, r)
	case W4l:
		if r.kc.get(s) == kcCancelled {
			m.notExecuted(t, w, r)
		}
	case W4s:
		r.kc.set(t, kcLate)
	case W5:
		return m.execute(s, t, wi, i, out)
	case W7:
		if r.free.is(s) {
			m.note(t, badMemory)
		}
	case W8:
		// The unlocked look at the list is right only because a cancel comes
		// before the unlink, inside the same critical section.
		lockFree := m.d.List.UnlockedCheck || m.d.Has(design.UnlinkBeforeCancel)
		if r.listed && m.ctxs[r.ctx].lock.is(s) && !(lockFree && !r.onl.is(s)) {
			return out[:len(out)-1]
		}
		m.unlink(t, i)
	case W9:
		m.post(t, i)
	case W10:
		if r.Eventfd && !m.eventfdForgotten(s, r) {
			m.signalEventfd(t, r.ctx)
		}
	case W11:
		m.release(t, i)
	case W12:
		m.wake(t, r.ctx)
	case W14:
		w.sig.set(t, 0)
	case W15:
		w.pc.set(t, 0)
		w.req.set(t, 0)
		if !w.pooled { // the thread ends, and its signals and context with it
			w.sig.set(t, 0)
			w.deaf.set(t, 0)
			w.made.set(t, 0)
		}
	}
	return took(out, k, m.workerActor(wi), i)
}

// eventfdForgotten is a seeded bug.
func (m *Machine) eventfdForgotten(s *State, r *request) bool {
	return m.d.Has(design.EventfdNotForCancelled) && r.kc.get(s) == kcCancelled
}

// take is W1: a free worker takes the request at the head of its queue.
func (m *Machine) take(s *State, wi int, out []Successor) []Successor {
	w := &m.workers[wi]
	for i := range m.reqs {
		r := &m.reqs[i]
		if r.queue != w.queue || r.qpos.get(s) != 1 {
			continue
		}
		locked := m.lockedQueue(r)
		if locked && m.ctxs[r.ctx].lock.is(s) {
			return out
		}
		out, t := slot(out, s)
		m.dequeue(t, i)
		if locked {
			r.kc.set(t, kcLate)
		}
		if r.ph.get(s) == phArmed {
			r.ph.set(t, phStarted)
		}
		if r.free.is(s) {
			m.note(t, badMemory)
		}
		w.pc.set(t, 1)
		w.req.set(t, uint64(i))
		if m.at[W2] == 0 {
			return took(out, W1r, m.workerActor(wi), i)
		}
		return took(out, W1, m.workerActor(wi), i)
	}
	return out
}

// notExecuted ends a request that was cancelled before its worker looked.
func (m *Machine) notExecuted(t *State, w *worker, r *request) {
	r.res.set(t, resInterrupted)
	if m.d.Has(design.RestartCode) {
		r.res.set(t, resRestart)
	}
	w.pc.set(t, uint64(m.at[W5])+1)
}

// execute takes one step of the operation on a worker, in t, the last of out.
func (m *Machine) execute(s, t *State, wi, i int, out []Successor) []Successor {
	w, r := &m.workers[wi], &m.reqs[i]
	if w.made.mask != 0 && !w.made.is(s) {
		w.made.set(t, 1+m.changed.get(s))
	}
	old := w.made.get(t) == 1 && r.as.get(s) == asPinnedNew
	m.dress(t, r, r.foreign != 0 || old)
	k := W5r
	switch m.operate(t, i, w.sig.is(s)) {
	case blocked:
		return out[:len(out)-1]
	case went:
		k = W5
		w.pc.set(t, uint64(m.at[W5]))
	case interrupted:
		k = W5i
	}
	return took(out, k, m.workerActor(wi), i)
}

// dress records what a request is executed with: whose context, and whether
// its arguments are read only now.
func (m *Machine) dress(t *State, r *request, foreign bool) {
	if r.shared && m.changed.is(t) && r.as.get(t) == asSubmitter {
		r.as.set(t, asChanged)
	}
	if foreign {
		r.as.set(t, asWorker)
	}
	if r.execArgs {
		r.used.set(t, r.arg.get(t))
	}
}

// post is W9: the event goes into the ring at its tail, and slots whose events
// were reaped are given back (thread-aio.md 2.8).
func (m *Machine) post(t *State, i int) {
	r := &m.reqs[i]
	ctx := &m.ctxs[r.ctx]
	if r.ph.get(t) >= phPosted {
		m.note(t, badTwice)
		return
	}
	r.ph.set(t, phPosted)
	if m.ringLog {
		tail := ctx.tail.get(t)
		if tail-ctx.head.get(t) >= uint64(ctx.slots) && (m.d.Completion == design.ReservedRing || m.d.Completion == design.UnreservedRing) {
			m.note(t, badOverflow)
		}
		ctx.log[tail].set(t, uint64(i))
		ctx.tail.set(t, tail+1)
	}
	if !m.slots {
		return
	}
	if m.d.Has(design.SlotAtCompletion) {
		ctx.avail.set(t, ctx.avail.get(t)+1)
		return
	}
	ctx.comp.set(t, ctx.comp.get(t)+1)
	if ctx.comp.get(t) > 1 {
		m.refill(t, ctx)
	}
}

// complete is the end of a request outside of a worker: W9 to W13 at once.
func (m *Machine) complete(t *State, i int) {
	r := &m.reqs[i]
	m.post(t, i)
	if r.Eventfd && !m.eventfdForgotten(t, r) {
		m.signalEventfd(t, r.ctx)
	}
	m.release(t, i)
	m.wake(t, r.ctx)
}

// release is W11: the request's memory and its file reference are given back.
func (m *Machine) release(t *State, i int) {
	r := &m.reqs[i]
	if r.free.is(t) {
		m.note(t, badFree)
	}
	r.free.set(t, 1)
}

// refill gives back the slots of events that left the ring since the last
// time: refill_reqs_available.
func (m *Machine) refill(t *State, ctx *context) {
	inRing := ctx.tail.get(t) - ctx.head.get(t)
	comp := ctx.comp.get(t)
	if inRing >= comp {
		return
	}
	if !m.d.Has(design.SlotsLostUserReap) {
		ctx.avail.set(t, ctx.avail.get(t)+comp-inRing)
	}
	ctx.comp.set(t, inRing)
}

// takeSlot is S1: a slot, after a refill if there is none.
func (m *Machine) takeSlot(t *State, ctx *context) bool {
	if !ctx.avail.is(t) {
		m.refill(t, ctx)
	}
	n := ctx.avail.get(t)
	if n == 0 {
		return false
	}
	ctx.avail.set(t, n-1)
	return true
}

// freeSlots is how many slots ought to be free: those of no request in flight
// and of no event in the ring.
func (m *Machine) freeSlots(s *State, c int) int {
	ctx := &m.ctxs[c]
	free := ctx.slots - int(ctx.tail.get(s)-ctx.head.get(s))
	for i := range m.reqs {
		if ph := m.reqs[i].ph.get(s); m.reqs[i].ctx == c && ph >= phSubmitting && ph < phPosted {
			free--
		}
	}
	return free
}

// signalEventfd is W10.
func (m *Machine) signalEventfd(t *State, c int) {
	ctx := &m.ctxs[c]
	ctx.efd.set(t, ctx.efd.get(t)+1)
}

// workerOf is the worker that is recorded as the one who executes request i,
// or -1: ki_cancel_task.
func (m *Machine) workerOf(s *State, i int) int {
	for wi := range m.workers {
		w := &m.workers[wi]
		if w.pc.get(s) > uint64(m.at[W2]) && int(w.req.get(s)) == i {
			return wi
		}
	}
	return -1
}

// signal makes a signal pending on a worker, unless it hears none any more.
func (m *Machine) signal(t *State, wi int) {
	w := &m.workers[wi]
	if w.deaf.is(t) {
		return
	}
	w.sig.set(t, 1)
	w.deaf.set(t, 1)
}
