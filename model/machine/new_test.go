package machine

import (
	"errors"
	"strings"
	"testing"

	"aiocheck/model"
	"aiocheck/model/design"
)

// Scenarios that make no sense, do not fit, or ask for what a design does not
// have are refused with a reason.
func TestNewRefuses(t *testing.T) {
	good := func() *Scenario { return cancelOne() }
	for _, row := range []struct {
		change func(*Scenario)
		reason string
	}{
		{func(s *Scenario) { s.Threads = nil }, "at least one thread"},
		{func(s *Scenario) { s.Requests[0].File = 7 }, "there is no file 7"},
		{func(s *Scenario) { s.Requests[0].Units = 9 }, "1 to 3 units"},
		{func(s *Scenario) { s.Threads[1].Calls[0].Requests = []uint8{5} }, "there is no request 5"},
		{func(s *Scenario) { s.Threads[1].Calls[0] = submit(0) }, "submitted twice"},
		{func(s *Scenario) { s.Threads[0].Forever = true }, "for ever"},
		{func(s *Scenario) { s.Threads[0].Calls[0].Context = 3 }, "there is no context 3"},
		{func(s *Scenario) {
			s.Threads[0].Calls = append(s.Threads[0].Calls, Call{Kind: GetEvents, Min: 3, Nr: 2})
		}, "min must be at most nr"},
		{func(s *Scenario) {
			s.Threads[0].Calls = append(s.Threads[0].Calls, Call{Kind: Write, File: 9})
		}, "there is no file 9"},
		{func(s *Scenario) {
			for len(s.Threads) < 40 {
				s.Threads = append(s.Threads, caller(cancel(0), cancel(1)))
			}
		}, "more than 256 bits"},
	} {
		s := good()
		row.change(s)
		d := design.Thread61()
		if _, err := New(&d, s); err == nil || !strings.Contains(err.Error(), row.reason) {
			t.Errorf("%v, want %q", err, row.reason)
		}
	}
	d := design.Acall()
	if _, err := New(&d, end(Destroy)); !errors.Is(err, ErrNotApplicable) {
		t.Errorf("io_destroy under acall: %v", err)
	}
}

// A walk reads like the table in the fact sheet.
func TestDescriptions(t *testing.T) {
	m := machineOf(t, design.Thread201601(), CancelScenario(1, 1, 1))
	s := m.Initial()
	var got []string
	for _, want := range []Kind{W1, C2, C3, C5, W2, C7, W4b, W7, W8, W9} {
		found := false
		for _, n := range m.Successors(&s, nil) {
			if n.Step.Kind == want && !found {
				found = true
				got = append(got, m.DescribeStep(n.Step))
				s = n.State
			}
		}
		if !found {
			t.Fatalf("%s is not enabled in\n%s", want, m.Describe(&s))
		}
	}
	want := []string{
		"W1: worker 0 takes request 0 from the queue under pool (thread-aio.md 2.3)",
		"C2: canceller 1 enters io_cancel for request 0 and looks up the context under RCU (thread-aio.md 2.4)",
		"C3: canceller 1 takes the lock and finds request 0 under CTX (thread-aio.md 2.4)",
	}
	for i, line := range want {
		if got[i] != line {
			t.Errorf("%q, want %q", got[i], line)
		}
	}
	text := m.Describe(&s)
	for _, line := range []string{"request 0 PWRITE regular: posted, cancel slot CANCELLED, result -EINTR", "worker 0: request 0, before W11", "context 0: alive"} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

// The contract of thread-aio.md 3.1, row by row: what io_cancel answers and
// what becomes of the request are seen together, and nothing else is.
func TestCancellationContract(t *testing.T) {
	pairs := func(d design.Design, s *Scenario) map[string]bool {
		e := full(t, machineOf(t, d, s), 100_000)
		seen := map[string]bool{}
		for o := range e.outcomes {
			line := strings.Split(o, "\n")
			seen[line[0]+" / "+line[len(line)-1-strings.Count(o, "\nring")-strings.Count(o, "\nfile")]] = true
		}
		return seen
	}
	write := &Scenario{
		Files: []File{{Kind: design.Regular}}, Contexts: []Context{{}}, Requests: []Request{{Opcode: model.PWrite, Units: 2}},
		Threads: []Thread{caller(submit(0)), caller(cancel(0))},
	}
	for _, row := range []struct {
		design design.Design
		want   []string
	}{
		{design.Thread61(), []string{
			"r0: -EINTR, effect 0 / t1: io_cancel = -EINPROGRESS;", // early, or late before the first unit
			"r0: 1, effect 1 / t1: io_cancel = -EINPROGRESS;",      // late: the prefix counts
			"r0: 2, effect 2 / t1: io_cancel = -EINPROGRESS;",      // D13: the operation had returned
			"r0: 2, effect 2 / t1: io_cancel = -EINVAL;",           // not armed yet, or unlinked
		}},
		{design.Mainline61(), []string{"r0: 2, effect 2 / t1: io_cancel = -EINVAL;"}},
		{design.PosixGlibc(), []string{
			"r0: -ECANCELED, effect 0 / t1: io_cancel = 0;",
			"r0: 2, effect 2 / t1: io_cancel = NOTCANCELED;",
			"r0: 2, effect 2 / t1: io_cancel = ALLDONE;",
		}},
		{design.Acall(), []string{
			"r0: -EINTR, effect 0 / t1: io_cancel = 0;",
			"r0: 1, effect 1 / t1: io_cancel = 0;",
			"r0: 2, effect 2 / t1: io_cancel = 0;", // also after the completion is visible
			"r0: 2, effect 2 / t1: io_cancel = -EAGAIN;",
		}},
		{design.IoUring(), []string{
			"r0: -ECANCELED, effect 0 / t1: io_cancel = 0;",
			"r0: -EINTR, effect 0 / t1: io_cancel = -EALREADY;",
			"r0: 1, effect 1 / t1: io_cancel = -EALREADY;",
			"r0: 2, effect 2 / t1: io_cancel = -EALREADY;",
			"r0: 2, effect 2 / t1: io_cancel = -ENOENT;",
		}},
	} {
		got := pairs(row.design, write)
		for _, w := range row.want {
			if !got[w] {
				t.Errorf("%s does not show %q", row.design.Name, w)
			}
			delete(got, w)
		}
		for extra := range got {
			t.Errorf("%s also shows %q", row.design.Name, extra)
		}
	}
}
