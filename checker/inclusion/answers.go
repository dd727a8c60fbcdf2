package inclusion

import (
	"fmt"
	"slices"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// clockSlack is how far the times of a history and those of transitions can be
// apart: both are CLOCK_MONOTONIC, read by the program before and after its
// call, and by the kernel inside it.
const clockSlack = traces.Time(time.Millisecond)

// programs are the calls of a history, to compare what they have returned with
// what the kernel says that they return. Transitions do not tell which thread
// of the program theirs is, so a call of some thread at the time has to fit.
type programs struct {
	threads [][]*traces.Call // each in order of time
}

// callKinds are the calls that have transitions.
var callKinds = map[traces.CallKind]traces.Point{
	traces.CallSubmit: traces.AtSubmit, traces.CallCancel: traces.AtCancel, traces.CallGetEvents: traces.AtGetEvents,
	traces.CallPGetEvents: traces.AtGetEvents, traces.CallDestroy: traces.AtDestroy,
}

func newPrograms(h *traces.History) *programs {
	p := &programs{}
	index := map[uint16]int{}
	for i := range h.Calls {
		c := &h.Calls[i]
		if _, told := callKinds[c.Kind]; !told {
			continue
		}
		at, known := index[c.Thread]
		if !known {
			at = len(p.threads)
			index[c.Thread] = at
			p.threads = append(p.threads, nil)
		}
		p.threads[at] = append(p.threads[at], c)
	}
	for _, calls := range p.threads {
		slices.SortStableFunc(calls, func(a, b *traces.Call) int { return int(min(max(a.Invoke-b.Invoke, -1), 1)) })
	}
	return p
}

// fits looks for a call of that kind under way at a time that fits. Among none
// there is nothing to say: it is not the program's, or was not recorded.
func (p *programs) fits(kind traces.Point, at traces.Time, fit func(*traces.Call) bool) (under []*traces.Call, ok bool) {
	for _, calls := range p.threads {
		// From the first that has begun after it, backwards.
		i, _ := slices.BinarySearchFunc(calls, at+clockSlack, func(c *traces.Call, t traces.Time) int {
			if c.Invoke <= t {
				return -1
			}
			return 1
		})
		for i--; i >= 0; i-- {
			c := calls[i]
			if c.Completed() && c.Return+clockSlack < at {
				break
			}
			if callKinds[c.Kind] != kind {
				continue
			}
			if !c.Completed() || fit(c) {
				return nil, true
			}
			under = append(under, c)
		}
	}
	return under, len(under) == 0
}

// answered wants a call of the program to have returned what the kernel says
// that it returns.
func (c *Checker) answered(kind traces.Point, t *traces.Transition, result model.Result) *Violation {
	if c.programs == nil {
		return nil
	}
	under, ok := c.programs.fits(kind, t.Time, func(call *traces.Call) bool {
		// With a signal pending, no event becomes -EINTR (fs/aio.c, io_getevents).
		return call.Ret == result || kind == traces.AtGetEvents && result == 0 && call.Ret == model.Fail(model.EINTR)
	})
	if ok {
		return nil
	}
	return &Violation{Of: "call", Why: fmt.Sprintf("%v returns %v inside the kernel, and %v to the program", kind, result, under[0].Ret),
		State: fmt.Sprintf("%d calls of %v are under way; the kernel's, of thread %d, has found that it returns %v", len(under), kind, t.Task, result), Allowed: []string{fmt.Sprintf("a return of %v", result)}}
}

// meant wants a call of io_cancel to be under way that names the request that
// a cancel has found.
func (c *Checker) meant(x *context, r *request, t *traces.Transition) *Violation {
	id := traces.RequestID(uint32(r.data))
	if c.programs == nil || id == 0 {
		return nil
	}
	under, ok := c.programs.fits(traces.AtCancel, t.Time, func(call *traces.Call) bool { return call.Request == id })
	if ok {
		return nil
	}
	return r.wrong(x, "io_cancel finds request %d, whose data says %d, and the program has named %d", r.serial, id, under[0].Request)
}
