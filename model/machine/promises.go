package machine

// Promises is the set of properties that say that something must happen in
// the end: the bits that Stuck can have. That they hold is known only once
// deadlocks and fair cycles were looked for.
func (m *Machine) Promises() uint64 {
	return vOneEvent | vCancelledEnds | vRequestEnds | vEventfdCount | vPoolProgress | vDestroyReturns | vWaiterWoken
}
