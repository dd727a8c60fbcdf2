package checker

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// lineBytes is the grain of storage and streams: every line of so many bytes
// carries the tag of its writer and is a register of its own.
const lineBytes = 64

// sectorLines is how many lines a 512-byte sector has.
const sectorLines = 8

// maxLine bounds the places that are judged: 4 TiB. Tables are laid out by
// place, and an offset from a damaged trace must not make them huge.
const maxLine = 1 << 36

// ending is why nothing more of a request can happen after its effect's end.
type ending uint8

const (
	endEvent   ending = iota // its event was reaped, or its call returned
	endDestroy               // its context was destroyed
	endExit                  // the process was gone
	endNever                 // not known to have ended
)

// effect is what is known from outside of a request's effect on a file. A
// line that it certainly transferred was transferred between from and to. For
// the other lines of a write - of a failed or unreaped one, or beyond the
// result of a short one - nobody knows whether it was, nor, once submitted,
// when: see tail.
type effect struct {
	from  traces.Time // its submission
	to    traces.Time // its end; Never if not known
	sure  uint32      // how many lines, from the first, it certainly transferred
	does  doing
	ended ending
	none  doubt
}

// doubt is why a write cannot have done anything, although it was accepted.
type doubt uint8

const (
	mayBe    doubt = iota
	notBegun       // it was cancelled while it was queued
	notDone        // a thread was cancelled, and its event says so: -EINTR
)

// doing is what a request's effect is.
type doing uint8

const (
	doesNothing doing = iota // rejected, or not a transfer
	reads                    // sure lines; about others a read says nothing
	writes
)

// tail is the end of the time in which a write may have touched its unsure
// lines. The event of a failed or short write does not end it: only the end
// of the context or of the process does, for requests nobody reaped.
func (e *effect) tail() traces.Time {
	if e.ended == endEvent {
		return traces.Never
	}
	return e.to
}

// effects gives the effect of every request, by position in h.Requests, or
// nil if the budget ends first.
func effects(h *traces.History, b *budget) []effect {
	if !b.take(int64(len(h.Requests)) * 24) {
		return nil
	}
	table := make([]effect, len(h.Requests))
	for i := range h.Requests {
		if i&0xffff == 0 && b.spent() {
			return nil
		}
		table[i] = effectOf(h, &h.Requests[i])
	}
	for _, id := range queuedWhenCancelled(h) {
		if e := &table[id-1]; e.does == writes {
			e.none = notBegun
		}
	}
	return table
}

func effectOf(h *traces.History, r *traces.Request) effect {
	if r.Fate == traces.Rejected || r.Call == traces.None || !r.Opcode.Transfers() || h.Files[r.File].Kind == traces.Directory {
		return effect{} // nobody looks at the data of named files
	}
	e := effect{from: h.Calls[r.Call].Invoke, to: traces.Never, does: reads, ended: endNever}
	if r.Opcode.Writes() {
		e.does = writes
	}
	res, known, ok := h.Outcome(r)
	// An event seen before the submission is not the request's own: the judge
	// of the context says so, and here the request counts as one without event.
	if ok && known >= e.from {
		e.to, e.ended = known, endEvent
		if h.Header.Contract.Threaded && res == model.Fail(model.EINTR) && r.Context != traces.None {
			e.none = notDone
		}
		e.sure = uint32(min(max(res, 0), model.Result(r.Bytes)) / lineBytes)
		return e
	}
	e.to, e.ended = endOfUnreaped(h, r)
	// The moment may precede the submission if another thread destroyed the
	// context first: then io_submit cannot have accepted the request, and the
	// judge of the context says so.
	e.to = max(e.to, e.from)
	return e
}

// endOfUnreaped is from when on a request of which no event was seen can have no
// effect any more, and why.
func endOfUnreaped(h *traces.History, r *traces.Request) (to traces.Time, why ending) {
	to, why = traces.Never, endNever
	if r.Context != traces.None {
		if destroy := h.Contexts[r.Context].Destroy; destroy != traces.None && h.Calls[destroy].Completed() {
			to, why = h.Calls[destroy].Return, endDestroy
		}
	}
	round := &h.Rounds[r.Round]
	if exits := round.End == traces.EndExit || round.End == traces.EndKill; exits && round.Gone < to {
		to, why = round.Gone, endExit
	}
	return to, why
}

// extent is the lines of a request: [first, end).
func extent(r *traces.Request) (first, end int64) {
	first = r.Offset / lineBytes
	return first, first + int64(r.Bytes)/lineBytes
}
