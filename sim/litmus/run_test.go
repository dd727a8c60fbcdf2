package litmus

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aiocheck/model/design"
	"aiocheck/sim/explore"
	"aiocheck/traces/litmus"
)

func parse(t *testing.T, text string) *litmus.Test {
	t.Helper()
	test, err := litmus.Parse("x.litmus", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return test
}

func run(t *testing.T, test *litmus.Test, name string, opts explore.Options, extra ...litmus.Expr) *Result {
	t.Helper()
	designs, err := litmus.Expand([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), test, &designs[0], opts, extra...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const cancelled = `litmus cancelled
pipe p
request a pread p 4K
threads T0       | T1
        submit a | cancel a
thread-6.1: exists T1.cancel = -EINPROGRESS and a.res = -EINTR
thread-6.1: exists a.res = 4K
thread-6.1: forbidden a.res = 4K
thread-6.1: forbidden T1.cancel = -EINVAL
thread-6.1: always a.effect = none
thread-6.1: always a.res = none
mainline-4.4: always hangs
`

// Verdicts in both directions, for each quantifier, with what decides them.
func TestVerdicts(t *testing.T) {
	test := parse(t, cancelled)
	r := run(t, test, "thread-6.1", explore.Options{})
	var got []string
	for _, v := range r.Verdicts {
		line := string(v.Is) + " " + v.Condition
		if v.Witness != nil {
			line += ": " + r.Outcomes[*v.Witness].Text
		}
		got = append(got, line)
	}
	want := []string{
		"ok thread-6.1: exists T1.cancel = -EINPROGRESS and a.res = -EINTR: a.res = -EINTR, a.effect = none; T0.submit = 1; T1.cancel = -EINPROGRESS; p = 0",
		"failed thread-6.1: exists a.res = 4K",
		"ok thread-6.1: forbidden a.res = 4K",
		"failed thread-6.1: forbidden T1.cancel = -EINVAL: a.res = none, a.effect = none; T0.submit = 1; T1.cancel = -EINVAL; p = 0",
		"ok thread-6.1: always a.effect = none",
		"failed thread-6.1: always a.res = none: a.res = -EINTR, a.effect = none; T0.submit = 1; T1.cancel = -EINPROGRESS; p = 0",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if r.Judged() != Failed {
		t.Error(r.Judged())
	}
	if r := run(t, test, "mainline-4.4", explore.Options{}); r.Judged() != OK || len(r.Verdicts) != 1 {
		t.Errorf("%+v", r.Verdicts)
	}
}

// What a stopped exploration has not decided is bounded; what it has seen
// counts.
func TestBounded(t *testing.T) {
	test := parse(t, cancelled)
	r := run(t, test, "thread-6.1", explore.Options{MaxStates: 20, Workers: 1})
	if r.Stop != explore.StopStates {
		t.Fatal(r.Stop)
	}
	for _, v := range r.Verdicts {
		if v.Is != Bounded && v.Witness == nil {
			t.Errorf("%s without a witness: %s", v.Is, v.Condition)
		}
	}
	if r.Judged() != Bounded {
		t.Error(r.Judged())
	}
}

// A witness is a behaviour of the machine that ends in its outcome.
func TestWitness(t *testing.T) {
	test := parse(t, cancelled)
	expr, err := litmus.ParseExpr(test, "text", "a.res = -EINTR")
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, test, "thread-6.1", explore.Options{}, expr)
	o := r.Find(&expr)
	if o == nil {
		t.Fatal("no outcome")
	}
	lines := r.Witness(o)
	if len(lines) != len(o.Path) || !strings.HasPrefix(lines[0], "S0: T0 enters io_submit") {
		t.Error(lines)
	}
	text := strings.Join(lines, "\n")
	for _, part := range []string{"T1 enters io_cancel for a", "takes a off its queue", "ends a, which it took off its queue"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
}

// The text of every outcome is an expression that is true of this outcome and
// of no other.
func TestOutcomeTextIsAnExpression(t *testing.T) {
	test := parse(t, `litmus text
pipe p
regular f
request a pwrite p 4K
request c openat f
request s fsync f
threads T0            | T1
        submit a s    | cancel a
        getevents 0 2 |
        submit c      |
        rewrite c     |
exists a before s and T0.getevents got a and c.iocb = rewritten and c.task = worker and p[0] = a and s.covers = 0 and violates args-captured
`)
	r := run(t, test, "thread-2016-01", explore.Options{})
	if len(r.Outcomes) < 10 {
		t.Errorf("only %d outcomes", len(r.Outcomes))
	}
	for i := range r.Outcomes {
		e, err := litmus.ParseExpr(test, "outcome", r.Outcomes[i].Text)
		if err != nil {
			t.Fatalf("%v in %s", err, r.Outcomes[i].Text)
		}
		if !r.Outcomes[i].Satisfies(test, &e) {
			t.Errorf("not true of itself: %s", r.Outcomes[i].Text)
		}
	}
}

func TestInapplicable(t *testing.T) {
	test := parse(t, "litmus x\nregular f\nrequest a pread f 4K\nthreads T0\n  submit a\n  destroy\nposix-glibc: exists hangs")
	r := run(t, test, "posix-glibc", explore.Options{})
	if r.Inapplicable == "" || r.Judged() != Failed {
		t.Errorf("%+v", r)
	}
}

func TestScenarioErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"regular f\nrequest a pread f 100\nthreads T\n  submit a", "request a: 100 bytes are not 0 to 255 units of 4096"},
		{"regular f\nrequest a pread f 4K at 100\nthreads T\n  submit a", "request a: offset: 100 bytes"},
		{"regular f\nrequest a pread f 16K\nthreads T\n  submit a", "1 to 3 units"},
		{"pipe p 5000\nthreads T\n  exit", "file p: 5000 bytes"},
		{"pipe p 4K holds 8K\nthreads T\n  exit", "file p: holds more than its size"},
		{"context c slots 256\nthreads T\n  exit", "context c: 256 slots"},
		{"pipe p\nthreads T\n  write p 1", "thread T: write p 1: 1 bytes"},
		{"threads T\n  getevents 0 300", "does not reap 300 events"},
	} {
		test := parse(t, "litmus x\n"+c.text)
		d := design.Thread61()
		_, err := Run(context.Background(), test, &d, explore.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestRunIsCancelled(t *testing.T) {
	test := parse(t, cancelled)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("enough"))
	d := design.Thread61()
	r, err := Run(ctx, test, &d, explore.Options{})
	if err != nil || r.Stop != explore.StopCancelled {
		t.Errorf("%v, %v", r, err)
	}
}

func TestReport(t *testing.T) {
	test := parse(t, "litmus r\nabout What it shows.\nregular f\nrequest a pread f 4K\nthreads T0\n  submit a\nmainline: always a.res = 4K\nmainline-4.4: forbidden T0.submit = 1")
	report := &Report{Path: "r.litmus", Name: "r", About: "What it shows."}
	for _, name := range []string{"mainline-4.4", "mainline-6.1"} {
		report.Results = append(report.Results, run(t, test, name, explore.Options{}))
	}
	var b strings.Builder
	if err := report.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if err := WriteSummary(&b, []*Report{report}); err != nil {
		t.Fatal(err)
	}
	want := `r.litmus
  What it shows.

  mainline-4.4: 6 states, 1 outcome
    a.res = 4K, a.effect = full; T0.submit = 1
    ok      mainline: always a.res = 4K (1 of 1)
    failed  mainline-4.4: forbidden T0.submit = 1 (1 of 1)
        1 S0: T0 enters io_submit and looks up the context under RCU (thread-aio.md 2.2)
`
	if !strings.HasPrefix(b.String(), want) || !strings.Contains(b.String(), "\n1 test: 0 ok, 1 failed, 0 bounded\n") {
		t.Error(cmp.Diff(want, b.String()))
	}
}
