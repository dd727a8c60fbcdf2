package machine

import (
	"slices"

	"aiocheck/model/design"
)

// Kinds are the kinds of steps that the design has and the scenario asks for:
// one of them that is never taken is worth a look.
func (m *Machine) Kinds() (kinds []Kind) {
	for k := range NumKinds {
		if m.has(k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func (m *Machine) has(k Kind) bool {
	switch {
	case k <= SIr:
		return m.submits(k)
	case k <= W15:
		return len(m.workers) > 0 && m.works(k)
	case k <= C9:
		return m.uses(Cancel) && m.hasCancel(k)
	case k <= G4w:
		return m.uses(GetEvents) && m.hasGet(k)
	case k <= U2:
		return m.uses(ReapRing)
	case k <= K8:
		return m.uses(Destroy, Exit) && m.hasEnd(k)
	case k <= X2:
		return m.uses(Exit) && (k == X0 || m.d.Exit == design.ExitWait)
	}
	switch k {
	case A1:
		return m.uses(ChangeIocb)
	case A2:
		return m.uses(ChangeContext)
	case F1:
		return m.uses(Close)
	case F2:
		return m.uses(Write)
	case F3:
		return m.uses(Read)
	case D1:
		return m.count(func(r *request) bool {
			return r.exec == design.Device || r.exec == design.AttemptPool && m.files[r.File].Kind.Stream()
		}) > 0
	}
	return m.count(func(r *request) bool { return r.exec == design.WaitQueue }) > 0
}

// submits is has for the steps of io_submit: some request has them on its way.
func (m *Machine) submits(k Kind) bool {
	if m.threads[0].call.get(&m.initial) > 0 && m.threads[0].Calls[0].Kind == Submit && m.calls(Submit) == 1 {
		return false // it is over before the first step
	}
	on := func(pc int) bool { return m.count(func(r *request) bool { return r.next[pc] != 0 }) > 0 }
	switch k {
	case S0:
		return m.uses(Submit)
	case S1:
		return on(pcS1)
	case S1e:
		return on(pcS1) && m.slots
	case S3:
		return on(pcS3)
	case S3e:
		return m.uses(Close) || m.count(func(r *request) bool { return m.refusal(&m.initial, r) != 0 }) > 0
	case S5:
		return on(pcS5)
	case S6:
		return m.count(func(r *request) bool { return r.next[pcS6] != 0 && !m.lockedQueue(r) }) > 0
	case S6q:
		return m.count(m.lockedQueue) > 0
	case S7:
		return on(pcS7)
	case S8:
		return on(pcS8)
	case S9: // io_submit on a dead context
		return m.uses(Submit) && m.uses(Destroy, Exit)
	case SIi:
		return on(pcOp) && m.uses(Exit)
	case SIh:
		return on(pcOp) && on(pcS7)
	case SIr:
		return on(pcEnd) || on(pcOp) || m.count(func(r *request) bool { return r.exec == design.WaitQueue }) > 0
	}
	return on(pcOp)
}

// works is has for the steps of a worker: its program, and what it finds.
func (m *Machine) works(k Kind) bool {
	cancelled := m.uses(Cancel, Destroy, Exit)
	switch k {
	case W1, W1r:
		return (k == W1r) == (m.d.Queued == design.QueuedEnd && !m.d.Has(design.TaskRecordedLate))
	case W5r:
		return true
	case W4b:
		return cancelled && (slices.Contains(m.program, W4a) || slices.Contains(m.program, W4l))
	case W5: // a part of an operation that has several
		return m.count(func(r *request) bool {
			return r.exec.Threaded() && (r.Units > 1 && (r.behaviour == design.Pieces || r.behaviour == design.PutPieces) || r.behaviour == design.Remote)
		}) > 0
	case W5i:
		return cancelled && m.d.Running != design.RunningNone
	}
	return slices.Contains(m.program, k)
}

func (m *Machine) hasCancel(k Kind) bool {
	switch k {
	case C2:
		return true
	case C8:
		return !m.markAndSignal()
	case C5q, C7q, C9:
		return m.count(m.lockedQueue) > 0
	case C2n:
		return m.uses(Destroy, Exit)
	case C6l:
		return m.markAndSignal() && m.d.Running != design.RunningNone
	case C6n:
		return m.d.Has(design.TaskRecordedLate) || m.d.Has(design.CancelWithoutLock) || m.d.Has(design.UnlinkBeforeCancel)
	case C3n:
		return m.markAndSignal()
	}
	return m.markAndSignal() && m.count(func(r *request) bool { return r.listed }) > 0
}

func (m *Machine) hasGet(k Kind) bool {
	switch k {
	case G1n, G3:
		return m.uses(Destroy, Exit)
	case G4t:
		return slices.ContainsFunc(m.threads, func(t thread) bool {
			return slices.ContainsFunc(t.Calls, func(c Call) bool { return c.Kind == GetEvents && c.Timeout })
		})
	}
	return true
}

func (m *Machine) hasEnd(k Kind) bool {
	listed := m.count(func(r *request) bool { return r.listed }) > 0
	switch k {
	case K1n: // somebody comes second
		return m.calls(Destroy) > 1
	case K4c:
		return listed
	case K4q, K8:
		return m.count(m.lockedQueue) > 0
	case K4s:
		return listed && m.d.Running != design.RunningNone
	}
	return m.uses(Destroy) || m.d.Exit == design.ExitWait
}

// calls is how many calls of a kind there are in the program.
func (m *Machine) calls(k CallKind) (n int) {
	for _, t := range m.threads {
		for _, c := range t.Calls {
			if c.Kind == k {
				n++
			}
		}
	}
	return n
}
