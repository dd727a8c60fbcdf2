package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// submit makes one step of io_submit: it enters, submits one request, or lets
// the one that runs inline go on.
func (t *Target) submit(th *thread) {
	c := th.ctx
	if !th.inside {
		if c.dead {
			t.returns(th, model.Fail(model.EINVAL))
			return
		}
		c.users++
		th.inside = true
	}
	if r := th.current; r != nil && !th.moved {
		// The effect is one step, the event another: others may come between.
		th.res, th.moved = t.inline(r)
		return
	} else if r != nil {
		th.current, th.moved = nil, false
		t.complete(r, th.res)
		th.index++
	} else if th.index < min(th.step.Count, c.nr) {
		r := &t.requests[uint32(th.step.Request)+th.index]
		if e := t.submitOne(th, r); e != 0 {
			ret := model.Result(th.index)
			if ret == 0 {
				ret = model.Fail(e)
			}
			t.leaveSubmit(th, ret)
			return
		}
		if th.current != nil {
			return
		}
		th.index++
	}
	if th.index >= min(th.step.Count, c.nr) {
		t.leaveSubmit(th, model.Result(th.index))
	}
}

// leaveSubmit ends io_submit.
func (t *Target) leaveSubmit(th *thread, ret model.Result) {
	t.leave(th.ctx)
	th.inside = false
	if t.bug != 0 {
		ret = t.miscount(th, ret)
	}
	t.returns(th, ret)
}

// submitOne is io_submit_one: a slot, the descriptor, the checks of the
// opcode, and the start.
func (t *Target) submitOne(th *thread, r *request) model.Errno {
	c := th.ctx
	if !c.takeSlot() && !t.slotAnyway(c) {
		return model.EAGAIN
	}
	if t.bug == slotTwice && c.taken+c.leaked >= c.nr {
		t.fired++
	}
	if e := t.prepare(c, r); e != 0 {
		t.giveSlotBack(c)
		return e
	}
	r.ctx, r.submitted = c, true
	c.inFlight++
	if t.cfg.Threaded {
		t.handOver(th, r)
		return 0
	}
	r.file.getEnd(r.end)
	switch op := r.decl.Opcode; {
	case op == model.Poll:
		t.arm(r)
	case op.Syncs():
		t.startJob(r, jobSync)
	case r.file.kind != traces.Storage || !t.cfg.Direct:
		t.startInline(th, r)
	case !aligned(r.decl):
		t.complete(r, model.Fail(model.EINVAL))
	default:
		if op.Reads() {
			r.buf = t.bufferOf(r.decl)
		}
		t.startTransfer(r)
		r.due = t.now + traces.Time(t.below(t.latency))
		t.startJob(r, jobDirect)
	}
	return 0
}

// handOver captures what the operation needs and gives it to the threads.
func (t *Target) handOver(th *thread, r *request) {
	r.by = th
	t.capture(r, th.fs)
	if r.decl.Opcode.Reads() {
		r.buf = t.bufferOf(r.decl)
	}
	if r.file != nil {
		r.file.getEnd(r.end)
	}
	r.due = t.now + traces.Time(t.below(t.latency))
	t.enqueue(r)
}

// aligned reports whether O_DIRECT takes a transfer; where it does not, the
// file system says so in the event.
func aligned(d *traces.RequestDecl) bool {
	return d.Offset%512 == 0 && d.Bytes%512 == 0 && d.Skew%512 == 0
}

// prepare makes the checks for which io_submit refuses a request.
func (t *Target) prepare(c *context, r *request) model.Errno {
	d := r.decl
	if int(d.File) >= len(t.files) || int(d.Eventfd) > len(t.files) {
		return model.EBADF
	}
	onName := t.cfg.Threaded && d.Opcode.Names()
	f := &t.files[d.File]
	if !onName {
		r.file, r.end = f, endOf(f, d)
		if !f.open[r.end] {
			return model.EBADF
		}
	}
	if d.Eventfd != 0 && t.files[d.Eventfd-1].kind != traces.Eventfd {
		return model.EINVAL
	}
	if onName {
		return t.prepareName(d)
	}
	ok := false
	switch op := d.Opcode; {
	case op.Transfers():
		ok = d.Offset >= 0 && (f.kind != traces.Directory || t.heldBy(d) != nil)
	case op.Syncs():
		ok = (f.kind == traces.Storage || t.heldBy(d) != nil) && d.Bytes == 0 && d.Offset == 0
	case op == model.Poll:
		ok = (f.kind != traces.Storage || t.cfg.Threaded) && d.Bytes == 0 && d.Offset>>16 == 0
	case op == model.ReadAhead:
		ok = t.cfg.Threaded && (f.kind == traces.Storage || t.heldBy(d) != nil) && d.Offset >= 0
	}
	if !ok {
		return model.EINVAL
	}
	return 0
}

// prepareName makes the checks of aio_thread_openat and its siblings: flags
// that no operation of the kind can have.
func (t *Target) prepareName(d *traces.RequestDecl) model.Errno {
	switch {
	case d.Opcode == model.UnlinkAt && (d.Flags != 0 || d.Mode != 0),
		d.Opcode == model.OpenAt && d.Flags&(oTmpfile|oDirectory) == oTmpfile:
		return model.EINVAL
	case t.bug == nameNeedsFile && (d.Opcode == model.RenameAt || d.Opcode == model.UnlinkAt && d.Via != traces.ViaDescriptor) && t.fires():
		return model.EBADF
	}
	return 0
}

// startInline begins a transfer inside the caller's system call.
func (t *Target) startInline(th *thread, r *request) {
	th.current = r
	r.submitted = true
	if r.decl.Opcode.Reads() {
		r.buf = t.bufferOf(r.decl)
	}
	if r.file.kind == traces.Storage {
		t.startTransfer(r)
	}
}

// inline makes one step of a transfer that runs in its caller; ok says that
// it has ended.
func (t *Target) inline(r *request) (res model.Result, ok bool) {
	switch {
	case r.file.kind == traces.Storage:
		if r.moved < r.pieces && !t.moveSome(r) {
			return 0, false
		}
		return t.transferred(r), true
	case r.decl.Opcode.Reads():
		return t.readStream(r)
	}
	res, ok, _ = t.writeStream(r)
	return res, ok
}

// canMove reports whether the next step of an inline transfer would not have
// to wait.
func (t *Target) canMove(r *request) bool {
	f := r.file
	if f.nonblock || !f.stream() {
		return true
	}
	lines := int(r.decl.Bytes) / lineBytes
	if r.decl.Opcode.Reads() {
		return f.held() > 0 || f.dead(writeEnd) || lines == 0
	}
	if f.dead(readEnd) || lines == 0 {
		return true
	}
	if f.kind == traces.Pipe && lines <= pipeBufLines {
		return f.room() >= lines
	}
	return f.room() > 0
}
