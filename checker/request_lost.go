package checker

import (
	"fmt"

	"aiocheck/model"
	"aiocheck/traces"
)

// vainWaits finds, for each context of a round that is drained, the last call
// that waited for an event in vain, long after everything that could end a
// request was done: what has no event then gets none. It is None for a
// context without such a call.
func (j *contextJudge) vainWaits() []int32 {
	h := j.h
	vain := make([]int32, len(h.Contexts))
	for i := range h.Contexts {
		vain[i] = traces.None
		l := &j.lives[i]
		round := h.Contexts[i].Round
		if !l.whole || l.mixed || l.unseen != traces.Never || h.Rounds[round].End != traces.EndDrain {
			continue
		}
		quiet := later(j.quiet[round], int64(j.c.Grace))
		for _, k := range j.calls.of(int32(i)) {
			c := &h.Calls[k]
			waited := c.Kind.Reaps() && c.Completed() && c.Ret >= 0 && int64(c.Ret) < min(c.X, c.Y) && c.Z != 0
			if waited && c.Return >= quiet && c.Return < l.dying {
				vain[i] = k
			}
		}
	}
	return vain
}

// fileUse is what was done to a stream or eventfd of a round.
type fileUse uint8

const (
	fileWritten   fileUse = 1 << iota // by a call that returned, with success
	fileMaybe                         // by anything at all
	fileRead                          // by anything at all
	writerClosed                      // the writing end's descriptor was closed
	readerClosed                      // likewise
	writerPending                     // a request without event may still hold the writing end open
	readerPending                     // likewise
)

// fileUses tells what was done to each file before the waits in vain were
// over: what came later, such as the reading of eventfds that closes a round,
// kept no request from its end.
func (j *contextJudge) fileUses(vain []int32) []fileUse {
	h := j.h
	uses := make([]fileUse, len(h.Files))
	over := make([]traces.Time, len(h.Rounds))
	for i := range over {
		over[i] = traces.Never
	}
	for i, k := range vain {
		if k != traces.None {
			round := h.Contexts[i].Round
			over[round] = min(over[round], h.Calls[k].Return)
		}
	}
	for i := range h.Calls {
		c := &h.Calls[i]
		switch {
		case c.Kind == traces.CallWrite && c.Completed() && c.Ret > 0:
			uses[c.File] |= fileWritten | fileMaybe
		case c.Kind == traces.CallWrite:
			uses[c.File] |= fileMaybe
		case (c.Kind == traces.CallRead || c.Kind == traces.CallReadEventfd) && c.Invoke < over[c.Round]:
			uses[c.File] |= fileRead
		case c.Kind == traces.CallClose && c.Completed() && c.Ret == 0:
			uses[c.File] |= [...]fileUse{readerClosed, writerClosed}[c.X&1]
		}
	}
	for i := range h.Requests {
		r := &h.Requests[i]
		if r.Context == traces.None || r.Fate == traces.Rejected {
			continue
		}
		writes := r.Opcode.Writes() || r.Opcode == model.Poll && r.Offset&1 == 0
		switch {
		case r.Opcode.Writes():
			uses[r.File] |= fileMaybe
		case r.Opcode.Reads():
			uses[r.File] |= fileRead
		}
		if r.Event == traces.None && writes {
			uses[r.File] |= writerPending
		} else if r.Event == traces.None {
			uses[r.File] |= readerPending
		}
	}
	return uses
}

// mustEnd reports whether nothing can hold the request back any more. A POLL
// for input ends once there is data that nobody takes, or once the writing
// end is closed (POLLHUP), which it is only when no request holds it either;
// a POLL for output ends likewise, or at once if nobody ever wrote.
//
// On a thread, a read waits for data, a write for room, and an open of a FIFO
// for its other end.
func (j *contextJudge) mustEnd(r *traces.Request, use fileUse, at traces.Time) bool {
	f := &j.h.Files[r.File]
	switch {
	case f.Kind == traces.Storage:
		return true
	case r.Opcode == model.OpenAt:
		return !j.fifoBeside(r)
	case r.Opcode != model.Poll && (!j.c.Threaded || f.Kind == traces.Directory):
		return true
	case r.Opcode.Reads() && use&(writerClosed|writerPending) == writerClosed:
		return true
	case r.Opcode != model.Poll:
		return j.readyBy(r, at) != ""
	case r.Offset&1 != 0:
		return use&(fileWritten|fileRead) == fileWritten || f.Kind != traces.Eventfd && use&(writerClosed|writerPending) == writerClosed
	case r.Offset&4 != 0 && f.Kind != traces.Eventfd:
		return use&fileMaybe == 0 || use&(readerClosed|readerPending) == readerClosed
	}
	return false
}

// fifoBeside reports whether a name of the request's round is a FIFO's.
func (j *contextJudge) fifoBeside(r *traces.Request) bool {
	h := j.h
	for i := r.Name; i < int32(len(h.Names)) && h.Names[i].Round == r.Round; i++ {
		if h.Names[i].Kind == traces.Fifo {
			return true
		}
	}
	for i := r.Name; i >= 0 && h.Names[i].Round == r.Round; i-- {
		if h.Names[i].Kind == traces.Fifo {
			return true
		}
	}
	return false
}

// judgeLost judges an accepted request without an event in a context where
// waiting for one was in vain.
func (j *contextJudge) judgeLost(i int32, v *requestView, vain int32, uses []fileUse) {
	h := j.h
	r := &h.Requests[i]
	found, open := v.judgeAnswers(j.c, true, func(faultKind, int) {})
	over := v.spec.Inline
	for k := range v.cancels {
		over = over || v.decisive(j.c, k, found, open)
	}
	if found == traces.None && !over && !j.mustEnd(r, uses[r.File], h.Calls[vain].Return) {
		return
	}
	report := func(p model.Property, summary, expected string) {
		j.put(p, 1)
		j.violate(p, func() Finding {
			calls := append([]int32{r.Call, vain}, j.ownCancels(i)...)
			return j.finding(summary, expected, h.Calls[vain].Return, []traces.RequestID{r.ID}, calls...)
		})
	}
	report(model.OneEvent, fmt.Sprintf("request %d (%v) was accepted, and no event of it came", r.ID, r.Opcode),
		"one event: nothing held the request back, and every event was waited for until none came any more")
	if found != traces.None {
		report(model.CancelledEnds, fmt.Sprintf("io_cancel of request %d answered -EINPROGRESS, and no event of it came", r.ID),
			"one event, with the result of a cancelled request or with its own (fs/aio.c, aio_poll_complete_work)")
	}
	if !over {
		report(model.RequestEnds, fmt.Sprintf("request %d (%v) did not end", r.ID, r.Opcode),
			"an end: what the request waits for has happened, or it was cancelled")
	}
}

// ownCancels are the io_cancel calls of a request in its own context.
func (j *contextJudge) ownCancels(i int32) []int32 {
	var own []int32
	for _, k := range j.cancels.of(i) {
		if r := &j.h.Requests[i]; r.Context == traces.None || j.h.Calls[k].Context == r.Context {
			own = append(own, k)
		}
	}
	return own
}
