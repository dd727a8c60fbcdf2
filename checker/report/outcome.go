package report

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// outcome is what the page colours a request by.
type outcome uint8

// The outcomes, in the order of the legend.
const (
	succeeded   outcome = iota // all that was asked for
	short                      // a transfer of fewer bytes than asked for
	cancelled                  // io_cancel hit it and it ended as a cancelled request does
	failed                     // any other error
	rejected                   // io_submit did not take it
	unreaped                   // no event was seen
	unsubmitted                // it has no io_submit
	outcomes    = int(unsubmitted) + 1
)

// String is the name that the page shows.
func (o outcome) String() string {
	return [...]string{"success", "short", "cancelled", "error", "rejected", "never reaped", "never submitted"}[o]
}

// requestFacts is what the page derives from a history about each request.
type requestFacts struct {
	outcome []outcome
	spans   []span // from the beginning of its submission to when its end was known, or its round's
}

// gather derives the facts. One that was never submitted has
// an empty span.
func gather(h *traces.History) requestFacts {
	ends := roundEnds(h)
	hit := make([]bool, len(h.Requests))
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Kind == traces.CallCancel && cancelHit(c) && c.Request >= 1 && int(c.Request) <= len(hit) {
			hit[c.Request-1] = true
		}
	}
	f := requestFacts{make([]outcome, len(h.Requests)), make([]span, len(h.Requests))}
	for i := range h.Requests {
		r := &h.Requests[i]
		f.outcome[i] = classify(h, r, hit[i])
		f.spans[i] = spanOf(h, r, ends)
	}
	return f
}

// cancelHit reports whether io_cancel found the request. Today it then gives
// -EINPROGRESS and the event comes through the ring (fs/aio.c, io_cancel); 0
// was the answer of kernels that filled in the caller's io_event.
func cancelHit(c *traces.Call) bool {
	return c.Completed() && (c.Ret == model.Fail(model.EINPROGRESS) || c.Ret == 0)
}

// submitted reports whether a request is one: the table has an empty entry,
// without an ID, for each that was declared and then never submitted.
func submitted(r *traces.Request) bool { return r.ID != 0 }

func classify(h *traces.History, r *traces.Request, hit bool) outcome {
	if !submitted(r) {
		return unsubmitted
	}
	if r.Fate == traces.Rejected {
		return rejected
	}
	res, _, ok := h.Outcome(r)
	switch {
	case !ok:
		return unreaped
	case hit && (res.Errno() == model.EINTR || r.Opcode == model.Poll && res == h.Header.Contract.CancelledPoll):
		return cancelled
	case res < 0:
		return failed
	case r.Opcode.Transfers() && res < model.Result(r.Bytes):
		return short
	}
	return succeeded
}

func spanOf(h *traces.History, r *traces.Request, ends []traces.Time) span {
	if !submitted(r) {
		return span{1, 0}
	}
	c := &h.Calls[r.Call]
	s := span{c.Invoke, c.Return}
	if r.Fate != traces.Rejected {
		_, s.to, _ = h.Outcome(r)
	}
	if s.to == traces.Never {
		s.to = ends[r.Round+1]
	}
	// A misbehaving target may let an event be seen before its submission.
	s.to = max(s.to, s.from)
	return s
}

// roundEnds gives the last time seen in each round: at position r+1 that of
// round r, at 0 that of what belongs to no round.
func roundEnds(h *traces.History) []traces.Time {
	ends := make([]traces.Time, len(h.Rounds)+1)
	for i := range h.Rounds {
		r := &h.Rounds[i]
		ends[i+1] = max(ends[i+1], r.Start)
		if r.Gone != traces.Never {
			ends[i+1] = max(ends[i+1], r.Gone)
		}
	}
	for i := range h.Calls {
		c := &h.Calls[i]
		end := &ends[c.Round+1]
		*end = max(*end, c.Invoke)
		if c.Completed() {
			*end = max(*end, c.Return)
		}
	}
	return ends
}
