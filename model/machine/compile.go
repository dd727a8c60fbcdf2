package machine

import "aiocheck/model/design"

// Program counters of a thread: the step that it takes next.
const (
	pcIdle = iota // between two calls
	pcS1
	pcS3
	pcS5
	pcOp // executes the operation itself
	pcS6
	pcS7
	pcS8
	pcS9
	pcC3
	pcC5
	pcC6
	pcC7
	pcC9
	pcG2
	pcG2h
	pcG4
	pcU2
	pcK2
	pcK3
	pcK7
	pcX1
	pcEnd // of the machine's own end of an inline request: post and free
	numPCs
)

// compile turns the design into the worker's program and each request's way
// through io_submit.
func (m *Machine) compile() {
	m.program = m.workerProgram()
	for i, k := range m.program {
		m.at[k] = uint8(i + 1)
	}
	for i := range m.reqs {
		m.compileSubmit(&m.reqs[i])
	}
}

// workerProgram is what a worker does from taking a request to being free.
func (m *Machine) workerProgram() []Kind {
	d := &m.d
	program := []Kind{W2}
	cas := []Kind{W4a}
	if d.Has(design.EarlyCancelLost) {
		cas = []Kind{W4l, W4s}
	}
	switch {
	case d.Queued == design.QueuedEnd && !d.Has(design.TaskRecordedLate):
		program = nil // W1r has recorded it
	case d.Queued != design.QueuedMark:
	case d.Has(design.TaskRecordedLate):
		program = append(cas, W2)
	default:
		program = append(program, cas...)
	}
	program = append(program, W5)
	late := d.RestoreLate || d.Has(design.RestoreAfterFree)
	if !late {
		program = append(program, W7)
	}
	flush := d.Flush && !d.Has(design.SignalNotFlushed)
	early := d.Has(design.FlushBeforeUnlink)
	if flush && early {
		program = append(program, W14)
	}
	if d.Has(design.WakeBeforePost) {
		program = append(program, W12)
	}
	efd := m.eventfds()
	if efd && d.Has(design.EventfdBeforeEvent) {
		program = append(program, W10)
	}
	if d.Queued == design.QueuedNone { // acall stores the completion before the request leaves its tree
		program = append(program, W9, W8)
	} else {
		program = append(program, W8)
		if flush && !early && d.FlushFirst {
			program = append(program, W14)
		}
		program = append(program, W9)
	}
	if efd && !d.Has(design.EventfdBeforeEvent) {
		program = append(program, W10)
	}
	program = append(program, W11)
	if !d.Has(design.WakeBeforePost) {
		program = append(program, W12)
	}
	program = append(program, W13)
	if flush && !early && !d.FlushFirst {
		program = append(program, W14)
	}
	if late {
		program = append(program, W7)
	}
	return append(program, W15)
}

// compileSubmit links the steps that io_submit takes for a request. pcS9 means
// that the next request of the batch, or the end of the call, follows.
func (m *Machine) compileSubmit(r *request) {
	var way []uint8
	if m.d.Completion == design.ReservedRing {
		way = append(way, pcS1)
	}
	way = append(way, pcS3)
	switch {
	case r.noMethod:
		way = append(way, pcEnd)
	case r.exec == design.Unsupported:
	case r.exec == design.Inline:
		way = append(way, pcOp, pcEnd)
	case m.tries(r):
		way = append(way, pcOp, pcS7) // pcOp goes on to pcEnd if it does not block
	case r.exec == design.Device || r.exec == design.WaitQueue:
		way = append(way, pcS6)
	default:
		way = append(way, pcS5, pcS6)
		if !m.lockedQueue(r) {
			way = append(way, pcS7)
		}
		if r.Opcode.Writes() && (!m.d.HoldUntilEnd || m.d.Has(design.FileDropped)) || m.d.Has(design.SubmitTouchesRequest) {
			way = append(way, pcS8)
		}
	}
	way = append(way, pcS9)
	for i := range len(way) - 1 {
		r.next[way[i]] = way[i+1]
	}
	r.next[pcIdle] = way[0]
}

// lockedQueue reports whether the request's queue is under the same lock as
// the list that io_cancel searches.
func (m *Machine) lockedQueue(r *request) bool { return m.d.Queued == design.QueuedEnd && r.threaded }

// tries reports whether io_submit executes the operation until it would block.
func (m *Machine) tries(r *request) bool { return r.exec.Attempts() || m.attempts(r) }

// attempts reports whether io_submit itself tries an operation that the design
// otherwise queues: the in-submit openat.
func (m *Machine) attempts(r *request) bool { return m.d.AttemptOpen && r.Opcode == openAt }
