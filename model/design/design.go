// Package design describes designs of asynchronous I/O as points of one
// parameter space (thread-aio.md 6.8), so that one state machine
// (model/machine) serves the system under test and its rivals.
package design

import "aiocheck/model"

// Design is a point of the parameter space, with where each part of it is
// known from. Designs are values: a variant is a changed copy.
type Design struct {
	Name    string // as in --design: lower case, digits, dots and hyphens
	Title   string // one line for tables
	Sources []Source

	// Who executes, by class of operation.
	Transfer Executor // reads and writes of buffered files
	Stream   Executor // reads and writes of pipes, sockets and the like
	Direct   Executor // reads and writes that bypass the page cache
	Sync     Executor // FSYNC, FDSYNC
	Poll     Executor
	Names    Executor // OPENAT, UNLINKAT, RENAMEAT, READAHEAD
	// Open is who executes OPENAT where it is not Names: it may wait for the
	// other end of a FIFO, and so for another request.
	Open Executor
	// ReadAhead is where a READAHEAD can be interrupted: Whole, as the posted
	// series and the system call have it, or Pieces.
	ReadAhead Behaviour

	// ExecArguments holds the opcodes whose arguments the executing thread
	// reads again from the caller's iocb; all others are copied by io_submit.
	ExecArguments Opcodes
	// Task is where the executing thread's context comes from, by opcode.
	Task TaskContext

	Queued  CancelQueued  // what cancelling a request that no worker has taken does
	Running CancelRunning // what cancelling one that a worker executes does
	Answers Answers       // what io_cancel may answer
	// Flush is set when a worker clears pending signals before it is free for
	// its next request.
	Flush bool
	// FlushFirst is set when it does so as soon as the request has left the
	// list, before its event is posted.
	FlushFirst bool
	// Identity is how io_cancel names its request.
	Identity Identity

	List       List // the rules of the list that io_cancel searches
	Completion Completion
	Order      Order
	Exit       Exit
	// RestoreLate is set when the worker gives back the borrowed task context
	// after the event was posted (the patch of 14 March 2016).
	RestoreLate bool
	// HoldUntilEnd is set when the file and the freeze protection are held
	// until the operation has ended, not only until io_submit has (D16).
	HoldUntilEnd bool
	// HotCompletion is set when a request that the submitter finished without
	// blocking is delivered like any other, not as a plain return value.
	HotCompletion bool
	// AttemptOpen is set when io_submit tries OPENAT itself before it queues it
	// (the patch of 14 March 2016).
	AttemptOpen bool
	// PollIgnoresMask is set when a POLL never looks at the events asked for (D6).
	PollIgnoresMask bool
	// SpuriousFget is set when the *AT opcodes but OPENAT need a valid
	// descriptor in aio_fildes that they do not use (D8).
	SpuriousFget bool
	// ErrorsFromSubmit is set when what an unsupported operation gives is an
	// error of io_submit, not an event (D9).
	ErrorsFromSubmit bool
	// CancelPollOnly is set when POLL alone can be cancelled.
	CancelPollOnly bool
	// SyncFollowsWrites is set when an fsync is promised to cover the writes
	// to its file submitted before it (aio_fsync of POSIX).
	SyncFollowsWrites bool

	Bugs Bugs // defects put in on purpose
}

// Source is one statement of where a part of a design is known from.
type Source struct {
	Text string
	Mark Mark
}

// Mark is how certain a source is, as in thread-aio.md.
type Mark string

// The marks.
const (
	Certain    Mark = "C" // read in a patch, message or source
	Probable   Mark = "P" // sound, not every step was re-read
	Conjecture Mark = "?" // from memory, or guessed
)

// With is a copy of d with these bugs added.
func (d Design) With(bugs ...Bug) Design {
	for _, b := range bugs {
		d.Bugs |= 1 << b
	}
	return d
}

// Has reports whether the bug was put into d.
func (d *Design) Has(b Bug) bool { return d.Bugs&(1<<b) != 0 }

// ExecutorOf is who runs an operation on a kind of file.
func (d *Design) ExecutorOf(op model.Opcode, file FileKind) Executor {
	switch {
	case op == model.Poll:
		return d.Poll
	case op.Syncs():
		return d.Sync
	case op.Transfers() && file.direct():
		return d.Direct
	case op.Transfers() && file.Stream():
		return d.Stream
	case op.Transfers():
		return d.Transfer
	case op == model.OpenAt && d.Open != Unsupported:
		return d.Open
	}
	return d.Names
}
