package workload

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// late is about cancels of requests that run: what is left of them, and what
// the next request on the same thread notices.
func (b *builder) late() {
	stories := []func(int){b.repeated, b.repeated, b.halfway, b.halfway, b.raced, b.early, b.renewed}
	for range 3 + b.rng.IntN(4) {
		stories[b.rng.IntN(len(stories))](b.rng.IntN(b.g.load.Threads))
	}
	b.leave()
	b.part()
}

// repeated cancels requests that wait, then has the same threads execute
// requests that nobody cancels, then cancels again.
func (b *builder) repeated(t int) {
	n := 1 + b.rng.IntN(4)
	c, r := b.story(n), b.stream()
	polls := b.rng.IntN(4) == 0
	if polls {
		r = traces.RequestDecl{Opcode: model.Poll, File: r.File, Offset: pollIn}
	}
	for range 2 + b.rng.IntN(2) {
		sent := b.send(t, c, b.repeat(n, r)...)
		b.pause(t, settling)
		b.cancelAll(t, sent)
		b.collect(t, c, n)

		b.send(t, c, b.repeat(n, r)...)
		b.pause(t, settling)
		b.feed(t, r.File, uint32(n)*line)
		b.collect(t, c, n)
		if polls {
			b.take(t, r.File, uint32(n)*line)
		}
	}
}

// halfway cancels writes of more than a pipe or socket holds, and reads what
// they have written. The writing end is closed as soon as the request has it,
// so that the reader finds an end whatever comes.
func (b *builder) halfway(t int) {
	c, r := b.story(1), b.stream()
	r.Opcode, r.Bytes = model.PWrite, 128<<10
	piece := uint32(8<<10) << b.rng.IntN(3)
	if b.p.Files[r.File].Kind == traces.Socket {
		r.Bytes, piece = 512<<10, 64<<10
	} else if b.rng.IntN(2) == 0 {
		r.Opcode, r.Segments = model.PWriteV, uint8(1+b.rng.IntN(8))
	}
	at := b.send(t, c, r)[0]
	b.add(t, traces.Step{Do: traces.DoCloseWrite, File: r.File})
	reader := t
	if b.rng.IntN(2) == 0 {
		b.pause(t, settling)
		b.cancelAll(t, []submitted{at})
		b.collect(t, c, 1)
	} else { // while somebody reads
		reader = b.peer
		ready := b.mark(t)
		b.add(b.peer, ready)
		ready.Do, ready.Context, ready.Request = traces.DoCancel, c, at.request
		ready.Spin = 4 * b.longSpin()
		b.add(b.canceller, ready)
	}
	for n := uint32(0); n < r.Bytes; n += piece {
		b.take(reader, r.File, piece)
	}
	if reader != t {
		b.collect(t, c, 1)
	}
}

// raced submits requests that all end at the same moment, and cancels half of
// them just then, while another thread cancels in the same context: whatever
// that comes to, the other half and those of the next time are not disturbed.
func (b *builder) raced(t int) {
	crowd, n := b.rng.IntN(3)*48, 8+b.rng.IntN(16)
	c := b.story(crowd + n)
	b.crowd(t, c, crowd)
	for range 4 + b.rng.IntN(5) {
		r := b.stream()
		if b.rng.IntN(2) == 0 {
			r = traces.RequestDecl{Opcode: model.Poll, File: r.File, Offset: pollIn}
		}
		sent := b.send(t, c, b.repeat(n, r)...)
		b.pause(t, settling/2)
		ready := b.mark(t)
		b.press(ready, c)
		feed := b.feeding(r.File, uint32(n)*line)
		feed.Thread, feed.After, feed.Spin = ready.Thread, ready.After, b.longSpin()
		b.add(b.peer, feed)
		b.add(b.canceller, ready)
		for i, at := range sent {
			if i%2 == 0 {
				b.add(b.canceller, traces.Step{Do: traces.DoCancel, Context: c, Request: at.request, Spin: b.longSpin() / 4})
			}
		}
		b.collect(t, c, n)
	}
}

// longSpin is up to the time that it takes to wake a thread.
func (b *builder) longSpin() uint32 { return uint32(b.rng.IntN(1 << 15)) }

// early cancels requests at the moment when a thread takes them up.
func (b *builder) early(t int) {
	crowd := b.rng.IntN(3) * 16
	n := 8 + b.rng.IntN(8)
	c := b.story(crowd + n)
	b.crowd(t, c, crowd)
	var sent []submitted
	for _, r := range b.repeat(n, b.stream()) {
		at := b.send(t, c, r)[0]
		b.press(at.beside(traces.Step{}), c)
		b.cancelBeside([]int{t, b.canceller, b.canceller}[b.rng.IntN(3)], at)
		sent = append(sent, at)
	}
	for _, at := range sent { // those that the canceller was too early for
		b.add(t, traces.Step{Do: traces.DoCancel, Context: c, Request: at.request})
	}
	b.collect(t, c, n)
}

// crowd fills the context with requests that wait until the round ends: the
// more there are, the longer a cancel holds the lock while it looks for one
// that came after them (fs/aio.c, io_cancel).
func (b *builder) crowd(t int, c uint16, n int) {
	if n > 0 {
		b.sendAll(t, c, b.repeat(n, traces.RequestDecl{Opcode: model.Poll, File: b.streams.quiet, Offset: pollIn}))
	}
}

// press lets another thread look for a request that is not there, several
// times, after what the step waits for: it takes the lock over and over.
func (b *builder) press(after traces.Step, c uint16) {
	t := (int(after.Thread) + 1) % b.g.load.Threads
	if t == int(after.Thread) {
		return
	}
	after.Do, after.Context, after.Request = traces.DoCancel, c, b.neverSubmitted()
	for range 4 {
		b.add(t, after)
	}
}

// renewed uses an iocb again while its first request waits: a cancel is for
// the one whose data the iocb holds.
func (b *builder) renewed(t int) {
	c, first, second := b.story(2), b.stream(), b.stream()
	old := b.send(t, c, first)[0]
	b.pause(t, settling)
	second.Reuse = old.request + 1
	at := b.send(t, c, second)[0]
	if b.rng.IntN(2) == 0 {
		b.pause(t, settling)
	}
	b.cancelBeside(t, at)
	b.collect(t, c, 1)
	b.feed(t, first.File, line)
	b.collect(t, c, 1)
}
