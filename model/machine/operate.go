package machine

import (
	"aiocheck/model"
	"aiocheck/model/design"
)

const openAt = model.OpenAt

// outcome is what one atomic step of an operation came to.
type outcome uint8

const (
	blocked     outcome = iota // nothing happened: it waits
	went                       // it did a part
	returned                   // it ended, with its result
	interrupted                // it ended because it noticed a signal
)

// operate takes the next atomic step of the operation of request i in t.
// signalled says that a signal is pending on the thread that executes it.
// thread-aio.md 3.2 has the rows.
func (m *Machine) operate(t *State, i int, signalled bool) outcome {
	r := &m.reqs[i]
	f := &m.files[r.File]
	done := r.eff.get(t)
	units := uint64(r.Units)
	switch r.behaviour {
	case design.Never:
		return blocked
	case design.Whole, design.TwoStepWhole:
		if r.Opcode.Syncs() {
			m.sync(t, r)
		}
		m.effect(t, r, units)
		return m.ret(t, r, m.natural(r))
	case design.TakeStream:
		have := f.content.get(t)
		switch {
		case have > 0:
			n := min(have, units)
			m.takeFrom(t, f, r, have, n)
			m.effect(t, r, n)
			return m.ret(t, r, resCount+n)
		case f.NoWriter || f.closed.is(t):
			return m.ret(t, r, resCount)
		case signalled:
			return m.interrupt(t, r, 0)
		}
		return blocked
	case design.PutStream:
		have := f.content.get(t)
		switch {
		case f.closed.is(t):
			return m.ret(t, r, resBrokenPipe)
		case have+units <= uint64(f.Capacity):
			m.effect(t, r, units)
			m.put(t, int(r.File), units, i+1)
			return m.ret(t, r, resCount+units)
		case signalled:
			return m.interrupt(t, r, 0)
		}
		return blocked
	case design.PutPieces:
		have := f.content.get(t)
		switch {
		case f.closed.is(t) && done == 0:
			return m.ret(t, r, resBrokenPipe)
		case f.closed.is(t):
			return m.ret(t, r, resCount+done)
		case have < uint64(f.Capacity):
			m.put(t, int(r.File), 1, i+1)
			return m.piece(t, r, done+1)
		case signalled:
			return m.interrupt(t, r, done)
		}
		return blocked
	case design.Pieces:
		switch {
		case units == 0: // a READAHEAD at the end of the file
			return m.ret(t, r, resCount)
		case signalled:
			return m.interrupt(t, r, done)
		}
		return m.piece(t, r, done+1)
	case design.Remote:
		switch {
		case done == 0:
			m.effect(t, r, units)
			return went
		case signalled:
			return m.interrupt(t, r, 0)
		}
		return m.ret(t, r, m.natural(r))
	case design.Daemon:
		if signalled {
			return m.interrupt(t, r, 0)
		}
		m.effect(t, r, units)
		return m.ret(t, r, m.natural(r))
	case design.WaitReady:
		switch {
		case f.content.get(t) > 0 && !m.d.PollIgnoresMask || f.closed.is(t):
			return m.ret(t, r, resReady)
		case signalled:
			return m.interrupt(t, r, 0)
		}
	case design.WaitOpen: // who has written, or closed, has had it open
		switch {
		case f.content.is(t) || f.closed.is(t):
			m.effect(t, r, units)
			return m.ret(t, r, m.natural(r))
		case signalled:
			return m.interrupt(t, r, 0)
		}
	}
	return blocked
}

// sync is an fsync: it covers the writes to its file that have taken effect.
func (m *Machine) sync(t *State, r *request) {
	covered := uint64(0)
	for j := range m.reqs {
		if w := &m.reqs[j]; w.Opcode.Writes() && w.File == r.File && w.eff.is(t) {
			covered++
		}
	}
	r.covers.set(t, covered)
	for _, j := range r.follows {
		if ph := m.reqs[j].ph.get(t); ph > phRefused && ph < phPosted {
			m.note(t, badSync)
		}
	}
}

// put appends units to a stream, by whom: 1 plus a request, or beyond for a
// plain write; it wakes the polls of the file.
func (m *Machine) put(t *State, file int, units uint64, by int) {
	f := &m.files[file]
	f.content.set(t, f.content.get(t)+units)
	if len(f.log) > 0 {
		at := f.end.get(t)
		for k := at; k < at+units; k++ {
			f.log[k].set(t, uint64(by))
		}
		f.end.set(t, at+units)
	}
	m.wakePolls(t, file)
}

// takeFrom takes n of the units that a stream holds.
func (m *Machine) takeFrom(t *State, f *file, r *request, have, n uint64) {
	f.content.set(t, have-n)
	if len(f.log) == 0 {
		return
	}
	at := f.end.get(t) - have
	for u := range n {
		r.data[u].set(t, f.log[at+u].get(t))
	}
}

// piece is one more unit of a transfer.
func (m *Machine) piece(t *State, r *request, done uint64) outcome {
	m.effect(t, r, done)
	if done < uint64(r.Units) {
		return went
	}
	return m.ret(t, r, resCount+done)
}

// effect records how many units have taken effect, and notes an execution that
// comes after the event.
func (m *Machine) effect(t *State, r *request, units uint64) {
	f := &m.files[r.File]
	if len(f.cells) > 0 && r.Opcode.Transfers() {
		for u := r.eff.get(t); u < units; u++ {
			cell := f.cells[uint64(r.Offset)+u]
			if r.Opcode.Writes() {
				cell.set(t, r.number)
			} else {
				r.data[u].set(t, cell.get(t))
			}
		}
	}
	r.eff.set(t, max(units, 1))
	if ph := r.ph.get(t); ph >= phPosted {
		m.note(t, badBuffer)
	}
}

// natural is the result of an operation that did all it was asked for.
func (m *Machine) natural(r *request) uint64 {
	if r.Opcode.Transfers() || r.Opcode == model.ReadAhead {
		return resCount + uint64(r.Units)
	}
	return resCount
}

func (m *Machine) ret(t *State, r *request, res uint64) outcome {
	if m.d.Has(design.ResultFromCancel) && r.kc.get(t) == kcCancelled {
		res = resInterrupted
	}
	r.res.set(t, res)
	return returned
}

// interrupt ends an operation that noticed a signal after some units.
func (m *Machine) interrupt(t *State, r *request, done uint64) outcome {
	res := uint64(resInterrupted)
	switch {
	case m.d.Has(design.RestartCode):
		res = resRestart
	case r.retried && done == 0:
		res = resCanceled
	case done > 0 && m.d.Has(design.PartialAsFull):
		res = resCount + uint64(r.Units)
	case done > 0 && !m.d.Has(design.PartialAsInterrupted):
		res = resCount + done
	}
	r.res.set(t, res)
	return interrupted
}

// note makes a violation stick.
func (m *Machine) note(t *State, bad uint64) { m.bad.set(t, m.bad.get(t)|bad) }
