package workload

import (
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// rounds are the rounds that are not a mixture, by their key. Each is made of
// small stories in which most is certain: which requests wait, and how many
// events come. A story has a context of its own, which one thread reaps.
var rounds = map[string]func(*builder){
	"names":     (*builder).names,
	"late":      (*builder).late,
	"pool":      (*builder).pool,
	"frozen":    (*builder).frozen,
	"destroyed": (*builder).destroyed,
	"slots":     (*builder).slots,
}

const (
	// patience is the timeout of waits that only a bug can make last: longer
	// than the Grace of every contract, so that a wait that has lasted so long
	// is evidence, and short enough for the round to go on after it.
	patience = 10 * time.Second
	// settling is long enough for threads to take up what was submitted.
	settling = 2 * time.Millisecond
	// mostWorkers is the most that Contract.Workers is: of the requests of a
	// context that end by themselves, those beyond so many are queued.
	mostWorkers = 64
)

// story makes a context for n requests.
func (b *builder) story(n int) uint16 { return b.addContext(contextPlan{slots: n}) }

// send declares requests and submits them as one batch.
func (b *builder) send(t int, c uint16, requests ...traces.RequestDecl) []submitted {
	step := len(b.p.Threads[t])
	var sent []submitted
	for _, r := range requests {
		sent = append(sent, submitted{b.declare(r), c, t, step})
	}
	b.add(t, traces.Step{Do: traces.DoSubmit, Context: c, Request: sent[0].request, Count: uint32(len(requests))})
	b.submits = append(b.submits, sent...)
	b.submitted += len(requests)
	return sent
}

// sendAll submits requests in batches.
func (b *builder) sendAll(t int, c uint16, requests []traces.RequestDecl) []submitted {
	var sent []submitted
	for len(requests) > 0 {
		n := min(len(requests), 1+b.rng.IntN(32))
		sent = append(sent, b.send(t, c, requests[:n]...)...)
		requests = requests[n:]
	}
	return sent
}

// repeat is n times the same request, some of which signal the eventfd.
func (b *builder) repeat(n int, r traces.RequestDecl) []traces.RequestDecl {
	list := make([]traces.RequestDecl, n)
	for i := range list {
		if list[i] = r; b.rng.IntN(3) == 0 {
			list[i].Eventfd = b.streams.completion + 1
		}
	}
	return list
}

// collect waits for n events of the context, which come unless there is a bug.
func (b *builder) collect(t int, c uint16, n int) {
	if n > 0 {
		b.add(t, traces.Step{Do: traces.DoGetEvents, Context: c, Min: int32(n), Max: int32(n), Timeout: patience})
	}
}

// pause lets the thread sleep: in io_getevents on a context without requests.
func (b *builder) pause(t int, d time.Duration) {
	if b.idle == 0 {
		b.idle = b.story(1) + 1
	}
	b.add(t, traces.Step{Do: traces.DoGetEvents, Context: b.idle - 1, Min: 1, Max: 1, Timeout: d})
}

// mark adds a step that does nothing, for others to wait for: once it has
// begun, all before it has ended. It returns the step that a wait for it has.
func (b *builder) mark(t int) traces.Step {
	return traces.Step{Do: traces.DoAwait, Thread: uint16(t), After: uint32(b.add(t, traces.Step{Do: traces.DoAwait}) + 1)}
}

// beside is a step that waits until the submission has begun.
func (at submitted) beside(s traces.Step) traces.Step {
	s.Thread, s.After = uint16(at.thread), uint32(at.step+1)
	return s
}

// cancelBeside lets a thread cancel a request at once when its submission has
// begun: queued, taken up or running. The submitting thread itself comes after.
func (b *builder) cancelBeside(t int, at submitted) {
	s := traces.Step{Do: traces.DoCancel, Context: at.context, Request: at.request, Spin: b.spin()}
	if t != at.thread {
		s = at.beside(s)
	}
	b.add(t, s)
}

// cancelAll cancels requests that have been submitted, in some order: by the
// submitting thread, by the canceller, or by both against each other.
func (b *builder) cancelAll(t int, list []submitted) {
	ready := b.mark(t)
	by := 1 + b.rng.IntN(3)
	b.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if by&2 != 0 {
		b.add(b.canceller, ready)
		for i := range list {
			b.add(b.canceller, traces.Step{Do: traces.DoCancel, Context: list[i].context, Request: list[i].request})
		}
	}
	if by&1 != 0 {
		for i := range list {
			at := list[len(list)-1-i]
			b.add(t, traces.Step{Do: traces.DoCancel, Context: at.context, Request: at.request})
		}
	}
	if b.rng.IntN(4) == 0 { // one once more
		b.add(t, traces.Step{Do: traces.DoCancel, Context: list[0].context, Request: list[0].request})
	}
}

// stream is a blocking pipe, or sometimes a socket, of a story's own. What
// still waits for it when the round is drained is ended by closing it.
func (b *builder) stream() traces.RequestDecl {
	kind := traces.Pipe
	if b.rng.IntN(4) == 0 {
		kind = traces.Socket
	}
	f := b.addFile(traces.FileDecl{Kind: kind})
	b.streams.finals = append(b.streams.finals, f)
	return traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: line}
}

// feed writes bytes to a stream whose other end waits for them.
func (b *builder) feed(t int, f uint16, bytes uint32) {
	b.add(t, b.feeding(f, bytes))
}

func (b *builder) feeding(f uint16, bytes uint32) traces.Step {
	id := b.declare(traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: bytes, Plain: true})
	return traces.Step{Do: traces.DoWrite, File: f, Request: id}
}

// take reads from a stream.
func (b *builder) take(t int, f uint16, bytes uint32) {
	id := b.declare(traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: bytes, Plain: true})
	b.add(t, traces.Step{Do: traces.DoRead, File: f, Request: id})
}

// leave submits requests that wait until their context is gone, and cancels
// some of them, in rounds that end with requests in flight.
func (b *builder) leave() {
	if b.p.End == traces.EndDrain {
		return
	}
	for range 1 + b.rng.IntN(3) {
		t := b.rng.IntN(b.g.load.Threads)
		sent := b.sendAll(t, b.story(16), b.repeat(1+b.rng.IntN(16), b.stream()))
		for _, at := range sent {
			if b.rng.IntN(4) == 0 {
				b.cancelBeside(b.canceller, at)
			}
		}
	}
}

// part ends the threads' steps with one that does nothing, so that the peer
// unblocks what waits only once they have done all others.
func (b *builder) part() {
	for t := range b.p.Threads {
		if t != b.peer {
			b.mark(t)
		}
	}
}
