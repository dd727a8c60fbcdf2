package model

// The properties of a design's inside, which the state machine of
// model/machine sees and a program cannot: they are not judged in histories.
var (
	NoUseAfterFree        = Property{"use-after-free", "No step touches the memory of a request, or a file, that has been freed.", Context}
	FreedOnce             = Property{"freed-once", "A request is freed once.", Context}
	SignalOutlivesRequest = Property{"signal-outlives-request", "A signal sent to cancel a request is gone before its worker is free for the next one.", Context}
	CancelHitsRequest     = Property{"cancel-hits-its-request", "A cancel reaches the request that it was meant for, not another with the same address.", Context}
	ArgsCaptured          = Property{"args-captured", "A request is executed with the arguments that its iocb had when it was submitted.", Context}
	CredCaptured          = Property{"cred-captured", "A request is executed with the credentials of its submitter.", Context}
	FsCaptured            = Property{"fs-captured", "A request is executed with the working directory, root and umask of its submitter.", Context}
	FilesCaptured         = Property{"files-captured", "A request is executed with the file table of its submitter.", Context}
	LimitsCaptured        = Property{"limits-captured", "A request is executed under the resource limits of its submitter.", Context}
	FileHeld              = Property{"file-held", "A request holds its file, and the file system's protection against freezing, until it has ended.", Context}
	PoolProgress          = Property{"pool-progress", "A queued request is not kept from its worker for ever by requests that wait for others.", Context}
	DestroyReturns        = Property{"destroy-returns", "io_destroy and exit return once every operation has.", Context}
	WaiterWoken           = Property{"waiter-woken", "A thread that waits for events is woken when enough of them are in the ring, or its context is destroyed.", Context}
	FsyncOrder            = Property{"fsync-order", "An fsync makes durable every write that its design says it follows.", Storage}
)

// Internal lists the properties of a design's inside, in a fixed order.
func Internal() []Property {
	return []Property{
		NoUseAfterFree, FreedOnce, SignalOutlivesRequest, CancelHitsRequest, ArgsCaptured, CredCaptured, FsCaptured,
		FilesCaptured, LimitsCaptured, FileHeld, PoolProgress, DestroyReturns, WaiterWoken, FsyncOrder,
	}
}
