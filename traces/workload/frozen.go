package workload

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// frozen freezes the file system of the storage for a while. The peer freezes
// and thaws; meanwhile writes fill all threads of a context and wait for the
// thaw, so that what is submitted behind them is queued for certain: cancelled,
// it ends at once and has no effect, and what it names may be reused.
func (b *builder) frozen() {
	t := b.rng.IntN(b.g.load.Threads)
	queue := 8 + b.rng.IntN(32)
	c := b.story(mostWorkers + 2*queue)
	named := b.g.able.Names && b.g.able.Identity && b.rng.IntN(4) != 0
	var names names
	if named {
		names = b.layNames(&traces.Identity{Cwd: 1})
	}

	b.add(b.peer, traces.Step{Do: traces.DoFreeze})
	b.add(t, b.mark(b.peer))
	first := b.sendAll(t, c, b.repeat(mostWorkers, b.small(model.PWrite)))
	var queued []submitted
	for range queue {
		queued = append(queued, b.send(t, c, b.behind())...)
	}
	if named {
		b.queuedNames(names, t, c)
	}
	if b.rng.IntN(4) == 0 {
		b.frozenDestroy(t, c)
		return
	}
	b.cancelAll(t, b.some(first, 4))
	cancelled := b.some(queued, 2+b.rng.IntN(len(queued)-1))
	b.cancelAll(t, cancelled)
	b.collect(t, c, len(cancelled))

	// What else may have ended, and what the storage holds.
	b.add(t, traces.Step{Do: traces.DoGetEvents, Context: c, Min: 1, Max: mostWorkers, Timeout: settling})
	look := b.small(model.PRead)
	look.Plain = true
	b.add(t, traces.Step{Do: traces.DoRead, Request: b.declare(look)})
	thaw := b.mark(t)
	thaw.Do = traces.DoThaw
	b.add(b.peer, thaw)
	if named {
		b.statAll(names, t)
	}
	b.part()
}

// behind is a request that ends by itself, but comes after 64 that wait.
func (b *builder) behind() traces.RequestDecl {
	switch b.rng.IntN(8) {
	case 0:
		return b.small(model.PRead)
	case 1:
		r := b.small(model.PRead)
		return traces.RequestDecl{Opcode: model.ReadAhead, Offset: r.Offset, Bytes: r.Bytes}
	case 2:
		return traces.RequestDecl{Opcode: model.FDSync}
	}
	r := b.small(model.PWrite)
	if b.rng.IntN(4) == 0 {
		r.Eventfd = b.streams.completion + 1
	}
	return r
}

// some are n different ones of a list.
func (b *builder) some(list []submitted, n int) []submitted {
	chosen := make([]submitted, 0, n)
	for _, i := range b.rng.Perm(len(list))[:min(n, len(list))] {
		chosen = append(chosen, list[i])
	}
	return chosen
}

// frozenDestroy destroys the context while its writes wait for the thaw: the
// call cannot return before that, nor can another one succeed. The thread that
// the thaw waits for does neither.
func (b *builder) frozenDestroy(t int, c uint16) {
	ready := b.mark(t)
	ready.Do, ready.Context = traces.DoDestroy, c
	destroy := b.add(b.canceller, ready)
	begun := traces.Step{Do: traces.DoAwait, Thread: uint16(b.canceller), After: uint32(destroy + 1)}
	if rival := (t + 1) % b.g.load.Threads; rival != t {
		again := begun
		again.Do, again.Context, again.Spin = traces.DoDestroy, c, b.longSpin()
		b.add(rival, again)
	}
	b.add(t, begun)
	b.pause(t, 2*settling)
	thaw := b.mark(t)
	thaw.Do = traces.DoThaw
	b.add(b.peer, thaw)
	b.part()
}
