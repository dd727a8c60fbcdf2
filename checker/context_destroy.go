package checker

import (
	"fmt"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// judgeDestroys judges what io_destroy answered, and every call that began
// after one had succeeded. fs/aio.c, kill_ioctx: the first one marks the
// context dead and takes it out of the table, so that lookup_ioctx fails for
// whatever begins later.
func (j *contextJudge) judgeDestroys() {
	for context := range j.h.Contexts {
		if context%64 == 0 && j.b.spent() {
			return
		}
		j.judgeDestroy(int32(context))
	}
}

func (j *contextJudge) judgeDestroy(context int32) {
	h := j.h
	l := &j.lives[context]
	first := h.Contexts[context].Destroy
	for _, i := range j.calls.of(context) {
		c := &h.Calls[i]
		if c.Kind == traces.CallDestroy {
			j.judgeDestroyAnswer(i, c, first)
		}
		if c.Invoke <= l.dead || !c.Completed() || i == first {
			continue
		}
		wrong := c.Ret != model.Fail(model.EINVAL)
		switch c.Kind {
		case traces.CallSubmit, traces.CallCancel, traces.CallGetEvents, traces.CallPGetEvents:
		case traces.CallReapRing:
			wrong = c.Count > 0 // the ring is unmapped: there is nothing to read
		default:
			continue
		}
		j.put(model.DestroyOnce, 1)
		if wrong {
			j.violate(model.DestroyOnce, func() Finding {
				var ids []traces.RequestID
				if c.Kind == traces.CallCancel {
					ids = append(ids, c.Request)
				}
				return j.finding(fmt.Sprintf("%v, begun after io_destroy of %s had returned, returned %v", c.Kind, j.contextName(context), c.Ret),
					"-EINVAL and no event: the context is gone (fs/aio.c, lookup_ioctx)", c.Return, ids, first, i)
			})
		}
	}
}

// judgeDestroyAnswer judges one io_destroy; first is the one of its context
// that succeeded.
func (j *contextJudge) judgeDestroyAnswer(i int32, c *traces.Call, first int32) {
	l := &j.lives[c.Context]
	j.judgeDestroyTime(i, c)
	if !c.Completed() || !j.usable(c) {
		return
	}
	j.put(model.DestroyOnce, 1)
	summary, expected := "", ""
	switch {
	case c.Ret == 0 && i != first:
		summary, expected = "two io_destroy of a context succeeded", "-EINVAL for all but one (fs/aio.c, kill_ioctx: the exchange of ctx->dead)"
	case c.Ret == 0:
		return
	case c.Ret != model.Fail(model.EINVAL):
		summary, expected = "io_destroy returned "+c.Ret.String(), "0 or -EINVAL"
	case l.whole && l.dying > c.Return:
		summary, expected = "io_destroy returned -EINVAL, and no other had begun", "0 for the first io_destroy of a context"
	default:
		return
	}
	j.violate(model.DestroyOnce, func() Finding { return j.finding(summary, expected, c.Return, nil, first, i) })
}

// judgeDestroyTime judges how long an io_destroy takes. It waits for the calls
// of the context that are under way, then cancels what can be cancelled; the
// rest ends by itself, but for what a frozen file system holds up.
func (j *contextJudge) judgeDestroyTime(i int32, c *traces.Call) {
	if c.Completed() && c.Ret != 0 {
		return
	}
	j.put(model.DestroyReturns, 1)
	end, took := c.Return, "returned only"
	if !c.Completed() {
		end, took = j.watched(c.Round), "did not return,"
	}
	start := c.Invoke
	for _, k := range j.calls.of(c.Context) {
		if other := &j.h.Calls[k]; other.Kind != traces.CallDestroy && other.Invoke <= end && (!other.Completed() || other.Return > start) {
			start = other.Return
		}
	}
	late := end > later(start, j.grace()) || !c.Completed() && j.hung(c.Round)
	if start == traces.Never || !late || j.freezing.beside(j.h, c.Round, start, end) {
		return
	}
	j.violate(model.DestroyReturns, func() Finding {
		return j.finding(fmt.Sprintf("io_destroy %s %v after it began", took, time.Duration(end-c.Invoke)),
			"a return once every request has ended: destroy cancels what can be cancelled, and the rest ends by itself (fs/aio.c, free_ioctx_users)", end, nil, i)
	})
}

// hung reports whether nothing could go on in a round any more. Only virtual
// time shows that: it does not pass while nobody does anything.
func (j *contextJudge) hung(round int32) bool {
	r := &j.h.Rounds[round]
	return j.c.Grace == 0 && (r.End == traces.EndDrain || r.End == traces.EndDestroy) && r.ExitBegun != traces.Never
}

// releases says for each release of a buffer which property a later write to
// it breaks, and what the kernel promises.
var releases = [...]struct {
	property          model.Property
	summary, expected string
}{
	traces.AfterEvent:   {model.BufferReleased, "after its event was seen", "no write to a buffer once its event is posted"},
	traces.AfterDestroy: {model.DestroyWaits, "after io_destroy had returned", "no write to any buffer: io_destroy waits for every request (fs/aio.c, free_ioctx_reqs)"},
	traces.AfterExit:    {model.ExitWaits, "after the process was gone", "no write to any buffer: the exit waits for every request (fs/aio.c, exit_aio)"},
}

// judgeDamages judges the released buffers that were looked at again.
func (j *contextJudge) judgeDamages() {
	h := j.h
	if h.Watched.Buffers > 0 {
		j.put(model.BufferReleased, int(h.Watched.Buffers))
		for i := range h.Requests {
			r := &h.Requests[i]
			if r.Context == traces.None || r.Fate == traces.Rejected || r.Event != traces.None || !r.Opcode.Transfers() {
				continue
			}
			// Its buffer was released by the end of its context or process.
			if round := &h.Rounds[r.Round]; round.Gone != traces.Never {
				j.put(model.ExitWaits, 1)
			} else if h.Contexts[r.Context].Destroy != traces.None {
				j.put(model.DestroyWaits, 1)
			}
		}
	}
	for i := range h.Damages {
		d := &h.Damages[i]
		t := &releases[min(int(d.Why), len(releases)-1)]
		if h.Watched.Buffers == 0 {
			j.put(t.property, 1)
		}
		j.violate(t.property, func() Finding { return j.explainDamage(d, t.summary, t.expected) })
	}
}

func (j *contextJudge) explainDamage(d *traces.Damage, summary, expected string) Finding {
	h := j.h
	r := &h.Requests[d.Request-1]
	event, destroy := int32(traces.None), int32(traces.None)
	if r.Event != traces.None {
		event = h.Events[r.Event].Call
	}
	if r.Context != traces.None {
		destroy = h.Contexts[r.Context].Destroy
	}
	if d.Why == traces.AfterEvent {
		destroy = traces.None
	}
	f := j.finding(fmt.Sprintf("the buffer of request %d was written to %s: %d bytes from byte %d on", d.Request, summary, d.Bytes, d.First),
		expected, d.Seen, []traces.RequestID{d.Request}, r.Call, event, destroy)
	f.Steps = append(f.Steps, Step{Thread: traces.Controller, From: d.Poisoned, To: d.Seen, Request: d.Request,
		Text: fmt.Sprintf("its buffer is filled with a pattern, and holds something else when looked at again: %d bytes from byte %d on", d.Bytes, d.First)})
	return f
}
