package machine

import (
	"aiocheck/model"
	"aiocheck/model/design"
)

// properties are those that the machine decides, in the order of the bits of
// Violated and Stuck.
var properties = []model.Property{
	model.OneEvent, model.NoEventForRejected, model.LegalResult, model.CancelAnswer, model.CancelledNoEffect, model.CancelledEnds,
	model.ResultMatchesEffect, model.RequestEnds, model.SlotsConserved, model.RingNeverOverflows, model.EventfdCount,
	model.DestroyOnce, model.DestroyWaits, model.ExitWaits, model.BufferReleased,
	model.NoUseAfterFree, model.FreedOnce, model.SignalOutlivesRequest, model.CancelHitsRequest, model.ArgsCaptured,
	model.CredCaptured, model.FsCaptured, model.FilesCaptured, model.LimitsCaptured, model.FileHeld,
	model.PoolProgress, model.DestroyReturns, model.WaiterWoken, model.FsyncOrder,
}

// Bits of Violated and Stuck.
const (
	vOneEvent = 1 << iota
	vNoEventForRejected
	vLegalResult
	vCancelAnswer
	vCancelledNoEffect
	vCancelledEnds
	vResultMatchesEffect
	vRequestEnds
	vSlotsConserved
	vRingNeverOverflows
	vEventfdCount
	vDestroyOnce
	vDestroyWaits
	vExitWaits
	vBufferReleased
	vNoUseAfterFree
	vFreedOnce
	vSignalOutlivesRequest
	vCancelHitsRequest
	vArgsCaptured
	vCredCaptured
	vFsCaptured
	vFilesCaptured
	vLimitsCaptured
	vFileHeld
	vPoolProgress
	vDestroyReturns
	vWaiterWoken
	vFsyncOrder
)

// Properties lists the properties that the machine decides: bit i of Violated
// and of Stuck speaks of the i-th.
func (m *Machine) Properties() []model.Property { return properties }

// sticky maps the bits of Machine.bad to properties.
var sticky = [badBits]uint64{
	vNoUseAfterFree, vOneEvent, vFreedOnce, vCancelAnswer, vCancelHitsRequest, vBufferReleased, vSlotsConserved,
	vRingNeverOverflows, vDestroyOnce, vFileHeld, vFsyncOrder,
}

// Violated is the set of safety properties that do not hold in s.
func (m *Machine) Violated(s *State) (v uint64) {
	if bad := m.bad.get(s); bad != 0 {
		for b, property := range sticky {
			if bad&(1<<b) != 0 {
				v |= property
			}
		}
	}
	for i := range m.reqs {
		v |= m.violatedBy(s, &m.reqs[i])
	}
	for i := range m.workers {
		w := &m.workers[i]
		// A signal belongs to the request that its worker has, if that one was
		// cancelled, and to nobody otherwise.
		if w.sig.is(s) && (!w.pc.is(s) || m.reqs[w.req.get(s)].kc.get(s) != kcCancelled) {
			v |= vSignalOutlivesRequest
		}
	}
	for c := range m.ctxs {
		v |= m.violatedIn(s, c)
	}
	return v
}

// violatedBy is what one request violates.
func (m *Machine) violatedBy(s *State, r *request) (v uint64) {
	ph, res, eff := r.ph.get(s), r.res.get(s), r.eff.get(s)
	if ph >= phArmed && ph < phPosted && m.ctxs[r.ctx].gone.is(s) && m.exiting.get(s) == 0 {
		v |= vDestroyWaits
	}
	if ph < phStarted {
		return v
	}
	cancelled := r.kc.get(s) == kcCancelled
	if r.early.is(s) && eff > 0 {
		v |= vCancelledNoEffect
	}
	if ph >= phPosted {
		if res == resRestart || res == resInterrupted && !cancelled && !m.exiting.is(s) {
			v |= vLegalResult
		}
		if r.Opcode.Transfers() && r.behaviour != design.Remote && r.behaviour != design.Daemon && m.counted(res) != eff {
			v |= vResultMatchesEffect
		}
	}
	if eff > 0 {
		if r.used.is(s) {
			v |= vArgsCaptured
		}
		if m.ranAs(s, r) == asWorker {
			parts := uint64(r.foreign | r.stale)
			v |= parts & partCred / partCred * vCredCaptured
			v |= parts & partFs / partFs * vFsCaptured
			v |= parts & partFiles / partFiles * vFilesCaptured
			v |= parts & partLimits / partLimits * vLimitsCaptured
		}
	}
	if ph < phPosted && m.exiting.get(s) == 2 && m.d.Exit != design.ExitKill {
		v |= vExitWaits
	}
	return v
}

// ranAs is whose context a request that has had an effect was executed in.
func (m *Machine) ranAs(s *State, r *request) uint64 {
	if r.as.mask == 0 && r.foreign != 0 && r.threaded {
		return asWorker // always: no other thread executes it
	}
	return r.as.get(s)
}

// counted is how many units a result says were moved.
func (m *Machine) counted(res uint64) uint64 {
	if res >= resCount && res <= resCount+maxUnits {
		return res - resCount
	}
	return 0
}

// violatedIn is what context c violates: its slots and its eventfd.
func (m *Machine) violatedIn(s *State, c int) (v uint64) {
	ctx := &m.ctxs[c]
	if m.slots {
		used, kept := 0, int(ctx.avail.get(s)+ctx.comp.get(s))
		for i := range m.reqs {
			if ph := m.reqs[i].ph.get(s); m.reqs[i].ctx == c && ph >= phSubmitting && ph < phPosted {
				used++
			}
		}
		if used+kept != ctx.slots && !m.d.Has(design.SlotAtCompletion) {
			v |= vSlotsConserved
		}
	}
	if ctx.efd.mask != 0 {
		posted := uint64(0)
		for i := range m.reqs {
			if r := &m.reqs[i]; r.ctx == c && r.Eventfd && r.ph.get(s) >= phPosted {
				posted++
			}
		}
		if ctx.efd.get(s) > posted {
			v |= vEventfdCount
		}
	}
	return v
}

// Terminal reports whether s, which has no successors, is an end that the
// design allows: nothing in it is stuck.
func (m *Machine) Terminal(s *State) bool { return m.Stuck(s) == 0 }

// Stuck is the set of properties that say that something must still happen in
// s, should nobody ever leave it. A request that waits for what nobody in the
// program will do, uncancelled, is not stuck, and neither is who waits for it.
func (m *Machine) Stuck(s *State) (v uint64) {
	if m.exiting.get(s) == 2 && m.d.Exit == design.ExitKill {
		return 0 // nobody is left to do anything
	}
	waiting := false // some operation legitimately has not returned
	queued := false
	for i := range m.reqs {
		r := &m.reqs[i]
		ph := r.ph.get(s)
		switch {
		case ph < phArmed || ph >= phPosted:
		case r.retried && r.waitq.is(s):
			waiting = true
		case r.waitq.is(s) && !m.ready(s, r) && r.kc.get(s) != kcCancelled:
			waiting = true
		case r.waitq.is(s):
			v |= vRequestEnds
		case ph == phArmed && r.qpos.is(s):
			queued = true
			if r.queue < max(m.sc.CPUs, 1) { // elsewhere it waits for its turn, as promised
				v |= vPoolProgress
			}
		case ph == phArmed:
			v |= vOneEvent // taken off the queue, and never ended
		case r.kc.get(s) == kcCancelled && r.behaviour != design.Never:
			v |= vCancelledEnds
		case m.waits(s, r):
			waiting = true
		default:
			v |= vRequestEnds
		}
	}
	for i := range m.threads {
		v |= m.stuckThread(s, &m.threads[i], waiting || queued)
	}
	for c := range m.ctxs {
		ctx := &m.ctxs[c]
		if m.d.Completion.KernelRing() && ctx.efd.mask != 0 && ctx.efd.get(s) != m.postedWithEventfd(s, c) {
			v |= vEventfdCount
		}
	}
	return v
}

// waits reports whether the operation of a running request is blocked on what
// only others can bring about.
func (m *Machine) waits(s *State, r *request) bool {
	switch r.behaviour {
	case design.Never, design.TakeStream, design.PutStream, design.PutPieces, design.WaitReady, design.WaitOpen:
		return !r.res.is(s)
	}
	return false
}

// cancellable reports whether the design can end a request that waits.
func (m *Machine) cancellable(r *request) bool {
	return r.waitq.mask != 0 || r.threaded && m.d.Running != design.RunningNone
}

func (m *Machine) stuckThread(s *State, th *thread, pending bool) uint64 {
	switch pc := th.pc.get(s); {
	case pc == pcG4:
		call := m.current(s, th)
		ctx := &m.ctxs[call.Context]
		if ctx.kill.is(s) || th.cnt.get(s)+ctx.tail.get(s)-ctx.head.get(s) >= uint64(call.Min) {
			return vWaiterWoken
		}
	case pc == pcK7:
		// It waits for operations, unless the design could have cancelled them.
		for i := range m.reqs {
			r := &m.reqs[i]
			if ph := r.ph.get(s); ph >= phSubmitting && ph < phPosted && (!m.cancellable(r) || r.behaviour == design.Never) {
				return 0
			}
		}
		return vDestroyReturns
	case pc == pcX1 && !pending:
		return vDestroyReturns
	}
	return 0
}

func (m *Machine) postedWithEventfd(s *State, c int) (n uint64) {
	for i := range m.reqs {
		if r := &m.reqs[i]; r.ctx == c && r.Eventfd && r.ph.get(s) >= phPosted {
			n++
		}
	}
	return n
}
