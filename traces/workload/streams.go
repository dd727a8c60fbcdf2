package workload

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// Masks of poll(2), as on Linux.
const (
	pollIn  = 0x1
	pollOut = 0x4
)

// pipeBuf is PIPE_BUF: a write of at most so many bytes is never split.
const pipeBuf = 4096

// streams are the shared files of a round beside the storage.
type streams struct {
	transfer   []uint16 // nonblocking pipes and sockets
	quiet      uint16   // an eventfd that is polled and not signalled before the end
	awaited    []uint16 // eventfds that are polled, signalled and never read
	completion uint16   // the eventfd that completions signal
	finals     []uint16 // blocking streams still to be closed
}

func (b *builder) addFile(f traces.FileDecl) uint16 {
	b.p.Files = append(b.p.Files, f)
	return uint16(len(b.p.Files) - 1)
}

func (b *builder) layStreams() {
	for range 3 {
		b.streams.transfer = append(b.streams.transfer, b.addFile(traces.FileDecl{Kind: traces.Pipe, Nonblock: true}))
	}
	b.streams.transfer = append(b.streams.transfer, b.addFile(traces.FileDecl{Kind: traces.Socket, Nonblock: true}))
	b.streams.quiet = b.addFile(traces.FileDecl{Kind: traces.Eventfd})
	for range 2 {
		b.streams.awaited = append(b.streams.awaited, b.addFile(traces.FileDecl{Kind: traces.Eventfd}))
	}
	b.streams.completion = b.addFile(traces.FileDecl{Kind: traces.Eventfd})
}

// poll waits for one end of a stream, or for an eventfd. A third of all wait
// for what comes only when the round ends, so that there is always something
// in flight to cancel.
func (b *builder) poll() traces.RequestDecl {
	r := traces.RequestDecl{Opcode: model.Poll, Offset: pollIn}
	switch b.rng.IntN(6) {
	case 0, 1:
		r.File = b.streams.quiet
		return r
	case 2:
		r.File = b.streams.awaited[b.rng.IntN(len(b.streams.awaited))]
		return r
	}
	r.File = b.streams.transfer[b.rng.IntN(len(b.streams.transfer))]
	if b.rng.IntN(4) == 0 {
		r.Offset = pollOut
	}
	return r
}

// refused is a request that io_submit does not accept: eventfds have no fsync
// (fs/aio.c, aio_fsync).
func (b *builder) refused() traces.RequestDecl {
	return traces.RequestDecl{Opcode: model.FSync, File: b.streams.quiet}
}

// streamTransfer reads or writes a nonblocking stream.
func (b *builder) streamTransfer() traces.RequestDecl {
	r := traces.RequestDecl{Opcode: model.PRead, File: b.streams.transfer[b.rng.IntN(len(b.streams.transfer))], Bytes: b.streamBytes()}
	if b.rng.IntN(2) == 0 {
		r.Opcode = model.PWrite
	}
	return r
}

func (b *builder) streamBytes() uint32 { return uint32(1+b.rng.IntN(pipeBuf/line/4)) * line }

// blockingTransfer reads from an empty stream or writes more than one holds.
// The stream is its own, so that nobody else takes what unblocks it.
func (b *builder) blockingTransfer() traces.RequestDecl {
	kind := traces.Pipe
	if b.rng.IntN(3) == 0 {
		kind = traces.Socket
	}
	file := b.addFile(traces.FileDecl{Kind: kind})
	b.streams.finals = append(b.streams.finals, file)
	if kind == traces.Pipe && b.rng.IntN(3) == 0 {
		return traces.RequestDecl{Opcode: model.PWrite, File: file, Bytes: 128 << 10}
	}
	return traces.RequestDecl{Opcode: model.PRead, File: file, Bytes: b.streamBytes()}
}

// unblock lets the peer end a blocking transfer once its submission has
// begun: with data, or by closing the other end; or lets the canceller do so.
func (b *builder) unblock(at submitted) {
	r := b.p.Requests[at.request]
	if b.g.able.Threaded && b.rng.IntN(2) == 0 {
		b.cancelBeside(b.canceller, at)
		return
	}
	s := traces.Step{Do: traces.DoCloseWrite, File: r.File, Thread: uint16(at.thread), After: uint32(at.step + 1), Spin: b.spin()}
	switch {
	case r.Opcode.Writes():
		s.Do = traces.DoCloseRead
	case b.rng.IntN(3) != 0:
		s.Do = traces.DoWrite
		s.Request = b.declare(traces.RequestDecl{Opcode: model.PWrite, File: r.File, Bytes: r.Bytes, Plain: true})
	}
	b.add(b.peer, s)
}

// wake lets the peer write to a stream that somebody may poll or read, or
// read from one. The streams do not block.
func (b *builder) wake(after submitted) {
	s := traces.Step{Do: traces.DoWrite, Thread: uint16(after.thread), After: uint32(after.step + 1), Spin: b.spin()}
	if b.rng.IntN(3) == 0 {
		s.File = b.streams.awaited[b.rng.IntN(len(b.streams.awaited))]
		b.add(b.peer, s)
		return
	}
	r := traces.RequestDecl{Opcode: model.PWrite, Bytes: b.streamBytes(), Plain: true}
	r.File = b.streams.transfer[b.rng.IntN(len(b.streams.transfer))]
	if b.rng.IntN(4) == 0 {
		s.Do, r.Opcode = traces.DoRead, model.PRead
	}
	s.File, s.Request = r.File, b.declare(r)
	b.add(b.peer, s)
}

// finish makes the round's last steps: the peer waits until every thread has
// begun its last one and then makes every stream ready for good, so that no
// POLL and no blocked transfer is left waiting. Contexts with threads need that
// only when they are drained.
func (b *builder) finish() {
	if !b.g.able.Threaded || b.p.End == traces.EndDrain {
		b.await()
		b.unblockAll()
	}
	if b.p.End == traces.EndExit {
		t := b.rng.IntN(b.g.load.Threads)
		b.add(t, traces.Step{Do: traces.DoExit})
	}
}

// await lets the peer wait until every other thread has begun its last step.
func (b *builder) await() {
	for t := range b.p.Threads {
		if n := len(b.p.Threads[t]); n > 0 && t != b.peer {
			b.add(b.peer, traces.Step{Do: traces.DoAwait, Thread: uint16(t), After: uint32(n)})
		}
	}
}

// unblockAll makes every stream ready for good.
func (b *builder) unblockAll() {
	for _, f := range append(b.streams.awaited, b.streams.quiet) {
		b.add(b.peer, traces.Step{Do: traces.DoWrite, File: f})
	}
	for _, f := range append(b.streams.transfer, b.streams.finals...) {
		b.add(b.peer, traces.Step{Do: traces.DoCloseWrite, File: f})
		b.add(b.peer, traces.Step{Do: traces.DoCloseRead, File: f})
	}
}
