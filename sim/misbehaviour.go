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
	m10 = "M10 aio: keep poll requests on waitqueue until completed (2021)"
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
}

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
