package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// boundedWorkers is how many threads of a context execute what ends by
// itself: AIO_BOUNDED_THREADS of fs/aio_thread.c.
const boundedWorkers = 64

// bounded reports whether a request ends by itself, so that it may wait its
// turn for one of a limited number of threads. Everything that may wait for
// another request has a thread of its own (aio_thread_file_class).
func bounded(r *request) bool {
	switch op := r.decl.Opcode; {
	case op == model.Poll, op == model.OpenAt:
		return false
	case op.Transfers():
		return !r.file.stream() && r.file.kind != traces.Eventfd
	}
	return true
}

// enqueue is aio_thread_queue: from here on the request is a thread's, and
// io_cancel finds it.
func (t *Target) enqueue(r *request) {
	c := r.ctx
	r.active = true
	c.active = append(c.active, r)
	r.bounded = bounded(r)
	if t.bug != 0 {
		t.misqueue(r)
	}
	if r.bounded {
		c.queue = append(c.queue, r)
	}
	t.startJob(r, jobQueued)
}

// dequeue takes a request from the queue, keeping its order.
func (c *context) dequeue(r *request) {
	for i, q := range c.queue {
		if q == r {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
			return
		}
	}
}

// able reports whether the kernel's work on r can go on: a queued request
// needs a thread, an executed one what it waits for.
func (t *Target) able(r *request) bool {
	switch r.job {
	case jobQueued:
		return !r.bounded || r.ctx.queue[0] == r && r.ctx.running < t.workers()
	case jobWorker:
		return t.interrupted(r) || t.canExecute(r)
	}
	return true
}

// workers is how many bounded requests of a context run at the same time.
func (t *Target) workers() int {
	if t.cfg.Workers > 0 {
		return t.cfg.Workers
	}
	return boundedWorkers
}

// assign gives a queued request its thread.
func (t *Target) assign(r *request) {
	if r.bounded {
		r.ctx.dequeue(r)
		r.ctx.running++
	}
	t.startJob(r, jobWorker)
	t.hire(r)
	if t.bug != 0 {
		t.misassign(r)
	}
}

// operate makes one step of the operation on its thread. Once it has returned,
// the request is still on the list of active ones for a while: a cancel that
// finds it there changes nothing.
func (t *Target) operate(r *request) {
	res, ok := t.execute(r)
	if !ok {
		return
	}
	if t.bug != 0 {
		res = t.misreturn(r, res)
	}
	r.result = res
	t.startJob(r, jobReturned)
}

// unlink ends the request on its thread: it leaves the list, a signal that
// came is forgotten, and the event follows. The thread is free for the next.
func (t *Target) unlink(r *request) {
	c := r.ctx
	if r.active {
		c.remove(r)
	}
	r.killed = false
	t.endJob(r)
	if r.bounded {
		c.running--
	}
	c.threads[r.worker].busy = false
	if !r.forgotten {
		t.complete(r, r.result)
	}
}

// cancelThread is aio_thread_cancel: what is still queued ends at once, in
// io_cancel itself; the thread of anything else is sent a signal.
func (t *Target) cancelThread(r *request) {
	c := r.ctx
	c.remove(r)
	r.cancelled = true
	if t.bug != 0 && t.mishear(r) {
		return
	}
	if r.job != jobQueued {
		r.killed = true
		return
	}
	if r.bounded {
		c.dequeue(r)
	}
	t.endJob(r)
	t.complete(r, model.Fail(model.EINTR))
}

// interrupted reports whether a wait of r is over because a signal has come.
// Waits for a thaw and for a device do not end so.
func (t *Target) interrupted(r *request) bool {
	return r.killed && !(r.stage == 0 && t.holdsFor(r)) && !t.onDevice(r)
}

// onDevice reports whether r is direct I/O, which a signal does not end.
func (t *Target) onDevice(r *request) bool {
	return t.cfg.Direct && r.decl.Opcode.Transfers() && r.file.kind == traces.Storage
}

// canExecute reports whether the next step of r would not have to wait.
func (t *Target) canExecute(r *request) bool {
	if r.stage == 0 && t.holdsFor(r) {
		return false
	}
	switch op := r.decl.Opcode; {
	case op == model.Poll:
		return t.readiness(r) != 0
	case op == model.OpenAt:
		return t.canOpen(r)
	case op.Transfers():
		return t.canMove(r)
	}
	return true
}

// execute makes one step of an operation on a thread; ok says that it has
// returned.
func (t *Target) execute(r *request) (res model.Result, ok bool) {
	eintr := model.Fail(model.EINTR)
	switch op := r.decl.Opcode; {
	case op == model.Poll:
		if m := t.readiness(r); m != 0 {
			return m, true
		}
		return eintr, r.killed
	case op.Names():
		return t.nameStep(r)
	case op == model.ReadAhead:
		return t.readAhead(r)
	case op.Transfers() && r.file.kind == traces.Directory:
		return t.moveHeld(r), true
	case op.Syncs():
		return 0, true
	case r.file.kind == traces.Storage:
		return t.transferStep(r)
	case !t.canMove(r):
		// A wait that a signal has ended: what was moved until then counts.
		if r.moved > 0 {
			return model.Result(r.moved * lineBytes), true
		}
		return eintr, r.killed
	}
	return t.inline(r)
}

// transferStep begins a transfer of storage, with the protection against
// freezing if it writes, or moves some of it. Buffered transfers move from
// the front, and are ended by a signal between two sectors.
func (t *Target) transferStep(r *request) (res model.Result, ok bool) {
	if r.stage == 0 {
		r.stage = 1
		if r.decl.Opcode.Writes() {
			t.writers++
			if t.frost == frozen {
				t.fired++ // the bug let it pass
			}
		}
		t.startTransfer(r)
		if !t.cfg.Direct {
			r.turn = 0
		} else if !aligned(r.decl) {
			return t.endTransfer(r, model.Fail(model.EINVAL))
		}
		t.ahead(r)
		return 0, false
	}
	interruptible := !t.cfg.Direct && r.killed && (r.decl.Opcode.Writes() || t.oneIn(2))
	switch {
	case r.moved >= r.pieces:
		return t.endTransfer(r, t.transferred(r))
	case interruptible && r.moved == 0:
		return t.endTransfer(r, model.Fail(model.EINTR))
	case interruptible:
		end := min(r.first+r.lines, (r.first/sectorLines+r.moved)*sectorLines)
		return t.endTransfer(r, model.Result((end-r.first)*lineBytes))
	}
	t.moveSome(r)
	return 0, false
}

func (t *Target) endTransfer(r *request, res model.Result) (model.Result, bool) {
	if r.decl.Opcode.Writes() {
		t.writers--
	}
	return res, true
}

// readAhead is the result of READAHEAD: the bytes up to the end of the file,
// or of its pages up to a signal.
func (t *Target) readAhead(r *request) (model.Result, bool) {
	const page = 4096
	d := r.decl
	size := t.cfg.StorageBytes
	if n := t.heldBy(d); n != nil {
		size = int64(len(n.lines)) * lineBytes
	}
	n := max(0, min(int64(d.Bytes), size-d.Offset))
	if r.killed && n > 0 && t.oneIn(2) {
		pages := int64(t.below(uint32((n+page-1)/page + 1)))
		if pages == 0 {
			return model.Fail(model.EINTR), true
		}
		n = max(0, min(n, (d.Offset/page+pages)*page-d.Offset))
	}
	return model.Result(n), true
}
