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
	fs        fsState
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

	node *inode // stat: what the name is bound to

	overslept  bool // misbehaviour: the timeout has passed once
	destroying bool // io_destroy: the context is dead, waiting for its requests
	asleep     bool // misbehaviour: it waits for events and will not hear of them
	waiting    bool // FIFREEZE: waiting for the writers inside
}

func (th *thread) setUp(number uint16, steps []traces.Step, fs fsState) {
	got := th.got
	*th = thread{number: number, steps: steps, fs: fs, got: got[:0]}
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
			return th.moved || t.canGoOn(th.current)
		case th.destroying:
			return th.ctx.gone() || t.bug == destroyEarly
		case th.waiting:
			return t.writers == 0
		case th.inside && th.deadline != 0: // io_getevents
			return !th.asleep && (th.ctx.unreaped() > 0 || th.ctx.dead) || t.now >= th.deadline
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
	th.index, th.current, th.moved, th.waiting = 0, nil, false, false
	th.asleep = false
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
	case traces.DoNamed:
		r := &t.requests[s.Request]
		th.call, request, file = namedCall(r.decl.Opcode), r.id, r.decl.File
		t.recordRequest(number, traces.NoContext, r)
	case traces.DoStat, traces.DoReuse:
		th.call, file, x = traces.CallStat, p.Names[s.Name].Directory, int64(s.Name)
		if s.Do == traces.DoReuse {
			th.call, request = traces.CallReuse, p.First+s.Request
		}
	case traces.DoChdir:
		th.call, file = traces.CallChdir, s.File
	case traces.DoFreeze:
		th.call = traces.CallFreeze
	case traces.DoThaw:
		th.call = traces.CallThaw
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
	offset, bytes, rw := d.Offset, d.Bytes, uint32(0)
	switch {
	case d.Opcode.Names():
		offset, bytes, rw = int64(d.Flags)|int64(d.Mode)<<32, uint32(d.Name)|uint32(d.NewName)<<16, uint32(d.Via)
	case t.heldBy(d) != nil:
		rw = uint32(d.Name) + 1
	}
	t.log(thread).Record(traces.RequestRecord(thread, context, r.id, d.Opcode, d.File, d.Eventfd, offset, bytes, rw, t.dataOf(r.id), r.obj))
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
	case traces.CallOpenAt, traces.CallUnlinkAt, traces.CallRenameAt:
		t.named(th)
	case traces.CallStat:
		th.node = t.statName(th.step.Name)
		t.returns(th, statResult(th.node))
	case traces.CallReuse:
		t.misreuse(&t.requests[th.step.Request], th.step.Name)
		t.returns(th, 0)
	case traces.CallChdir:
		th.fs.cwd = int(th.step.File)
		t.mischdir(th, th.fs.cwd)
		t.returns(th, 0)
	case traces.CallFreeze:
		t.freeze(th)
	case traces.CallThaw:
		t.thaw(th)
	}
}

// namedCall is the call that makes an operation on names.
func namedCall(op model.Opcode) traces.CallKind {
	switch op {
	case model.OpenAt:
		return traces.CallOpenAt
	case model.UnlinkAt:
		return traces.CallUnlinkAt
	}
	return traces.CallRenameAt
}

// named makes one step of openat(2), unlinkat(2) or renameat2(2).
func (t *Target) named(th *thread) {
	if th.current == nil {
		th.current = &t.requests[th.step.Request]
		t.capture(th.current, th.fs)
		return
	}
	if res, ok := t.nameStep(th.current); ok {
		th.current = nil
		t.returns(th, res)
	}
}

// canGoOn reports whether what runs in a call can make its next step.
func (t *Target) canGoOn(r *request) bool {
	switch {
	case r.stage == 0 && t.holdsFor(r):
		return false
	case r.decl.Opcode == model.OpenAt:
		return t.canOpen(r)
	}
	return r.decl.Opcode.Names() || t.canMove(r)
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
	case traces.CallOpenAt:
		t.opened(th.number, &t.requests[th.step.Request], th.ret)
	case traces.CallStat:
		if th.ret == 0 {
			t.log(th.number).Record(traces.FoundRecord(th.number, 0, th.node.stat(), 0, 0))
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
	protected := r.file.kind == traces.Storage && r.decl.Opcode.Writes()
	if r.stage == 0 && protected {
		t.writers++
	}
	r.stage = 1
	res, ok := t.inline(r)
	if !ok {
		return
	}
	th.current = nil
	if protected {
		t.writers--
	}
	t.putEnd(r.file, r.end)
	t.returns(th, res)
}
