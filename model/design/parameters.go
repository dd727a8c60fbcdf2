package design

import "aiocheck/model"

// Executor is who executes an operation.
type Executor uint8

// The executors.
const (
	Unsupported Executor = iota // io_submit refuses the opcode
	Inline                      // the submitter, inside io_submit: blocks when the operation does
	Handoff                     // the submitter until the operation blocks, then a thread of its own
	AttemptPool                 // the submitter tries without blocking, then the bounded pool
	Pool                        // a bounded pool of kernel workers on the submitting CPU
	Growing                     // a pool that grows: no request waits, idle threads are reused
	PerRequest                  // a new thread for each request
	PerFile                     // user-space threads, one request of a file at a time
	Device                      // started by the submitter, ended by an interrupt
	WaitQueue                   // a callback on the file's wait queue
)

var executorNames = [...]string{"unsupported", "inline", "handoff-on-block", "attempt-then-pool", "pool", "growing-pool", "thread-per-request", "per-file-threads", "device", "wait-queue"}

// String is the executor's name in tables.
func (e Executor) String() string { return executorNames[e] }

// Threaded reports whether a thread other than the submitter may execute.
func (e Executor) Threaded() bool {
	return e == Handoff || e == AttemptPool || e == Pool || e == Growing || e == PerRequest || e == PerFile
}

// Attempts reports whether the submitter tries first, and hands over a request
// only if it would block.
func (e Executor) Attempts() bool { return e == Handoff || e == AttemptPool }

// Opcodes is a set of opcodes.
type Opcodes uint16

// OpcodeSet is the set of these opcodes.
func OpcodeSet(ops ...model.Opcode) Opcodes {
	var s Opcodes
	for _, o := range ops {
		s |= 1 << o
	}
	return s
}

// Has reports whether the opcode is in the set.
func (s Opcodes) Has(op model.Opcode) bool { return s&(1<<op) != 0 }

// all is the set of every opcode.
const all Opcodes = 1<<16 - 1

// TaskContext says for which opcodes an executing thread takes on each part of
// the submitter's context; for the others it uses its own.
type TaskContext struct {
	Cred, Fs, Files, Limits Opcodes
	// Shared is the set of opcodes whose fs is the submitter's live one, so
	// that a chdir after io_submit still counts (D20c).
	Shared Opcodes
	// Stale is set when a reused thread keeps the context of the request that
	// it was made for (acall's pool).
	Stale bool
}

// CancelQueued is what cancelling a queued request does.
type CancelQueued uint8

// The ways to cancel a queued request.
const (
	QueuedNone   CancelQueued = iota // not cancelled
	QueuedMark                       // marked; ends with -EINTR when a worker reaches it
	QueuedRemove                     // taken off the queue and ended by the canceller
	// QueuedEnd is QueuedRemove with io_cancel's answers and list: the queue
	// and the list are under one lock, which is dropped before the event, -EINTR,
	// is posted and io_cancel answers. What io_destroy takes off the queue is
	// ended once it has cancelled all.
	QueuedEnd
)

// String is the name in tables.
func (q CancelQueued) String() string {
	return [...]string{"none", "mark-and-wait", "remove", "end"}[q]
}

// CancelRunning is what cancelling a running request does.
type CancelRunning uint8

// The ways to cancel a running request.
const (
	RunningNone      CancelRunning = iota // not cancelled
	RunningFatal                          // SIGKILL to the worker
	RunningFatalOnce                      // SIGKILL, which a worker hears only once (thread-aio.md 4.1)
	RunningNotify                         // a notify signal that the worker itself clears
)

// String is the name in tables.
func (r CancelRunning) String() string {
	return [...]string{"none", "fatal-signal", "fatal-signal-once", "notify"}[r]
}

// Answer is what io_cancel, or another call, answers.
type Answer uint8

// The answers of a cancel call.
const (
	AnswerZero Answer = iota // also AIO_CANCELED
	AnswerInProgress
	AnswerInvalid
	AnswerAgain
	AnswerAlready
	AnswerNotFound
	AnswerNotCanceled
	AnswerAllDone
)

var answerNames = [...]string{"0", "-EINPROGRESS", "-EINVAL", "-EAGAIN", "-EALREADY", "-ENOENT", "NOTCANCELED", "ALLDONE"}

// String is the answer as a program sees it.
func (a Answer) String() string { return answerNames[a] }

// Answers is a set of answers.
type Answers uint16

// AnswerSet is the set of these answers.
func AnswerSet(answers ...Answer) Answers {
	var s Answers
	for _, a := range answers {
		s |= 1 << a
	}
	return s
}

// Has reports whether the answer is in the set.
func (s Answers) Has(a Answer) bool { return s&(1<<a) != 0 }

// Identity is how a cancel call names its request.
type Identity uint8

// The identities.
const (
	ByAddress Identity = iota // the caller's iocb address: reusable
	ByNumber                  // a number that the kernel gave, effectively unique
)

// List says how the list that io_cancel searches is kept.
type List struct {
	TailInsert bool // new entries go to the tail, so the oldest is found first
	// UnlinkOnCancel is set when io_cancel takes the entry off the list.
	UnlinkOnCancel bool
	// UnlockedCheck is set when the completion looks whether it is on the list
	// without the lock, and takes the lock only if so.
	UnlockedCheck bool
}

// Completion is how the end of a request is delivered.
type Completion uint8

// The deliveries.
const (
	ReservedRing   Completion = iota // a kernel ring with a slot reserved at submission
	UnreservedRing                   // a user ring that may overflow
	OverflowRing                     // a ring with an overflow list behind it
	StatusWord                       // a word in the caller's memory
	FutexWord                        // a futex in the caller's memory
	Collected                        // a call that collects results, one at a time
)

// String is the name in tables.
func (c Completion) String() string {
	return [...]string{"reserved-ring", "unreserved-ring", "overflow-ring", "status-word", "futex", "collected"}[c]
}

// KernelRing reports whether events go into a ring that the kernel keeps for a
// context, so that they lose none and can signal an eventfd.
func (c Completion) KernelRing() bool { return c == ReservedRing || c == OverflowRing }

// Order is which requests are executed in the order of their submission.
type Order uint8

// The orders.
const (
	OrderNone  Order = iota // none
	OrderFile               // those of one file, one at a time
	OrderChain              // those of one batch, one at a time
)

// String is the name in tables.
func (o Order) String() string { return [...]string{"none", "per-file", "chain"}[o] }

// Exit is what becomes of the requests of a process that exits.
type Exit uint8

// The exits.
const (
	ExitWait   Exit = iota // cancelled, and waited for
	ExitKill               // their threads are killed with the process, unwaited
	ExitDetach             // they go on after the process
)

// String is the name in tables.
func (e Exit) String() string { return [...]string{"cancel-and-wait", "kill", "detach"}[e] }
