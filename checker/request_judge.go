package checker

import (
	"cmp"
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// pollBudget is how many requests or calls are judged between two looks at
// the budget: a millisecond's worth.
const pollBudget = 4096

// judgeRequests judges each request by itself.
func (j *contextJudge) judgeRequests() {
	h := j.h
	slices.SortFunc(j.duplicat, func(a, b int32) int { return cmp.Compare(h.Events[a].Request, h.Events[b].Request) })
	again := j.duplicat
	vain := j.vainWaits()
	files := j.fileUses(vain)
	late := j.findLateWaits()
	var faults []fault
	v := &requestView{}
	context := int32(traces.None)
	v.missed = func(after traces.Time) traces.Time {
		ended, _ := j.drains.after(context, after)
		return ended
	}
	for i := range h.Requests {
		if i%pollBudget == 0 && j.b.spent() {
			return
		}
		r := &h.Requests[i]
		second := int32(traces.None)
		for len(again) > 0 && int(h.Events[again[0]].Request) <= i+1 {
			if int(h.Events[again[0]].Request) == i+1 && second == traces.None {
				second = again[0]
			}
			again = again[1:]
		}
		if r.Context == traces.None && r.Call != traces.None {
			continue // a plain read or write
		}
		context = r.Context
		j.view(int32(i), second, v)
		j.countInstances(r, v)
		faults = v.judge(j.c, faults[:0])
		for _, w := range faults {
			j.reportRequest(int32(i), second, v, w)
		}
		if r.Fate == traces.Accepted && r.Event == traces.None && vain[context] != traces.None {
			j.judgeLost(int32(i), v, vain[context], files)
		} else if r.Fate == traces.Accepted && context != traces.None && len(late[context]) > 0 {
			j.judgeLate(int32(i), v, late[context])
		}
	}
}

// view fills v with what is known of a request.
func (j *contextJudge) view(i, second int32, v *requestView) {
	h := j.h
	r := &h.Requests[i]
	v.fate, v.submit, v.seen, v.again = r.Fate, nothing, nothing, nothing
	v.dying, v.dead, v.unseen, v.ready, v.res = traces.Never, traces.Never, traces.Never, 0, 0
	v.spec = model.RequestSpec{Opcode: r.Opcode, Bytes: r.Bytes}
	v.unbounded = false
	v.cancels = v.cancels[:0]
	whole, mixed := true, false
	if r.Context != traces.None {
		l := &j.lives[r.Context]
		v.dying, v.dead, v.unseen = l.dying, l.dead, l.unseen
		whole, mixed = l.whole, l.mixed
		c := &h.Calls[r.Call]
		v.submit = interval{c.Invoke, c.Return}
		j.specify(r, v)
	}
	for _, k := range j.cancels.of(i) {
		c := &h.Calls[k]
		if r.Context == traces.None {
			l := &j.lives[c.Context]
			whole = whole && l.whole
		} else if c.Context != r.Context {
			j.judgeStray(k)
			continue
		}
		v.cancels = append(v.cancels, cancelView{interval{c.Invoke, c.Return}, !c.Completed(), c.Ret})
	}
	if r.Event != traces.None {
		e := &h.Events[r.Event]
		c := &h.Calls[e.Call]
		v.seen, v.res = interval{c.Invoke, c.Return}, e.Res
	}
	if second != traces.None && !mixed {
		c := &h.Calls[h.Events[second].Call]
		v.again = interval{c.Invoke, c.Return}
	}
	v.unbounded = v.unbounded || mixed
	if !whole {
		// Nobody knows what else was done: as if the context had been dying
		// from the beginning, which allows every answer.
		v.dying, v.unseen, v.spec.Waits = 0, 0, false
		if r.Context == traces.None {
			v.cancels = v.cancels[:0]
		}
	}
}

// specify fills in what depends on the request's file.
func (j *contextJudge) specify(r *traces.Request, v *requestView) {
	f := &j.h.Files[r.File]
	stream := f.Kind != traces.Storage && f.Kind != traces.Directory
	v.spec.Inline = j.c.Inline(r.Opcode, f.Kind == traces.Storage && f.Direct)
	switch {
	case r.Opcode == model.Poll:
		v.spec.Events = uint16(r.Offset)
		v.spec.Waits = stream && model.WaitsForInput(v.spec.Events)
	case j.c.Threaded && r.Opcode.Reads():
		v.spec.Waits = stream && !f.Nonblock
	}
	if v.spec.Waits {
		v.ready = j.ready[r.File]
	}
	if r.Opcode == model.ReadAhead && f.Kind == traces.Storage {
		v.spec.Least = uint32(min(max(f.Bytes-r.Offset, 0), int64(r.Bytes)))
	}
	// fs/aio.c, aio_poll_wake: the wake-up of a POLL on an eventfd may come
	// from within another eventfd_signal; if the POLL has an eventfd of its
	// own, its event is then left to a work item.
	v.unbounded = r.Opcode == model.Poll && f.Kind == traces.Eventfd && r.Eventfd != traces.None
}

// judgeStray judges an io_cancel in another context than the request's: it
// can find nothing.
func (j *contextJudge) judgeStray(k int32) {
	c := &j.h.Calls[k]
	j.put(model.CancelAnswer, 1)
	if c.Completed() && c.Ret != model.Fail(model.EINVAL) {
		j.violate(model.CancelAnswer, func() Finding {
			r := &j.h.Requests[c.Request-1]
			return j.finding("io_cancel in another context than the request's answered "+c.Ret.String(),
				"-EINVAL: io_cancel looks only at the requests of the context that it is given", c.Return,
				[]traces.RequestID{c.Request}, r.Call, k)
		})
	}
}

// countInstances counts what the request puts to the test.
func (j *contextJudge) countInstances(r *traces.Request, v *requestView) {
	if r.Fate == traces.Rejected {
		j.put(model.NoEventForRejected, 1)
	}
	for i := range v.cancels {
		if v.cancels[i].open {
			continue
		}
		j.put(model.CancelAnswer, 1)
		if r.Event != traces.None && v.cancels[i].answer == model.Fail(model.EINPROGRESS) {
			j.put(model.CancelledEnds, 1)
		}
	}
	if r.Event != traces.None {
		for _, p := range []model.Property{model.OneEvent, model.EventAfterSubmit, model.LegalResult, model.RequestEnds} {
			j.put(p, 1)
		}
	}
}
