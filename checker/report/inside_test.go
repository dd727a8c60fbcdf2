package report

import (
	"os"
	"strings"
	"testing"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

// insideFinding is a signal that outlives its request: a caller cancels the
// first request, and the thread ends the second as if it had been meant.
func insideFinding() checker.Finding {
	f := checker.Finding{Property: model.TransitionsAllowed.Name, File: traces.None, At: 9000, Requests: []traces.RequestID{2},
		Summary: "transition 107, return in aio_thread_run (fs/aio.c): a signal is pending on thread 55", Expected: "a step that the model has there: W5"}
	f.Inside = &checker.Inside{Of: "thread", Why: "a signal is pending on thread 55", Function: "aio_thread_run", Source: "fs/aio.c",
		State: []string{"request 0 PREAD regular: started", "worker 0: request 0, before W5"}, Allowed: []string{"W5: worker 0 executes a step of request 0"},
		Tasks: []checker.InsideTask{{ID: 48, Name: "caller 48"}, {ID: 55, Name: "AIO thread 55"}}}
	for i, s := range []checker.InsideStep{
		{Task: 0, Point: "found_running", Request: 1, Detail: "AIO thread 55", Steps: []string{"C3", "C5"}, Function: "aio_pool_cancel"},
		{Task: 0, Point: "signal", Request: 1, Steps: []string{"C6l"}, Function: "aio_pool_cancel"},
		{Task: 1, Point: "started", Request: 2, Steps: []string{"W1r"}, Function: "aio_worker"},
		{Task: 1, Point: "return", Request: 2, Detail: "-EINTR, pending: SIGKILL", Function: "aio_thread_run"},
	} {
		s.Number, s.At = uint64(104+i), traces.Time(2000*i+3000)
		f.Inside.Steps = append(f.Inside.Steps, s)
	}
	return f
}

// insidePage has a finding in transitions, and nothing else.
func insidePage(t testing.TB) string {
	h := fakeHistory(4, 200, 4, 16)
	j := fakeJudgement(h)
	j.Outcome = checker.Violated
	j.Verdicts = append(j.Verdicts, checker.Verdict{Property: model.TransitionsAllowed, Outcome: checker.Violated, Instances: 108, Violations: 1, Findings: []checker.Finding{insideFinding()}})
	return writePage(t, h, j)
}

// TestInsideIsDrawn: a column for each thread, a row for each transition, the
// wrong one marked, what belongs to another request fainter; and what the model
// has instead.
func TestInsideIsDrawn(t *testing.T) {
	text, err := os.ReadFile(insidePage(t))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for want, n := range map[string]int{
		`class="lane"`: 2, `<g class="transition`: 4, `<g class="transition wrong"`: 1, `<g class="transition besides"`: 2, "✗ return": 1,
		"caller 48</text>": 1, "W5: worker 0 executes a step of request 0</li>": 1, "<code>aio_thread_run()</code> in <code>fs/aio.c</code>": 1,
		"request 1 · AIO thread 55 · C3/C5 · aio_pool_cancel()": 1, `class="steps"`: 0,
	} {
		if got := strings.Count(page, want); got != n {
			t.Errorf("%d of %q, want %d", got, want, n)
		}
	}
	v := viewInside(insideFinding().Inside)
	for i, r := range v.Rows {
		if lane := v.Lanes[insideFinding().Inside.Steps[i].Task]; r.CenterX != lane.X || r.BoxX < 0 || r.BoxX+r.BoxWidth > v.Text || r.BoxY+r.BoxHeight > v.Height || r.Wrong != (i == len(v.Rows)-1) {
			t.Errorf("row %d is drawn wrong: %+v", i, r)
		}
	}
	if viewInside(nil) != nil {
		t.Error("a finding of the history has no such picture")
	}
}

// TestInsideIsPrinted: the same for a terminal.
func TestInsideIsPrinted(t *testing.T) {
	f := insideFinding()
	var b strings.Builder
	v := checker.Verdict{Property: model.TransitionsAllowed, Outcome: checker.Violated, Violations: 1, Findings: []checker.Finding{f}}
	if err := WriteVerdicts(&b, &checker.Judgement{Outcome: checker.Violated, Verdicts: []checker.Verdict{v}}, Style{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  seen      transition 107", "  state     request 0 PREAD", "            worker 0: request 0, before W5", "not a step: return  -EINTR, pending: SIGKILL · aio_thread_run()"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
