package workload

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// pool fills a context with more readers of empty pipes than a bounded pool
// has threads, submits the writes that they wait for behind them, and requests
// of the storage that wait for nobody. All of them end by themselves.
func (b *builder) pool() {
	readers := mostWorkers + 2 + b.rng.IntN(40)
	c := b.story(3 * readers)
	// Not among the streams that are closed at the end: nothing shall help.
	pipes := make([]uint16, 1+b.rng.IntN(3))
	for i := range pipes {
		pipes[i] = b.addFile(traces.FileDecl{Kind: traces.Pipe})
	}
	var reads, writes []traces.RequestDecl
	for range readers {
		f := pipes[b.rng.IntN(len(pipes))]
		reads = append(reads, traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: line})
		writes = append(writes, traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: line})
	}
	if b.p.End != traces.EndDrain {
		writes = writes[:readers/2] // the others wait until the context is gone
	}
	for range b.rng.IntN(8) {
		writes = append(writes, b.small(model.PRead), b.small(model.PWrite))
	}
	t := b.rng.IntN(b.g.load.Threads)
	sent := b.sendAll(t, c, reads)
	for _, at := range sent { // its data then stays in the pipe
		if b.rng.IntN(16) == 0 {
			b.cancelBeside(b.canceller, at)
		}
	}
	ready := b.mark(t)
	writer := b.rng.IntN(b.g.load.Threads)
	if writer != t {
		b.add(writer, ready)
	}
	b.sendAll(writer, c, writes)
	b.part()
}

// small is a transfer of the least that the device works in.
func (b *builder) small(op model.Opcode) traces.RequestDecl {
	r := traces.RequestDecl{Opcode: op, Bytes: uint32(max(sector, b.g.dev.Align))}
	r.Offset = b.offset(min(b.g.dev.Bytes, hotBytes), r.Bytes)
	return r
}
