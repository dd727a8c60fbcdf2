package inclusion

import (
	"slices"
	"strings"
	"testing"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// Threads of the stories: two of the program, one of the pool, a kworker.
const (
	first uint32 = 10 + iota
	second
	worker
	kworker
)

// story writes transitions of a context of its own, a microsecond apart.
type story struct {
	list []traces.Transition
	now  traces.Time
}

func (s *story) add(task uint32, p traces.Point, change ...func(*traces.Transition)) *story {
	s.now += 1000
	t := traces.Transition{Time: s.now, Point: p, Context: 1, Task: task}
	for _, f := range change {
		f(&t)
	}
	s.list = append(s.list, t)
	return s
}

func of(request uint32) func(*traces.Transition) {
	return func(t *traces.Transition) { t.Request = request }
}
func seen(n uint16) func(*traces.Transition)  { return func(t *traces.Transition) { t.Seen = n } }
func other(n uint32) func(*traces.Transition) { return func(t *traces.Transition) { t.Other = n } }
func value(n int64) func(*traces.Transition)  { return func(t *traces.Transition) { t.Value = n } }

func what(p traces.Point) func(*traces.Transition) { return seen(uint16(p)) }

const ( // results of calls
	none       = 0
	inProgress = -int64(model.EINPROGRESS)
	invalid    = -int64(model.EINVAL)
)

// begin is a context of four slots, made by the first thread.
func begin() *story {
	s := &story{}
	return s.add(first, traces.AtSetup, other(4)).add(first, traces.AtLeave, what(traces.AtSetup))
}

// arms is the first thread inside io_submit with a read, not yet left.
func (s *story) arms(request uint32) *story {
	return s.add(first, traces.AtSubmit).add(first, traces.AtSlot, of(request)).
		add(first, traces.AtCopied, of(request), other(uint32(model.PRead)), value(int64(request))).
		add(first, traces.AtPinned, of(request)).add(worker, traces.AtThreadNew, other(worker)).
		add(first, traces.AtArmed, of(request), other(1))
}

// runs is the pool's thread with a request, up to the event.
func (s *story) runs(request uint32) *story {
	return s.add(worker, traces.AtStarted, of(request)).add(worker, traces.AtBegin, of(request)).
		add(worker, traces.AtReturn, of(request), value(512)).add(worker, traces.AtUnlinked, of(request)).add(worker, traces.AtFlushed, of(request))
}

// posts is the end of a request.
func (s *story) posts(task, request uint32, result int64) *story {
	return s.add(task, traces.AtPosted, of(request), other(1), value(result)).add(task, traces.AtWake, of(request)).add(task, traces.AtFreed, of(request))
}

// leaves is the end of a call.
func (s *story) leaves(task uint32, p traces.Point, result int64) *story {
	return s.add(task, traces.AtLeave, what(p), value(result))
}

// dies is io_destroy by the first thread, with nothing in the context.
func (s *story) dies() *story {
	return s.add(first, traces.AtDestroy).add(first, traces.AtDead).add(first, traces.AtWakeAll).add(first, traces.AtUsersKilled).leaves(first, traces.AtDestroy, none)
}

func (s *story) drains() *story {
	return s.add(0, traces.AtKill).add(0, traces.AtKilled).add(0, traces.AtDrained)
}

// wait lets time pass.
func (s *story) wait(d time.Duration) *story {
	s.now += traces.Time(d)
	return s
}

// TestRules: stories that are right, and ones beside them that differ in what a
// rule forbids.
func TestRules(t *testing.T) {
	queuedCancel := func(s *story) *story {
		return s.add(second, traces.AtCancel).add(second, traces.AtFoundQueued, of(1)).add(second, traces.AtEndEarly, of(1))
	}
	queuedInDying := func(s *story) *story {
		return s.add(second, traces.AtCancel).dies().add(second, traces.AtFoundQueued, of(1)).add(second, traces.AtEndEarly, of(1))
	}
	refused := func() *story {
		return begin().add(first, traces.AtSubmit).add(first, traces.AtSlot, of(1)).add(first, traces.AtCopied, of(1)).add(first, traces.AtRefused, of(1), value(invalid)).add(first, traces.AtFreed, of(1))
	}
	waiter := func() *story {
		return begin().add(second, traces.AtGetEvents).add(second, traces.AtReaped).dies()
	}
	for _, c := range []struct {
		name  string
		story *story
		why   string // "" if it is right
	}{
		{"a request", begin().arms(1).leaves(first, traces.AtSubmit, 1).runs(1).posts(worker, 1, 512).add(worker, traces.AtIdle), ""},

		{"a refused request gives its slot back", refused().add(first, traces.AtSlotsBack, value(1)).leaves(first, traces.AtSubmit, invalid), ""},
		{"M13: it keeps it", refused().leaves(first, traces.AtSubmit, invalid), "request 1 was refused, and its slot was not given back"},
		{"a slot is taken twice", begin().add(first, traces.AtSubmit).add(first, traces.AtSlot, of(1)).add(first, traces.AtSlot, of(1)), "has a slot already"},
		{"no operation is accepted", begin().add(first, traces.AtSubmit).add(first, traces.AtSlot, of(1)).add(first, traces.AtCopied, of(1), other(6)).
			add(first, traces.AtPinned, of(1)).add(first, traces.AtArmed, of(1), other(1)), "is no operation"},
		{"a ring of nothing", (&story{}).add(first, traces.AtSetup), "a ring of 0 slots"},
		{"M13: it keeps it, and others go on", refused().add(first, traces.AtSlot, of(2)), "its slot was not given back"},
		{"it gives back two", refused().add(first, traces.AtSlotsBack, value(2)), "2 slots"},
		{"and again", refused().add(first, traces.AtSlotsBack, value(1)).add(first, traces.AtSlotsBack, value(1)), "only 0 events posted"},

		{"a cancel goes on in a context that dies", queuedInDying(begin().arms(1).leaves(first, traces.AtSubmit, 1)).posts(second, 1, interrupted).
			leaves(second, traces.AtCancel, inProgress).drains().add(first, traces.AtWaited), ""},
		{"a cancel of what runs, too", begin().arms(1).leaves(first, traces.AtSubmit, 1).add(second, traces.AtCancel).dies().add(worker, traces.AtStarted, of(1)).
			add(worker, traces.AtBegin, of(1)).add(second, traces.AtFoundRunning, of(1), other(worker)).add(second, traces.AtSignal, of(1), other(worker)).
			leaves(second, traces.AtCancel, inProgress).add(worker, traces.AtReturn, of(1), value(512)).add(worker, traces.AtUnlinked, of(1)).
			add(worker, traces.AtFlushed, of(1), func(t *traces.Transition) { t.Seen = traces.SeenKill }).posts(worker, 1, 512), ""},
		{"nobody is in it any more when what is left is cancelled", queuedInDying(begin().arms(1).leaves(first, traces.AtSubmit, 1)).posts(second, 1, interrupted).
			add(0, traces.AtKill), "1 calls are in the context"},
		{"a cancel finds in the queue what runs", begin().arms(1).leaves(first, traces.AtSubmit, 1).add(second, traces.AtCancel).dies().
			add(worker, traces.AtStarted, of(1)).add(second, traces.AtFoundQueued, of(1)), "request 1"},

		{"io_destroy waits", begin().dies().drains().add(first, traces.AtWaited).add(first, traces.AtNoContext, what(traces.AtSubmit)), ""},
		{"others do not", begin().dies().add(second, traces.AtNoContext, what(traces.AtSubmit)).drains().add(first, traces.AtWaited), ""},
		{"M5: it does not, and its thread calls", begin().dies().drains().add(first, traces.AtNoContext, what(traces.AtSubmit)), "which has not waited"},
		{"M5: it makes a context", begin().dies().add(first, traces.AtSetup, other(4)), "which has not waited"},
		{"M5: it exits", begin().dies().drains().add(first, traces.AtExit), "which has not waited"},
		{"what comes after all of it has ended", begin().dies().drains().add(first, traces.AtWaited).add(worker, traces.AtPosted, of(1)), "context 1 is gone"},
		{"another waits for it", begin().dies().drains().add(second, traces.AtWaited), "does not destroy the context"},

		{"a waiter is woken", waiter().leaves(second, traces.AtGetEvents, invalid).drains().add(first, traces.AtWaited), ""},
		{"M7: he is not", waiter().wait(6*time.Second).leaves(second, traces.AtGetEvents, invalid), "6.0 s after all waiters were to be woken"},
		{"he may wait long for events", begin().add(second, traces.AtGetEvents).add(second, traces.AtReaped).wait(time.Minute).leaves(second, traces.AtGetEvents, 0), ""},

		{"a poll has a thread of its own", begin().add(first, traces.AtSubmit).add(first, traces.AtSlot, of(1)).add(first, traces.AtCopied, of(1), other(uint32(model.Poll))).
			add(first, traces.AtPinned, of(1)).add(first, traces.AtArmed, of(1), other(1), seen(1)), ""},
		{"D10: it has not", begin().add(first, traces.AtSubmit).add(first, traces.AtSlot, of(1)).add(first, traces.AtCopied, of(1), other(uint32(model.Poll))).
			add(first, traces.AtPinned, of(1)).add(first, traces.AtArmed, of(1), other(1)), "is in the queue of class 0"},
		{"an fsync has one", begin().add(first, traces.AtSubmit).add(first, traces.AtSlot, of(1)).add(first, traces.AtCopied, of(1), other(uint32(model.FSync))).
			add(first, traces.AtPinned, of(1)).add(first, traces.AtArmed, of(1), other(1), seen(1)), "is in the queue of class 1"},

		{"the submitter posts", begin().arms(1).runs(1).add(worker, traces.AtIdle).posts(first, 1, 512).leaves(first, traces.AtSubmit, 1), ""},
		{"nobody does, and he leaves", begin().arms(1).runs(1).add(worker, traces.AtIdle).leaves(first, traces.AtSubmit, 1), "nobody has posted its event"},
		{"nobody does, and he goes on", begin().arms(1).runs(1).add(worker, traces.AtIdle).add(first, traces.AtSlot, of(2)), "nobody has posted its event"},
		{"nobody does, and the thread goes on", begin().arms(1).leaves(first, traces.AtSubmit, 1).runs(1).add(worker, traces.AtIdle), "nobody has posted the event"},
		{"he posts when he has left", begin().arms(1).leaves(first, traces.AtSubmit, 1).runs(1).add(first, traces.AtPosted, of(1), other(1), value(512)), "nor does its submitter still refer to it"},
		{"a stranger posts", begin().arms(1).runs(1).add(second, traces.AtPosted, of(1), other(1), value(512)), "nor does its submitter still refer to it"},
		{"one posts, another wakes", begin().arms(1).runs(1).add(worker, traces.AtPosted, of(1), other(1), value(512)).add(first, traces.AtWake, of(1)), "has posted the event of request 1, not thread"},

		{"a cancel in the queue", queuedCancel(begin().arms(1).leaves(first, traces.AtSubmit, 1)).posts(second, 1, interrupted).leaves(second, traces.AtCancel, inProgress), ""},
		{"T6: it posts no event", queuedCancel(begin().arms(1).leaves(first, traces.AtSubmit, 1)).leaves(second, traces.AtCancel, inProgress), "its event is not in the ring"},
		{"the submitter is about to post it", queuedCancel(begin().arms(1)).leaves(second, traces.AtCancel, inProgress).posts(first, 1, interrupted).leaves(first, traces.AtSubmit, 1), ""},
		{"and does not", queuedCancel(begin().arms(1)).leaves(second, traces.AtCancel, inProgress).leaves(first, traces.AtSubmit, 1), "nobody has posted its event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checked := judge(t, c.story.list)
			v := checked.Violation()
			switch {
			case c.why == "" && v != nil:
				t.Errorf("%v\n%s", v, v.State)
			case c.why != "" && v == nil:
				t.Error("it is not seen")
			case c.why != "" && !strings.Contains(v.Why, c.why):
				t.Errorf("%v, not because %q", v, c.why)
			case c.why != "" && v.At.Number != uint64(len(c.story.list)-1):
				t.Errorf("seen only at %v", &v.At)
			}
		})
	}
}

// TestPathsBeyondTheModelAreCounted: what is right, and no step of the model.
func TestPathsBeyondTheModelAreCounted(t *testing.T) {
	s := begin().arms(1).add(second, traces.AtCancel).add(second, traces.AtFoundQueued, of(1)).add(second, traces.AtEndEarly, of(1)).
		leaves(second, traces.AtCancel, inProgress).posts(first, 1, interrupted).leaves(first, traces.AtSubmit, 1)
	cover := judge(t, s.list).Coverage()
	if cover.Beyond[AnsweredEarly] != 1 || cover.Beyond[PostedBySubmitter] != 1 || cover.Beyond[OwnError] != 0 {
		t.Errorf("%v", cover)
	}
	if never := cover.Never(); len(never) == 0 || slices.Contains(never, 0) {
		t.Errorf("never %v", never)
	}
	for b := range NumBeyond {
		if b.String() == "" || b.Why() == "" {
			t.Errorf("path %d is not explained", b)
		}
	}
}
