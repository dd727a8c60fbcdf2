package checker

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// requestView is all that was observed of one request, and is judged by
// itself. Times are those of the calls; an interval is closed, so that two
// that touch are concurrent.
type requestView struct {
	spec    model.RequestSpec
	fate    traces.Fate
	submit  interval // of its io_submit; none if Unsubmitted
	cancels []cancelView
	// seen is the interval of the call that reaped its event with the result
	// res; seen.from is Never if there is no event. again is the call that
	// reaped another event of it.
	seen, again interval
	res         model.Result
	ready       traces.Time // from when on what it waits for may have happened
	dying, dead traces.Time // io_destroy of its context began, and returned
	unseen      traces.Time // from when on its event may have been taken unseen
	unbounded   bool        // how late its event enters the ring is not bounded
	// missed gives the earliest return of the calls that began after a time
	// and saw an empty ring.
	missed func(after traces.Time) traces.Time
}

// interval is from invocation to return.
type interval struct{ from, to traces.Time }

// nothing is the interval of what did not happen.
var nothing = interval{traces.Never, traces.Never}

type cancelView struct {
	interval
	open   bool // not seen to return
	answer model.Result
}

// fault is one way in which a request's history breaks the specification.
type fault struct {
	what   faultKind
	cancel int         // position in cancels, or None
	after  traces.Time // missedEvent: the bound that the empty ring was seen after
}

type faultKind uint8

// What can be wrong with one request. The sentences are in
// request_explain.go.
const (
	eventOfRefused    faultKind = iota // an event although io_submit refused it
	eventOfUnknown                     // an event although nobody submitted it
	eventTwice                         // two events
	eventTooEarly                      // seen before it was submitted
	eventAfterDestroy                  // reaped by a call that began after io_destroy returned
	acceptAfterDestroy
	badResult         // a result that its opcode cannot give
	badResultCancel   // the same, after io_cancel said EINPROGRESS
	resultTooSoon     // a result of readiness that nobody had caused
	answerUnknown     // io_cancel answered neither EINVAL nor EINPROGRESS
	answerImpossible  // EINPROGRESS, but such a request is never found
	answerTwice       // EINPROGRESS a second time
	answerAfterEvent  // EINPROGRESS for a request already reaped
	answerUnsubmitted // EINPROGRESS for a request that was not accepted (yet)
	answerAfterEnd    // EINPROGRESS after EINVAL had said that it was over
	answerAfterDestroy
	invalidTooEarly // EINVAL for a request that nothing had ended
	invalidMissed   // EINVAL, but its event was not in the ring
	inlineMissed    // over when io_submit returned, but its event was not in the ring
)

// judge decides in time linear in the number of cancels whether the view
// obeys the specification in model/request.go, and if not, why. It agrees
// with porcupine on that specification (TestFastAgreesWithPorcupine); the
// reasoning is that every order that the specification asks for is a chain
// (accepted, made ready or found by a cancel, finished, posted, reaped), and
// that a chain of intervals has an order iff no later one ends before an
// earlier one begins.
func (v *requestView) judge(c model.Contract, out []fault) []fault {
	bad := func(w faultKind, cancel int) { out = append(out, fault{what: w, cancel: cancel}) }
	accepted := v.fate == traces.Accepted || v.fate == traces.Unsure
	found, open := v.judgeAnswers(c, accepted, bad)
	for i := range v.cancels {
		// What was over before an unanswered cancel began, that has not found.
		if open != traces.None && v.cancels[i].to < v.cancels[open].from && v.fate == traces.Accepted && v.decisive(c, i, found, open) {
			open = traces.None
		}
	}
	shown := v.fate == traces.Accepted || found != traces.None || v.seen.from != traces.Never
	if accepted && shown && v.submit.from > v.dead {
		bad(acceptAfterDestroy, traces.None)
	}
	if v.seen.from != traces.Never {
		v.judgeEvent(c, accepted, found, open, bad)
	}
	if v.fate != traces.Accepted {
		return out
	}
	first := traces.None // the decisive answer that was given first
	for i := range v.cancels {
		x := &v.cancels[i]
		if !v.decisive(c, i, found, open) {
			continue
		}
		if v.spec.Waits && v.ready > x.to {
			bad(invalidTooEarly, i)
		}
		if found != traces.None && v.cancels[found].from > x.to {
			bad(answerAfterEnd, found)
		}
		if first == traces.None || x.to < v.cancels[first].to {
			first = i
		}
	}
	if first != traces.None {
		if bound := later(v.cancels[first].to, int64(c.PostLag)); v.absent(bound) {
			out = append(out, fault{invalidMissed, first, bound})
		}
	}
	if bound := later(v.submit.to, int64(c.PostLag)); v.spec.Inline && v.absent(bound) {
		out = append(out, fault{inlineMissed, traces.None, bound})
	}
	return out
}

// judgeAnswers judges what io_cancel answered. It gives the cancel that found
// the request, and the earliest that may have, each None if there is none.
//
// fs/aio.c, io_cancel: a request is found while it is on the context's list,
// and leaves the list when it is found, so that a second cancel does not.
func (v *requestView) judgeAnswers(c model.Contract, accepted bool, bad func(faultKind, int)) (found, open int) {
	found, open = traces.None, traces.None
	for i := range v.cancels {
		x := &v.cancels[i]
		switch {
		case x.open:
			if open == traces.None {
				open = i // they are in order of invocation
			}
			continue
		case x.answer == model.Fail(model.EINVAL):
			continue
		case x.answer != model.Fail(model.EINPROGRESS):
			bad(answerUnknown, i)
			continue
		case !accepted || x.to < v.submit.from:
			bad(answerUnsubmitted, i)
		case !c.Cancellable(v.spec.Opcode):
			bad(answerImpossible, i)
		case found != traces.None:
			bad(answerTwice, i)
		case v.seen.from != traces.Never && v.seen.to < x.from:
			bad(answerAfterEvent, i)
		case x.from > v.dead:
			bad(answerAfterDestroy, i)
		}
		if found == traces.None {
			found = i
		}
	}
	if found != traces.None {
		open = traces.None // only one finds it
	}
	return found, open
}

// judgeEvent judges the event that was seen.
func (v *requestView) judgeEvent(c model.Contract, accepted bool, found, open int, bad func(faultKind, int)) {
	switch {
	case v.fate == traces.Unsubmitted:
		bad(eventOfUnknown, traces.None)
	case !accepted:
		bad(eventOfRefused, traces.None)
	case v.seen.to < v.submit.from:
		bad(eventTooEarly, traces.None)
	case v.seen.from > v.dead:
		bad(eventAfterDestroy, traces.None)
	}
	if v.again.from != traces.Never {
		bad(eventTwice, traces.None)
	}
	taken := min(v.seen.to, v.dead) // the latest instant at which it was taken
	cancelled := v.dying <= taken
	for _, i := range []int{found, open} {
		cancelled = cancelled || i != traces.None && v.cancels[i].from <= taken && c.Cancellable(v.spec.Opcode)
	}
	ready := v.ready <= taken
	switch {
	case c.LegalResult(v.spec, v.res, cancelled, ready):
	case c.LegalResult(v.spec, v.res, cancelled, true):
		bad(resultTooSoon, traces.None)
	case found != traces.None && model.UserResult(v.res):
		bad(badResultCancel, found)
	default:
		bad(badResult, traces.None)
	}
}

// decisive reports whether the EINVAL of a cancel proves that the request was
// over when it was given: io_submit had returned before, so that the request
// had been on the list if it ever was; nothing else may have taken it off the
// list; and the context was alive, because a dead one gives EINVAL for all.
//
// A POLL that wakes without being ready stays on the list while its work item
// arms it again (fs/aio.c, aio_poll_complete_work), so EINVAL does not mean
// "not armed just now". Only before 5.1 a POLL that was woken while it was
// being submitted never came on the list, and could wait on if somebody else
// took what had woken it.
func (v *requestView) decisive(c model.Contract, i, found, open int) bool {
	x := &v.cancels[i]
	if x.open || x.answer != model.Fail(model.EINVAL) || !c.Cancellable(v.spec.Opcode) ||
		x.from <= v.submit.to || v.dying <= x.to {
		return false
	}
	for _, other := range []int{found, open} {
		if other != traces.None && v.cancels[other].from <= x.to {
			return false
		}
	}
	return true
}

// absent reports whether a call that began after bound saw the ring empty,
// and returned before any call could have taken the event.
func (v *requestView) absent(bound traces.Time) bool {
	if v.unbounded {
		return false
	}
	taken := min(v.seen.from, v.dying)
	if v.seen.from == traces.Never {
		taken = min(taken, v.unseen)
	}
	return v.missed(bound) < taken
}
