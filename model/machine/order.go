package machine

import "aiocheck/model/design"

// Ample is a subset of the successors of s that is enough to find every
// violation and every terminal state: those of one actor whose next step is
// local, or all of them.
//
// A step is local if no step that another actor can take before it, now or
// later, reads what it writes, writes what it reads, or switches it off, and
// if it ends no violation that another order would have shown. What another
// actor can reach is found from the state (is the request still on the list,
// does somebody hold a pointer to it), never from the lock discipline, which
// is what is being checked. TestLocalStepsCommute holds each against the
// steps as they are, and TestReductionsHideNothing against the whole search.
//
// A call that a thread need not make is never local: promises that only it
// could keep are broken before it (explore.AtRest).
//
// Local steps alone form no cycle: a worker's program ends in W15, a caller's
// local steps in the end of a call, and none of them begins either again.
func (m *Machine) Ample(s *State, succ []Successor) []Successor {
	for from := 0; from < len(succ); {
		actor := succ[from].Step.Actor
		to := from
		local := true
		for to < len(succ) && succ[to].Step.Actor == actor {
			local = local && m.local(s, succ[to].Step)
			to++
		}
		if local {
			return succ[from:to]
		}
		from = to
	}
	return succ
}

// local reports whether a step that is enabled in s is local.
func (m *Machine) local(s *State, st Step) bool {
	if m.exiting.mask != 0 && m.d.Exit != design.ExitWait {
		return false // an exit stops threads wherever they are
	}
	i := int(st.Object)
	r := &m.reqs[min(i, len(m.reqs)-1)]
	switch st.Kind {
	case W2:
		// Recording the worker is seen by who is about to signal it; before the
		// request is late-cancellable, by this worker's own W4a, nobody is.
		return m.d.Queued == design.QueuedMark && (m.at[W2] < m.at[W4a] || m.at[W2] < m.at[W4s])
	case W4b:
		// A cancelled slot stays cancelled, and who cancelled it early has
		// nothing to do with the request any more.
		return !m.d.Has(design.CancelWithoutLock)
	case W7:
		// Reads whether the request was freed; only a canceller that completes
		// requests itself could free it now.
		return !m.d.Has(design.EarlyCancelCompletes)
	case W9:
		// Without a ring, slots, eventfds, io_destroy and fsyncs that follow
		// writes, the phase is read by who submits or can still find it.
		return m.d.Running != design.RunningNone && m.markAndSignal() && r.listed && !m.ringLog && !m.slots && m.ctxs[r.ctx].efd.mask == 0 && !m.destroys && !m.d.SyncFollowsWrites && !m.reached(s, i)
	case W11, W15:
		return !m.reached(s, i)
	case W12:
		return !m.used.get
	case W13:
		return !m.destroys
	case W14:
		// Must not end a violation: a signal that is not this request's.
		w := &m.workers[int(st.Actor)-len(m.threads)]
		return !m.reached(s, i) && (!w.sig.is(s) || r.kc.get(s) == kcCancelled)
	case C6l:
		// The worker has left the operation, and cannot come to its flush before
		// it gets the lock that is held here.
		return m.signalsTooLate(s, i)
	case C7, C7q:
		// Whatever needs the lock waits for this step; a wake-up of a poll does
		// not wait, but only tries.
		return !m.waitQueues && !(m.d.List.UnlinkOnCancel && m.d.Has(design.CancelWithoutLock))
	case S1:
		return !m.slots && !m.destroys
	case S3:
		return !m.used.close && !m.used.change && !m.destroys
	case S5:
		return !m.used.change
	}
	return false
}

// pointedTo reports whether a canceller, or the end of a context, has found
// request i and is not done with it.
func (m *Machine) pointedTo(s *State, i int) bool {
	for t := range m.threads {
		th := &m.threads[t]
		if pc := th.pc.get(s); pc >= pcC5 && pc <= pcC9 && int(th.cur.get(s)) == i {
			return true
		}
	}
	return m.ctxs[m.reqs[i].ctx].target.get(s) == uint64(i)+1
}

// reached reports whether another actor than its worker touches request i, or
// may come to.
func (m *Machine) reached(s *State, i int) bool {
	return m.reqs[i].onl.is(s) || !m.past(s, i) || m.pointedTo(s, i)
}

// signalsTooLate reports whether the worker of request i is between its
// operation and the lock that the canceller holds.
func (m *Machine) signalsTooLate(s *State, i int) bool {
	if m.d.Has(design.CancelWithoutLock) || m.d.Has(design.DoubleEvent) || !m.reqs[i].onl.is(s) || m.at[W14] != 0 && m.at[W14] < m.at[W8] {
		return false
	}
	wi := m.workerOf(s, i)
	if wi < 0 {
		return false
	}
	pc := m.workers[wi].pc.get(s)
	return pc > uint64(m.at[W5]) && pc <= uint64(m.at[W8])
}
