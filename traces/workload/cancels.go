package workload

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// cancel cancels some request at some time: the thread's own last one, one of
// another thread from the canceller while its submission is under way, an
// old one that has most likely been reaped, one twice, one that was never
// submitted, one in the wrong context.
func (b *builder) cancel(t int) {
	if len(b.submits) == 0 {
		return
	}
	recent := b.recent()
	old := b.submits[b.rng.IntN(len(b.submits))]
	s := traces.Step{Do: traces.DoCancel, Context: recent.context, Request: recent.request, Spin: b.spin()}
	switch b.rng.IntN(10) {
	case 0, 1, 2, 3: // beside or after its submission, from another thread
		s.Thread, s.After = uint16(recent.thread), uint32(recent.step+1)
		t = b.canceller
	case 4: // from both threads at once
		b.add(b.canceller, traces.Step{Do: traces.DoCancel, Context: s.Context, Request: s.Request,
			Thread: uint16(recent.thread), After: uint32(recent.step + 1)})
	case 5: // twice in a row
		b.add(t, s)
		s.Spin = 0
	case 6:
		s.Context, s.Request = old.context, old.request
	case 7:
		s.Request = b.neverSubmitted()
	case 8:
		s.Context = uint16(b.rng.IntN(len(b.contexts)))
	}
	b.add(t, s)
}

// recent is one of the last requests, rather one that waits: most of the
// others have ended before anybody can cancel them.
func (b *builder) recent() submitted {
	last := b.submits[len(b.submits)-min(len(b.submits), 32):]
	for range 8 {
		s := last[b.rng.IntN(len(last))]
		if r := b.p.Requests[s.request]; r.Opcode == model.Poll || b.g.able.Threaded && r.File != 0 {
			return s
		}
	}
	return last[len(last)-1]
}

// neverSubmitted is a request that is declared and not submitted; one a round.
func (b *builder) neverSubmitted() traces.RequestID {
	if b.spare == nil {
		id := b.declare(traces.RequestDecl{Opcode: model.Poll, File: b.streams.quiet, Offset: pollIn})
		b.spare = &id
	}
	return *b.spare
}

// sometimes adds what keeps a round lively: the peer's writes, reads of the
// completion eventfd, and a destroy in the middle.
func (b *builder) sometimes(t int) {
	if len(b.submits) == 0 {
		return
	}
	last := b.submits[len(b.submits)-1]
	if w := b.g.mix.Weights; w["POLL"]+w["STREAM"] > 0 && b.rng.IntN(4) == 0 {
		b.wake(last)
	}
	if b.rng.IntN(32) == 0 {
		b.add(t, traces.Step{Do: traces.DoReadEventfd, File: b.streams.completion})
	}
	if b.p.End == traces.EndDestroy && b.rng.IntN(64) == 0 {
		b.destroy(last)
	}
}

// destroy takes a context down from the canceller, with whatever is in
// flight; in some rounds two threads try at once.
func (b *builder) destroy(after submitted) {
	s := traces.Step{Do: traces.DoDestroy, Context: after.context, Thread: uint16(after.thread), After: uint32(after.step + 1), Spin: b.spin()}
	b.add(b.canceller, s)
	if b.rivals {
		b.add(b.peer, s)
	}
}

// exhaust fills a context of its own with requests that wait until the round
// ends, past the last slot of its ring, makes room by cancelling and reaping,
// and submits again. fs/aio.c, ioctx_alloc: a ring has room for twice the
// larger of nr_events and four times the processors, in whole pages.
func (b *builder) exhaust() {
	slots := 1 + b.rng.IntN(8)
	c := b.addContext(contextPlan{slots: slots})
	t := b.rng.IntN(b.g.load.Threads)
	ring := b.ring(slots)
	if b.g.mix.Weights["REFUSED"] > 0 && b.rng.IntN(2) == 0 {
		// If a refused request kept its slot, none would be left after these.
		for range ring {
			b.add(t, traces.Step{Do: traces.DoSubmit, Context: c, Request: b.declare(b.refused()), Count: 1})
			b.submitted++
		}
		b.exhausting(t, c, slots)
	}
	for b.exhausting(t, c, 3*ring/2); ring > 0; ring -= 64 {
		for range 1 + b.rng.IntN(3) {
			victim := b.submits[len(b.submits)-1-b.rng.IntN(min(len(b.submits), 128))]
			b.add(t, traces.Step{Do: traces.DoCancel, Context: c, Request: victim.request})
		}
		if b.rng.IntN(2) == 0 {
			b.add(t, traces.Step{Do: traces.DoGetEvents, Context: c, Max: 4, Timeout: b.timeout()})
		}
		b.exhausting(t, c, 3)
	}
}

// ring is about how many events the ring of a context with so many slots holds.
// fs/aio.c, ioctx_alloc: twice the larger of nr_events and four times the
// processors, in whole pages.
func (b *builder) ring(slots int) int { return (2*max(slots, 4*b.g.cpus)*32/4096+1)*128 + 16 }

// exhausting submits n polls in batches.
func (b *builder) exhausting(t int, c uint16, n int) {
	for n > 0 {
		batch := min(n, 1+b.rng.IntN(32))
		first := traces.RequestID(len(b.p.Requests))
		for range batch {
			b.declare(traces.RequestDecl{Opcode: model.Poll, File: b.streams.quiet, Offset: pollIn})
		}
		step := b.add(t, traces.Step{Do: traces.DoSubmit, Context: c, Request: first, Count: uint32(batch)})
		for i := range batch {
			b.submits = append(b.submits, submitted{first + traces.RequestID(i), c, t, step})
		}
		n -= batch
		b.submitted += batch
	}
}
