package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// job is the kernel's own work on a request, outside of any thread's call.
type job uint8

const (
	jobNone     job = iota
	jobDirect       // the device moves sectors, then the completion comes
	jobSync         // the work item of FSYNC and FDSYNC
	jobPoll         // aio_poll_complete_work before it samples readiness
	jobPoll2        // the same between sampling and taking the locks
	jobSignal       // the event is in the ring, the eventfd not yet signalled
	jobLate         // a misbehaving kernel posts or moves something late
	jobQueued       // a request waits for a thread
	jobWorker       // a thread executes it
	jobReturned     // the operation has returned, io_cancel still finds the request
)

// request is a struct aio_kiocb, or a plain transfer.
type request struct {
	decl *traces.RequestDecl
	id   traces.RequestID
	obj  uint64
	ctx  *context
	file *file // nil of an operation on names
	end  int   // end of the file that it holds a reference to
	job  job
	slot int         // position in Target.jobs
	due  traces.Time // the device does not answer before

	// Transfers.
	buf    []tag // of a read; nil for others
	first  int   // storage: first line
	lines  int   // storage: how many lines it will move
	pieces int   // storage: how many sectors it touches
	moved  int   // pieces or, for a stream, lines moved so far
	turn   int   // storage: the piece that moves first
	plan   plan  // what a misbehaving kernel will do to it
	cut    int   // misbehaviour: the piece concerned

	// POLL.
	active    bool // on ctx.active, where io_cancel finds it
	cancelled bool
	again     bool // woken after its work item had sampled readiness
	sampled   model.Result
	deaf      bool         // misbehaviour: wake-ups pass it by
	lateRes   model.Result // misbehaviour: of an event put off

	// On a thread.
	by        *thread      // who submitted it
	worker    int          // position in its context's threads
	forgotten bool         // misbehaviour: nobody waits for it, or it has had its event
	passes    bool         // misbehaviour: freezing does not keep it out
	bounded   bool         // one of the threads whose number is limited
	killed    bool         // the thread has been sent a signal
	stage     int          // of the operation
	result    model.Result // of the operation that has returned

	// Operations on names.
	args     operands
	fd       int    // OPENAT: position in Target.descriptors
	node     *inode // OPENAT: what was opened
	partners int    // OPENAT of a FIFO: how many had opened the other end

	// What user space knows.
	submitted bool
	ended     bool // the kernel is done with it
	reaped    bool // its event was returned by a call

	// The buffer: released is 1 plus the traces.Release.
	released   uint8
	releasedAt traces.Time
	damageAt   uint32
	damage     uint32
}

// startJob lets the kernel work on r beside the threads.
func (t *Target) startJob(r *request, j job) {
	if r.job == jobNone {
		r.slot = len(t.jobs)
		t.jobs = append(t.jobs, r)
	}
	r.job = j
}

// endJob is the inverse of startJob.
func (t *Target) endJob(r *request) {
	last := t.jobs[len(t.jobs)-1]
	t.jobs[r.slot] = last
	last.slot = r.slot
	t.jobs = t.jobs[:len(t.jobs)-1]
	r.job = jobNone
}

// work makes one step of r's job.
func (t *Target) work(r *request) {
	switch r.job {
	case jobDirect:
		if r.moved < r.pieces {
			t.moveSome(r)
			return
		}
		t.endJob(r)
		t.complete(r, t.transferred(r))
	case jobSync:
		t.endJob(r)
		t.complete(r, 0)
	case jobPoll:
		// aio_poll_complete_work: readiness is sampled before the locks are
		// taken, so that a cancel in between comes too late for the result.
		r.sampled, r.again = 0, false
		if !r.cancelled {
			r.sampled = t.readiness(r)
		}
		t.startJob(r, jobPoll2)
	case jobPoll2:
		if r.sampled == 0 && !r.cancelled && r.again {
			t.startJob(r, jobPoll)
			return
		}
		t.endJob(r)
		if r.sampled == 0 && !r.cancelled {
			return // still armed
		}
		t.endPoll(r, r.sampled)
	case jobSignal:
		t.endJob(r)
		t.signal(r)
	case jobLate:
		t.late(r)
	case jobQueued:
		t.assign(r)
	case jobWorker:
		t.operate(r)
	case jobReturned:
		t.unlink(r)
	}
}
