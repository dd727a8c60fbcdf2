package model

// Property is something that must hold of every behaviour. The same names are
// used by the model, verdicts, litmus tests, comparisons and documents.
type Property struct {
	Name     string // lower case, words joined by hyphens
	Sentence string // what must hold, in one sentence
	Object   Object // the object that the property speaks of
}

// Object is one of the linearizable objects that a history is judged by.
type Object uint8

// The objects.
const (
	Storage Object = iota // the sectors of a file or device
	Context               // requests, cancellation, completion, ring
	Names                 // which file each name is bound to
)

// String is "storage", "context" or "names".
func (o Object) String() string { return [...]string{"storage", "context", "names"}[o] }

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

// The properties of the name space.
var (
	NamesInOrder = Property{"names-in-order", "Each operation on a name finds the file that the name is bound to at some instant between its call and its end, and does what it says, once, at that instant.", Names}
)

// What a request has to find as it was at its submission, whoever executes it,
// and what ends when it is told to: seen inside of a design, and in histories
// where a program can see it.
var (
	ArgsCaptured   = Property{"args-captured", "A request is executed with the arguments that its iocb had when it was submitted.", Context}
	CredCaptured   = Property{"cred-captured", "A request is executed with the credentials of its submitter.", Context}
	FsCaptured     = Property{"fs-captured", "A request is executed with the working directory, root and umask of its submitter.", Context}
	LimitsCaptured = Property{"limits-captured", "A request is executed under the resource limits of its submitter.", Context}
	FileHeld       = Property{"file-held", "A request holds its file, and the file system's protection against freezing, until it has ended.", Context}
	DestroyReturns = Property{"destroy-returns", "io_destroy and exit return once every operation has.", Context}
	WaiterWoken    = Property{"waiter-woken", "A thread that waits for events is woken when enough of them are in the ring, or its context is destroyed.", Context}
)

// Properties lists all that histories are judged by, storage first, in a fixed
// order.
func Properties() []Property {
	return []Property{
		FreshReads, NoLostWrite, NoThinAir, DataInPlace, WholeSectors, ResultMatchesEffect, CancelledNoEffect, StreamOrder,
		OneEvent, NoEventForRejected, EventIdentity, EventAfterSubmit, LegalResult, CancelAnswer, CancelledEnds,
		RequestEnds, SubmitCount, EventCount, Timeouts, SlotsConserved, RingNeverOverflows, RingOrder, EventfdCount,
		DestroyOnce, DestroyWaits, ExitWaits, BufferReleased,
		NamesInOrder, ArgsCaptured, CredCaptured, FsCaptured, LimitsCaptured, FileHeld, DestroyReturns, WaiterWoken,
	}
}
