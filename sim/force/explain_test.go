package force_test

import (
	"testing"

	"aiocheck/sim/force"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

// recorded reads a trace of a kernel with a defect, recorded in a guest.
func recorded(t *testing.T, path string) (*traces.History, []traces.Transition) {
	t.Helper()
	h, err := traces.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var transitions []traces.Transition
	if err := traces.EachTransition(path, func(t *traces.Transition) error {
		transitions = append(transitions, *t)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return h, transitions
}

// What a kernel with a defect did is explained by the bug that is like it, and
// by a schedule that can be replayed and forced.
func TestExplain(t *testing.T) {
	for _, row := range []struct {
		trace    string
		finding  traces.RequestID
		bug      string
		requests int
	}{
		{"T1", 2, "signal-not-flushed", 2},
		{"T2", 2, "flush-before-unlink", 2},
		{"T4", 1, "early-cancel-lost", 1},
	} {
		h, transitions := recorded(t, "testdata/"+row.trace+".aiot")
		e, err := force.Explain(h, transitions, []traces.RequestID{row.finding})
		if err != nil || e == nil {
			t.Errorf("%s: no explanation: %v", row.trace, err)
			continue
		}
		if e.Bug != row.bug || len(e.Requests) != row.requests {
			t.Errorf("%s: explained by %q with %v", row.trace, e.Bug, e.Requests)
		}
		run, err := replay.Execute(e.Schedule)
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Check(); err != nil || e.Schedule.Violates == "" {
			t.Errorf("%s: %v", row.trace, err)
		}
		if o, err := force.Prepare(e.Schedule, true); err != nil || o.Instead != nil {
			t.Errorf("%s: cannot be forced: %v", row.trace, err)
		}
		// Without its cancel the same makes no sense.
		var less []traces.Transition
		for _, x := range transitions {
			if x.Point != traces.AtFoundRunning && x.Point != traces.AtFoundQueued && x.Point != traces.AtSignal {
				less = append(less, x)
			}
		}
		if e, err := force.Explain(h, less, []traces.RequestID{row.finding}); err == nil && e != nil && e.Bug == row.bug {
			t.Errorf("%s: explained without what the cancel did", row.trace)
		}
	}
	h, transitions := recorded(t, "testdata/T1.aiot")
	if _, err := force.Explain(h, transitions, []traces.RequestID{99}); err == nil {
		t.Error("a request that there is not was explained")
	}
}

// What a request did that nothing is wrong with is a behaviour of the design as
// it is.
func TestExplainNothingWrong(t *testing.T) {
	h, transitions := recorded(t, "testdata/T2.aiot")
	var without []traces.Transition
	for _, x := range transitions {
		if x.Point == traces.AtBegin {
			break
		}
		without = append(without, x)
	}
	e, err := force.Explain(h, without, []traces.RequestID{1})
	if err != nil || e == nil || e.Bug != "" {
		t.Errorf("%+v, %v", e, err)
	}
}
