package model

// Property is something that must hold of every behaviour. The same names are
// used by the model, verdicts, litmus tests, comparisons and documents.
type Property struct {
	Name     string // lower case, words joined by hyphens
	Sentence string // what must hold, in one sentence
	Object   Object // the object that the property speaks of
}

// Object is one of the two linearizable objects that a history is judged by.
type Object uint8

// The objects.
const (
	Storage Object = iota // the sectors of a file or device
	Context               // requests, cancellation, completion, ring
)

// String is "storage" or "context".
func (o Object) String() string { return [...]string{"storage", "context"}[o] }

// The properties of the storage object.
var (
	FreshReads          = Property{"fresh-reads", "A read returns, in each sector, the last completed write or one that runs beside it, never one that was overwritten before the read began.", Storage}
	NoLostWrite         = Property{"no-lost-write", "A write whose event reports its bytes is what every later read returns until the next write.", Storage}
	NoThinAir           = Property{"no-thin-air", "Data that a read returns was written by an accepted request that had been submitted before the read ended.", Storage}
	DataInPlace         = Property{"data-in-place", "A read returns the data of the offset that it asked for.", Storage}
	WholeSectors        = Property{"whole-sectors", "A sector that no running write touches is never a mixture of two writes.", Storage}
	ResultMatchesEffect = Property{"result-matches-effect", "A transfer moved as many bytes as its event says: no fewer, and for a read no more.", Storage}
	CancelledNoEffect   = Property{"cancelled-no-effect", "A request cancelled before it began has no effect on storage.", Storage}
	StreamOrder         = Property{"stream-order", "What is read from a pipe or socket was written to it, once, each writer's bytes in order.", Storage}
)

// The properties of the AIO context.
var (
	OneEvent           = Property{"one-event", "Every accepted request gives exactly one event.", Context}
	NoEventForRejected = Property{"no-event-for-rejected", "A request that io_submit did not accept gives no event and has no effect.", Context}
	EventIdentity      = Property{"event-identity", "An event carries the data and the iocb address given at submission.", Context}
	EventAfterSubmit   = Property{"event-after-submit", "An event is seen only after its request was submitted.", Context}
	LegalResult        = Property{"legal-result", "An event's result is one that its opcode can give: no restart code, no count beyond the request.", Context}
	CancelAnswer       = Property{"cancel-answer", "io_cancel's answer is consistent with the state of the request that it was given in.", Context}
	CancelledEnds      = Property{"cancelled-ends", "A request for which io_cancel said EINPROGRESS ends with the result of a cancelled request, or with its natural one.", Context}
	RequestEnds        = Property{"request-ends", "Every accepted request ends once nothing holds it back.", Context}
	SubmitCount        = Property{"submit-count", "io_submit returns how many requests it accepted, from the first on, or the error of the first.", Context}
	EventCount         = Property{"event-count", "io_getevents returns at most nr events, and at least min_nr unless its timeout passed, a signal came or the context was destroyed.", Context}
	Timeouts           = Property{"timeouts", "A wait for events that are not there ends when its timeout has passed, and not before.", Context}
	SlotsConserved     = Property{"slots-conserved", "io_submit fails with EAGAIN only if no slot was free: a reaped or rejected request gives its slot back.", Context}
	RingNeverOverflows = Property{"ring-never-overflows", "No more requests are accepted than the ring has slots for their events.", Context}
	RingOrder          = Property{"ring-order", "Events leave the ring in the order in which they entered it.", Context}
	EventfdCount       = Property{"eventfd-count", "An eventfd is signalled once for each event, after the event is in the ring.", Context}
	DestroyOnce        = Property{"destroy-once", "io_destroy succeeds once, and every call that begins after it fails with EINVAL and delivers nothing.", Context}
	DestroyWaits       = Property{"destroy-waits", "io_destroy returns only when no request of the context can touch memory or storage any more.", Context}
	ExitWaits          = Property{"exit-waits", "A process is gone only when none of its requests can touch memory any more.", Context}
	BufferReleased     = Property{"buffer-released", "The kernel does not write to a request's buffer once its event has been seen.", Context}
)

// Properties lists all of them, storage first, in a fixed order.
func Properties() []Property {
	return []Property{
		FreshReads, NoLostWrite, NoThinAir, DataInPlace, WholeSectors, ResultMatchesEffect, CancelledNoEffect, StreamOrder,
		OneEvent, NoEventForRejected, EventIdentity, EventAfterSubmit, LegalResult, CancelAnswer, CancelledEnds,
		RequestEnds, SubmitCount, EventCount, Timeouts, SlotsConserved, RingNeverOverflows, RingOrder, EventfdCount,
		DestroyOnce, DestroyWaits, ExitWaits, BufferReleased,
	}
}
