package checker

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"aiocheck/model"
	"aiocheck/traces"
)

// judgeOrder judges ring-order: events leave the ring as they entered it.
//
// Of some events it is known which entered first. The event of an inline
// request enters before its io_submit goes on to the next request of the
// batch, and before it returns (Contract.Inline); no event enters before its
// io_submit began, or before those of the batch that come earlier were
// submitted. So an inline request comes before every later one of its batch,
// and before everything submitted by a call that began after its own had
// returned, by whatever thread.
//
// The order of leaving is known within one reaping call, and between two of
// which one returned before the other began (ring_lock in
// fs/aio.c, aio_read_events_ring).
func (j *contextJudge) judgeOrder() {
	if !j.c.InlineOrder {
		return
	}
	scratch := &orderScratch{
		batch: make([]int32, len(j.h.Calls)),
		index: make([]int32, len(j.h.Calls)),
	}
	for i := range j.h.Contexts {
		if i%64 == 0 && j.b.spent() {
			return
		}
		if !j.lives[i].mixed {
			j.orderBetweenCalls(int32(i))
			j.orderWithinBatches(int32(i))
			j.orderWithinReaps(int32(i), scratch)
		}
	}
}

// orderScratch is indexed by io_submit: the reaping call that last took an
// event of its batch, plus one, and the highest position in the batch that
// this call has taken.
type orderScratch struct{ batch, index []int32 }

// inline reports whether the event of a request is known to be in the ring
// when its io_submit has returned.
func (j *contextJudge) inline(r *traces.Request) bool {
	f := &j.h.Files[r.File]
	return r.Fate == traces.Accepted && j.c.Inline(r.Opcode, f.Kind == traces.Storage && f.Direct)
}

// reap is the call that reaped the request's event.
func (j *contextJudge) reap(r *traces.Request) *traces.Call {
	return &j.h.Calls[j.h.Events[r.Event].Call]
}

// overtaken is an event and one that entered the ring before it, but left later.
func (j *contextJudge) overtaken(first, second *traces.Request) {
	j.violate(model.RingOrder, func() Finding {
		a, b := j.h.Events[first.Event].Call, j.h.Events[second.Event].Call
		return j.finding(fmt.Sprintf("the event of request %d was reaped before that of request %d, which was posted before it", second.ID, first.ID),
			fmt.Sprintf("events in the order of posting: request %d ran to its end inside its io_submit before request %d was submitted", first.ID, second.ID),
			max(j.h.Calls[a].Return, j.h.Calls[b].Return), []traces.RequestID{first.ID, second.ID}, first.Call, second.Call, a, b)
	})
}

// orderBetweenCalls compares requests of different io_submit calls whose
// events were taken by different reaping calls: for each event, the inline
// request posted before its submission began whose reaping began last.
func (j *contextJudge) orderBetweenCalls(context int32) {
	h := j.h
	var inline []int32 // positions of requests, by return of their io_submit
	known := 0
	for _, i := range j.requests.of(context) {
		if r := &h.Requests[i]; r.Event != traces.None && j.inline(r) {
			inline = append(inline, i)
			known++
		}
	}
	j.put(model.RingOrder, known)
	if known == 0 {
		return
	}
	posted := func(i int32) traces.Time { return h.Calls[h.Requests[i].Call].Return }
	byPosted := func(a, b int32) int { return cmp.Compare(posted(a), posted(b)) }
	if !slices.IsSortedFunc(inline, byPosted) {
		slices.SortStableFunc(inline, byPosted)
	}
	latest := make([]int32, len(inline)) // of inline[:k+1], the one whose reaping began last
	for k, i := range inline {
		if latest[k] = i; k > 0 {
			if p := latest[k-1]; j.reap(&h.Requests[p]).Invoke > j.reap(&h.Requests[i]).Invoke {
				latest[k] = p
			}
		}
	}
	for _, i := range j.requests.of(context) {
		r := &h.Requests[i]
		if r.Event == traces.None || r.Fate == traces.Rejected {
			continue
		}
		begun := h.Calls[r.Call].Invoke
		k := sort.Search(len(inline), func(k int) bool { return posted(inline[k]) >= begun })
		if k == 0 {
			continue
		}
		if first := &h.Requests[latest[k-1]]; j.reap(first).Invoke > j.reap(r).Return {
			j.overtaken(first, r)
		}
	}
}

// orderWithinBatches compares requests of one io_submit whose events were
// taken by different reaping calls.
func (j *contextJudge) orderWithinBatches(context int32) {
	h := j.h
	for _, s := range j.calls.of(context) {
		c := &h.Calls[s]
		if c.Kind != traces.CallSubmit || c.Count < 2 {
			continue
		}
		var first *traces.Request // inline, so far the one whose reaping began last
		for k := range c.Count {
			r := &h.Requests[c.First+k]
			if r.Event == traces.None {
				continue
			}
			if first != nil && j.reap(first).Invoke > j.reap(r).Return {
				j.overtaken(first, r)
			}
			if j.inline(r) && (first == nil || j.reap(r).Invoke > j.reap(first).Invoke) {
				first = r
			}
		}
	}
}

// orderWithinReaps compares events that one call has taken.
func (j *contextJudge) orderWithinReaps(context int32, scratch *orderScratch) {
	h := j.h
	for _, call := range j.calls.of(context) {
		c := &h.Calls[call]
		if !c.Kind.Reaps() || c.Count < 2 {
			continue
		}
		// From the back: the inline request behind that was posted first.
		var first *traces.Request
		for k := c.Count - 1; k >= 0; k-- {
			r := j.eventOwner(c.First + k)
			if r == nil {
				continue
			}
			if first != nil && h.Calls[first.Call].Return < h.Calls[r.Call].Invoke {
				j.overtaken(first, r)
			}
			if j.inline(r) && (first == nil || h.Calls[r.Call].Return < h.Calls[first.Call].Return) {
				first = r
			}
		}
		// From the front, by batch: a lower position after a higher one.
		for k := range c.Count {
			r := j.eventOwner(c.First + k)
			if r == nil {
				continue
			}
			if scratch.batch[r.Call] != call+1 {
				scratch.batch[r.Call], scratch.index[r.Call] = call+1, -1
			}
			if highest := scratch.index[r.Call]; int32(r.Index) < highest && j.inline(r) {
				j.overtaken(r, &h.Requests[h.Calls[r.Call].First+highest])
			}
			scratch.index[r.Call] = max(scratch.index[r.Call], int32(r.Index))
		}
	}
}

// eventOwner is the request of an event if it is that request's first event
// and belongs to the context, else nil.
func (j *contextJudge) eventOwner(event int32) *traces.Request {
	e := &j.h.Events[event]
	if e.Request == 0 {
		return nil
	}
	r := &j.h.Requests[e.Request-1]
	if r.Event != event || r.Call == traces.None || r.Context != j.h.Calls[e.Call].Context {
		return nil
	}
	return r
}

// judgeHeads judges what reaping in user space saw of the ring's head: it is
// where the reaping calls before have left it. Calls that overlap leave it
// unknown until a call in user space shows it again.
func (j *contextJudge) judgeHeads() {
	h := j.h
	for i := range h.Contexts {
		if i%64 == 0 && j.b.spent() {
			return
		}
		ring := uint64(h.Contexts[i].Ring)
		if ring == 0 || !j.lives[i].whole {
			continue
		}
		calls := j.calls.of(int32(i))
		head, known, before := uint64(0), true, int32(traces.None)
		busy := traces.Time(-1) // latest return of the reaping calls so far
		for n, k := range calls {
			c := &h.Calls[k]
			if !c.Kind.Reaps() {
				continue
			}
			overlaps := c.Invoke <= busy || j.nextReap(calls[n+1:]) <= c.Return
			if busy = max(busy, c.Return); !c.Completed() {
				break
			}
			if c.Kind == traces.CallReapRing && c.Ret >= 0 && c.Invoke <= j.lives[i].dying {
				if known && !overlaps {
					j.put(model.RingOrder, 1)
					if c.Extra1%ring != head {
						j.violate(model.RingOrder, func() Finding {
							return j.finding(fmt.Sprintf("the ring of %s has its head at %d", j.contextName(int32(i)), c.Extra1),
								fmt.Sprintf("a head of %d: where the reaping calls before have left it", head), c.Return, nil, before, k)
						})
					}
				}
				head, known = c.Extra1%ring, !overlaps
			} else {
				known = known && !overlaps
			}
			head, before = (head+uint64(max(c.Ret, 0)))%ring, k
		}
	}
}

// nextReap is when the first reaping call of a list begins.
func (j *contextJudge) nextReap(calls []int32) traces.Time {
	for _, k := range calls {
		if c := &j.h.Calls[k]; c.Kind.Reaps() {
			return c.Invoke
		}
	}
	return traces.Never
}
