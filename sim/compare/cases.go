package compare

import (
	"aiocheck/model"
	"aiocheck/model/machine"
)

// cancelCases cancel requests at every moment of their lives, on every kind of
// file: thread-aio.md 3.1 and 3.2.
func cancelCases() []Case {
	cancelled := []model.Property{
		model.CancelledNoEffect, model.CancelAnswer, model.CancelledEnds, model.ResultMatchesEffect, model.LegalResult,
		model.OneEvent, model.NoUseAfterFree, model.FreedOnce, model.SignalOutlivesRequest, model.RequestEnds, model.BufferReleased,
	}
	at := func(name, sentence string, file machine.File, r machine.Request) Case {
		return Case{name, sentence, program(file, list(r), thread(submit(0)), thread(cancel(0))), cancelled}
	}
	plain := []model.Property{
		model.ResultMatchesEffect, model.LegalResult, model.OneEvent, model.FreedOnce, model.RequestEnds, model.BufferReleased, model.NoUseAfterFree,
	}
	again := program(pipe, list(read(1)), thread(submit(0)), thread(cancel(0)), thread(cancel(0)))
	next := program(regular, list(write(1), write(1)), thread(submit(0, 1)), thread(cancel(0)))
	next.Requests[1].Offset = 1
	reads := program(pipe, list(read(1), read(1)), thread(submit(0), cancel(0), submit(1), cancel(1)))
	reuse := program(regular, list(write(1), write(1)), thread(submit(0), reap(1), submit(1)), thread(cancel(0)))
	reuse.Requests[0].Address, reuse.Requests[1].Address = 1, 1
	return []Case{
		{"write", "two writes to a file, side by side", program(regular, list(write(2), write(1)), thread(submit(0)), thread(submit(1))), plain},
		{"read", "a read of an empty pipe, which another thread writes to", program(pipe, list(read(1)), thread(submit(0)), thread(put(1))), plain},
		{"send", "three units sent to a socket with room for two, which another thread reads from", program(socket, list(write(3)), thread(submit(0)), thread(take(2))), plain},
		at("cancel-write", "a write of two units to a file, cancelled at any time", regular, write(2)),
		at("cancel-direct", "a direct write, cancelled at any time", direct, write(1)),
		at("cancel-read", "a read of an empty pipe, cancelled at any time", pipe, read(1)),
		at("cancel-pipe-write", "a write of three units to a pipe with room for two, cancelled at any time", pipe, write(3)),
		at("cancel-send", "three units sent to a socket with room for two, cancelled at any time", socket, write(3)),
		at("cancel-nfs", "a write to NFS, cancelled at any time", nfs, write(1)),
		at("cancel-fuse", "a write to FUSE, cancelled at any time", fuse, write(1)),
		at("cancel-fsync", "an fsync, cancelled at any time", regular, op(model.FSync)),
		at("cancel-poll", "a poll of an empty pipe, cancelled at any time", pipe, op(model.Poll)),
		at("cancel-unlink", "a name removed, cancelled at any time", directory, op(model.UnlinkAt)),
		{"cancel-twice", "a read of an empty pipe, cancelled by two threads", again, cancelled},
		{"cancel-then-next", "two writes and one worker; the first is cancelled, the second must not feel it", next, cancelled},
		{"cancel-in-turn", "two reads of an empty pipe, one after the other, each cancelled", reads, cancelled},
		{"iocb-reused", "an iocb used again after its event was reaped, while another thread cancels the first request", reuse, []model.Property{model.CancelHitsRequest}},
	}
}

// deliveryCases are about slots, events, waiters and eventfds.
func deliveryCases() []Case {
	slots := []model.Property{model.SlotsConserved, model.RingNeverOverflows, model.OneEvent}
	three := program(regular, list(write(1), write(1), write(1)), thread(submit(0), submit(1), machine.Call{Kind: machine.GetEvents, Nr: 1}, submit(2)))
	three.Contexts[0].Slots = 1
	mapped := program(regular, list(write(1), write(1)), thread(submit(0), call(machine.ReapRing), submit(1)))
	mapped.Contexts[0].Slots = 1
	refused := program(regular, list(write(1), write(1)), thread(submit(0), submit(1)))
	refused.Contexts[0].Slots = 1
	refused.Requests[0].Refused = true
	freed := program(regular, list(write(1), write(1)), thread(submit(0), submit(1)), thread(cancel(0)))
	freed.Contexts[0].Slots = 1
	counted := program(regular, list(write(1), write(1)), thread(submit(0, 1)), thread(cancel(0)))
	counted.Requests[0].Eventfd, counted.Requests[1].Eventfd = true, true
	waited := program(regular, list(write(1), write(1)), thread(submit(0, 1)), thread(reap(2)))
	ready := program(pipe, list(op(model.Poll), on(1, op(model.Poll))), thread(submit(0, 1), cancel(1)), thread(put(1), take(1), put(1)))
	ready.Files = append(ready.Files, pipe)
	synced := program(regular, list(write(1), op(model.FSync)), thread(submit(0, 1)))
	starved := program(pipe, list(read(1), write(1)), thread(submit(0), submit(1)))
	return []Case{
		{"one-slot", "three writes to a ring of one slot, reaped between", three, slots},
		{"mapped-ring", "two writes to a ring of one slot, reaped from the mapped ring", mapped, slots},
		{"slot-cancelled", "two writes to a ring of one slot, the first cancelled at any time", freed, slots},
		{"refused", "a request that io_submit refuses, then another", refused, append(slots, model.NoEventForRejected)},
		{"eventfd", "two writes that signal an eventfd, one of them cancelled", counted, []model.Property{model.EventfdCount}},
		{"waiter", "a thread that waits for two writes", waited, []model.Property{model.WaiterWoken, model.RequestEnds}},
		{"poll", "two polls: one woken, its pipe emptied and filled again, while the other is cancelled", ready, []model.Property{model.RequestEnds, model.OneEvent}},
		{"fsync", "a write, and an fsync submitted after it", synced, []model.Property{model.FsyncOrder, model.CredCaptured}},
		{"pool-exhausted", "one worker: a read of an empty pipe, and the write that would end it", starved, []model.Property{model.PoolProgress}},
	}
}

// endCases destroy contexts and exit while requests are in flight.
func endCases() []Case {
	destroyed := []model.Property{model.DestroyWaits, model.DestroyReturns, model.DestroyOnce, model.NoUseAfterFree}
	busy := func(how machine.CallKind) machine.Scenario {
		s := program(regular, list(write(1), on(1, read(1))), thread(submit(0, 1), call(how)))
		s.Files = append(s.Files, pipe)
		return s
	}
	hung := program(dead, list(write(1)), thread(submit(0), call(machine.Destroy)))
	// Another context's reader has the only worker: thread-aio.md D11.
	starved := program(pipe, list(read(1), read(1)), thread(submit(0)),
		thread(machine.Call{Kind: machine.Submit, Context: 1, Requests: []uint8{1}}, machine.Call{Kind: machine.Destroy, Context: 1}))
	starved.Contexts = append(starved.Contexts, machine.Context{})
	return []Case{
		{"destroy", "io_destroy with a write and a read of an empty pipe in flight", busy(machine.Destroy), destroyed},
		{"destroy-twice", "io_destroy by two threads", program(pipe, list(read(1)), thread(submit(0), call(machine.Destroy)), thread(call(machine.Destroy))), destroyed},
		{"destroy-waiter", "io_destroy while another thread waits for an event", program(pipe, list(read(1)), thread(submit(0), call(machine.Destroy)), thread(reap(1))), append(destroyed, model.WaiterWoken)},
		{"destroy-starved", "io_destroy of a queued request, while another context's read of an empty pipe has the only worker", starved, append(destroyed, model.PoolProgress)},
		{"destroy-dead", "io_destroy with a write to a disk that never answers", hung, []model.Property{model.DestroyReturns}},
		{"exit", "exit with a write and a read of an empty pipe in flight", busy(machine.Exit), []model.Property{model.ExitWaits, model.DestroyReturns}},
	}
}

// contextCases are about what a request is executed with.
func contextCases() []Case {
	captured := []model.Property{model.CredCaptured, model.FsCaptured, model.FilesCaptured, model.LimitsCaptured}
	as := func(name, sentence string, file machine.File, r machine.Request) Case {
		return Case{name, sentence, program(file, list(r), thread(submit(0), call(machine.ChangeContext))), captured}
	}
	changed := func(name, sentence string, file machine.File, r machine.Request) Case {
		return Case{name, sentence, program(file, list(r), thread(submit(0), change(0))), []model.Property{model.ArgsCaptured}}
	}
	later := program(regular, list(write(1), write(1)), thread(submit(0), reap(1), call(machine.ChangeContext), submit(1)))
	blocked := program(pipe, list(read(1)), thread(submit(0), change(0), put(1)))
	return []Case{
		as("as-writer", "a write, after which the process changes directory and credentials", regular, write(1)),
		as("as-opener", "an open, after which the process changes directory and credentials", directory, op(model.OpenAt)),
		as("as-unlinker", "a name removed, after which the process changes directory and credentials", directory, op(model.UnlinkAt)),
		as("as-renamer", "a rename, after which the process changes directory and credentials", directory, op(model.RenameAt)),
		{"as-later-writer", "a write, whose event is reaped; then the process changes directory and credentials, and writes again", later, captured},
		changed("iocb-changed-write", "a write whose iocb is written over once io_submit has returned", regular, write(1)),
		{"iocb-changed-read", "a read of an empty pipe whose iocb is written over, then data comes", blocked, []model.Property{model.ArgsCaptured}},
		changed("iocb-changed-open", "an open whose iocb is written over once io_submit has returned", directory, op(model.OpenAt)),
		changed("iocb-changed-unlink", "a removal whose iocb is written over once io_submit has returned", directory, op(model.UnlinkAt)),
		{"close", "a write whose file another thread closes", program(regular, list(write(2)), thread(submit(0)), thread(call(machine.Close))), []model.Property{model.FileHeld, model.NoUseAfterFree}},
		{"close-read", "a read of a pipe whose other end is closed", program(pipe, list(read(1)), thread(submit(0)), thread(call(machine.Close))), []model.Property{model.FileHeld, model.RequestEnds}},
	}
}

// crowdCases begin with every request queued and cancel them again and again:
// the largest state spaces here.
func crowdCases() []Case {
	shows := []model.Property{model.CancelledNoEffect, model.CancelAnswer, model.OneEvent, model.NoUseAfterFree, model.FreedOnce, model.SignalOutlivesRequest, model.RequestEnds}
	return []Case{
		{"cancel-storm", "two writes and two workers, while two threads cancel whichever they like for as long as one is in flight", *machine.CancelScenario(2, 2, 2), shows},
		{"cancel-crowd", "three writes and two workers, while a thread cancels whichever it likes for as long as one is in flight", *machine.CancelScenario(3, 2, 1), shows},
	}
}
