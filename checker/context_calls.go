package checker

import (
	"fmt"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// leastGrace is how late a wait may end in any case: a call's return is seen
// some steps after the end of its wait, in virtual time as well.
const leastGrace = traces.Time(time.Millisecond)

// clockSlack bounds what rounding can make a wait look shorter than it was.
const clockSlack = traces.Time(time.Microsecond)

// lastUserErrno is the highest error number of user space, EHWPOISON.
const lastUserErrno model.Errno = 133

// judgeCounts judges what io_submit and the reaping calls returned, and when.
func (j *contextJudge) judgeCounts() {
	h := j.h
	for i := range h.Calls {
		if i%pollBudget == 0 && j.b.spent() {
			return
		}
		c := &h.Calls[i]
		switch {
		case c.Kind == traces.CallSubmit && c.Completed():
			j.judgeSubmitCount(int32(i), c)
		case c.Kind == traces.CallReapRing && c.Completed():
			j.put(model.EventCount, 1)
			if int64(c.Ret) > c.Y {
				j.tooMany(int32(i), c)
			}
		case c.Kind.Reaps() && c.Kind != traces.CallReapRing:
			j.judgeWait(int32(i), c)
		}
	}
}

func (j *contextJudge) judgeSubmitCount(i int32, c *traces.Call) {
	j.put(model.SubmitCount, 1)
	expected := ""
	switch {
	case j.refusedName(c):
		expected = "acceptance: an operation on a name needs no open file but the directory that its name starts at"
	case c.Ret < 0 && c.Ret.Errno() > 0 && c.Ret.Errno() <= lastUserErrno:
		return
	case c.Ret < 0:
		expected = "an error number of user space"
	case c.X < 0:
		expected = "-EINVAL: the number of requests is negative"
	case int64(c.Ret) > c.X:
		expected = fmt.Sprintf("at most the %d requests that were given", c.X)
	case c.Ret == 0 && c.X > 0:
		expected = "1 or more, or the error of the first request (fs/aio.c, io_submit)"
	default:
		return
	}
	j.violate(model.SubmitCount, func() Finding {
		return j.finding(fmt.Sprintf("io_submit of %d requests returned %v", c.X, c.Ret), expected, c.Return, nil, i)
	})
}

// refusedName reports whether io_submit refused a first request on a name that
// nothing is wrong with. The directories of a round stay open as long as it
// lasts.
func (j *contextJudge) refusedName(c *traces.Call) bool {
	if !j.c.Threaded || c.Count == 0 || !j.h.Requests[c.First].Opcode.Names() {
		return false
	}
	l := &j.lives[c.Context]
	return c.Ret == model.Fail(model.EBADF) && j.usable(c) && c.Return < l.dying
}

func (j *contextJudge) tooMany(i int32, c *traces.Call) {
	j.violate(model.EventCount, func() Finding {
		return j.finding(fmt.Sprintf("%v returned %v events, more than the %d asked for", c.Kind, c.Ret, c.Y),
			"at most nr events: the caller's array has no room for more", c.Return, nil, i)
	})
}

// judgeWait judges io_getevents and io_pgetevents: fs/aio.c, do_io_getevents
// and read_events.
//
// Fewer than min_nr events are also returned when a signal comes; programs
// are to block signals in the threads that wait, so that this does not excuse
// a kernel that ignores min_nr.
func (j *contextJudge) judgeWait(i int32, c *traces.Call) {
	l := &j.lives[c.Context]
	grace := j.grace()
	timed, wants := c.Z >= 0, c.X > 0
	j.judgeWoken(i, c)
	if timed && wants {
		j.put(model.Timeouts, 1)
	}
	if !c.Completed() {
		if end := j.watched(c.Round); timed && wants && end > later(later(c.Invoke, c.Z), grace) && l.dying > end {
			j.violate(model.Timeouts, func() Finding {
				return j.finding(fmt.Sprintf("%v did not return, %v after its timeout of %v", c.Kind, time.Duration(end-c.Invoke-c.Z), time.Duration(c.Z)),
					"a return when the timeout has passed", end, nil, i)
			})
		}
		return
	}
	j.put(model.EventCount, 1)
	short := func(p model.Property, summary, expected string) {
		j.violate(p, func() Finding { return j.finding(summary, expected, c.Return, nil, i) })
	}
	excused := !l.whole || l.dying <= c.Return || !j.usable(c)
	returned := func() string { return fmt.Sprintf("%v returned %v", c.Kind, c.Ret) }
	switch {
	case c.X < 0 || c.X > c.Y:
		if c.Ret != model.Fail(model.EINVAL) {
			short(model.EventCount, returned()+" although min_nr is out of range", "-EINVAL, unless 0 <= min_nr <= nr")
		}
	case c.Ret < 0:
		interrupted := c.Ret == model.Fail(model.EINTR)
		if !interrupted && !(excused && c.Ret == model.Fail(model.EINVAL)) {
			short(model.EventCount, returned()+" on a context that nobody was destroying", "a number of events, or -EINTR")
		}
	case int64(c.Ret) > c.Y:
		j.tooMany(i, c)
	case int64(c.Ret) >= c.X || excused:
	case !timed:
		short(model.EventCount, returned()+fmt.Sprintf(" of at least %d events, without a timeout", c.X),
			"a wait until min_nr events are there: no timeout was given, and nobody was destroying the context")
	case c.Return < later(c.Invoke, c.Z)-min(clockSlack, c.Z/1000):
		took := time.Duration(c.Return - c.Invoke)
		summary := returned() + fmt.Sprintf(" of at least %d events after %v, before its timeout of %v", c.X, took, time.Duration(c.Z))
		short(model.Timeouts, summary, "a wait until min_nr events are there or the timeout has passed")
		short(model.EventCount, summary, "at least min_nr events, unless the timeout has passed")
	case c.Return > later(later(c.Invoke, c.Z), grace):
		short(model.Timeouts, returned()+fmt.Sprintf(" of at least %d events after %v, long after its timeout of %v", c.X, time.Duration(c.Return-c.Invoke), time.Duration(c.Z)),
			"a return with what there is when the timeout has passed")
	}
}

// judgeWoken judges whether a thread that waits for events is woken when its
// context is destroyed: fs/aio.c, kill_ioctx.
func (j *contextJudge) judgeWoken(i int32, c *traces.Call) {
	l := &j.lives[c.Context]
	if c.X <= 0 || c.Invoke > l.dead || !j.usable(c) {
		return
	}
	destroy := int32(traces.None)
	for _, k := range j.calls.of(c.Context) {
		if d := &j.h.Calls[k]; d.Kind == traces.CallDestroy && (!d.Completed() || d.Ret == 0) && d.Invoke == l.dying {
			destroy = k
		}
	}
	if destroy == traces.None || l.dying > c.Return {
		return
	}
	j.put(model.WaiterWoken, 1)
	end := c.Return
	if !c.Completed() {
		end = j.watched(c.Round)
	}
	if begun := max(l.dying, c.Invoke); end > later(begun, j.grace()) || !c.Completed() && j.hung(c.Round) {
		j.violate(model.WaiterWoken, func() Finding {
			return j.finding(fmt.Sprintf("%v of at least %d events went on for %v after io_destroy of %s had begun", c.Kind, c.X, time.Duration(end-begun), j.contextName(c.Context)),
				"a return with what there is, or -EINVAL: io_destroy wakes everybody who waits (fs/aio.c, kill_ioctx)", end, nil, i, destroy)
		})
	}
}

// usable reports whether the call's context had been set up before it.
func (j *contextJudge) usable(c *traces.Call) bool {
	setup := j.h.Contexts[c.Context].Setup
	return setup != traces.None && j.h.Calls[setup].Ret == 0 && j.h.Calls[setup].Return <= c.Invoke
}

// watched is until when calls of the round were seen to return.
func (j *contextJudge) watched(round int32) traces.Time {
	if begun := j.h.Rounds[round].ExitBegun; begun != traces.Never {
		return begun
	}
	if j.h.Until != traces.Never {
		return j.h.Until
	}
	return j.last
}

// judgeEvents judges what each event says of itself.
func (j *contextJudge) judgeEvents() {
	h := j.h
	j.put(model.EventIdentity, len(h.Events))
	for i := range h.Events {
		if i%pollBudget == 0 && j.b.spent() {
			return
		}
		e := &h.Events[i]
		c := &h.Calls[e.Call]
		submit, what := int32(traces.None), ""
		if e.Request == 0 {
			what = fmt.Sprintf("an event with data %#x and obj %#x, which no request has", e.Data, e.Obj)
		} else {
			r := &h.Requests[e.Request-1]
			submit = r.Call
			switch {
			case e.Data != r.Data:
				what = fmt.Sprintf("the event with the iocb address of request %d carries data %#x", e.Request, e.Data)
			case e.Obj != r.Obj:
				what = fmt.Sprintf("the event of request %d carries the iocb address %#x", e.Request, e.Obj)
			case r.Context != c.Context:
				what = fmt.Sprintf("the event of request %d was reaped from another context", e.Request)
			}
		}
		finding := func(summary, expected string) Finding {
			var named []traces.RequestID
			if e.Request != 0 {
				named = append(named, e.Request)
			}
			return j.finding(summary, expected, c.Return, named, submit, e.Call)
		}
		if what != "" {
			j.violate(model.EventIdentity, func() Finding {
				return finding(what, "the data and the iocb address of the submission, in the context that it was submitted to (fs/aio.c, __io_submit_one)")
			})
		}
		if e.Res2 != 0 && e.Request != 0 {
			j.violate(model.LegalResult, func() Finding {
				return finding(fmt.Sprintf("the event of request %d has res2 %v", e.Request, e.Res2), "0: nothing here uses res2")
			})
		}
	}
}
