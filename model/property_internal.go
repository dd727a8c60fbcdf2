package model

// The properties of a design's inside that the state machine of model/machine
// sees and a program cannot: they are not judged in histories.
var (
	NoUseAfterFree        = Property{"use-after-free", "No step touches the memory of a request, or a file, that has been freed.", Context}
	FreedOnce             = Property{"freed-once", "A request is freed once.", Context}
	SignalOutlivesRequest = Property{"signal-outlives-request", "A signal sent to cancel a request is gone before its worker is free for the next one.", Context}
	CancelHitsRequest     = Property{"cancel-hits-its-request", "A cancel reaches the request that it was meant for, not another with the same address.", Context}
	FilesCaptured         = Property{"files-captured", "A request is executed with the file table of its submitter.", Context}
	PoolProgress          = Property{"pool-progress", "A queued request is not kept from its worker for ever by requests that wait for others.", Context}
	FsyncOrder            = Property{"fsync-order", "An fsync makes durable every write that its design says it follows.", Storage}
)

// Internal lists the properties of a design's inside, in a fixed order.
func Internal() []Property {
	return []Property{
		NoUseAfterFree, FreedOnce, SignalOutlivesRequest, CancelHitsRequest, FilesCaptured, PoolProgress, FsyncOrder,
	}
}
