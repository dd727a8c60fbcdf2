package inclusion

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

// recorded is the beginning of a run on the patched kernel in a guest:
// 4,000 transitions of the default mix, two processors, emulated.
func recorded(t testing.TB) []traces.Transition {
	t.Helper()
	var list []traces.Transition
	err := traces.EachTransition("testdata/guest.aiot", func(tr *traces.Transition) error {
		list = append(list, *tr)
		return nil
	})
	if err != nil || len(list) != 4001 {
		t.Fatalf("%d transitions, %v", len(list), err)
	}
	return list
}

// judge judges transitions, which it numbers anew.
func judge(t testing.TB, list []traces.Transition) *Checker {
	t.Helper()
	c := New(nil)
	for i := range list {
		tr := list[i]
		tr.Number = uint64(i)
		if err := c.Add(&tr); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestRecordedRunIsIncluded(t *testing.T) {
	c := judge(t, recorded(t))
	if v := c.Violation(); v != nil {
		t.Fatalf("%v\n%s", v, v.State)
	}
	cover := c.Coverage()
	if cover.Transitions != 4000 || cover.Unjudged != 0 || cover.Lost != 0 || cover.Requests == 0 {
		t.Errorf("%+v", cover)
	}
}

// find is the position of an early transition of that point of a context that
// is judged, for which want holds.
func find(t testing.TB, list []traces.Transition, p traces.Point, want func(*traces.Transition) bool) int {
	t.Helper()
	i := slices.IndexFunc(list, func(tr traces.Transition) bool { return tr.Point == p && (want == nil || want(&tr)) })
	if i < 0 {
		t.Fatalf("the run has no %v", p)
	}
	return i
}

// TestEachTransitionIsNeeded: without any one of these transitions the run is
// none of the model's.
func TestEachTransitionIsNeeded(t *testing.T) {
	list := recorded(t)
	for _, p := range []traces.Point{traces.AtSubmit, traces.AtCancel, traces.AtGetEvents, traces.AtLeave, traces.AtSlot, traces.AtCopied, traces.AtPinned,
		traces.AtArmed, traces.AtStarted, traces.AtBegin, traces.AtReturn, traces.AtUnlinked, traces.AtFlushed, traces.AtPosted, traces.AtWake, traces.AtFreed,
		traces.AtIdle, traces.AtFoundRunning, traces.AtSignal, traces.AtDead, traces.AtWakeAll, traces.AtUsersKilled,
		traces.AtKill, traces.AtKilled, traces.AtDrained, traces.AtThreadNew} {
		t.Run(p.String(), func(t *testing.T) {
			i := find(t, list, p, nil)
			c := judge(t, slices.Delete(slices.Clone(list), i, i+1))
			v := c.Violation()
			if v == nil {
				t.Fatal("it is not missed")
			}
			if v.Why == "" || v.State == "" || v.Where == "" {
				t.Errorf("not explained: %+v", v)
			}
		})
	}
}

// TestWhatIsSeenCounts: a transition that sees or does something else than the
// model has is found, at once or when it comes to matter.
func TestWhatIsSeenCounts(t *testing.T) {
	list := recorded(t)
	for _, c := range []struct {
		name string
		p    traces.Point
		want func(*traces.Transition) bool
		do   func(*traces.Transition)
	}{
		{"another result", traces.AtPosted, nil, func(tr *traces.Transition) { tr.Value++ }},
		{"a slot of the ring left out", traces.AtPosted, nil, func(tr *traces.Transition) { tr.Other++ }},
		{"a signal that nobody sent", traces.AtReturn, func(tr *traces.Transition) bool { return tr.Seen == 0 }, func(tr *traces.Transition) { tr.Seen = traces.SeenKill }},
		{"a signal that stays", traces.AtFlushed, func(tr *traces.Transition) bool { return tr.Seen == traces.SeenKill }, func(tr *traces.Transition) { tr.Seen = 0 }},
		{"interrupted by nobody", traces.AtReturn, func(tr *traces.Transition) bool { return tr.Value >= 0 }, func(tr *traces.Transition) { tr.Value = -512 }},
		{"another's request", traces.AtUnlinked, nil, func(tr *traces.Transition) { tr.Task++ }},
		{"out of the queue's order", traces.AtArmed, nil, func(tr *traces.Transition) { tr.Other++ }},
		{"too many slots back", traces.AtSlotsBack, nil, func(tr *traces.Transition) { tr.Value += 50 }},
		{"the signal to another thread", traces.AtSignal, nil, func(tr *traces.Transition) { tr.Other++ }},
		{"a cancel that found nothing, it says", traces.AtLeave, func(tr *traces.Transition) bool { return traces.Point(tr.Seen) == traces.AtCancel && tr.Value == -115 },
			func(tr *traces.Transition) { tr.Value = -22 }},
		{"one accepted too many", traces.AtLeave, func(tr *traces.Transition) bool { return traces.Point(tr.Seen) == traces.AtSubmit && tr.Value > 0 },
			func(tr *traces.Transition) { tr.Value++ }},
		{"an event from nowhere", traces.AtReaped, func(tr *traces.Transition) bool { return tr.Seen > 0 }, func(tr *traces.Transition) { tr.Seen += 60; tr.Other += 60 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := slices.Clone(list)
			c.do(&changed[find(t, list, c.p, c.want)])
			if judge(t, changed).Violation() == nil {
				t.Error("it is not seen")
			}
		})
	}
}

// TestOrderCounts: of the transitions of one request, no two neighbours can
// change places.
func TestOrderCounts(t *testing.T) {
	list := recorded(t)
	i := find(t, list, traces.AtPosted, func(tr *traces.Transition) bool { return tr.Value > 0 })
	var of []int
	for k, tr := range list {
		if tr.Context == list[i].Context && tr.Request == list[i].Request {
			of = append(of, k)
		}
	}
	for k := range len(of) - 1 {
		swapped := slices.Clone(list)
		swapped[of[k]], swapped[of[k+1]] = swapped[of[k+1]], swapped[of[k]]
		if judge(t, swapped).Violation() == nil {
			t.Errorf("%v and %v can change places", list[of[k]].Point, list[of[k+1]].Point)
		}
	}
}

// TestLostTransitionsAreSaid: what was lost is counted, and nothing that may
// follow from it is taken for a violation.
func TestLostTransitionsAreSaid(t *testing.T) {
	list := recorded(t)
	c := New(nil)
	for i := range list {
		if i >= 1000 && i < 1500 {
			continue
		}
		if err := c.Add(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	if c.Violation() != nil || c.Coverage().Lost != 500 || c.Coverage().Unjudged == 0 {
		t.Errorf("%v, %+v", c.Violation(), c.Coverage())
	}
	end := New(nil)
	for i := range list[:100] {
		if err := end.Add(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := end.Add(&list[len(list)-1]); err != nil || end.Coverage().Lost != 3900 {
		t.Errorf("%v: %d lost at the end", err, end.Coverage().Lost)
	}
}

// TestViolationIsExplained shows one as a person reads it.
func TestViolationIsExplained(t *testing.T) {
	list := recorded(t)
	i := find(t, list, traces.AtFlushed, nil)
	v := judge(t, slices.Delete(slices.Clone(list), i, i+1)).Violation()
	if v == nil {
		t.Fatal("no violation")
	}
	text := fmt.Sprint(v, "\n", v.State, "\n", strings.Join(v.Allowed, "\n"))
	for _, want := range []string{"posted", "aio_complete", "before W14", "W14: worker 0 flushes pending signals"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestVerdict: the verdict of a trace, and a finding that shows what led to it.
func TestVerdict(t *testing.T) {
	v, cover, err := Judge("testdata/guest.aiot", nil)
	if err != nil || v.Outcome != checker.Holds || v.Instances != 4000 || cover.Requests == 0 {
		t.Errorf("%+v, %v", v, err)
	}
	list := recorded(t)
	i := find(t, list, traces.AtFlushed, nil)
	v = judge(t, slices.Delete(slices.Clone(list), i, i+1)).Verdict()
	if v.Outcome != checker.Violated || len(v.Findings) != 1 {
		t.Fatalf("%+v", v)
	}
	f := v.Findings[0]
	if !strings.Contains(f.Expected, "W14") || len(f.Steps) < 8 || !strings.Contains(f.Steps[len(f.Steps)-1].Text, "posted") || !strings.Contains(f.Steps[len(f.Steps)-2].Text, "unlinked") {
		t.Errorf("%+v", f)
	}
	if v := New(nil).Verdict(); v.Outcome != checker.Unchecked {
		t.Errorf("nothing is %v", v.Outcome)
	}
}

// TestHowOperationsEnd: which ends an operation of each opcode may come to
// when it was told to stop, and that none says so when it was not.
func TestHowOperationsEnd(t *testing.T) {
	const bounded, growing = false, true
	for _, c := range []struct {
		opcode            model.Opcode
		growing           bool
		full, stopped     bool // after a cancel
		fullAtOnce, alone bool // without: it returns, and that it was interrupted
	}{
		{model.PRead, bounded, true, true, true, false},
		{model.PWriteV, bounded, true, true, true, false},
		{model.PRead, growing, true, true, true, false},
		{model.PWrite, growing, true, true, true, false},
		{model.ReadAhead, bounded, true, true, true, false},
		{model.OpenAt, growing, true, true, true, false},
		{model.Poll, growing, true, true, true, false},
		{model.FSync, bounded, true, false, true, false},
		{model.UnlinkAt, bounded, true, false, true, false},
		{model.RenameAt, bounded, true, false, true, false},
	} {
		ends := func(how way, cancelled bool) bool {
			checker := New(nil)
			k, err := checker.class(classKey{opcode: c.opcode, growing: c.growing})
			if err != nil {
				t.Fatal(err)
			}
			r := request{class: k, state: k.start}
			acts := []act{{traces.AtSlot, plain}, {traces.AtCopied, plain}, {traces.AtPinned, plain}, {traces.AtArmed, plain}, {traces.AtStarted, plain}}
			if cancelled {
				acts = append(acts, act{traces.AtFoundRunning, byCall}, act{traces.AtSignal, byCall})
			}
			for _, a := range acts {
				if v := r.take(checker, a, true); v != nil {
					t.Fatalf("%v: %s\n%v", a, v.State, v.Allowed)
				}
			}
			if r.take(checker, act{traces.AtReturn, how}, true) != nil {
				return false
			}
			return r.take(checker, act{traces.AtUnlinked, plain}, true) == nil
		}
		got := [...]bool{ends(full, true), ends(stopped, true), ends(full, false), ends(stopped, false)}
		if want := [...]bool{c.full, c.stopped, c.fullAtOnce, c.alone}; got != want {
			t.Errorf("%v, a thread of its own %v: full and stopped after a cancel, and without: %v, want %v", c.opcode, c.growing, got, want)
		}
	}
}
