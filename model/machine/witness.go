package machine

import (
	"aiocheck/model"
	"aiocheck/model/design"
)

// Witness is a small scenario in which a seeded bug shows. The design that the
// bug is put into violates nothing in it.
func Witness(b design.Bug) *Scenario {
	s := witnesses[b]()
	s.Name = b.String()
	return s
}

var witnesses = map[design.Bug]func() *Scenario{
	design.SignalNotFlushed:       cancelOne,
	design.FlushBeforeUnlink:      cancelOne,
	design.CancelWithoutLock:      cancelOne,
	design.UnlinkBeforeCancel:     cancelOne,
	design.EarlyCancelLost:        cancelOne,
	design.EarlyCancelCompletes:   cancelOne,
	design.QueuedCancelNoEvent:    cancelOne,
	design.TaskRecordedLate:       cancelOne,
	design.ResultFromCancel:       cancelOne,
	design.PartialAsInterrupted:   cancelOne,
	design.PartialAsFull:          cancelOne,
	design.RestartCode:            cancelOne,
	design.SlotAtCancel:           cancelOne,
	design.DoubleEvent:            cancelOne,
	design.SubmitTouchesRequest:   cancelOne,
	design.FileDropped:            cancelOne,
	design.RestoreAfterFree:       cancelOne,
	design.CredNotCaptured:        cancelOne,
	design.LimitsNotCaptured:      cancelOne,
	design.FsNotCaptured:          openOne,
	design.FilesNotCaptured:       openOne,
	design.ArgsReadAgain:          openOne,
	design.SlotAtCompletion:       oneSlot,
	design.RefusedKeepsSlot:       refuseOne,
	design.SlotsLostUserReap:      reapInUserSpace,
	design.DestroySkipsQueued:     func() *Scenario { return end(Destroy) },
	design.DestroyNotWaiting:      func() *Scenario { return end(Destroy) },
	design.DestroyWaitsRunning:    func() *Scenario { return end(Destroy) },
	design.ExitNotWaiting:         func() *Scenario { return end(Exit) },
	design.DestroyTwice:           destroyTwice,
	design.DestroyWithoutWake:     destroyWaiter,
	design.SharedQueue:            readersAndWriter,
	design.EventfdBeforeEvent:     eventfd,
	design.EventfdNotForCancelled: eventfd,
	design.IdentityByAddress:      reuseAddress,
	design.FatalOnce:              cancelTwoReads,
	design.FsyncOvertakes:         writeAndSync,
	design.WakeBeforePost:         waitForOne,
	design.PollRearmLost:          pollTwice,
	design.FsyncAsWorker:          writeAndSync,
}

func submit(requests ...uint8) Call { return Call{Kind: Submit, Requests: requests} }
func cancel(requests ...uint8) Call { return Call{Kind: Cancel, Requests: requests} }

func caller(calls ...Call) Thread { return Thread{Calls: calls} }

// cancelOne is a write of two units, cancelled at any time, beside another.
func cancelOne() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Regular}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.PWrite, Units: 2}, {Opcode: model.PWrite, Units: 1, Offset: 2}},
		Threads:  []Thread{caller(submit(0, 1)), caller(cancel(0))},
	}
}

// openOne opens a name; then the iocb is written over.
func openOne() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Directory}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.OpenAt}},
		Threads:  []Thread{caller(submit(0), Call{Kind: ChangeIocb, Requests: []uint8{0}})},
	}
}

// oneSlot submits three writes to a ring of one slot, and reaps between.
func oneSlot() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Regular}}, Contexts: []Context{{Slots: 1}},
		Requests: []Request{{Opcode: model.PWrite, Units: 1}, {Opcode: model.PWrite, Units: 1}, {Opcode: model.PWrite, Units: 1}},
		Threads:  []Thread{caller(submit(0), submit(1), Call{Kind: GetEvents, Min: 0, Nr: 1}, submit(2))},
	}
}

// refuseOne has io_submit refuse a request, and submits another.
func refuseOne() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Regular}}, Contexts: []Context{{Slots: 1}},
		Requests: []Request{{Opcode: model.PWrite, Units: 1, Refused: true}, {Opcode: model.PWrite, Units: 1}},
		Threads:  []Thread{caller(submit(0), submit(1))},
	}
}

// reapInUserSpace reaps from the mapped ring before it submits again.
func reapInUserSpace() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Regular}}, Contexts: []Context{{Slots: 1}},
		Requests: []Request{{Opcode: model.PWrite, Units: 1}, {Opcode: model.PWrite, Units: 1}},
		Threads:  []Thread{caller(submit(0), Call{Kind: ReapRing}, submit(1))},
	}
}

// end destroys the context, or exits, with a write to a file and a read of an
// empty pipe in flight.
func end(how CallKind) *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Regular}, {Kind: design.Pipe}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.PWrite, Units: 1}, {Opcode: model.PRead, File: 1, Units: 1}},
		Threads:  []Thread{caller(submit(0, 1), Call{Kind: how})},
	}
}

// destroyTwice has two threads destroy a context.
func destroyTwice() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Pipe}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.PRead, Units: 1}},
		Threads:  []Thread{caller(submit(0), Call{Kind: Destroy}), caller(Call{Kind: Destroy})},
	}
}

// destroyWaiter destroys a context that another thread waits on.
func destroyWaiter() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Pipe}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.PRead, Units: 1}},
		Threads:  []Thread{caller(submit(0), Call{Kind: Destroy}), caller(Call{Kind: GetEvents, Min: 1, Nr: 1})},
	}
}

// readersAndWriter fills a pool of one worker with a read of an empty pipe,
// and queues the write that would end it.
func readersAndWriter() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Pipe}}, Contexts: []Context{{}}, Workers: 1,
		Requests: []Request{{Opcode: model.PRead, Units: 1}, {Opcode: model.PWrite, Units: 1}},
		Threads:  []Thread{caller(submit(0, 1))},
	}
}

// eventfd signals an eventfd for two writes, one of them cancelled.
func eventfd() *Scenario {
	s := cancelOne()
	s.Requests[0].Eventfd, s.Requests[1].Eventfd = true, true
	return s
}

// reuseAddress uses an iocb again for a second request while another thread
// cancels the first.
func reuseAddress() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Regular}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.PWrite, Units: 1, Address: 1}, {Opcode: model.PWrite, Units: 1, Address: 1}},
		Threads:  []Thread{caller(submit(0), Call{Kind: GetEvents, Min: 1, Nr: 1}, submit(1)), caller(cancel(0))},
	}
}

// cancelTwoReads cancels two reads of an empty pipe, one after the other.
func cancelTwoReads() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Pipe}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.PRead, Units: 1}, {Opcode: model.PRead, Units: 1}},
		Threads:  []Thread{caller(submit(0), cancel(0), submit(1), cancel(1))},
	}
}

// writeAndSync submits a write and an fsync.
func writeAndSync() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Regular}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.PWrite, Units: 1}, {Opcode: model.FSync}},
		Threads:  []Thread{caller(submit(0, 1))},
	}
}

// waitForOne waits for a write.
func waitForOne() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Regular}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.PWrite, Units: 1}},
		Threads:  []Thread{caller(submit(0), Call{Kind: GetEvents, Min: 1, Nr: 1})},
	}
}

// pollTwice has a poll woken while the context's lock is held for the cancel
// of another, its file emptied, and filled again.
func pollTwice() *Scenario {
	return &Scenario{
		Files: []File{{Kind: design.Pipe}, {Kind: design.Pipe}}, Contexts: []Context{{}},
		Requests: []Request{{Opcode: model.Poll}, {Opcode: model.Poll, File: 1}},
		Threads: []Thread{
			caller(submit(0, 1), cancel(1)),
			caller(Call{Kind: Write, Units: 1}, Call{Kind: Read, Units: 1}, Call{Kind: Write, Units: 1}),
		},
	}
}
