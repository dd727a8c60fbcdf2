package checker

import (
	"fmt"
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// A threaded kernel executes Contract.Workers requests of a context at a time,
// of those that end by themselves, in the order of submission. A request of
// theirs is surely queued as long as so many earlier ones of its context have
// surely not ended. That is certain of writes to a frozen file system: they
// were submitted after the freeze had returned, and nobody had called for a
// thaw yet. Of the earlier requests, one that an io_cancel may have found does
// not count: it may have been queued itself, and have left the queue.

// endsByItself reports whether the request is one of those that share a
// limited number of threads (aio_thread_class of the patches): transfers and
// syncs of regular files and block devices, unlinks, renames, readahead.
func endsByItself(h *traces.History, r *traces.Request) bool {
	switch k := h.Files[r.File].Kind; r.Opcode {
	case model.Poll, model.OpenAt:
		return false
	case model.UnlinkAt, model.RenameAt:
		return true
	default:
		return k == traces.Storage || k == traces.Directory
	}
}

// queueUse is what is needed to tell which requests were queued: for each
// context in which something froze, the requests that were surely held up.
type queueUse struct {
	h *traces.History
	*freezing
	cancels [][]int32                        // by freeze: the io_cancel calls within
	held    []map[int32][]heldWrite          // by freeze and context: in order of submission
	unsure  map[traces.RequestID]traces.Time // when an io_cancel that may have found it began
}

// heldWrite is a write that waits for a thaw.
type heldWrite struct {
	begun, done traces.Time // its io_submit
	index       uint16
	call        int32
	id          traces.RequestID
}

// queuedWhenCancelled lists the requests that io_cancel has found while they
// were surely queued, in order.
func queuedWhenCancelled(h *traces.History) []traces.RequestID {
	workers := h.Header.Contract.Workers
	if !h.Header.Contract.Threaded || workers == 0 {
		return nil
	}
	u := &queueUse{h: h, freezing: findFreezes(h)}
	if len(u.list) == 0 {
		return nil
	}
	u.gather()
	var queued []traces.RequestID
	for f := range u.list {
		for _, k := range u.cancels[f] {
			c := &h.Calls[k]
			r := &h.Requests[c.Request-1]
			if c.Ret == model.Fail(model.EINPROGRESS) && r.Call != traces.None && r.Context == c.Context && endsByItself(h, r) &&
				u.before(f, r, c.Return) >= workers {
				queued = append(queued, r.ID)
			}
		}
	}
	slices.Sort(queued)
	return slices.Compact(queued)
}

// gather fills the tables.
func (u *queueUse) gather() {
	h := u.h
	u.cancels = make([][]int32, len(u.list))
	u.held = make([]map[int32][]heldWrite, len(u.list))
	u.unsure = map[traces.RequestID]traces.Time{}
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Kind != traces.CallCancel || c.Request == 0 {
			continue
		}
		if !c.Completed() || c.Ret == model.Fail(model.EINPROGRESS) {
			if at, known := u.unsure[c.Request]; !known || c.Invoke < at {
				u.unsure[c.Request] = c.Invoke
			}
		}
		for _, f := range u.of[c.Round] {
			if x := &u.list[f]; c.Invoke > x.from && c.Return < x.to {
				u.cancels[f] = append(u.cancels[f], int32(i))
			}
		}
	}
	for i := range h.Requests {
		r := &h.Requests[i]
		k := u.holding(h, r)
		if k == traces.None || r.Fate != traces.Accepted || r.Context == traces.None {
			continue
		}
		// One that did end before the thaw says that nothing holds.
		if _, known, ok := h.Outcome(r); ok && known < u.list[k].to {
			if _, cancelled := u.unsure[r.ID]; !cancelled {
				continue
			}
		}
		if u.held[k] == nil {
			u.held[k] = map[int32][]heldWrite{}
		}
		c := &h.Calls[r.Call]
		u.held[k][r.Context] = append(u.held[k][r.Context], heldWrite{c.Invoke, c.Return, r.Index, r.Call, r.ID})
	}
}

// before counts the requests that came before r in its queue and were surely
// not over at a time.
func (u *queueUse) before(f int, r *traces.Request, at traces.Time) int {
	n := 0
	submit := u.h.Calls[r.Call].Invoke
	for _, w := range u.held[f][r.Context] {
		earlier := w.done < submit || w.call == r.Call && w.index < r.Index
		if found, cancelled := u.unsure[w.id]; earlier && (!cancelled || found > at) {
			n++
		}
	}
	return n
}

// judgeQueued judges what the events say of requests that were cancelled
// before they began.
func (j *contextJudge) judgeQueued() {
	h := j.h
	j.put(model.CancelledNoEffect, len(j.queued))
	for _, id := range j.queued {
		r := &h.Requests[id-1]
		res, known, ok := h.Outcome(r)
		if !ok || res == model.Fail(model.EINTR) {
			continue
		}
		j.violate(model.CancelledNoEffect, func() Finding {
			calls := append([]int32{r.Call, h.Events[r.Event].Call}, j.ownCancels(int32(id-1))...)
			for _, f := range j.freezing.of[r.Round] {
				calls = append(calls, j.freezing.list[f].call, j.freezing.list[f].thaw)
			}
			return j.finding(fmt.Sprintf("request %d (%v) was cancelled while it was queued, but its event says %v", id, r.Opcode, res),
				fmt.Sprintf("-EINTR, and nothing done: %d earlier requests of its context, all that are executed at a time, waited for the file system to thaw", j.c.Workers),
				known, []traces.RequestID{id}, calls...)
		})
	}
}
