package checker

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"aiocheck/model"
	"aiocheck/traces"
)

// judgeEventfds judges eventfd-count, one eventfd after another. fs/aio.c,
// aio_complete: after an event is in the ring, its eventfd is incremented by
// one; plain writes add one each.
func (j *contextJudge) judgeEventfds() {
	h := j.h
	bytes := int64(len(h.Requests)*4 + len(h.Calls)*4 + 8*len(h.Files))
	if !j.b.take(bytes) {
		return
	}
	defer j.b.give(bytes)
	users := bucket(len(h.Files), len(h.Requests), func(i int) int32 {
		// A plain read or openat signals none, whatever its declaration names.
		if r := &h.Requests[i]; r.Call != traces.None && r.Context != traces.None && r.Fate != traces.Rejected {
			return r.Eventfd
		}
		return traces.None
	}, nil)
	calls := bucket(len(h.Files), len(h.Calls), func(i int) int32 {
		if c := &h.Calls[i]; c.File != traces.None && h.Files[c.File].Kind == traces.Eventfd {
			return c.File
		}
		return traces.None
	}, func(a, b int32) int { return cmp.Compare(h.Calls[a].Return, h.Calls[b].Return) })
	odd := j.oddEventfds()
	for i := range h.Files {
		if i%64 == 0 && j.b.spent() {
			return
		}
		if h.Files[i].Kind == traces.Eventfd && !odd[i] && len(users.of(int32(i))) > 0 {
			j.judgeEventfd(&eventfdUse{file: int32(i), users: users.of(int32(i)), calls: calls.of(int32(i))})
		}
	}
}

// oddEventfds are those that something else than read_eventfd and plain
// writes of 1 may have changed.
func (j *contextJudge) oddEventfds() []bool {
	h := j.h
	odd := make([]bool, len(h.Files))
	for i := range h.Calls {
		if c := &h.Calls[i]; c.Kind == traces.CallRead || c.Kind == traces.CallWrite && c.Request != 0 {
			odd[c.File] = true
		}
	}
	for i := range h.Requests {
		if r := &h.Requests[i]; r.Context != traces.None && r.Fate != traces.Rejected && r.Opcode.Transfers() {
			odd[r.File] = true
		}
	}
	return odd
}

// eventfdUse is what was done with one eventfd.
type eventfdUse struct {
	file    int32
	users   []int32 // requests that signal it, accepted or unsure
	calls   []int32 // reads and writes, by return
	context int32   // the only context of users, or None
	whole   bool    // all that was done to those contexts is in the history
	gone    traces.Time
	begun   []traces.Time // when what may have incremented it began, sorted
	written []traces.Time // when the plain writes among them began, sorted
	reaped  []traces.Time // when the calls that reaped users' events began, sorted
}

func (j *contextJudge) judgeEventfd(u *eventfdUse) {
	h := j.h
	u.whole, u.context = true, h.Requests[u.users[0]].Context
	sure := 0
	for _, i := range u.users {
		r := &h.Requests[i]
		l := &j.lives[r.Context]
		u.whole = u.whole && l.whole && !l.mixed
		u.gone = max(u.gone, l.dead)
		if r.Context != u.context {
			u.context = traces.None
		}
		u.begun = append(u.begun, h.Calls[r.Call].Invoke)
		if r.Event != traces.None {
			u.reaped = append(u.reaped, j.reap(r).Invoke)
		}
		if r.Fate == traces.Accepted {
			sure++
		}
	}
	if !u.whole {
		return
	}
	j.put(model.EventfdCount, len(u.users))
	writes := 0 // that surely incremented it
	for _, i := range u.calls {
		if c := &h.Calls[i]; c.Kind == traces.CallWrite {
			u.begun, u.written = append(u.begun, c.Invoke), append(u.written, c.Invoke)
			if c.Completed() && c.Ret > 0 {
				writes++
			}
		}
	}
	slices.Sort(u.begun)
	slices.Sort(u.written)
	slices.Sort(u.reaped)
	u.judgeReads(j, sure+writes)
}

// judgeReads goes through the reads by return. total is how many increments
// there surely are in the end.
func (u *eventfdUse) judgeReads(j *contextJudge, total int) {
	h := j.h
	sum, last := uint64(0), int32(traces.None)
	open := false
	for _, i := range u.calls {
		c := &h.Calls[i]
		if c.Kind != traces.CallReadEventfd {
			continue
		}
		if !c.Completed() {
			open = true // it may have taken a part unseen
			continue
		}
		if c.Ret > 0 {
			sum += c.Extra1
		}
		last = i
		if most := countUntil(u.begun, c.Return); sum > uint64(most) {
			j.violate(model.EventfdCount, func() Finding {
				return j.finding(fmt.Sprintf("the eventfd was read %d times signalled, but at most %d requests and writes could have signalled it", sum, most),
					"one increment for each event and each write", c.Return, nil, i)
			})
			return
		}
		if c.Ret > 0 && u.tooFewInRing(j, i, sum) {
			return
		}
	}
	// io_destroy returns when every request is done with its eventfd.
	if last == traces.None || open || u.gone == traces.Never {
		return
	}
	for _, k := range u.calls {
		c := &h.Calls[k]
		if c.Kind == traces.CallWrite && c.Return >= h.Calls[last].Invoke {
			return
		}
	}
	if c := &h.Calls[last]; c.Invoke > u.gone && (c.Ret > 0 || c.Ret == model.Fail(model.EAGAIN)) && sum < uint64(total) {
		j.violate(model.EventfdCount, func() Finding {
			return j.finding(fmt.Sprintf("the eventfd was signalled %d times, but %d requests and writes were to signal it", sum, total),
				"one increment for each event and each write, at the latest when io_destroy returns", c.Return, nil, last)
		})
	}
}

// tooFewInRing reports whether more events were signalled, when the read i
// returned with sum in all, than the calls that emptied the ring later found.
func (u *eventfdUse) tooFewInRing(j *contextJudge, i int32, sum uint64) bool {
	h := j.h
	c := &h.Calls[i]
	if u.context == traces.None {
		return false
	}
	ended, position := j.drains.after(u.context, c.Return)
	l := &j.lives[u.context]
	if ended >= min(l.dying, l.unseen) {
		return false
	}
	written := countUntil(u.written, c.Return)
	if found := countUntil(u.reaped, ended); sum > uint64(written+found) {
		j.violate(model.EventfdCount, func() Finding {
			return j.finding(fmt.Sprintf("the eventfd was signalled %d times, %d of them by writes at most, but the ring was emptied after only %d of its events", sum, written, found),
				"an eventfd is signalled after the event is in the ring (fs/aio.c, aio_complete)", h.Calls[j.drains.at(h, position)].Return,
				nil, i, j.drains.at(h, position))
		})
		return true
	}
	return false
}

// countUntil is how many of the sorted times are no later than at.
func countUntil(times []traces.Time, at traces.Time) int {
	return sort.Search(len(times), func(i int) bool { return times[i] > at })
}
