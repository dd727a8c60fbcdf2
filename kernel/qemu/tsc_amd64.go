package qemu

// readTSC is this processor's time stamp counter.
func readTSC() uint64
