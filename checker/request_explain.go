package checker

import (
	"fmt"
	"slices"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// faultTexts says which property each fault breaks, what was seen (after
// "request N (OPCODE): ") and what was to be seen, and why.
var faultTexts = [...]struct {
	property          model.Property
	summary, expected string
}{
	eventOfRefused:     {model.NoEventForRejected, "an event, although io_submit did not accept it", "no event: a refused iocb is freed without one (fs/aio.c, io_submit_one)"},
	eventOfUnknown:     {model.EventAfterSubmit, "an event, although nobody submitted it", "no event of a request that no io_submit carried"},
	eventTwice:         {model.OneEvent, "a second event", "exactly one event: a request is completed once (fs/aio.c, iocb_put)"},
	eventTooEarly:      {model.EventAfterSubmit, "its event was reaped before its io_submit began", "an event only after the submission"},
	eventAfterDestroy:  {model.DestroyOnce, "its event was reaped by a call that began after io_destroy had returned", "no event: the context is gone"},
	acceptAfterDestroy: {model.DestroyOnce, "it was accepted by an io_submit that began after io_destroy had returned", "-EINVAL: the context is gone"},
	badResult:          {model.LegalResult, "its event has a result that the opcode cannot give", "bytes up to the request's for a transfer, 0 for a sync, a mask of requested events for a POLL, or an error number of user space"},
	badResultCancel:    {model.CancelledEnds, "io_cancel answered -EINPROGRESS, and the event has a result that neither a cancelled request nor an ended one gives", "the result of a cancelled request, or the natural one"},
	resultTooSoon:      {model.LegalResult, "its event says that the file is ready, but nobody had begun to write to it or close it by then", "no such result before a write or a close: a POLL ends when its file is ready (fs/aio.c, aio_poll_wake), or when it is cancelled"},
	answerUnknown:      {model.CancelAnswer, "io_cancel gave an answer that it never gives", "-EINPROGRESS or -EINVAL: since 4.19 there is no other"},
	answerImpossible:   {model.CancelAnswer, "io_cancel answered -EINPROGRESS for a request that cannot be cancelled", "-EINVAL: such a request is on no list that io_cancel looks at (fs/aio.c, kiocb_set_cancel_fn)"},
	answerTwice:        {model.CancelAnswer, "io_cancel answered -EINPROGRESS a second time", "-EINVAL: the first cancel took the request off the list (fs/aio.c, io_cancel)"},
	answerAfterEvent:   {model.CancelAnswer, "io_cancel answered -EINPROGRESS after the event had been reaped", "-EINVAL: a request leaves the list before its event is posted"},
	answerUnsubmitted:  {model.CancelAnswer, "io_cancel answered -EINPROGRESS for a request that was not accepted", "-EINVAL: only accepted requests are on the list"},
	answerAfterEnd:     {model.CancelAnswer, "io_cancel answered -EINPROGRESS after another one had answered -EINVAL", "-EINVAL: after its submission, a request that is not on the list never comes back to it"},
	answerAfterDestroy: {model.DestroyOnce, "io_cancel answered -EINPROGRESS although it began after io_destroy had returned", "-EINVAL: the context is gone"},
	invalidTooEarly:    {model.CancelAnswer, "io_cancel answered -EINVAL, but nothing could have ended the request by then", "-EINPROGRESS: nobody had begun to write to its file or close it, so it was waiting on the list (fs/aio.c, aio_poll)"},
	invalidMissed:      {model.CancelAnswer, "io_cancel answered -EINVAL, but the event was not in the ring for a call that emptied it", "-EINPROGRESS; or else the request was over, and its event in the ring at once after"},
	inlineMissed:       {model.OneEvent, "it ran inside io_submit, but its event was not in the ring for a later call that emptied it", "the event: what runs to its end inside io_submit is posted before that returns (fs/aio.c, aio_rw_done)"},
}

// explainTime bounds the search for the best order of a finding's few steps.
const explainTime = 100 * time.Millisecond

// reportRequest counts a fault and explains it by the smallest part of the
// request's calls that still has it.
func (j *contextJudge) reportRequest(i, second int32, v *requestView, w fault) {
	h := j.h
	t := &faultTexts[w.what]
	if t.property == model.DestroyOnce {
		return // judgeDestroys judges all calls after a destroy
	}
	r := &h.Requests[i]
	id := traces.RequestID(i + 1)
	if w.what == inlineMissed && r.Event != traces.None {
		// It did come, but later than an empty ring that it was in.
		j.violate(model.RingOrder, func() Finding { return j.explainRequest(i, second, v, w, t.summary, t.expected) })
		return
	}
	if v.seen.from == traces.Never && t.property == model.OneEvent {
		j.put(t.property, 1)
	}
	name := fmt.Sprintf("request %d (%v): ", id, r.Opcode)
	if r.Call == traces.None {
		name = fmt.Sprintf("request %d: ", id)
	}
	j.violate(t.property, func() Finding {
		summary := name + t.summary
		if w.what == badResult || w.what == badResultCancel {
			summary += ": " + v.res.String()
		}
		return j.explainRequest(i, second, v, w, summary, t.expected)
	})
}

// explainRequest makes the finding of a fault, with porcupine's best order.
func (j *contextJudge) explainRequest(i, second int32, v *requestView, w fault, summary, expected string) Finding {
	h := j.h
	r := &h.Requests[i]
	own := j.ownCancels(i)
	small, kept := j.shrinkCancels(v, w, own)

	calls := append([]int32{r.Call}, kept...)
	event, again, drain, destroy := int32(traces.None), int32(traces.None), int32(traces.None), int32(traces.None)
	if r.Event != traces.None {
		event = h.Events[r.Event].Call
	}
	if w.what == eventTwice {
		again = h.Events[second].Call
	}
	var misses []interval
	if w.what == invalidMissed || w.what == inlineMissed {
		if _, position := j.drains.after(r.Context, w.after); position != traces.None {
			drain = j.drains.at(h, position)
			misses = append(misses, interval{h.Calls[drain].Invoke, h.Calls[drain].Return})
		}
	}
	if r.Context != traces.None && j.lives[r.Context].whole {
		destroy = h.Contexts[r.Context].Destroy
	}
	shown := append(calls, event, again, drain)
	at := traces.Time(0)
	for _, c := range shown {
		if c != traces.None && h.Calls[c].Completed() {
			at = max(at, h.Calls[c].Return)
		}
	}
	f := j.finding(summary, expected, at, []traces.RequestID{traces.RequestID(i + 1)}, shown...)

	// The places that the best order gives to the observations are those of
	// the calls that made them.
	list := small.observations(j.c, misses)
	order, _ := linearizeRequest(j.c, small.spec, list, explainTime)
	for k, o := range list {
		call := r.Call
		switch {
		case o.cancel != traces.None:
			call = kept[o.cancel]
		case o.miss != traces.None:
			call = drain
		case o.Seen == model.SeenEvent:
			if call = event; small.again.from != traces.Never && o.from == double(small.again.from) && o.to == double(small.again.to) && again != traces.None {
				call = again
			}
		case o.Seen == model.SeenDying, o.Seen == model.SeenGone:
			call = destroy
		case o.Seen == model.SeenSettled, o.Seen == model.SeenReady, o.Seen == model.SeenReapOpen:
			continue
		}
		if at := slices.Index(f.Calls, call); at >= 0 {
			f.Steps[at].Order = max(f.Steps[at].Order, order[k])
		}
	}
	return f
}

// shrinkCancels leaves out the cancels that the fault does not need. Only
// answers of -EINVAL can be left out: without one of -EINPROGRESS, the event
// of a cancelled request would itself look wrong.
func (j *contextJudge) shrinkCancels(v *requestView, w fault, own []int32) (*requestView, []int32) {
	small := *v
	small.cancels = slices.Clone(v.cancels)
	kept := slices.Clone(own[:len(v.cancels)])
	for k := len(kept) - 1; k >= 0; k-- {
		if k == w.cancel || small.cancels[k].answer != model.Fail(model.EINVAL) {
			continue
		}
		fewer := small
		fewer.cancels = slices.Delete(slices.Clone(small.cancels), k, k+1)
		for _, x := range fewer.judge(j.c, nil) {
			if x.what == w.what {
				small, kept = fewer, slices.Delete(kept, k, k+1)
				if w.cancel > k {
					w.cancel--
				}
				break
			}
		}
	}
	return &small, kept
}
