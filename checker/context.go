package checker

import (
	"cmp"
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// contextProperties are the properties that judgeContext gives verdicts on.
var contextProperties = []model.Property{
	model.OneEvent, model.NoEventForRejected, model.EventIdentity, model.EventAfterSubmit, model.LegalResult,
	model.CancelAnswer, model.CancelledEnds, model.RequestEnds, model.SubmitCount, model.EventCount, model.Timeouts,
	model.SlotsConserved, model.RingNeverOverflows, model.RingOrder, model.EventfdCount, model.DestroyOnce,
	model.DestroyWaits, model.ExitWaits, model.BufferReleased, model.FileHeld, model.DestroyReturns, model.WaiterWoken,
	model.CancelledNoEffect,
}

// judgeContext judges the AIO contexts of a history: each request by itself
// against the specification in model/request.go, and what concerns several
// requests by checks of their own, each linear or O(n log n).
func judgeContext(h *traces.History, b *budget) []Verdict {
	j := &contextJudge{ledger: newLedger(contextProperties...), h: h, b: b, c: h.Header.Contract}
	bytes := j.tableBytes()
	defer b.give(bytes)
	if b.take(bytes) {
		j.index()
		for _, judge := range []func(){
			j.judgeDamages, j.judgeCounts, j.judgeDestroys, j.judgeEvents, j.judgeRequests, j.judgeSlots,
			j.judgeOrder, j.judgeHeads, j.judgeEventfds, j.judgeHeld, j.judgeQueued,
		} {
			if judge(); b.spent() {
				break
			}
		}
	}
	j.decide(b)
	return j.verdicts
}

// contextJudge holds the tables that the checks share. They are flat and
// indexed by request, context, file or round: no maps.
type contextJudge struct {
	ledger
	h *traces.History
	b *budget
	c model.Contract

	calls    buckets       // by context: its calls in order of invocation
	requests buckets       // by context: its requests in order of ID
	cancels  buckets       // by request: its io_cancel calls in order of invocation
	duplicat []int32       // events beyond the first of a request
	drains   drains        // calls that have seen an empty ring
	lives    []contextLife // by context
	ready    []traces.Time // by file: when somebody first may have made it ready for input
	last     traces.Time   // when the last call was seen to begin or return
	quiet    []traces.Time // by round: when the last call that can end a request returned
	freezing *freezing
	queued   []traces.RequestID // cancelled before they began, sorted
	files    buckets            // by file: its requests; see byFile
}

// contextLife is what becomes of a context as a whole.
type contextLife struct {
	// dying is when the first io_destroy that succeeded, or may have, began;
	// dead when the one that succeeded returned.
	dying, dead traces.Time
	// unseen is from when on a reaping call that was not seen to return may
	// have taken events.
	unseen traces.Time
	// whole is set when everything that the program did to the context is in
	// the history: the process was not killed with records unwritten.
	whole bool
	// mixed is set when a reaping in user space ran beside a reaping system
	// call. No lock orders the two (thread-aio.md 2.6): both may take the same
	// event, and the ring's head may go back.
	mixed bool
}

// tableBytes is what the tables take, those of the largest context included,
// for the budget.
func (j *contextJudge) tableBytes() int64 {
	h := j.h
	return int64(len(h.Requests))*(2*4+4*8) + int64(len(h.Calls))*(4*4+6*8) + int64(len(h.Contexts))*64 +
		int64(len(h.Files))*8 + int64(len(h.Rounds))*8 + int64(len(h.Events))*4
}

// index fills the tables.
func (j *contextJudge) index() {
	h := j.h
	byInvoke := func(a, b int32) int { return cmp.Compare(h.Calls[a].Invoke, h.Calls[b].Invoke) }
	j.calls = bucket(len(h.Contexts), len(h.Calls), func(i int) int32 { return h.Calls[i].Context }, byInvoke)
	j.requests = bucket(len(h.Contexts), len(h.Requests), func(i int) int32 { return h.Requests[i].Context }, nil)
	j.cancels = bucket(len(h.Requests), len(h.Calls), func(i int) int32 {
		if c := &h.Calls[i]; c.Kind == traces.CallCancel && c.Request != 0 {
			return int32(c.Request) - 1
		}
		return traces.None
	}, byInvoke)
	for i := range h.Events {
		if id := h.Events[i].Request; id != 0 && h.Requests[id-1].Event != int32(i) {
			j.duplicat = append(j.duplicat, int32(i))
		}
	}
	j.lives = make([]contextLife, len(h.Contexts))
	for i := range j.lives {
		j.lives[i] = j.life(int32(i))
	}
	j.drains = j.findDrains()
	j.freezing = findFreezes(h)
	j.queued = queuedWhenCancelled(h)
	j.ready = j.findReady()
	j.quiet = make([]traces.Time, len(h.Rounds))
	for i := range h.Calls {
		c := &h.Calls[i]
		if j.last = max(j.last, c.Invoke); c.Completed() {
			j.last = max(j.last, c.Return)
		}
		if !c.Kind.Reaps() && c.Kind != traces.CallDestroy && c.Kind != traces.CallReadEventfd && c.Kind != traces.CallStat && c.Thread != traces.Controller {
			j.quiet[c.Round] = max(j.quiet[c.Round], c.Return)
		}
	}
}

// life looks at a context's calls in order of invocation.
func (j *contextJudge) life(context int32) contextLife {
	h := j.h
	r := &h.Rounds[h.Contexts[context].Round]
	l := contextLife{dying: traces.Never, dead: traces.Never, unseen: traces.Never}
	// A process that exits or is killed may have done what it could not
	// record any more; before that, all is there (traces.History.Until).
	l.whole = (r.End == traces.EndDrain || r.End == traces.EndDestroy) && r.ExitBegun == traces.Never
	lastRing, lastCall := traces.Time(-1), traces.Time(-1) // latest returns
	for _, i := range j.calls.of(context) {
		c := &h.Calls[i]
		switch {
		case c.Kind == traces.CallDestroy && (!c.Completed() || c.Ret == 0):
			l.dying = min(l.dying, c.Invoke)
			l.dead = min(l.dead, c.Return)
		case c.Kind == traces.CallReapRing:
			l.mixed = l.mixed || c.Invoke <= lastCall
			lastRing = max(lastRing, c.Return)
		case c.Kind.Reaps():
			l.mixed = l.mixed || c.Invoke <= lastRing
			lastCall = max(lastCall, c.Return)
		}
		if c.Kind.Reaps() && !c.Completed() {
			l.unseen = min(l.unseen, c.Invoke)
		}
	}
	return l
}

// findReady finds for each file when somebody first may have made it ready
// for input: by a write, a close, or on an eventfd the end of a request.
func (j *contextJudge) findReady() []traces.Time {
	h := j.h
	ready := make([]traces.Time, len(h.Files))
	for i := range ready {
		ready[i] = traces.Never
	}
	for i := range h.Calls {
		if c := &h.Calls[i]; c.Kind == traces.CallWrite || c.Kind == traces.CallClose {
			ready[c.File] = min(ready[c.File], c.Invoke)
		}
	}
	for i := range h.Requests {
		r := &h.Requests[i]
		if r.Call == traces.None || r.Fate == traces.Rejected {
			continue
		}
		if r.Opcode.Writes() {
			ready[r.File] = min(ready[r.File], h.Calls[r.Call].Invoke)
		}
		if r.Eventfd != traces.None {
			ready[r.Eventfd] = min(ready[r.Eventfd], h.Calls[r.Call].Invoke)
		}
	}
	return ready
}

// buckets are lists of indexes, one list for each key.
type buckets struct{ start, items []int32 }

func (b buckets) of(key int32) []int32 { return b.items[b.start[key]:b.start[key+1]] }

// bucket sorts 0 to n-1 by key, those with the key None left out, and each
// list by compare if there is one.
func bucket(keys, n int, key func(int) int32, compare func(a, b int32) int) buckets {
	b := buckets{start: make([]int32, keys+1)}
	for i := range n {
		if k := key(i); k != traces.None {
			b.start[k+1]++
		}
	}
	for k := range keys {
		b.start[k+1] += b.start[k]
	}
	b.items = make([]int32, b.start[keys])
	next := slices.Clone(b.start)
	for i := range n {
		if k := key(i); k != traces.None {
			b.items[next[k]] = int32(i)
			next[k]++
		}
	}
	if compare != nil {
		for k := range keys {
			if list := b.of(int32(k)); !slices.IsSortedFunc(list, compare) {
				slices.SortStableFunc(list, compare)
			}
		}
	}
	return b
}
