package workload

import (
	"math/rand/v2"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// builder makes one round. Steps are made in one order over all threads, and
// a step waits only for steps made before it, so that no program waits in a
// circle. The last two threads are helpers: the peer moves the other ends of
// streams and never blocks, the canceller cancels and destroys.
type builder struct {
	g         *Generator
	rng       *rand.Rand
	p         *traces.Program
	peer      int
	canceller int
	quota     int // requests to submit in this round
	submitted int
	bytes     int64 // of buffers so far
	last      int64 // offset of the last storage request
	contexts  []contextPlan
	streams   streams
	submits   []submitted       // where each request was submitted, by time made
	spare     *traces.RequestID // the one declared and never submitted
	shared    bool              // one context for all threads
	// rivals is set when contexts are destroyed by two threads at once. One of
	// them is the peer, which then waits for transfers in io_submit to end: so
	// none may wait for the peer.
	rivals bool
	about  string // what the round is about, of roundKeys
	idle   uint16 // number plus one of a context that stays empty; 0 if there is none
}

// contextPlan is what the builder knows of a context.
type contextPlan struct {
	// sure is set when only storage requests of one thread go there, no more
	// than its slots, and only that thread reaps: a wait without timeout for
	// requests in flight is then certain to end.
	sure     bool
	owner    int
	inFlight int // most that can be in flight
	least    int // fewest that can be, of a sure context
	slots    int
	ring     bool // reaped in user space
}

// submitted is a request and the step that submits it.
type submitted struct {
	request traces.RequestID
	context uint16
	thread  int
	step    int
}

func (g *Generator) newBuilder(rng *rand.Rand) *builder {
	b := &builder{g: g, rng: rng, peer: g.load.Threads, canceller: g.load.Threads + 1}
	b.p = &traces.Program{Round: g.round, First: g.next, Threads: make([][]traces.Step, g.load.Threads+2)}
	b.p.Files = []traces.FileDecl{{Kind: traces.Storage, Bytes: g.dev.Bytes}}
	switch g.mix.pick(rng, endKeys) {
	case "destroy":
		b.p.End = traces.EndDestroy
		b.rivals = rng.IntN(2) == 0
	case "exit":
		b.p.End = traces.EndExit
	case "kill":
		b.p.End = traces.EndKill
	}
	b.quota = roundRequests
	if b.about = "mixed"; g.able.Threaded {
		// Rounds about other things than a mixture want their turn.
		b.about, b.quota = g.mix.pick(rng, roundKeys), roundRequests/4
		if b.about == "frozen" && b.p.End != traces.EndDestroy {
			b.p.End = traces.EndDrain // nobody would be left to thaw
		}
	}
	if b.p.End == traces.EndExit || b.p.End == traces.EndKill {
		b.quota = roundRequests / 8
	}
	if g.left > 0 {
		b.quota = min(b.quota, g.left)
	}
	return b
}

func (b *builder) build() {
	if round, ok := rounds[b.about]; ok {
		b.streams.quiet = b.addFile(traces.FileDecl{Kind: traces.Eventfd})
		b.streams.completion = b.addFile(traces.FileDecl{Kind: traces.Eventfd})
		round(b)
		b.finish()
		return
	}
	b.layContexts()
	b.layStreams()
	if b.g.mix.happens(b.rng, "exhaust") {
		b.exhaust()
	}
	// A round may end early when its buffers are used up.
	for b.submitted < b.quota && b.bytes < RoundBytes-MaxBytes {
		t := b.rng.IntN(b.g.load.Threads)
		c := b.contextFor(t)
		plan := &b.contexts[c]
		room := plan.slots - plan.inFlight
		if room > 0 && b.rng.IntN(3) != 0 {
			b.submit(t, c, min(b.batchSize(), room, b.quota-b.submitted))
			if b.g.mix.happens(b.rng, "cancel") {
				b.cancel(t)
			}
		} else if plan.inFlight > 0 {
			b.reap(t, c)
		}
		b.sometimes(t)
	}
	b.finish()
}

// layContexts chooses between one context for all threads, and one each with
// another for requests that may wait long.
func (b *builder) layContexts() {
	threads, depth := b.g.load.Threads, b.g.load.Depth
	ring := b.rng.IntN(5) == 0
	if b.rng.IntN(10) < 3 && b.g.mix.Weights["POLL"]+b.g.mix.Weights["STREAM"] > 0 {
		b.addContext(contextPlan{slots: threads * depth, ring: ring})
		b.shared = true
		return
	}
	b.addContext(contextPlan{slots: threads * depth})
	for t := range threads {
		b.addContext(contextPlan{sure: true, owner: t, slots: depth, ring: ring && t%2 == 0})
	}
}

func (b *builder) addContext(plan contextPlan) uint16 {
	b.contexts = append(b.contexts, plan)
	b.p.Contexts = append(b.p.Contexts, traces.ContextDecl{Slots: uint32(plan.slots)})
	return uint16(len(b.contexts) - 1)
}

// contextFor is the context of a thread's next call: the shared one, or its own.
func (b *builder) contextFor(t int) uint16 {
	waits := b.g.mix.Weights["POLL"] + b.g.mix.Weights["STREAM"] + b.g.mix.Weights["BLOCK"] + b.g.mix.Weights["FSYNC"] + b.g.mix.Weights["FDSYNC"]
	if b.shared || (waits > 0 && b.rng.IntN(3) == 0) {
		return 0
	}
	return uint16(1 + t)
}

// batchSize is mostly small, sometimes as much as fits.
func (b *builder) batchSize() int {
	switch b.rng.IntN(8) {
	case 0, 1, 2:
		return 1
	case 3, 4, 5:
		return 1 + b.rng.IntN(4)
	case 6:
		return 1 + b.rng.IntN(16)
	}
	return MaxDepth
}

// add appends a step to a thread and returns its position.
func (b *builder) add(t int, s traces.Step) int {
	b.p.Threads[t] = append(b.p.Threads[t], s)
	return len(b.p.Threads[t]) - 1
}

// declare appends a request and returns its position in the program.
func (b *builder) declare(r traces.RequestDecl) traces.RequestID {
	b.p.Requests = append(b.p.Requests, r)
	b.bytes += int64(r.Bytes)
	return traces.RequestID(len(b.p.Requests) - 1)
}

// submit makes n requests and the step that submits them as one batch.
func (b *builder) submit(t int, c uint16, n int) {
	first := traces.RequestID(len(b.p.Requests))
	var blocked []int // of them, those that wait for the peer
	for i := range n {
		if i > 0 && b.bytes >= RoundBytes-MaxBytes {
			n = i
			break
		}
		r, isBlocking := b.request(c, i == n-1)
		b.declare(r)
		if isBlocking {
			blocked = append(blocked, i)
		}
	}
	step := b.add(t, traces.Step{Do: traces.DoSubmit, Context: c, Request: first, Count: uint32(n), Spin: b.spin()})
	for i := range n {
		b.submits = append(b.submits, submitted{first + traces.RequestID(i), c, t, step})
	}
	b.contexts[c].inFlight += n
	b.contexts[c].least += n
	b.submitted += n
	for _, i := range blocked {
		b.unblock(b.submits[len(b.submits)-n+i])
	}
}

// request chooses what one request does. Only storage requests go to a sure
// context; without threads only the last of a batch may block, because it keeps
// the others from being submitted.
func (b *builder) request(c uint16, last bool) (traces.RequestDecl, bool) {
	for {
		key := b.g.mix.pick(b.rng, requestKeys)
		if b.contexts[c].sure && key != "PREAD" && key != "PWRITE" && key != "PREADV" && key != "PWRITEV" {
			if b.storageWeight() > 0 {
				continue
			}
			key = "PREAD"
		}
		var r traces.RequestDecl
		switch key {
		case "POLL":
			r = b.poll()
		case "STREAM":
			r = b.streamTransfer()
		case "BLOCK":
			if (last || b.g.able.Threaded) && !b.rivals {
				return b.blockingTransfer(), true
			}
			r = b.streamTransfer()
		case "REFUSED":
			r = b.refused()
		case "FSYNC", "FDSYNC":
			op, _ := model.ParseOpcode(key)
			r = traces.RequestDecl{Opcode: op}
		case "READAHEAD":
			r = b.transfer(model.PRead)
			r = traces.RequestDecl{Opcode: model.ReadAhead, Offset: r.Offset, Bytes: r.Bytes}
		default:
			op, _ := model.ParseOpcode(key)
			r = b.transfer(op)
		}
		if b.rng.IntN(4) == 0 {
			r.Eventfd = b.streams.completion + 1
		}
		return r, false
	}
}

func (b *builder) storageWeight() int {
	w := b.g.mix.Weights
	return w["PREAD"] + w["PWRITE"] + w["PREADV"] + w["PWRITEV"]
}

// reap makes a reaping call. How many events it will return is known only
// when it asks for exactly so many and waits without a timeout; every other
// call widens the gap between the most and the fewest requests in flight, and
// sure contexts keep it below a quarter of their slots.
func (b *builder) reap(t int, c uint16) {
	plan := &b.contexts[c]
	s := traces.Step{Do: traces.DoGetEvents, Context: c, Spin: b.spin()}
	if b.rng.IntN(5) == 0 {
		s.Do = traces.DoPGetEvents
	}
	if !plan.ring && b.rng.IntN(64) == 0 { // refused: fs/aio.c, do_io_getevents
		s.Max = int32(b.rng.IntN(4))
		s.Min = s.Max + 1
		b.add(t, s)
		return
	}
	if !plan.sure {
		s.Max = int32(1 + b.rng.IntN(2*plan.inFlight+1))
		s.Min = int32(b.rng.IntN(min(int(s.Max), plan.inFlight) + 1))
		s.Timeout = b.timeout()
		if plan.ring {
			s.Do, s.Min, s.Timeout = traces.DoReapRing, 0, 0
		}
		b.add(t, s)
		plan.inFlight -= min(plan.inFlight, (int(s.Min)+int(s.Max))/2)
		return
	}
	slack := plan.slots/4 - (plan.inFlight - plan.least)
	if slack > 0 && b.rng.IntN(2) == 0 {
		extra := 1 + b.rng.IntN(slack)
		if plan.ring || b.rng.IntN(3) == 0 {
			s.Max, s.Timeout = int32(extra), b.timeout()
			if plan.ring {
				s.Do, s.Timeout = traces.DoReapRing, 0
			}
		} else if plan.least > 0 {
			s.Min, s.Timeout = int32(1+b.rng.IntN(plan.least)), -1
			s.Max = s.Min + int32(extra)
		}
	}
	if s.Max == 0 && plan.least > 0 {
		s.Min, s.Timeout = int32(1+b.rng.IntN(plan.least)), -1
		s.Max = s.Min
	}
	if s.Max == 0 {
		return
	}
	b.add(t, s)
	if s.Timeout < 0 {
		plan.inFlight -= int(s.Min)
	}
	plan.least = max(0, plan.least-int(s.Max))
}

// timeout is a finite one, mostly none at all: waiting costs the run's time.
func (b *builder) timeout() time.Duration {
	return [...]time.Duration{0, 0, 20 * time.Microsecond, 200 * time.Microsecond, time.Millisecond}[b.rng.IntN(5)]
}

// spin is a short random delay in turns of an empty loop, mostly none.
func (b *builder) spin() uint32 {
	if b.rng.IntN(3) != 0 {
		return 0
	}
	return uint32(b.rng.IntN(2000))
}
