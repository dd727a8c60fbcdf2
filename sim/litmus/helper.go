package litmus

import (
	"slices"
	"time"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces"
	"aiocheck/traces/litmus"
)

// settles marks the timeouts of the helper's waits: Instance.Settle.
const settles time.Duration = 1<<62 - 1

// help adds a thread to the program that fills and closes streams before the
// others begin. Where a request or a call may wait for ever it also ends the
// round: when the other threads are done, or have had time to be, it takes the
// events that have come, and then ends what still waits.
func (p *Plan) help() {
	steps := p.prepare()
	prepared := len(steps)
	if prepared > 0 {
		steps = append(steps, traces.Step{Do: traces.DoAwait})
		for _, th := range p.threads {
			if len(th) > 0 {
				th[0].Thread, th[0].After = uint16(len(p.threads)), uint32(len(steps))
			}
		}
	}
	p.prepared = len(steps)
	if p.waits {
		steps = append(steps, p.finish(prepared)...)
	}
	if len(steps) > 0 {
		p.threads = append(p.threads, steps)
	}
}

// prepare fills and closes streams.
func (p *Plan) prepare() (steps []traces.Step) {
	for i := range p.Test.Files {
		f := &p.Test.Files[i]
		number := uint16(p.files[i])
		switch {
		case f.Kind == design.Eventfd:
			for range f.Holds {
				steps = append(steps, traces.Step{Do: traces.DoWrite, File: number})
			}
		case f.Kind.Stream() && f.Holds > 0:
			id := p.plain(model.PWrite, i, f.Holds/litmus.Unit, machine.Nobody)
			steps = append(steps, traces.Step{Do: traces.DoWrite, File: number, Request: id})
		}
		if f.NoWriter {
			steps = append(steps, traces.Step{Do: traces.DoCloseWrite, File: number})
		}
	}
	if p.shut > 0 {
		steps = append(steps, traces.Step{Do: traces.DoCloseRead, File: uint16(p.shut)}, traces.Step{Do: traces.DoCloseWrite, File: uint16(p.shut)})
	}
	for c := range p.full {
		if p.full[c] {
			steps = append(steps, p.fill(c)...)
		}
	}
	return steps
}

// fillers is how many requests take all slots of a context: more than there
// are in a ring of one page, which is the smallest.
const fillers = 130

// filler is the writer that a filling request counts as.
const filler machine.Writer = -100

// fill takes all slots of a context but for those of the test: polls that
// nothing ends take all that there are, then as many of them are cancelled.
func (p *Plan) fill(context int) (steps []traces.Step) {
	number := uint16(context)
	pipe := p.declare(traces.FileDecl{Kind: traces.Pipe})
	first := traces.RequestID(len(p.requests))
	for range fillers {
		d := traces.RequestDecl{Opcode: model.Poll, Offset: pollIn}
		p.requests = append(p.requests, planned{RequestDecl: d, other: pipe, writer: filler})
	}
	steps = append(steps, traces.Step{Do: traces.DoSubmit, Context: number, Request: first, Count: fillers})
	free := p.Test.Contexts[context].Slots
	for i := range free {
		steps = append(steps, traces.Step{Do: traces.DoCancel, Context: number, Request: first + traces.RequestID(i)})
	}
	if len(p.callers(context, litmus.Reap)) == 0 {
		return append(steps, traces.Step{Do: traces.DoGetEvents, Context: number, Min: int32(free), Max: int32(free), Timeout: -1})
	}
	// From the ring, once the events are there.
	return append(steps,
		traces.Step{Do: traces.DoGetEvents, Context: uint16(len(p.destroyed)), Min: 1, Max: 1, Timeout: settles},
		traces.Step{Do: traces.DoReapRing, Context: number, Max: int32(free)})
}

// finish takes what has come and ends what waits. The helper has made so many
// calls before.
func (p *Plan) finish(calls int) (steps []traces.Step) {
	t := p.Test
	hangs := make([]bool, len(t.Threads)) // may wait for ever
	any := false
	for i := range t.Threads {
		for o := range p.outcomes {
			hangs[i] = hangs[i] || slices.ContainsFunc(p.outcomes[o].Calls[i], func(r machine.Reply) bool { return !r.Returned })
		}
		any = any || hangs[i]
	}
	for i := range t.Threads {
		if !hangs[i] && len(p.threads[i]) > 0 {
			p.threads[i] = append(p.threads[i], traces.Step{Do: traces.DoAwait})
			steps = append(steps, traces.Step{Do: traces.DoAwait, Thread: uint16(i), After: uint32(len(p.threads[i]))})
		}
	}
	take := func(context int, events int) {
		n := int32(max(1, events))
		steps = append(steps, traces.Step{Do: traces.DoGetEvents, Context: uint16(context), Min: n, Max: n, Timeout: settles})
		calls++
	}
	userspace := func(c int) bool { return len(p.callers(c, litmus.Reap)) > 0 }
	sleep := any
	for c := range p.destroyed {
		sleep = sleep || userspace(c)
	}
	if sleep { // for events that never come, on a context of its own
		take(len(p.destroyed), 1)
	}
	for c := range p.destroyed {
		switch most := p.untaken(c); {
		case p.destroyed[c] || most == 0:
		case userspace(c):
			steps = append(steps, traces.Step{Do: traces.DoReapRing, Context: uint16(c), Max: int32(most)})
			calls++
		default:
			take(c, most)
		}
	}
	if !any {
		return steps
	}
	p.released = calls
	for i := range t.Files {
		number := uint16(p.files[i])
		if kind := t.Files[i].Kind; kind == design.Pipe || kind == design.Socket {
			steps = append(steps, traces.Step{Do: traces.DoCloseWrite, File: number}, traces.Step{Do: traces.DoCloseRead, File: number})
		}
	}
	for c := range p.destroyed {
		steps = append(steps, traces.Step{Do: traces.DoDestroy, Context: uint16(c)})
	}
	return steps
}

// contexts is how many contexts a round has, the helper's included.
func (p *Plan) contexts() int {
	n := len(p.destroyed)
	for _, steps := range p.threads {
		for _, s := range steps {
			if s.Do == traces.DoGetEvents {
				n = max(n, int(s.Context)+1)
			}
		}
	}
	return n
}

// untaken is how many events of a context may be left at the end.
func (p *Plan) untaken(context int) (most int) {
	for i := range p.outcomes {
		n := 0
		for k := range p.outcomes[i].Requests {
			if end := &p.outcomes[i].Requests[k]; end.Ended && end.Thread < 0 && contextOf(p.Test, k) == context {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
