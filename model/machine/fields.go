package machine

import "aiocheck/model/design"

// Phases of a request.
const (
	phIdle       = iota // io_submit has not looked at it
	phRefused           // io_submit did not accept it
	phSubmitting        // between S1 and S6
	phArmed             // accepted, not yet taken by a worker
	phStarted           // a worker, the submitter or a device executes it
	phPosted            // its event is in the ring
	phReaped            // its event was taken
)

// The cancel slot, ki_cancel.
const (
	kcNull = iota
	kcEarly
	kcLate
	kcCancelled
)

// Results of a request. Those of simple requests have the smallest numbers, so
// that few bits are enough for them.
const (
	resNone        = iota
	resInterrupted // -EINTR
	resCount       // a count of 0, 1, 2 or 3 units
	_
	_
	_
	resRestart
	resCanceled
	resBrokenPipe
	resReady
	resInvalid
)

// request is what the machine knows of a request: its declaration, what New
// found out, and the places of what changes.
type request struct {
	Request
	ctx, thread int
	queue       int // which queue a worker takes it from
	exec        design.Executor
	behaviour   design.Behaviour
	execArgs    bool  // the executing thread reads the arguments again
	foreign     uint8 // parts of the worker's own context that it is run with
	shared      bool  // its fs is the submitter's live one
	listed      bool  // it goes onto the list that io_cancel searches
	next        [numPCs]uint8
	twins       bool   // another request has its address
	threaded    bool   // a worker may execute it
	retried     bool   // what would block waits for readiness, and is tried again by the kernel
	noMethod    bool   // the file cannot do it
	number      uint64 // 1 plus its index: how it signs data
	stale       uint8  // parts of a reused thread's old context that it may be run with

	all                                                               field // of the fields below
	ph, kc, onl, lpos, qpos, free, res, eff, early, by, arg, as, used field
	waitq, again                                                      field   // of a poll on a wait queue
	data                                                              []field // of a read: who wrote each unit
	follows                                                           []int   // writes that an fsync is promised to follow
	covers                                                            field   // of an fsync: how many writes to its file had taken effect
}

// worker is an executing thread.
type worker struct {
	queue     int
	pooled    bool // it takes further requests
	all       field
	pc, req   field
	made      field // 0 no request yet, else 1 or 2: before or after the context changed
	sig, deaf field // a signal is pending; no further one is heard
}

// thread is a caller.
type thread struct {
	Thread
	all                               field
	call, pc, cur, cnt, n, head, wake field
	ans                               []field
}

// context is a kioctx.
type context struct {
	Context
	lock, ring   field
	kill, target field
	gone         field // io_destroy has returned
	tail, head   field
	log          []field
	avail, comp  field
	efd          field
	slots        int
}

// file is an open file.
type file struct {
	File
	content, closed field
	cells           []field // of a file with offsets: who wrote each unit
	log             []field // of a stream: who wrote each unit that was ever in it
	end             field   // how many these are
}

// Parts of a task's context, bits of request.foreign.
const (
	partCred = 1 << iota
	partFs
	partFiles
	partLimits
)

// Sticky violations, bits of Machine.bad.
const (
	badMemory   = 1 << iota // touched freed memory
	badTwice                // a second event for one request
	badFree                 // freed twice
	badAnswer               // io_cancel's answer is none that the design allows
	badTarget               // a cancel hit another request with the same address
	badBuffer               // executed after the event was posted
	badSlot                 // EAGAIN though a slot was free
	badOverflow             // an event overwrote an unreaped one
	badDestroy              // two io_destroy calls succeeded
	badFile                 // the file or the freeze protection was not held
	badSync                 // an fsync ran before a write that it follows
	badBits     = iota
)
