package sim

import "aiocheck/model"

// bug is a defect of the simulated kernel; 0 is none.
type bug uint8

const (
	lostEvent bug = iota + 1
	duplicateEvent
	otherData
	wrongObj
	eventBeforeSubmit
	tooManyBytes
	restartCode
	shortReported
	earlyEinval
	cancelNoEvent
	cancelTwice
	cancelReaped
	cancelUnknown
	cancelZero
	cancelResult
	cancelUndo
	lostWrite
	partialWrite
	tornSector
	staleRead
	misplacedRead
	misplacedWrite
	zeroRead
	corruptRead
	unfilledRead
	unsubmittedRead
	writeAfterEvent
	destroyEarly
	exitEarly
	slotLeakRejected
	slotLeakReaped
	slotsAtCompletion
	timeoutEarly
	timeoutLate
	minIgnored
	moreThanMax
	rejectedRuns
	submitCountWrong
	eventfdEarly
	eventfdMissed
	destroyTwice
	deadGetEvents
	ringOrder
	pollForNobody
	pollMissed
	pipeDuplicated
	pipeReordered
	waiterForgotten
	waiterStale

	// From here on, of contexts with threads.
	firstThreaded
	argsReread
	workerCwd
	workerRoot
	workerUmask
	permissionIgnored
	workerOwner
	suidKept
	limitIgnored
	limitOfWorker
	descriptorLeaked
	maskIgnored
	nameNeedsFile
	oneClass
	cancelWaits
	sameIocb
	writeFrozen
	cancelOnce
	chdirCounts
	noLargefile
	signalLeaks
	signalLate
	wrongWorker
	cancelledRuns
	earlyTwice
	lateTwice
	queuedNoEvent
	cancelLost
	cancelAgain
	cancelRefused
	eintrWhole
	eintrPartial
	partialFull
	slotTwice
	destroyCancelsNothing
	destroyForgetsQueued
	eventfdCancelled
	restartLeaks
	pollZero
	otherError
	readAheadMore
	readAheadLess
	writeAhead
	effectLate
	openWrong
	renameBoth
	renameNone
	renameLost
	noreplaceReplaces
	exchangeHalf
	unlinkTwice
	unlinkNothing
	exclIgnored
	creatReplaces
	unlinkCancelled
	staleName
	modeIgnored
)

// Misbehaviour is a bug that a target can be told to have.
type Misbehaviour struct {
	Name     string
	Sentence string         // what goes wrong
	Expect   model.Property // what must be named when it is caught
	// History is a real bug of the kind: its number in the project's list of
	// historical bugs, and its subject; empty if there is none.
	History string
	bug     bug
	oneIn   uint32 // of the moments that suit it, one in so many goes wrong
}

// Misbehaviours lists every bug that a target can have.
func Misbehaviours() []Misbehaviour { return misbehaviours }

// Find is the misbehaviour of that name, nil if there is none.
func Find(name string) *Misbehaviour {
	for i := range misbehaviours {
		if misbehaviours[i].Name == name {
			return &misbehaviours[i]
		}
	}
	return nil
}

const (
	m1  = "M1 aio: kill return value of aio_complete (2013)"
	m2  = "M2 aio: fix aio request leak when events are reaped by userspace (2014)"
	m3  = "M3 aio: fix reqs_available handling (2014)"
	m5  = "M5 aio: block io_destroy() until all context requests are completed (2014)"
	m6  = "M6 aio: block exit_aio() until all context requests are completed (2014)"
	m8  = "M8 CVE-2019-10125: use after free of a polled request (2019)"
	m7  = "M7 io_destroy does not wake io_getevents (2014)"
	m10 = "M10 aio: keep poll requests on waitqueue until completed (2021)"
	m11 = "M11 waiters wait for min_nr counted from a stale head (2024)"
	m12 = "M12 the eventfd is signalled before the event is in the ring"
	m13 = "M13 a refused request keeps its slot"
	m14 = "M14 the loser of two io_destroy calls reports success"
)

var misbehaviours = []Misbehaviour{
	{"lost-event", "A request ends and its event is not put into the ring.", model.OneEvent, m3, lostEvent, 8},
	{"duplicate-event", "A request's event is put into the ring twice.", model.OneEvent, m1, duplicateEvent, 8},
	{"other-data", "An event carries the aio_data of another request in flight.", model.EventIdentity, m8, otherData, 8},
	{"wrong-obj", "An event carries the iocb address of another request.", model.EventIdentity, m8, wrongObj, 8},
	{"event-before-submit", "An event is delivered for a request that is submitted only later.", model.EventAfterSubmit, "", eventBeforeSubmit, 4},
	{"too-many-bytes", "A transfer's result counts more bytes than were asked for.", model.LegalResult, "", tooManyBytes, 8},
	{"restart-code", "The kernel's own -ERESTARTSYS is delivered as a result.", model.LegalResult, "T18 restart codes leak", restartCode, 8},
	{"short-reported", "A read fills its whole buffer and reports fewer bytes.", model.ResultMatchesEffect, "T9 a partial transfer is reported wrongly", shortReported, 8},
	{"early-einval", "io_cancel answers EINVAL though the poll is armed and nothing is ready.", model.CancelAnswer, "T3 cancel looks up without the lock", earlyEinval, 4},
	{"cancel-no-event", "io_cancel answers EINPROGRESS and the request is never heard of again.", model.RequestEnds, "T6 cancelling a queued request posts no event", cancelNoEvent, 4},
	{"cancel-twice", "A second io_cancel of a request answers EINPROGRESS too.", model.CancelAnswer, "", cancelTwice, 2},
	{"cancel-reaped", "io_cancel answers EINPROGRESS for a request whose event was reaped.", model.CancelAnswer, "T16 identity by iocb address only", cancelReaped, 2},
	{"cancel-unknown", "io_cancel answers EINPROGRESS for a request that was not submitted to the context.", model.CancelAnswer, "", cancelUnknown, 2},
	{"cancel-zero", "io_cancel answers 0 instead of EINPROGRESS.", model.CancelAnswer, m1, cancelZero, 2},
	{"cancel-result", "A cancelled poll ends with -ECANCELED.", model.CancelledEnds, "", cancelResult, 2},
	{"cancel-undoes-write", "io_cancel of a write that has ended puts the old data back.", model.NoLostWrite, "", cancelUndo, 1},
	{"lost-write", "A write reports its bytes and nothing is written.", model.NoLostWrite, "", lostWrite, 4},
	{"partial-write", "A write is reported whole though only its first sectors were written.", model.ResultMatchesEffect, "T9 a partial transfer is reported as full", partialWrite, 4},
	{"torn-sector", "A write leaves a sector half old and half new.", model.WholeSectors, "", tornSector, 4},
	{"stale-read", "A read returns what had been overwritten before it began.", model.FreshReads, "", staleRead, 2},
	{"misplaced-read", "A read returns a sector of another place.", model.DataInPlace, "", misplacedRead, 4},
	{"misplaced-write", "A write goes to the sector beside the right one.", model.DataInPlace, "", misplacedWrite, 4},
	{"zero-read", "A read returns zeros for a sector that was never zero.", model.NoThinAir, "", zeroRead, 4},
	{"corrupt-read", "A read returns a sector that nobody has written.", model.NoThinAir, "", corruptRead, 4},
	{"unfilled-read", "A read that fills only the first part of its buffer is reported whole.", model.ResultMatchesEffect, "T9 a partial transfer is reported as full", unfilledRead, 4},
	{"unsubmitted-read", "A read returns the data of a write that is submitted only later.", model.NoThinAir, "T13 arguments read at the wrong time", unsubmittedRead, 2},
	{"write-after-event", "The kernel writes to a read's buffer once more after its event was reaped.", model.BufferReleased, "", writeAfterEvent, 4},
	{"destroy-early", "io_destroy returns while reads are in flight.", model.DestroyWaits, m5, destroyEarly, 2},
	{"exit-early", "The process is gone while reads are in flight.", model.ExitWaits, m6, exitEarly, 1},
	{"slot-leak-rejected", "A refused request keeps its slot.", model.SlotsConserved, m13, slotLeakRejected, 1},
	{"slot-leak-reaped", "A request reaped from the mapped ring keeps its slot.", model.SlotsConserved, m2, slotLeakReaped, 1},
	{"slots-at-completion", "Slots are given back at completion instead of at reaping.", model.RingNeverOverflows, m3, slotsAtCompletion, 1},
	{"timeout-early", "A wait returns with too few events before its timeout has passed.", model.Timeouts, "", timeoutEarly, 2},
	{"timeout-late", "A wait sleeps on after its timeout has passed.", model.Timeouts, "", timeoutLate, 2},
	{"min-ignored", "A wait without a timeout returns with fewer events than min_nr.", model.EventCount, "", minIgnored, 2},
	{"more-than-max", "io_getevents returns more events than there is room for.", model.EventCount, "", moreThanMax, 2},
	{"rejected-runs", "io_submit leaves the last request of a batch out of its count, and the request runs.", model.NoEventForRejected, "", rejectedRuns, 4},
	{"submit-count", "io_submit counts one request more than it was given.", model.SubmitCount, "", submitCountWrong, 4},
	{"eventfd-early", "An eventfd is signalled before the event is in the ring.", model.EventfdCount, m12, eventfdEarly, 1},
	{"eventfd-missed", "An event is put into the ring and its eventfd is not signalled.", model.EventfdCount, "T15 the eventfd is not signalled for cancelled requests", eventfdMissed, 4},
	{"destroy-twice", "A second io_destroy of a context returns 0.", model.DestroyOnce, m14, destroyTwice, 1},
	{"dead-getevents", "io_getevents on a destroyed context returns 0.", model.DestroyOnce, "M7 io_destroy and io_getevents (2014)", deadGetEvents, 1},
	{"ring-order", "Two events of requests that ran inside io_submit swap their places in the ring.", model.RingOrder, "", ringOrder, 2},
	{"poll-for-nobody", "A poll ends with a mask that its file does not have.", model.LegalResult, "", pollForNobody, 2},
	{"poll-missed", "A wake-up passes a poll by, which then waits for ever.", model.RequestEnds, m10, pollMissed, 4},
	{"pipe-duplicated", "A line read from a stream is read again.", model.StreamOrder, "", pipeDuplicated, 4},
	{"pipe-reordered", "Two lines of a stream swap their places.", model.StreamOrder, "", pipeReordered, 4},
	{"waiter-forgotten", "io_destroy does not wake a thread that waits for events.", model.WaiterWoken, m7, waiterForgotten, 1},
	{"waiter-stale", "A thread that waits for events sleeps on when enough are in the ring.", model.WaiterWoken, m11, waiterStale, 2},
	{"args-reread", "The name of an operation is read again when a thread executes it.", model.ArgsCaptured, "D1 arguments fetched twice (2016)", argsReread, 1},
	{"worker-cwd", "A relative name starts at the working directory of a kernel thread.", model.FsCaptured, d2, workerCwd, 1},
	{"worker-root", "An absolute name starts at the root directory of a kernel thread.", model.FsCaptured, d2, workerRoot, 1},
	{"worker-umask", "A file is made with the umask of a kernel thread.", model.FsCaptured, d2, workerUmask, 1},
	{"permission-ignored", "A file is opened that its submitter may not open.", model.CredCaptured, d3, permissionIgnored, 1},
	{"worker-owner", "A file that an OPENAT makes belongs to root.", model.CredCaptured, d3, workerOwner, 1},
	{"suid-kept", "A write by a user leaves a set-user-ID bit that it should take away.", model.CredCaptured, d3, suidKept, 1},
	{"limit-ignored", "An OPENAT gets a descriptor beyond its submitter's limit.", model.LimitsCaptured, d5, limitIgnored, 1},
	{"limit-of-worker", "An OPENAT fails with EMFILE below its submitter's limit.", model.LimitsCaptured, d5, limitOfWorker, 4},
	{"descriptor-leaked", "An OPENAT that is cancelled keeps its descriptor.", model.LimitsCaptured, "", descriptorLeaked, 1},
	{"mask-ignored", "A poll waits for errors only, whatever it was asked for.", model.RequestEnds, "D6 the mask of a poll is not looked at (2016)", maskIgnored, 2},
	{"name-needs-file", "UNLINKAT and RENAMEAT want aio_fildes to be an open file.", model.SubmitCount, "D8 spurious fget (2016)", nameNeedsFile, 1},
	{"one-class", "Requests that wait for others take the threads of those that end by themselves.", model.RequestEnds, "D10, T14 one pool for everything (2016)", oneClass, 1},
	{"cancel-waits", "A cancelled request that is queued has its event only when a thread comes to it.", model.CancelledEnds, "D11 cancel of a queued request (2016)", cancelWaits, 1},
	{"same-iocb", "io_cancel reaches an older request with the same iocb address.", model.LegalResult, "D15, T16 identity by iocb address only (2016)", sameIocb, 1},
	{"write-frozen", "A write is executed while the file system is frozen.", model.FileHeld, "D16, T20 freeze protection is not kept (2016)", writeFrozen, 1},
	{"cancel-once", "A thread hears the first cancel only.", model.CancelledEnds, "D17, T17 a fatal signal works once", cancelOnce, 1},
	{"chdir-counts", "A chdir after io_submit counts for a relative name.", model.FsCaptured, "D20 the working directory is shared, not captured (2016)", chdirCounts, 1},
	{"no-largefile", "An OPENAT opens without O_LARGEFILE.", model.ArgsCaptured, "D26 O_LARGEFILE is not added (2016)", noLargefile, 2},
	{"signal-leaks", "The signal of a cancel is pending for the next request of the thread.", model.LegalResult, "T1 the signal is not flushed", signalLeaks, 1},
	{"signal-late", "The signal of a cancel that comes as the operation returns is pending for the next request.", model.LegalResult, "T2 the signal is flushed too early", signalLate, 1},
	{"wrong-worker", "A cancel interrupts another request than its own.", model.LegalResult, "T3 cancel signals without the lock", wrongWorker, 2},
	{"cancelled-runs", "A cancelled request that is queued is executed nevertheless.", model.CancelledEnds, "T4 early cancel is not seen", cancelledRuns, 1},
	{"early-twice", "A cancelled request that is queued has an event at once, and is executed for another.", model.OneEvent, "T5 early cancel completes, and the work stays queued", earlyTwice, 1},
	{"late-twice", "A cancelled request that is executed has an event at once, and another as it returns.", model.OneEvent, m1, lateTwice, 1},
	{"queued-no-event", "A cancelled request that is queued is never heard of again.", model.RequestEnds, "T6 cancelling a queued request posts no event", queuedNoEvent, 2},
	{"cancel-lost", "io_cancel answers EINPROGRESS and the operation sleeps on.", model.CancelledEnds, "T7 the thread to signal is recorded too late", cancelLost, 2},
	{"cancel-again", "io_cancel answers EAGAIN.", model.CancelAnswer, "T7 the thread to signal is recorded too late", cancelAgain, 2},
	{"cancel-refused", "io_cancel answers EINVAL though the request waits on its thread.", model.CancelAnswer, "", cancelRefused, 2},
	{"eintr-whole", "A cancelled request says EINTR though it has done everything.", model.ResultMatchesEffect, "T8 the result is the cancel's", eintrWhole, 1},
	{"eintr-partial", "A cancelled write says EINTR though it has written a part.", model.ResultMatchesEffect, "T9 a partial transfer is reported as EINTR", eintrPartial, 1},
	{"partial-full", "A cancelled write that has written a part reports all of it.", model.ResultMatchesEffect, "T9 a partial transfer is reported as full", partialFull, 1},
	{"slot-twice", "A cancel gives the request's slot back, and the completion again.", model.RingNeverOverflows, "T10 slot given back twice", slotTwice, 1},
	{"destroy-cancels-nothing", "io_destroy and exit cancel nothing.", model.DestroyReturns, "T11 destroy does not cancel", destroyCancelsNothing, 1},
	{"destroy-forgets-queued", "io_destroy does not wait for requests that are queued.", model.DestroyWaits, "T11 destroy waits only for running ones", destroyForgetsQueued, 1},
	{"eventfd-cancelled", "The eventfd of a cancelled request is not signalled.", model.EventfdCount, "T15 the eventfd is not signalled for cancelled requests", eventfdCancelled, 1},
	{"restart-leaks", "An interrupted operation ends with -ERESTARTSYS.", model.LegalResult, "T18 restart codes leak", restartLeaks, 2},
	{"poll-zero", "A cancelled poll ends with 0, as it does without threads.", model.CancelledEnds, "", pollZero, 2},
	{"other-error", "An interrupted operation ends with -ECANCELED.", model.CancelledEnds, "", otherError, 2},
	{"readahead-beyond", "A READAHEAD counts more bytes than were asked for.", model.LegalResult, "", readAheadMore, 1},
	{"readahead-less", "A READAHEAD that nobody has cancelled counts fewer bytes than the file has.", model.LegalResult, "", readAheadLess, 1},
	{"write-ahead", "The event of a write is seen before its data.", model.FreshReads, "", writeAhead, 2},
	{"effect-late", "The event of an UNLINKAT or RENAMEAT is seen before its effect.", model.NamesInOrder, "", effectLate, 2},
	{"open-wrong", "An OPENAT opens the file of another name.", model.NamesInOrder, "", openWrong, 2},
	{"rename-both", "A renamed file has both names for a while.", model.NamesInOrder, "", renameBoth, 1},
	{"rename-none", "A renamed file has no name for a while.", model.NamesInOrder, "", renameNone, 1},
	{"rename-lost", "A renamed file is lost.", model.NamesInOrder, "", renameLost, 2},
	{"noreplace-replaces", "RENAMEAT with RENAME_NOREPLACE replaces a file.", model.NamesInOrder, "", noreplaceReplaces, 1},
	{"exchange-half", "RENAMEAT with RENAME_EXCHANGE binds both names to one file.", model.NamesInOrder, "", exchangeHalf, 1},
	{"unlink-twice", "A second unlink of a name succeeds.", model.NamesInOrder, "", unlinkTwice, 1},
	{"unlink-nothing", "An unlink succeeds and the name stays.", model.NamesInOrder, "", unlinkNothing, 2},
	{"excl-ignored", "An open with O_EXCL succeeds on a file that exists.", model.NamesInOrder, "", exclIgnored, 1},
	{"creat-replaces", "An open with O_CREAT puts a new file in the place of one that exists.", model.NamesInOrder, "", creatReplaces, 1},
	{"unlink-cancelled", "An UNLINKAT that is cancelled while it is queued removes the name.", model.ResultMatchesEffect, "", unlinkCancelled, 1},
	{"stale-name", "An open finds a file whose name is gone.", model.NamesInOrder, "", staleName, 2},
	{"mode-ignored", "A file that an OPENAT makes may be executed though nobody has asked for it.", model.ArgsCaptured, "", modeIgnored, 2},
}

const (
	d2 = "D2 root, working directory and umask of a kernel thread (2016)"
	d3 = "D3 credentials of a kernel thread (2016)"
	d5 = "D5 limits of a kernel thread (2016)"
)

// Threaded reports whether it is a bug of contexts with threads.
func (m *Misbehaviour) Threaded() bool { return m.bug >= firstThreaded }

// rolls draws whether the target's bug strikes at a moment that suits it.
func (t *Target) rolls() bool { return t.oneIn(t.cfg.Misbehaviour.oneIn) }

// fires is rolls, and counts.
func (t *Target) fires() bool {
	if !t.rolls() {
		return false
	}
	t.fired++
	return true
}
