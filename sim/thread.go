package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// phase is where a thread is between two atomic steps.
type phase uint8

const (
	idle      phase = iota // about to begin its next step
	calling                // inside a call
	returning              // the call has its result and is on its way back
	over                   // no steps left
)

// thread runs the steps of one thread of the program.
type thread struct {
	number    uint16
	steps     []traces.Step
	pc        int
	phase     phase
	step      traces.Step
	call      traces.CallKind
	notBefore traces.Time // spinning until then
	ctx       *context
	inside    bool // the call has a reference to ctx
	ret       model.Result
	x, y      uint64

	// io_submit, read, write.
	index   uint32   // of the batch: the next request
	current *request // what runs inline, inside the call
	moved   bool     // current has had its effect, with the result res
	res     model.Result

	// Reaping.
	deadline traces.Time
	got      []event

	overslept  bool // misbehaviour: the timeout has passed once
	destroying bool // io_destroy: the context is dead, waiting for its requests
}

func (th *thread) setUp(number uint16, steps []traces.Step) {
	got := th.got
	*th = thread{number: number, steps: steps, got: got[:0]}
	if len(steps) == 0 {
		th.phase = over
	}
}

// enabled reports whether the thread can make a step now.
func (t *Target) enabled(th *thread) bool {
	switch th.phase {
	case idle:
		s := &th.steps[th.pc]
		return th.notBefore <= t.now && t.begun[s.Thread] >= s.After
	case calling:
		switch {
		case th.current != nil:
			return th.moved || t.canMove(th.current)
		case th.destroying:
			return th.ctx.gone() || t.bug == destroyEarly
		case th.inside && th.deadline != 0: // io_getevents
			return th.ctx.unreaped() > 0 || th.ctx.dead || t.now >= th.deadline
		}
		return true
	}
	return th.phase == returning
}

// alarm is when the thread goes on at the latest, Never if only others can
// let it.
func (t *Target) alarm(th *thread) traces.Time {
	switch {
	case th.phase == calling && th.inside && th.deadline != 0:
		return th.deadline
	case th.phase == idle && th.notBefore > t.now && t.begun[th.steps[th.pc].Thread] >= th.steps[th.pc].After:
		return th.notBefore
	}
	return traces.Never
}

// advance makes one atomic step of a thread.
func (t *Target) advance(th *thread) {
	switch th.phase {
	case idle:
		t.begun[th.number] = uint32(th.pc + 1)
		t.invoke(th, th.steps[th.pc])
	case calling:
		t.act(th)
	case returning:
		t.back(th)
	}
}

// next moves on to the next step.
func (th *thread) next(now traces.Time) {
	th.pc++
	th.phase = idle
	if th.pc >= len(th.steps) {
		th.phase = over
		return
	}
	// A turn of an empty loop takes about a nanosecond.
	th.notBefore = now + traces.Time(th.steps[th.pc].Spin)
}

// invoke begins a step's call.
func (t *Target) invoke(th *thread, s traces.Step) {
	th.step, th.phase, th.call = s, calling, 0
	th.ret, th.x, th.y = 0, 0, 0
	th.ctx, th.inside, th.deadline, th.overslept, th.destroying = nil, false, 0, false, false
	th.index, th.current, th.moved = 0, nil, false
	th.got = th.got[:0]
	p := t.program
	log, number := t.log(th.number), th.number
	context, file, request := uint32(traces.NoContext), uint16(0), traces.RequestID(0)
	var x, y, z int64
	switch s.Do {
	case traces.DoSubmit:
		th.call, x = traces.CallSubmit, int64(s.Count)
		for i := range s.Count {
			t.recordRequest(number, uint32(s.Context), &t.requests[uint32(s.Request)+i])
		}
	case traces.DoCancel:
		th.call, request = traces.CallCancel, p.First+s.Request
	case traces.DoGetEvents, traces.DoPGetEvents:
		th.call, x, y, z = traces.CallGetEvents, int64(s.Min), int64(s.Max), max(-1, int64(s.Timeout))
		if s.Do == traces.DoPGetEvents {
			th.call = traces.CallPGetEvents
		}
	case traces.DoReapRing:
		th.call, y = traces.CallReapRing, int64(s.Max)
	case traces.DoDestroy:
		th.call = traces.CallDestroy
	case traces.DoReadEventfd:
		th.call, file = traces.CallReadEventfd, s.File
	case traces.DoRead, traces.DoWrite:
		th.call = traces.CallRead
		if s.Do == traces.DoWrite {
			th.call = traces.CallWrite
		}
		file, x, y = s.File, 8, -1
		if t.onRequest(&s) {
			r := &t.requests[s.Request]
			request, file, x = r.id, r.decl.File, int64(r.decl.Bytes)
			if t.files[file].kind == traces.Storage {
				y = r.decl.Offset
			}
			t.recordRequest(number, traces.NoContext, r)
		}
	case traces.DoCloseRead, traces.DoCloseWrite:
		th.call, file = traces.CallClose, s.File
		if s.Do == traces.DoCloseWrite {
			x = writeEnd
		}
	case traces.DoExit:
		t.exiting = true
		return
	case traces.DoAwait:
		th.next(t.now)
		return
	}
	if th.call <= traces.CallDestroy {
		context, th.ctx = uint32(s.Context), &t.contexts[s.Context]
	}
	log.Record(traces.InvokeRecord(number, context, th.call, request, file, t.now, x, y, z))
}

// recordRequest says what a request is, just before the call that carries it.
func (t *Target) recordRequest(thread uint16, context uint32, r *request) {
	d := r.decl
	if t.bug != 0 {
		t.storage.spans[r.id].invoked = t.now
	}
	t.log(thread).Record(traces.RequestRecord(thread, context, r.id, d.Opcode, d.File, d.Eventfd, d.Offset, d.Bytes, 0, t.dataOf(r.id), r.obj))
}

// act makes one atomic step of the call that a thread is in.
func (t *Target) act(th *thread) {
	switch th.call {
	case traces.CallSubmit:
		t.submit(th)
	case traces.CallCancel:
		t.returns(th, t.cancel(th.ctx, &t.requests[th.step.Request]))
	case traces.CallGetEvents, traces.CallPGetEvents:
		t.getEvents(th)
	case traces.CallReapRing:
		t.reapRing(th)
	case traces.CallDestroy:
		t.destroy(th)
	case traces.CallReadEventfd:
		t.readEventfd(th)
	case traces.CallRead, traces.CallWrite:
		t.plain(th)
	case traces.CallClose:
		end := readEnd
		if th.step.Do == traces.DoCloseWrite {
			end = writeEnd
		}
		t.returns(th, t.closeEnd(&t.files[th.step.File], end))
	}
}

// returns gives the call its result.
func (t *Target) returns(th *thread, ret model.Result) { th.ret, th.phase = ret, returning }

// back ends a call: what user space learns, it learns here.
func (t *Target) back(th *thread) {
	t.log(th.number).Record(traces.ReturnRecord(th.number, t.now, th.ret, th.x, th.y))
	switch th.call {
	case traces.CallSubmit:
		if th.ret > 0 {
			th.ctx.outstanding += int(th.ret)
		}
	case traces.CallDestroy:
		if th.ret == 0 {
			t.freeBuffers(th.ctx, traces.AfterDestroy)
		}
	case traces.CallGetEvents, traces.CallPGetEvents, traces.CallReapRing:
		t.reaped(th)
		if th.ret > 0 {
			th.ctx.tries = 0
		}
	case traces.CallRead:
		if r := &t.requests[th.step.Request]; th.ret > 0 {
			t.recordRead(th.number, r, th.ret)
			r.freeBuffer(traces.AfterEvent, t.now)
		}
	}
	th.next(t.now)
}

// readEventfd is a nonblocking read(2) of an eventfd.
func (t *Target) readEventfd(th *thread) {
	f := &t.files[th.step.File]
	if f.count == 0 {
		t.returns(th, model.Fail(model.EAGAIN))
		return
	}
	th.x, f.count = f.count, 0
	t.returns(th, 8)
}

// onRequest reports whether a Read or Write step moves the data of a request;
// a Write to an eventfd adds 1 to it.
func (t *Target) onRequest(s *traces.Step) bool {
	return s.Do == traces.DoRead || t.files[s.File].kind != traces.Eventfd
}

// plain is read(2) and write(2).
func (t *Target) plain(th *thread) {
	if !t.onRequest(&th.step) {
		f := &t.files[th.step.File]
		f.count++
		t.returns(th, 8)
		t.wake(f)
		return
	}
	if th.current == nil {
		r := &t.requests[th.step.Request]
		r.file, r.end = &t.files[r.decl.File], endOf(&t.files[r.decl.File], r.decl)
		if !r.file.open[r.end] {
			t.returns(th, model.Fail(model.EBADF))
			return
		}
		r.file.getEnd(r.end)
		t.startInline(th, r)
		return
	}
	r := th.current
	res, ok := t.inline(r)
	if !ok {
		return
	}
	th.current = nil
	t.putEnd(r.file, r.end)
	t.returns(th, res)
}
