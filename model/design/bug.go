package design

import "aiocheck/model"

// Bug is a defect that is put into a design on purpose, to prove that it is
// found.
type Bug uint8

// Bugs is a set of bugs: bit 1<<b for bug b.
type Bugs uint64

// The seeded bugs. See BugTable for what each does.
const (
	SignalNotFlushed Bug = iota
	FlushBeforeUnlink
	CancelWithoutLock
	UnlinkBeforeCancel
	EarlyCancelLost
	EarlyCancelCompletes
	QueuedCancelNoEvent
	TaskRecordedLate
	ResultFromCancel
	PartialAsInterrupted
	PartialAsFull
	SlotAtCancel
	SlotAtCompletion
	RefusedKeepsSlot
	SlotsLostUserReap
	DestroySkipsQueued
	DestroyNotWaiting
	DestroyWaitsRunning
	DestroyTwice
	DestroyWithoutWake
	ExitNotWaiting
	CredNotCaptured
	FsNotCaptured
	FilesNotCaptured
	LimitsNotCaptured
	ArgsReadAgain
	SharedQueue
	EventfdBeforeEvent
	EventfdNotForCancelled
	IdentityByAddress
	FatalOnce
	RestartCode
	FsyncOvertakes
	FileDropped
	RestoreAfterFree
	WakeBeforePost
	DoubleEvent
	SubmitTouchesRequest
	PollRearmLost
	FsyncAsWorker
	numBugs
)

// BugInfo describes a seeded bug.
type BugInfo struct {
	Bug      Bug
	Name     string // as in --bug
	Sentence string
	Source   string         // id in bugs.md or thread-aio.md, or "issue"
	Property model.Property // expected to be violated
	Base     string         // the design that it is a mutation of
}

const corrected = "thread-6.1"

var bugTable = [numBugs]BugInfo{
	{SignalNotFlushed, "signal-not-flushed", "The worker does not flush its signals after a request.", "T1", model.SignalOutlivesRequest, corrected},
	{FlushBeforeUnlink, "flush-before-unlink", "The worker flushes its signals before the request leaves the list.", "T2", model.SignalOutlivesRequest, corrected},
	{CancelWithoutLock, "cancel-without-lock", "io_cancel looks up and signals without the context lock.", "T3", model.NoUseAfterFree, corrected},
	{UnlinkBeforeCancel, "unlink-before-cancel", "io_cancel unlinks before it cancels, and the completion checks the list without the lock.", "thread-aio.md 4.1", model.SignalOutlivesRequest, corrected},
	{EarlyCancelLost, "early-cancel-lost", "The worker does not see that a request was cancelled early, and executes it.", "T4", model.CancelledNoEffect, corrected},
	{EarlyCancelCompletes, "early-cancel-completes", "io_cancel completes a queued request itself and leaves its work queued.", "T5", model.NoUseAfterFree, corrected},
	{QueuedCancelNoEvent, "queued-cancel-no-event", "io_cancel takes a queued request off the queue and posts no event.", "T6", model.OneEvent, corrected},
	{TaskRecordedLate, "task-recorded-late", "The worker records itself after the request became late-cancellable.", "T7", model.CancelAnswer, corrected},
	{ResultFromCancel, "result-from-cancel", "The result of a cancelled request is -EINTR whatever the operation did.", "T8", model.ResultMatchesEffect, corrected},
	{PartialAsInterrupted, "partial-as-interrupted", "A partial transfer is reported as -EINTR.", "T9", model.ResultMatchesEffect, corrected},
	{PartialAsFull, "partial-as-full", "A partial transfer is reported as full.", "T9", model.ResultMatchesEffect, corrected},
	{SlotAtCancel, "slot-given-back-twice", "io_cancel gives the slot back, and so does the completion.", "T10", model.SlotsConserved, corrected},
	{SlotAtCompletion, "slot-at-completion", "The slot is given back when the event is posted, not when it is reaped.", "M3", model.RingNeverOverflows, corrected},
	{RefusedKeepsSlot, "refused-keeps-slot", "A request that io_submit refuses keeps its slot.", "M13", model.SlotsConserved, corrected},
	{SlotsLostUserReap, "slots-lost-user-reap", "Slots of events reaped in user space are never given back.", "M2", model.SlotsConserved, corrected},
	{DestroySkipsQueued, "destroy-skips-queued", "io_destroy does not cancel queued requests.", "T11", model.DestroyReturns, corrected},
	{DestroyNotWaiting, "destroy-not-waiting", "io_destroy returns without waiting for requests.", "T11, M5", model.DestroyWaits, corrected},
	{DestroyWaitsRunning, "destroy-waits-running", "io_destroy waits only for requests that a worker has taken.", "T11", model.DestroyWaits, corrected},
	{DestroyTwice, "destroy-twice", "The loser of two io_destroy calls reports success at once.", "M14", model.DestroyOnce, corrected},
	{DestroyWithoutWake, "destroy-without-wake", "io_destroy does not wake threads in io_getevents.", "M7", model.WaiterWoken, corrected},
	{ExitNotWaiting, "exit-not-waiting", "Exit does not wait for requests.", "M6", model.ExitWaits, corrected},
	{CredNotCaptured, "cred-not-captured", "The worker runs requests with its own credentials.", "T12", model.CredCaptured, corrected},
	{FsNotCaptured, "fs-not-captured", "The worker resolves names from its own directory and root.", "T12, D2", model.FsCaptured, corrected},
	{FilesNotCaptured, "files-not-captured", "The worker installs descriptors in its own file table.", "T12", model.FilesCaptured, corrected},
	{LimitsNotCaptured, "limits-not-captured", "The worker obeys its own resource limits.", "D5", model.LimitsCaptured, corrected},
	{ArgsReadAgain, "args-read-again", "The worker reads the arguments again from the caller's iocb.", "T13, D1", model.ArgsCaptured, corrected},
	{SharedQueue, "shared-queue", "Requests that wait for others share a bounded pool with those that end them.", "T14, D10", model.PoolProgress, corrected},
	{EventfdBeforeEvent, "eventfd-before-event", "The eventfd is signalled before the event is in the ring.", "T15, M12", model.EventfdCount, corrected},
	{EventfdNotForCancelled, "eventfd-not-for-cancelled", "The eventfd is not signalled for cancelled requests.", "T15", model.EventfdCount, corrected},
	{IdentityByAddress, "identity-by-address", "io_cancel knows its request by the iocb's address alone.", "T16, D15", model.CancelHitsRequest, corrected},
	{FatalOnce, "fatal-once", "A worker hears a fatal signal once, and never again.", "T17, thread-aio.md 4.1", model.CancelledEnds, corrected},
	{RestartCode, "restart-code", "Restart codes are not turned into -EINTR.", "T18", model.LegalResult, corrected},
	{FsyncOvertakes, "fsync-overtakes", "An fsync runs beside the writes that it is promised to follow.", "T19", model.FsyncOrder, "posix-glibc"},
	{FileDropped, "file-dropped", "The file and the freeze protection are released when io_submit ends.", "T20, D16", model.FileHeld, corrected},
	{RestoreAfterFree, "restore-after-free", "The worker gives back the task context of a request that is freed.", "D19", model.NoUseAfterFree, corrected},
	{WakeBeforePost, "wake-before-post", "Waiters are woken before the event is in the ring.", "M11", model.WaiterWoken, corrected},
	{DoubleEvent, "double-event", "A late cancel posts an event, and so does the worker.", "M1", model.OneEvent, corrected},
	{SubmitTouchesRequest, "submit-touches-request", "io_submit uses the request after it was queued.", "M8", model.NoUseAfterFree, corrected},
	{PollRearmLost, "poll-rearm-lost", "A wake-up between sampling and re-arming a poll is missed.", "M10", model.RequestEnds, "mainline-6.1"},
	{FsyncAsWorker, "fsync-as-worker", "The fsync work item runs with the worker's credentials.", "M9", model.CredCaptured, "mainline-6.1"},
}

// BugTable lists the seeded bugs in a fixed order.
func BugTable() []BugInfo { return bugTable[:] }

// String is the bug's name.
func (b Bug) String() string { return bugTable[b].Name }

// ParseBug is the inverse of String.
func ParseBug(name string) (Bug, bool) {
	for _, info := range bugTable {
		if info.Name == name {
			return info.Bug, true
		}
	}
	return 0, false
}
