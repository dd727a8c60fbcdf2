package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// event is a struct io_event, with the request that it was posted for.
type event struct {
	data uint64
	obj  uint64
	res  model.Result
	of   *request
}

// context is a struct kioctx.
type context struct {
	number uint32
	slots  uint32 // nr_events asked for
	nr     uint32 // of the ring: one more than the events that it holds
	head   uint32 // positions count up; the ring has them modulo nr
	tail   uint32
	ring   []event

	taken     uint32 // slots of requests not yet reaped
	inFlight  int    // requests that the kernel has not done with: percpu ref reqs
	users     int    // calls inside: percpu ref users
	active    []*request
	queue     []*request // bounded requests that wait for a thread, oldest first
	running   int        // bounded requests that threads execute
	threads   []pooled
	dead      bool
	swept     bool // the active list has been cancelled, after the last user left
	destroyed bool // an io_destroy has returned 0

	// What user space knows: accepted and not reaped. io_destroy ends it.
	outstanding int
	tries       int    // closing waits in a row that brought nothing
	drained     bool   // the closing call that does not wait has been made
	leaked      uint32 // slots that a misbehaving kernel has lost
}

// setUp is ioctx_alloc, simplified: the ring holds twice what was asked for,
// as in the kernel, but is not rounded up to whole pages, so that small
// programs can exhaust it.
func (c *context) setUp(number, slots uint32) {
	ring, active, queue, threads := c.ring, c.active, c.queue, c.threads
	*c = context{number: number, slots: slots, nr: 2*slots + 1, active: active[:0], queue: queue[:0], threads: threads[:0]}
	if uint32(cap(ring)) < c.nr {
		ring = make([]event, c.nr)
	}
	c.ring = ring[:c.nr]
}

// takeSlot is get_reqs_available without its batches by processor: it fails
// only when no slot is free.
func (c *context) takeSlot() bool {
	if c.taken >= c.nr-1 {
		return false
	}
	c.taken++
	return true
}

// unreaped is how many events are in the ring.
func (c *context) unreaped() uint32 { return c.tail - c.head }

// push puts an event into the ring. The slots make sure that there is room;
// a kernel that loses count overwrites the oldest event.
func (c *context) push(e event) {
	c.ring[c.tail%c.nr] = e
	c.tail++
	if c.unreaped() >= c.nr {
		c.head++
	}
}

// pop takes the oldest event, and gives its slot back.
func (c *context) pop() event {
	e := c.ring[c.head%c.nr]
	c.head++
	if c.taken > 0 {
		c.taken--
	}
	return e
}

// remove takes r off the active list, keeping its order.
func (c *context) remove(r *request) {
	for i, a := range c.active {
		if a == r {
			c.active = append(c.active[:i], c.active[i+1:]...)
			break
		}
	}
	r.active = false
}

// complete is aio_complete and what follows from it: the event enters the
// ring, the file reference goes, then the eventfd is signalled.
func (t *Target) complete(r *request, res model.Result) {
	if t.bug != 0 && t.miscomplete(r, &res) {
		return
	}
	t.post(r, event{t.dataOf(r.id), r.obj, res, r})
}

// post puts e into the ring as the event of r, which ends.
func (t *Target) post(r *request, e event) {
	r.ctx.push(e)
	t.release(r)
}

// release drops what r holds: its file at once, its context after the eventfd
// was signalled, which may come a moment later.
func (t *Target) release(r *request) {
	r.ended = true
	if r.file != nil {
		t.putEnd(r.file, r.end)
	}
	if r.decl.Eventfd != 0 && t.oneIn(4) {
		t.startJob(r, jobSignal)
		return
	}
	t.signal(r)
}

// signal is eventfd_signal and the end of r.
func (t *Target) signal(r *request) {
	missed := t.bug == eventfdMissed || t.bug == eventfdCancelled && r.cancelled
	if r.decl.Eventfd != 0 && !(missed && t.fires()) {
		f := &t.files[r.decl.Eventfd-1]
		f.count++
		t.wake(f)
	}
	if !r.forgotten || t.bug != destroyForgetsQueued {
		r.ctx.inFlight--
	}
}

// cancel is io_cancel of what is on the active list: an armed POLL, or, with
// threads, whatever has not returned.
func (t *Target) cancel(c *context, r *request) model.Result {
	if c.dead {
		return model.Fail(model.EINVAL)
	}
	found := r.ctx == c && r.active
	if t.bug != 0 {
		if answer, lies := t.miscancel(c, r, found); lies {
			return answer
		}
	}
	if !found {
		return model.Fail(model.EINVAL)
	}
	t.cancelActive(r)
	return model.Fail(model.EINPROGRESS)
}

// cancelActive is ki_cancel of a request on the active list.
func (t *Target) cancelActive(r *request) {
	if t.cfg.Threaded {
		t.cancelThread(r)
		return
	}
	t.cancelPoll(r)
}

// cancelPoll is aio_poll_cancel under the context's lock: the request leaves
// the list at once, and its work item posts the event.
func (t *Target) cancelPoll(r *request) {
	r.ctx.remove(r)
	r.cancelled = true
	if r.job == jobNone {
		t.startJob(r, jobPoll)
	}
}

// sweep is free_ioctx_users: once nobody is inside a dead context, what is on
// its active list is cancelled.
func (t *Target) sweep(c *context) {
	if !c.dead || c.users > 0 || c.swept {
		return
	}
	c.swept = true
	if t.bug != 0 {
		t.missweep(c)
	}
	for len(c.active) > 0 {
		t.cancelActive(c.active[0])
	}
}

// gone reports whether nothing of a dead context is left, so that io_destroy
// or exit_aio may go on.
func (c *context) gone() bool { return c.swept && c.inFlight == 0 }

// leave ends a call's use of the context.
func (t *Target) leave(c *context) {
	c.users--
	t.sweep(c)
}

// freeBuffers notes that io_destroy or the exit has released the buffers of
// requests that were not reaped.
func (t *Target) freeBuffers(c *context, why traces.Release) {
	for i := range t.requests {
		if r := &t.requests[i]; r.ctx == c && r.submitted {
			r.freeBuffer(why, t.now)
		}
	}
}

// freeBuffer notes that r's buffer is user space's own again.
func (r *request) freeBuffer(why traces.Release, at traces.Time) {
	if r.released == 0 {
		r.released, r.releasedAt = 1+uint8(why), at
	}
}
