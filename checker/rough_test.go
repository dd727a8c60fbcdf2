package checker_test

import (
	"math/rand/v2"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// The programs of this file are small and rough: few sectors, rings of few
// slots, requests that io_submit refuses, descriptors closed under way,
// contexts destroyed twice and used afterwards. They end under any honest
// kernel: streams do not block, a wait without a timeout is for storage
// requests of the thread's own context, and the last thread makes every
// stream ready for good.

const (
	roughBytes = 8 << 10
	pollIn     = 1
	pollOut    = 4
)

// The files of a rough program.
const (
	fileStorage = iota
	filePipe
	fileSocket
	fileAwaited   // an eventfd that is polled
	fileCompleted // an eventfd that completions signal
	files
)

// The contexts: one reaped by system calls, one in user space, and then one
// for each thread.
const (
	contextShared = iota
	contextMapped
	contextOwn
)

type rough struct {
	*rand.Rand
	p     *traces.Program
	owed  []int                 // by thread: requests of its own context not waited for
	asked [2][]traces.RequestID // requests of the first two contexts
}

// roughProgram makes the program of a round from rng.
func roughProgram(rng *rand.Rand, round uint64, first traces.RequestID) *traces.Program {
	threads := 1 + rng.IntN(3)
	r := &rough{Rand: rng, owed: make([]int, threads)}
	r.p = &traces.Program{Round: round, First: first, Threads: make([][]traces.Step, threads)}
	r.p.End = [...]traces.End{traces.EndDrain, traces.EndDrain, traces.EndDestroy, traces.EndExit, traces.EndKill}[max(0, rng.IntN(8)-3)]
	r.p.Contexts = []traces.ContextDecl{{Slots: 1 + uint32(rng.IntN(2))}, {Slots: 1 + uint32(rng.IntN(2))}}
	for range threads {
		r.p.Contexts = append(r.p.Contexts, traces.ContextDecl{Slots: 8})
	}
	r.p.Files = []traces.FileDecl{{Kind: traces.Storage, Bytes: roughBytes}, {Kind: traces.Pipe, Nonblock: true},
		{Kind: traces.Socket, Nonblock: true}, {Kind: traces.Eventfd}, {Kind: traces.Eventfd}}
	for range threads * (3 + rng.IntN(5)) {
		r.act(rng.IntN(threads))
	}
	r.finish()
	return r.p
}

func (r *rough) add(t int, s traces.Step) {
	if r.IntN(4) == 0 {
		s.Spin = uint32(r.IntN(500))
	}
	r.p.Threads[t] = append(r.p.Threads[t], s)
}

func (r *rough) declare(d traces.RequestDecl) traces.RequestID {
	r.p.Requests = append(r.p.Requests, d)
	return traces.RequestID(len(r.p.Requests) - 1)
}

// act adds one thing that a thread does.
func (r *rough) act(t int) {
	switch n := r.IntN(32); {
	case n < 8:
		r.submit(t, uint16(r.IntN(2)))
	case n < 13:
		r.own(t)
	case n < 18:
		r.cancel(t, r.IntN(2))
	case n < 22:
		r.reap(t)
	case n < 24:
		r.add(t, traces.Step{Do: traces.DoReadEventfd, File: fileCompleted})
		r.add(t, traces.Step{Do: traces.DoGetEvents, Context: contextShared, Max: 8})
	case n < 28:
		r.transfer(t)
	case n < 29:
		r.add(t, traces.Step{Do: traces.DoWrite, File: fileAwaited})
	case n < 30:
		for range 2 {
			r.add(t, traces.Step{Do: traces.DoSubmit, Context: contextShared, Request: r.declare(refused()), Count: 1})
		}
	case n < 31 && r.IntN(4) == 0:
		s := traces.Step{Do: traces.DoCloseRead, File: uint16(filePipe + r.IntN(2))}
		if r.IntN(2) == 0 {
			s.Do = traces.DoCloseWrite
		}
		r.add(t, s)
	case r.p.End == traces.EndDestroy:
		c := uint16(r.IntN(len(r.p.Contexts)))
		r.add(t, traces.Step{Do: traces.DoDestroy, Context: c})
		if r.IntN(2) == 0 {
			r.add(r.IntN(len(r.p.Threads)), traces.Step{Do: traces.DoDestroy, Context: c})
		}
		r.add(t, traces.Step{Do: traces.DoGetEvents, Context: c, Max: 2, Timeout: time.Microsecond})
	}
}

// submit submits a batch of anything to one of the shared contexts.
func (r *rough) submit(t int, c uint16) {
	s := traces.Step{Do: traces.DoSubmit, Context: c, Request: traces.RequestID(len(r.p.Requests)), Count: uint32(1 + r.IntN(3))}
	for range s.Count {
		r.asked[c] = append(r.asked[c], r.declare(r.request()))
	}
	r.add(t, s)
	if r.IntN(2) == 0 {
		r.cancel(t, int(c))
	}
}

func (r *rough) request() traces.RequestDecl {
	d := r.storage()
	switch n := r.IntN(20); {
	case n < 7:
		d = traces.RequestDecl{Opcode: model.Poll, File: uint16(filePipe + r.IntN(3)), Offset: pollIn}
		if r.IntN(8) == 0 {
			d.Offset = pollOut
		}
	case n < 12:
		d = r.stream()
	case n < 13:
		d = traces.RequestDecl{Opcode: model.FSync}
	case n < 14:
		d = refused()
	case n < 15:
		d = traces.RequestDecl{Opcode: 4} // refused: reserved
	}
	if r.IntN(3) == 0 {
		d.Eventfd = fileCompleted + 1
	}
	return d
}

// refused is a request that io_submit refuses: pipes have no fsync.
func refused() traces.RequestDecl { return traces.RequestDecl{Opcode: model.FDSync, File: filePipe} }

// storage is a transfer of one to four sectors, most of them in the first
// eight.
func (r *rough) storage() traces.RequestDecl {
	d := traces.RequestDecl{Opcode: [...]model.Opcode{model.PRead, model.PWrite, model.PReadV, model.PWriteV}[r.IntN(4)]}
	sectors := roughBytes / 512
	if r.IntN(4) > 0 {
		sectors /= 2
	}
	n := 1 + r.IntN(4)
	d.Bytes, d.Offset = uint32(n)*512, int64(r.IntN(sectors-n+1))*512
	if r.IntN(16) == 0 {
		d.Bytes -= 64 * uint32(r.IntN(8))
	}
	d.Segments = 1
	return d
}

func (r *rough) stream() traces.RequestDecl {
	d := traces.RequestDecl{Opcode: model.PRead, File: uint16(filePipe + r.IntN(2)), Bytes: 64 * uint32(1+r.IntN(6))}
	if r.IntN(2) == 0 {
		d.Opcode = model.PWrite
	}
	return d
}

// own submits storage requests to the thread's context, or waits for some of
// them without a timeout.
func (r *rough) own(t int) {
	c := uint16(contextOwn + t)
	if r.owed[t] > 0 && (r.IntN(2) == 0 || r.owed[t] > 8) {
		s := traces.Step{Do: traces.DoGetEvents, Context: c, Min: int32(1 + r.IntN(r.owed[t])), Timeout: -1}
		if r.IntN(3) == 0 {
			s.Do = traces.DoPGetEvents
		}
		s.Max = s.Min
		r.owed[t] -= int(s.Min)
		r.add(t, s)
		return
	}
	s := traces.Step{Do: traces.DoSubmit, Context: c, Request: traces.RequestID(len(r.p.Requests)), Count: uint32(1 + r.IntN(4))}
	for range s.Count {
		r.declare(r.storage())
	}
	r.owed[t] += int(s.Count)
	r.add(t, s)
}

// cancel cancels something of a shared context once or twice.
func (r *rough) cancel(t, c int) {
	s := traces.Step{Do: traces.DoCancel, Context: uint16(c)}
	switch n := len(r.asked[c]); {
	case n == 0 || r.IntN(16) == 0:
		s.Request = r.declare(traces.RequestDecl{Opcode: model.Poll, File: fileAwaited, Offset: pollIn}) // never submitted
	case r.IntN(2) == 0:
		s.Request = r.asked[c][n-1-r.IntN(min(n, 3))]
	default:
		s.Request = r.asked[c][r.IntN(n)]
	}
	r.add(t, s)
	if r.IntN(4) == 0 {
		r.add(r.IntN(len(r.p.Threads)), s)
	}
}

// reap reaps one of the shared contexts, in the way that belongs to it.
func (r *rough) reap(t int) {
	if r.IntN(2) == 0 {
		r.add(t, traces.Step{Do: traces.DoReapRing, Context: contextMapped, Max: int32(1 + r.IntN(4))})
		return
	}
	s := traces.Step{Do: traces.DoGetEvents, Context: contextShared, Max: int32(1 + r.IntN(4))}
	s.Min = int32(r.IntN(int(s.Max) + 1))
	s.Timeout = [...]time.Duration{0, time.Microsecond, 20 * time.Microsecond}[r.IntN(3)]
	r.add(t, s)
}

// transfer is a plain read or write of a stream.
func (r *rough) transfer(t int) {
	d := r.stream()
	d.Plain = true
	s := traces.Step{Do: traces.DoRead, File: d.File, Request: r.declare(d)}
	if d.Opcode.Writes() {
		s.Do = traces.DoWrite
	}
	r.add(t, s)
}

// finish adds the thread that ends all waiting, and the exit.
func (r *rough) finish() {
	if r.p.End == traces.EndExit {
		r.add(r.IntN(len(r.p.Threads)), traces.Step{Do: traces.DoExit})
	}
	var last []traces.Step
	for t, steps := range r.p.Threads {
		last = append(last, traces.Step{Do: traces.DoAwait, Thread: uint16(t), After: uint32(len(steps))})
	}
	last = append(last, traces.Step{Do: traces.DoWrite, File: fileAwaited})
	for f := uint16(filePipe); f <= fileSocket; f++ {
		last = append(last, traces.Step{Do: traces.DoCloseWrite, File: f}, traces.Step{Do: traces.DoCloseRead, File: f})
	}
	r.p.Threads = append(r.p.Threads, last)
}
