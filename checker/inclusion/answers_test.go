package inclusion

import (
	"strings"
	"testing"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// TestAnswersAreCompared: what the kernel says that a call returns has to be
// what some call of the program has returned at the time.
func TestAnswersAreCompared(t *testing.T) {
	twice := begin().add(first, traces.AtDestroy).add(second, traces.AtDestroy).
		add(first, traces.AtDead).add(first, traces.AtWakeAll).add(first, traces.AtUsersKilled).leaves(first, traces.AtDestroy, none).
		add(second, traces.AtDeadAlready).leaves(second, traces.AtDestroy, invalid)
	cancels := begin().arms(7).leaves(first, traces.AtSubmit, 1).add(second, traces.AtCancel).add(second, traces.AtFoundQueued, of(7)).
		add(second, traces.AtEndEarly, of(7)).posts(second, 7, interrupted).leaves(second, traces.AtCancel, inProgress)
	gone := (&story{}).add(first, traces.AtNoContext, what(traces.AtSubmit))
	waits := begin().add(first, traces.AtGetEvents).add(first, traces.AtReaped).leaves(first, traces.AtGetEvents, none)

	makes := func(thread uint16, kind traces.CallKind, request traces.RequestID, ret int64) traces.Call {
		return traces.Call{Thread: thread, Kind: kind, Request: request, Invoke: 0, Return: 100_000, Ret: model.Result(ret)}
	}
	unfinished := func(c traces.Call) traces.Call { c.Return = traces.Never; return c }
	late := func(c traces.Call) traces.Call {
		c.Invoke, c.Return = traces.Time(time.Second), traces.Time(2*time.Second)
		return c
	}
	submits := makes(0, traces.CallSubmit, 0, 1)
	for _, c := range []struct {
		name  string
		story *story
		calls []traces.Call
		why   string
	}{
		{"the second io_destroy fails", twice, []traces.Call{makes(0, traces.CallDestroy, 0, none), makes(1, traces.CallDestroy, 0, invalid)}, ""},
		{"M14: it succeeds", twice, []traces.Call{makes(0, traces.CallDestroy, 0, none), makes(1, traces.CallDestroy, 0, none)}, "destroy returns -EINVAL inside the kernel, and 0 to the program"},
		{"it was not seen to return", twice, []traces.Call{makes(0, traces.CallDestroy, 0, none), unfinished(makes(1, traces.CallDestroy, 0, none))}, ""},
		{"it was much later", twice, []traces.Call{makes(0, traces.CallDestroy, 0, none), late(makes(1, traces.CallDestroy, 0, invalid))}, "destroy returns -EINVAL"},
		{"nobody calls", twice, nil, ""},
		{"the request that is named", cancels, []traces.Call{submits, makes(1, traces.CallCancel, 7, inProgress)}, ""},
		{"D15: another", cancels, []traces.Call{submits, makes(1, traces.CallCancel, 8, inProgress)}, "io_cancel finds request 7, whose data says 7, and the program has named 8"},
		{"another, but a further cancel names it", cancels, []traces.Call{submits, makes(1, traces.CallCancel, 8, inProgress), makes(2, traces.CallCancel, 7, inProgress)}, ""},
		{"what it answers", cancels, []traces.Call{submits, makes(1, traces.CallCancel, 7, invalid)}, "cancel returns -EINPROGRESS inside the kernel, and -EINVAL"},
		{"no context", gone, []traces.Call{makes(0, traces.CallSubmit, 0, invalid)}, ""},
		{"no context, and yet accepted", gone, []traces.Call{submits}, "submit returns -EINVAL inside the kernel, and 1"},
		{"no events, and a signal", waits, []traces.Call{makes(0, traces.CallGetEvents, 0, interrupted)}, ""},
		{"no events, and some", waits, []traces.Call{makes(0, traces.CallPGetEvents, 0, 2)}, "getevents returns 0 inside the kernel, and 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log traces.Log
			for i := range c.story.list {
				tr := c.story.list[i]
				tr.Number = uint64(i)
				log = append(log, tr.Record())
			}
			v, _, err := JudgeLogs([]traces.Log{log}, &traces.History{Calls: c.calls})
			switch {
			case err != nil:
				t.Fatal(err)
			case c.why == "" && len(v.Findings) > 0:
				t.Errorf("%s", v.Findings[0].Summary)
			case c.why != "" && len(v.Findings) == 0:
				t.Error("it is not seen")
			case c.why != "" && !strings.Contains(v.Findings[0].Summary, c.why):
				t.Errorf("%s, not because %q", v.Findings[0].Summary, c.why)
			}
		})
	}
}
