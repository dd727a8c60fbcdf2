package checker

import (
	"math"
	"sort"

	"aiocheck/traces"
)

// drains lists, for each context, the reaping calls that have seen an empty
// ring at some instant: those that returned fewer events than they had room
// for. fs/aio.c, aio_read_events_ring, takes all events up to the tail that
// it reads, and a call with room left has read the tail last while it found
// nothing more; reaping in user space is made the same way. A call that
// failed says nothing.
type drains struct {
	start  []int32       // by context, into the other tables
	call   []int32       // in order of invocation
	invoke []traces.Time // of call
	ended  []traces.Time // the earliest return of this call and those behind it
}

// isDrain reports whether the call has seen an empty ring.
func isDrain(c *traces.Call) bool {
	return c.Kind.Reaps() && c.Completed() && c.Ret >= 0 && int64(c.Ret) < c.Y
}

func (j *contextJudge) findDrains() drains {
	var d drains
	for context := range j.h.Contexts {
		first := len(d.call)
		d.start = append(d.start, int32(first))
		for _, i := range j.calls.of(int32(context)) {
			if c := &j.h.Calls[i]; isDrain(c) {
				d.call = append(d.call, i)
				d.invoke = append(d.invoke, c.Invoke)
				d.ended = append(d.ended, c.Return)
			}
		}
		for k := len(d.call) - 2; k >= first; k-- {
			d.ended[k] = min(d.ended[k], d.ended[k+1])
		}
	}
	d.start = append(d.start, int32(len(d.call)))
	return d
}

// after gives, of the calls that were invoked after a time and have seen the
// context's ring empty, the earliest return, Never if there is none, and a
// position for at.
func (d *drains) after(context int32, time traces.Time) (ended traces.Time, position int) {
	lo, hi := int(d.start[context]), int(d.start[context+1])
	k := lo + sort.Search(hi-lo, func(k int) bool { return d.invoke[lo+k] > time })
	if k == hi {
		return traces.Never, traces.None
	}
	return d.ended[k], k
}

// at is the call that the position of after speaks of.
func (d *drains) at(h *traces.History, position int) int32 {
	k := position
	for h.Calls[d.call[k]].Return != d.ended[position] {
		k++
	}
	return d.call[k]
}

// later is a time plus a duration; Never stays Never.
func later(at traces.Time, by int64) traces.Time {
	if at > math.MaxInt64-by {
		return traces.Never
	}
	return at + by
}
