package checker

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"aiocheck/model"
	"aiocheck/traces"
)

// A request may be late without being lost: what ended it at last was the
// closing of its stream, or a thaw, not what was to end it. That is seen by a
// call that waited for more events than there were, long after the request had
// to be over, and whose event came only to a later call.

// findLateWaits lists, for each context, the waits in vain that return before
// anything else may have taken events unseen, in order of return.
func (j *contextJudge) findLateWaits() [][]int32 {
	h := j.h
	waits := make([][]int32, len(h.Contexts))
	for i := range h.Contexts {
		l := &j.lives[i]
		if l.mixed {
			continue
		}
		for _, k := range j.calls.of(int32(i)) {
			c := &h.Calls[k]
			waited := c.Kind.Reaps() && c.Completed() && c.Ret >= 0 && int64(c.Ret) < min(c.X, c.Y) && c.Z > 0
			if waited && c.Return < min(l.dying, l.unseen) {
				waits[i] = append(waits[i], k)
			}
		}
		slices.SortFunc(waits[i], func(a, b int32) int { return cmp.Compare(h.Calls[a].Return, h.Calls[b].Return) })
	}
	return waits
}

// grace is how late something may be seen before it counts as never.
func (j *contextJudge) grace() traces.Time { return max(traces.Time(j.c.Grace), leastGrace) }

// judgeLate judges an accepted request by the last wait in vain before its
// event was taken, which saw the ring empty when it gave up.
func (j *contextJudge) judgeLate(i int32, v *requestView, waits []int32) {
	h := j.h
	n := sort.Search(len(waits), func(k int) bool { return h.Calls[waits[k]].Return >= v.seen.from })
	if n == 0 {
		return
	}
	wait := waits[n-1]
	at := h.Calls[wait].Return
	r := &h.Requests[i]
	report := func(p model.Property, summary, expected string) {
		j.put(p, 1)
		j.violate(p, func() Finding {
			calls := append([]int32{r.Call, wait}, j.ownCancels(i)...)
			if r.Event != traces.None {
				calls = append(calls, h.Events[r.Event].Call)
			}
			return j.finding(summary, expected, at, []traces.RequestID{r.ID}, calls...)
		})
	}
	found, _ := v.judgeAnswers(j.c, true, func(faultKind, int) {})
	if found != traces.None && j.overSince(r, v.cancels[found].interval, at) {
		report(model.CancelledEnds, fmt.Sprintf("io_cancel of request %d (%v) answered -EINPROGRESS, and its event was not there for a call that waited long after", r.ID, r.Opcode),
			"the event, soon after io_cancel: a cancelled request that can be interrupted, or is still queued, waits for nothing")
		return
	}
	if why := j.readyBy(r, at); why != "" && later(v.submit.to, j.grace()) <= at {
		report(model.RequestEnds, fmt.Sprintf("request %d (%v) had not ended for a call that waited long after, although %s", r.ID, r.Opcode, why),
			"an end: nothing held the request back")
	}
}

// overSince reports whether a request that a cancel has found had to be over at
// a time. One that is still queued is ended by io_cancel itself. A thread that
// sleeps where a signal reaches it is woken, and ends its request; it sleeps so
// on streams and FIFOs, but not for a frozen file system.
func (j *contextJudge) overSince(r *traces.Request, cancel interval, at traces.Time) bool {
	if _, queued := slices.BinarySearch(j.queued, r.ID); queued {
		return later(cancel.to, int64(j.c.PostLag)) < at
	}
	if later(cancel.to, j.grace()) > at {
		return false
	}
	switch j.h.Files[r.File].Kind {
	case traces.Pipe, traces.Socket, traces.Eventfd:
		return true
	}
	return r.Opcode == model.OpenAt && !j.freezing.beside(j.h, r.Round, cancel.from, at)
}

// readyBy says what had made a request on a stream able to end, a grace before
// a time; nothing if that is not known.
func (j *contextJudge) readyBy(r *traces.Request, at traces.Time) string {
	f := &j.h.Files[r.File]
	if f.Kind != traces.Pipe && f.Kind != traces.Socket {
		return ""
	}
	switch {
	case r.Opcode.Reads() && j.c.Threaded, r.Opcode == model.Poll && r.Offset&1 != 0:
		if j.unread(r, at) > 0 {
			return "there was data in its stream that nobody else can have taken"
		}
	case r.Opcode.Writes() && j.c.Threaded:
		if j.hasRoom(r, at) {
			return "its stream had room for all that was ever written to it"
		}
	}
	return ""
}

// unread is how many bytes there surely were in a stream, but for what r may
// take, a grace before a time and from then on.
func (j *contextJudge) unread(r *traces.Request, at traces.Time) int64 {
	h, n := j.h, int64(0)
	for _, i := range j.byFile().of(r.File) {
		x := &h.Requests[i]
		if x.ID == r.ID || h.Calls[x.Call].Invoke > at {
			continue
		}
		res, known, ok := h.Outcome(x)
		switch {
		case x.Opcode.Writes() && ok && res > 0 && later(known, j.grace()) <= at:
			n += int64(res)
		case x.Opcode.Reads() && ok:
			n -= int64(max(res, 0))
		case x.Opcode.Reads():
			n -= int64(x.Bytes)
		}
	}
	return n
}

// What surely fits into a stream that nobody reads: 16 pages into a pipe (fs/pipe.c,
// PIPE_DEF_BUFFERS), and much less than its buffer into a socket.
const (
	pipePages   = 16
	pageBytes   = 4096
	socketBytes = 32 << 10
	socketSends = 32
)

// hasRoom reports whether all that was written to a stream until a time fits.
func (j *contextJudge) hasRoom(r *traces.Request, at traces.Time) bool {
	h := j.h
	pages, bytes, sends := int64(0), int64(0), 0
	for _, i := range j.byFile().of(r.File) {
		if x := &h.Requests[i]; x.Opcode.Writes() && h.Calls[x.Call].Invoke <= at {
			pages += (int64(x.Bytes) + pageBytes - 1) / pageBytes
			bytes += int64(x.Bytes)
			sends++
		}
	}
	f := &h.Files[r.File]
	if f.Kind == traces.Socket {
		return bytes <= socketBytes && sends <= socketSends
	}
	room := int64(pipePages)
	if f.Bytes > 0 {
		room = f.Bytes / pageBytes
	}
	return pages <= room
}

// byFile are the submitted requests of each file, plain ones included. The
// table is made when it is first needed, which is seldom.
func (j *contextJudge) byFile() *buckets {
	if j.files.start == nil {
		h := j.h
		j.files = bucket(len(h.Files), len(h.Requests), func(i int) int32 {
			if r := &h.Requests[i]; r.Call != traces.None && r.Fate != traces.Rejected {
				return r.File
			}
			return traces.None
		}, nil)
	}
	return &j.files
}
