package workload

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// destroyed is about io_destroy: of contexts whose requests wait for ever, or
// are transferring, or that somebody waits on, by one thread or by rivals.
func (b *builder) destroyed() {
	stories := []func(int){b.abandoned, b.abandoned, b.waitedFor, b.contested, b.contested, b.contested, b.contested, b.contested, b.busy, b.busy}
	for range 12 + b.rng.IntN(12) {
		stories[b.rng.IntN(len(stories))](b.rng.IntN(b.g.load.Threads))
	}
	b.part()
}

// abandoned destroys a context whose requests nobody else ends. Should that
// last, the peer ends them in the end: it waits for a poll of another context,
// which the destroyer satisfies when it is done.
func (b *builder) abandoned(t int) {
	n := 1 + b.rng.IntN(8)
	c, r := b.story(n), b.stream()
	sent := b.send(t, c, b.repeat(n, r)...)
	if b.rng.IntN(2) == 0 {
		b.pause(t, settling)
	}
	if b.rng.IntN(2) == 0 {
		b.cancelBeside(t, sent[b.rng.IntN(n)])
	}
	guard, done := b.story(1), b.addFile(traces.FileDecl{Kind: traces.Eventfd})
	ready := b.mark(t)
	b.add(b.peer, ready)
	b.send(b.peer, guard, traces.RequestDecl{Opcode: model.Poll, File: done, Offset: pollIn})
	begin := b.mark(b.peer)
	begin.Do, begin.Context = traces.DoDestroy, c
	b.add(t, begin)
	b.add(t, traces.Step{Do: traces.DoWrite, File: done})
	b.collect(b.peer, guard, 1)
	b.add(b.peer, traces.Step{Do: traces.DoCloseWrite, File: r.File})
}

// waitedFor destroys a context on which a thread waits for events that nobody
// owes it.
func (b *builder) waitedFor(t int) {
	c := b.story(4)
	ready := b.mark(t)
	b.add(t, traces.Step{Do: traces.DoGetEvents, Context: c, Min: 1, Max: 4, Timeout: patience})
	ready.After++ // the wait itself has begun
	b.add(b.canceller, ready)
	b.pause(b.canceller, settling)
	b.add(b.canceller, traces.Step{Do: traces.DoDestroy, Context: c})
}

// contested has two or three threads destroy a context at the same moment.
func (b *builder) contested(t int) {
	c := b.story(1 + b.rng.IntN(8))
	switch b.rng.IntN(3) {
	case 0:
		b.crowd(t, c, 1)
	case 1:
		b.send(t, c, b.small(model.PRead))
	}
	// They wait for each other several times: a thread that waits is awake at
	// first, so in the end both are, and begin within the time of a few loads.
	for range 4 {
		b.add(t, b.mark(b.canceller))
		b.add(b.canceller, b.mark(t))
	}
	first := b.mark(b.canceller)
	first.Do, first.Context = traces.DoDestroy, c
	step := b.add(t, first)
	again := traces.Step{Do: traces.DoDestroy, Context: c, Thread: uint16(t), After: uint32(step + 1), Spin: uint32(b.rng.IntN(64))}
	b.add(b.canceller, again)
	if b.rng.IntN(4) == 0 {
		b.add(b.peer, again)
	}
}

// busy destroys a context whose requests fill buffers.
func (b *builder) busy(t int) {
	n := 4 + b.rng.IntN(8)
	c := b.story(n)
	list := make([]traces.RequestDecl, n)
	for i := range list {
		list[i] = b.small(model.PRead)
		for range 3 {
			if twice := 2 * int64(list[i].Bytes); list[i].Offset+twice <= b.g.dev.Bytes && twice <= int64(b.g.load.MaxBytes) {
				list[i].Bytes = uint32(twice)
			}
		}
	}
	b.send(t, c, list...)
	b.add(t, traces.Step{Do: traces.DoDestroy, Context: c, Spin: b.spin()})
}

// slots uses up all slots of contexts, with requests that wait and with such
// that end at once, and reaps in either way.
func (b *builder) slots() {
	stories := []func(){b.exhaust, b.overfill, b.refill}
	first := b.rng.IntN(len(stories))
	stories[first]()
	stories[(first+1)%len(stories)]()
	b.part()
}

// overfill submits requests that end at once and reaps few of their events:
// however many have ended, the ring has no room for more than its slots.
func (b *builder) overfill() {
	slots := 1 + b.rng.IntN(8)
	c := b.story(slots)
	t := b.rng.IntN(b.g.load.Threads)
	quick := traces.RequestDecl{Opcode: model.Poll, File: b.streams.quiet, Offset: pollOut}
	ring := b.ring(slots)
	for n := 2 * ring; n > 0; {
		batch := min(n, 1+b.rng.IntN(32))
		b.send(t, c, b.repeat(batch, quick)...)
		n -= batch
	}
	for range 8 {
		reap := traces.Step{Do: traces.DoReapRing, Context: c, Max: int32(1 + b.rng.IntN(16))}
		if b.rng.IntN(2) == 0 {
			reap.Do = traces.DoGetEvents
		}
		b.add(t, reap)
		b.send(t, c, b.repeat(8, quick)...)
	}
}

// refill fills a ring with requests that wait, cancels many of them, and
// submits as many again: as long as their events are in the ring, there is no
// room.
func (b *builder) refill() {
	slots := 1 + b.rng.IntN(8)
	c := b.story(slots)
	t := b.rng.IntN(b.g.load.Threads)
	first := len(b.submits)
	b.exhausting(t, c, b.ring(slots))
	cancelled := 32 + b.rng.IntN(32)
	for _, at := range b.submits[first:][:cancelled] {
		b.add(t, traces.Step{Do: traces.DoCancel, Context: c, Request: at.request})
	}
	b.exhausting(t, c, cancelled)
	b.add(t, traces.Step{Do: traces.DoGetEvents, Context: c, Max: 8})
	b.exhausting(t, c, 16)
}
