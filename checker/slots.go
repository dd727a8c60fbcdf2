package checker

import (
	"fmt"
	"slices"
	"sort"

	"aiocheck/model"
	"aiocheck/traces"
)

// judgeSlots judges slots-conserved and ring-never-overflows.
func (j *contextJudge) judgeSlots() {
	for i := range j.h.Contexts {
		if i%64 == 0 && j.b.spent() {
			return
		}
		if l := &j.lives[i]; l.whole && !l.mixed {
			j.judgeExhausted(int32(i))
			j.judgeOverflow(int32(i))
		}
	}
}

// judgeExhausted judges every io_submit that failed with EAGAIN.
//
// The kernel promises room for the nr_events of io_setup. It doubles the
// number first and keeps some free slots by processor, in batches of a 4th of
// the total shared among all processors (fs/aio.c, ioctx_alloc and
// __get_reqs_available). With N slots, c processors and batches of
// b <= N/4c, at a failure the others' caches hold fewer than 2b each and the
// common pool fewer than b: at least N - 2bc > N/2 slots are in use, and N/2
// is no less than nr_events.
//
// In use is at most: what was accepted by an io_submit that began before the
// failing one returned, without what a reaping call had given back when it
// returned before the failing one began; and one for each other io_submit
// that overlaps it and was refused a request, which holds a slot for a moment.
// A reaped event's slot is given back when somebody fails to find one at the
// latest: user_refill_reqs_available.
func (j *contextJudge) judgeExhausted(context int32) {
	h := j.h
	var failed []int32
	var refusals, refused []traces.Time // invocations and returns of submissions that were refused a request
	for _, i := range j.calls.of(context) {
		c := &h.Calls[i]
		if c.Kind != traces.CallSubmit {
			continue
		}
		if c.Completed() && c.Ret == model.Fail(model.EAGAIN) && j.usable(c) {
			failed = append(failed, i)
		}
		if int64(c.Ret) < c.X || !c.Completed() {
			refusals = append(refusals, c.Invoke)
			refused = append(refused, c.Return)
		}
	}
	j.put(model.SlotsConserved, len(failed))
	if len(failed) == 0 {
		return
	}
	var taken, given []traces.Time
	for _, i := range j.requests.of(context) {
		r := &h.Requests[i]
		if r.Fate == traces.Rejected {
			continue
		}
		taken = append(taken, h.Calls[r.Call].Invoke)
		if r.Event != traces.None {
			given = append(given, h.Calls[h.Events[r.Event].Call].Return)
		}
	}
	for _, times := range [][]traces.Time{taken, given, refusals, refused} {
		slices.Sort(times)
	}
	before := func(times []traces.Time, at traces.Time) int {
		return sort.Search(len(times), func(i int) bool { return times[i] >= at })
	}
	for _, i := range failed {
		c := &h.Calls[i]
		if j.wantsThread(c) {
			continue
		}
		held := before(taken, c.Return+1) - before(given, c.Invoke)
		others := before(refusals, c.Return+1) - before(refused, c.Invoke) - 1 // without itself
		if used := held + others; used < int(h.Contexts[context].Slots) {
			j.violate(model.SlotsConserved, func() Finding {
				f := j.finding(fmt.Sprintf("io_submit failed with EAGAIN although at most %d requests held a slot of %s, which was set up for %d",
					used, j.contextName(context), h.Contexts[context].Slots),
					"room for as many requests as io_setup was asked for: reaped and refused requests give their slots back (fs/aio.c, put_reqs_available)",
					c.Return, nil, h.Contexts[context].Setup, i)
				return f
			})
		}
	}
}

// manyThreads is how many requests with threads of their own a process can
// surely have.
const manyThreads = 32

// wantsThread reports whether EAGAIN may mean that no thread was to be had: the
// request that was refused always has one of its own, and so have many that are
// in flight.
func (j *contextJudge) wantsThread(c *traces.Call) bool {
	h := j.h
	if !j.c.Threaded || c.Count == 0 || endsByItself(h, &h.Requests[c.First]) {
		return false
	}
	threads := 0
	for i := range h.Contexts {
		if h.Contexts[i].Round != c.Round {
			continue
		}
		for _, k := range j.requests.of(int32(i)) {
			r := &h.Requests[k]
			_, known, ok := h.Outcome(r)
			if r.Fate != traces.Rejected && !endsByItself(h, r) && h.Calls[r.Call].Invoke <= c.Return && (!ok || known >= c.Invoke) {
				threads++
			}
		}
	}
	return threads > manyThreads
}

// judgeOverflow finds an instant at which more requests were surely accepted
// and surely not reaped than the ring holds events. fs/aio.c: a ring of nr has
// nr-1 slots, and a request has one from aio_get_req until its event is
// reaped.
func (j *contextJudge) judgeOverflow(context int32) {
	h := j.h
	room := int(h.Contexts[context].Ring) - 1
	if room < 0 {
		return
	}
	l := &j.lives[context]
	var from, to []traces.Time
	requests := j.requests.of(context)
	accepted := 0
	for _, i := range requests {
		if h.Requests[i].Fate == traces.Accepted {
			accepted++
		}
	}
	j.put(model.RingNeverOverflows, accepted)
	if accepted <= room {
		return
	}
	for _, i := range requests {
		r := &h.Requests[i]
		if r.Fate != traces.Accepted {
			continue
		}
		end := min(l.dying, l.unseen)
		if r.Event != traces.None {
			end = h.Calls[h.Events[r.Event].Call].Invoke
		}
		if begin := h.Calls[r.Call].Return; begin <= end {
			from, to = append(from, begin), append(to, end)
		}
	}
	slices.Sort(from)
	slices.Sort(to)
	over := false // so that one crossing is one violation
	for n, k := 0, 0; n < len(from); n++ {
		for k < len(to) && to[k] < from[n] {
			k++
		}
		held := n + 1 - k
		if held <= room {
			over = false
		} else if !over {
			over = true
			j.violate(model.RingNeverOverflows, func() Finding { return j.explainOverflow(context, from[n], held, room) })
		}
	}
}

// explainOverflow shows the submission that was one too many.
func (j *contextJudge) explainOverflow(context int32, at traces.Time, held, room int) Finding {
	h := j.h
	submit := int32(traces.None)
	for _, i := range j.calls.of(context) {
		if c := &h.Calls[i]; c.Kind == traces.CallSubmit && c.Return == at {
			submit = i
		}
	}
	return j.finding(fmt.Sprintf("%d requests of %s were accepted and not reaped, but its ring holds %d events", held, j.contextName(context), room),
		"EAGAIN: a request is accepted only with a slot in the ring for its event (fs/aio.c, get_reqs_available)", at, nil,
		h.Contexts[context].Setup, submit)
}
