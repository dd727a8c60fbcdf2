package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

// fake makes histories that look like those of a real run: threads with a
// context each, submitting batches, cancelling one another's requests and
// reaping, on one clock.
type fake struct {
	h       *traces.History
	rng     *rand.Rand
	threads []fakeThread
	flying  []flight
	left    int // requests still to submit
	depth   int
}

type fakeThread struct {
	clock traces.Time
	done  bool
}

// flight is an accepted request whose event is not reaped.
type flight struct {
	request int // position in h.Requests
	thread  int
	done    traces.Time
	res     model.Result
}

func fakeHistory(seed uint64, requests, threads, depth int) *traces.History {
	h := &traces.History{
		Header: traces.Header{Tool: "aiocheck test", Target: "host", Started: "2026-01-02T03:04:05Z", Run: 7,
			Kernel:   traces.Kernel{Release: "6.1.0-test", Machine: "x86_64", CPUs: 2},
			Device:   traces.Device{Path: "/tmp/aiocheck.storage", Kind: "file", FileSystem: "ext4", Direct: true, Align: 512, Bytes: 64 << 20},
			Workload: traces.Workload{Seed: seed, Threads: threads, Depth: depth, Mix: "default", MinBytes: 512, MaxBytes: 1 << 20, Requests: requests},
			Contract: model.Contract{Name: "mainline 6.1"}},
		Rounds:  []traces.Round{{Number: 1, Start: 1000, Gone: traces.Never}},
		Files:   []traces.File{{Kind: traces.Storage, Round: traces.None, Direct: true, Bytes: 64 << 20}, {Kind: traces.Pipe, Number: 1}},
		Watched: traces.Watched{Buffers: uint64(requests), Bytes: uint64(requests) << 12},
	}
	f := &fake{h: h, rng: rand.New(rand.NewPCG(seed, 1)), threads: make([]fakeThread, threads), left: requests, depth: depth}
	for t := range f.threads {
		f.threads[t].clock = 2000 + f.between(0, 5000)
		h.Contexts = append(h.Contexts, traces.Context{Number: uint32(t), Slots: uint32(depth), Ring: uint32(depth + 2), Setup: int32(len(h.Calls)), Destroy: traces.None})
		f.call(t, traces.CallSetup, 4000, traces.Call{X: int64(depth)})
	}
	for {
		t := -1
		for i := range f.threads {
			if !f.threads[i].done && (t < 0 || f.threads[i].clock < f.threads[t].clock) {
				t = i
			}
		}
		if t < 0 {
			return h
		}
		f.step(t)
	}
}

func (f *fake) between(low, high int64) int64 { return low + f.rng.Int64N(high-low+1) }

// call records a call of a thread that takes so long.
func (f *fake) call(t int, kind traces.CallKind, takes traces.Time, c traces.Call) *traces.Call {
	c.Kind, c.Thread, c.Context, c.File = kind, uint16(t), int32(t), traces.None
	c.Invoke = f.threads[t].clock
	c.Return = c.Invoke + takes
	if c.Count == 0 {
		c.First = traces.None
	}
	f.threads[t].clock = c.Return + f.between(300, 3000)
	f.h.Calls = append(f.h.Calls, c)
	return &f.h.Calls[len(f.h.Calls)-1]
}

func (f *fake) own(t int) (n int) {
	for _, fl := range f.flying {
		if fl.thread == t {
			n++
		}
	}
	return n
}

func (f *fake) step(t int) {
	own := f.own(t)
	switch {
	case f.left == 0 && own <= 1:
		// The last request is left behind, for the destroy to cancel.
		call := f.call(t, traces.CallDestroy, 5000, traces.Call{})
		_ = call
		f.h.Contexts[t].Destroy = int32(len(f.h.Calls) - 1)
		f.threads[t].done = true
	case f.left > 0 && own < f.depth && f.rng.IntN(3) > 0:
		f.submit(t, min(f.left, f.depth-own, 1+f.rng.IntN(6)))
	case len(f.flying) > 0 && f.rng.IntN(5) == 0:
		f.cancel(t)
	default:
		f.reap(t)
	}
}

func (f *fake) submit(t, n int) {
	first := len(f.h.Requests)
	accepted := n
	if n > 1 && f.rng.IntN(40) == 0 {
		accepted--
	}
	takes := f.between(2000, 9000)
	end := f.threads[t].clock + takes
	opcodes := []model.Opcode{model.PRead, model.PRead, model.PWrite, model.PWrite, model.PReadV, model.PWriteV, model.FSync, model.FDSync, model.Poll}
	for i := range n {
		id := traces.RequestID(first + i + 1)
		r := traces.Request{ID: id, Opcode: opcodes[f.rng.IntN(len(opcodes))], Index: uint16(i), Context: int32(t), Eventfd: traces.None,
			Call: int32(len(f.h.Calls)), Event: traces.None, Data: uint64(f.h.Header.Run)<<32 | uint64(id), Obj: 0x7f0000001000 + uint64(id)*64}
		res := model.Result(0)
		switch {
		case r.Opcode == model.Poll:
			r.File, r.Offset, res = 1, 1, 1
		case r.Opcode.Transfers():
			r.Bytes = uint32(512 << f.rng.IntN(8))
			r.Offset = 512 * f.between(0, 100_000)
			res = model.Result(r.Bytes)
		}
		if f.rng.IntN(80) == 0 {
			res = model.Fail(model.EIO)
		} else if r.Opcode.Transfers() && f.rng.IntN(60) == 0 {
			res = res / 2
		}
		if i >= accepted {
			r.Fate = traces.Rejected
		} else {
			latency := traces.Time(20_000 * math.Exp(f.rng.NormFloat64()))
			if r.Opcode == model.Poll {
				latency *= 6
			}
			f.flying = append(f.flying, flight{first + i, t, end + latency, res})
		}
		f.h.Requests = append(f.h.Requests, r)
	}
	f.left -= n
	f.call(t, traces.CallSubmit, takes, traces.Call{X: int64(n), Ret: model.Result(accepted), First: int32(first), Count: int32(n)})
}

func (f *fake) cancel(t int) {
	fl := &f.flying[f.rng.IntN(len(f.flying))]
	r := &f.h.Requests[fl.request]
	takes := f.between(500, 3000)
	now := f.threads[t].clock
	ret := model.Fail(model.EINVAL)
	if r.Opcode == model.Poll && fl.done > now {
		ret, fl.done, fl.res = model.Fail(model.EINPROGRESS), now, model.Fail(model.EINTR)
	}
	f.call(t, traces.CallCancel, takes, traces.Call{Request: r.ID, Ret: ret})
}

func (f *fake) reap(t int) {
	now := f.threads[t].clock
	until := now + f.between(1000, 60_000)
	first := len(f.h.Events)
	kept := f.flying[:0]
	var last traces.Time
	for _, fl := range f.flying {
		if fl.thread != t || fl.done > until || f.left == 0 && fl.request == len(f.h.Requests)-1 {
			kept = append(kept, fl)
			continue
		}
		last = max(last, fl.done)
		r := &f.h.Requests[fl.request]
		r.Event = int32(len(f.h.Events))
		f.h.Events = append(f.h.Events, traces.Event{Call: int32(len(f.h.Calls)), Request: r.ID, Data: r.Data, Obj: r.Obj, Res: fl.res})
		f.read(r, fl.res)
	}
	f.flying = kept
	n := len(f.h.Events) - first
	takes := max(last-now, 0) + 800
	if n == 0 {
		takes = until - now
	}
	f.call(t, traces.CallGetEvents, takes, traces.Call{X: 1, Y: int64(f.depth), Z: 60_000, Ret: model.Result(n), First: int32(first), Count: int32(n)})
}

// read adds the data runs of a read.
func (f *fake) read(r *traces.Request, res model.Result) {
	if !r.Opcode.Reads() || res <= 0 {
		return
	}
	half := uint32(res) / 2
	f.h.Data = append(f.h.Data,
		traces.Data{Request: r.ID, Writer: 0, Bytes: half, Offset: r.Offset},
		traces.Data{Request: r.ID, Writer: 1 + traces.RequestID(f.rng.IntN(int(r.ID))), Bytes: half, Offset: r.Offset + int64(half)})
}

// fakeJudgement is a judgement of which no property but broken is violated.
// Its finding is about some requests of the middle of the history.
func fakeJudgement(h *traces.History, broken ...model.Property) *checker.Judgement {
	j := &checker.Judgement{Elapsed: 1234 * time.Millisecond}
	for i, p := range model.Properties() {
		v := checker.Verdict{Property: p, Instances: int64(len(h.Requests) + i)}
		if i%9 == 7 {
			v.Outcome, v.Instances = checker.Unchecked, 0
		}
		for _, b := range broken {
			if b == p {
				j.Outcome, v.Outcome, v.Violations = checker.Violated, checker.Violated, 1
				v.Findings = []checker.Finding{fakeFinding(h, p)}
			}
		}
		j.Verdicts = append(j.Verdicts, v)
	}
	return j
}

func fakeFinding(h *traces.History, p model.Property) checker.Finding {
	f := checker.Finding{Property: p.Name, File: 0, Offset: 4096, Bytes: 64,
		Summary:  "request 12 read data that request 9 had overwritten before it began",
		Expected: "the data of request 11, whose event had been reaped before request 12 was submitted"}
	middle := len(h.Requests) / 2
	for k := 0; k < 5 && middle+k < len(h.Requests); k++ {
		r := &h.Requests[middle+k]
		res, known, ok := h.Outcome(r)
		text := fmt.Sprintf("%s by request %d = %s", r.Opcode, r.ID, res)
		if !ok {
			text, known = fmt.Sprintf("%s by request %d, no event", r.Opcode, r.ID), traces.Never
		}
		order := k + 1
		if k == 3 {
			order = 0
		} else if k > 3 {
			order = k
		}
		f.Steps = append(f.Steps, checker.Step{Thread: h.Calls[r.Call].Thread, From: h.Calls[r.Call].Invoke, To: known, Request: r.ID, Text: text, Order: order})
		f.Requests = append(f.Requests, r.ID)
		f.Calls = append(f.Calls, r.Call)
		f.At = h.Calls[r.Call].Return
	}
	return f
}
