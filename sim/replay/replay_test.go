package replay

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/traces"
)

// failer is what a test and a rapid check have in common.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func setup(t failer, d string, s *machine.Scenario, bugs ...string) *Setup {
	t.Helper()
	u, err := New(d, bugs, s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// asFile writes a schedule and reads it again.
func asFile(t failer, s *traces.Schedule) *traces.Schedule {
	t.Helper()
	var b bytes.Buffer
	if err := traces.WriteSchedule(&b, s); err != nil {
		t.Fatal(err)
	}
	back, err := traces.ParseSchedule("written", b.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return back
}

// Any walk in any design, written to a file and read again, is executed state
// by state as it was walked; without one of its steps it is not.
func TestWalksReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bug := rapid.SampledFrom(design.BugTable()).Draw(t, "bug")
		u := setup(t, bug.Base, machine.Witness(bug.Bug), bug.Name)
		states := []machine.State{u.Machine.Initial()}
		var path []machine.Step
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			out := u.Machine.Successors(&states[len(states)-1], nil)
			if len(out) == 0 {
				break
			}
			next := rapid.SampledFrom(out).Draw(t, "step")
			path, states = append(path, next.Step), append(states, next.State)
		}
		run, err := Execute(asFile(t, u.Schedule("", "", path, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if !run.Complete() || !slices.Equal(run.States, states) || !slices.Equal(run.Steps, path) || run.Check() != nil {
			t.Fatalf("walked %v, replayed %v", path, run.Steps)
		}
	})
}

// shortest is a schedule of a shortest counterexample of a bug.
func shortest(t failer, b design.Bug) *traces.Schedule {
	t.Helper()
	info := design.BugTable()[b]
	u := setup(t, info.Base, machine.Witness(b), info.Name)
	r, err := explore.Run(context.Background(), u.Machine, explore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Violations {
		if v.Property == info.Property.Name {
			return asFile(t, u.Schedule(v.Property, v.How, v.Path, v.Cycle))
		}
	}
	t.Fatalf("%s is not violated", info.Property.Name)
	return nil
}

// A step that cannot be taken is named, with those that could.
func TestMismatch(t *testing.T) {
	s := shortest(t, design.EarlyCancelLost)
	s.Steps = slices.Delete(s.Steps, 2, 3)
	run, err := Execute(s)
	var m *Mismatch
	if !errors.As(err, &m) || m.Number != 3 || len(run.States) != 3 || run.Complete() {
		t.Fatalf("%v after %d states", err, len(run.States))
	}
	want := "step 3, S5 thread0 request0, cannot be taken: enabled are\n  S3 thread0 request0\n  C2 thread1 request0"
	if err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	s.Steps = []traces.ScheduleStep{{Kind: machine.W1, Actor: traces.Actor{Role: traces.RoleWorker, Number: 7}}}
	if _, err := Execute(s); err == nil || !strings.HasPrefix(err.Error(), "step 1, W1 worker7 request0, cannot be taken") {
		t.Errorf("of a worker that is not there: %v", err)
	}
}

// A schedule that claims too much is found out.
func TestCheck(t *testing.T) {
	for _, b := range []design.Bug{design.EarlyCancelLost, design.QueuedCancelNoEvent} {
		s := shortest(t, b)
		run, err := Execute(s)
		if err != nil || run.Check() != nil {
			t.Fatalf("%v, %v", err, run.Check())
		}
		short := *s
		short.Steps = s.Steps[:len(s.Steps)-1]
		other := *s
		other.Violates = "freed-once"
		cycle := *s
		cycle.How = "cycle"
		for _, wrong := range []traces.Schedule{short, other, cycle} {
			run, err := Execute(&wrong)
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Check(); err == nil || !strings.HasPrefix(err.Error(), "the schedule does not violate "+wrong.Violates) {
				t.Errorf("%v", err)
			}
		}
	}
}

// What can be repeated for ever has to end where it begins, and to be fair.
func TestCycles(t *testing.T) {
	step := func(k machine.Kind, role traces.Role, n uint8) traces.ScheduleStep {
		return traces.ScheduleStep{Kind: k, Actor: traces.Actor{Role: role, Number: n}}
	}
	scenario := machine.CancelScenario(1, 1, 1)
	scenario.Prologue = false
	submit := []traces.ScheduleStep{
		step(machine.S0, traces.RoleThread, 0), step(machine.S1, traces.RoleThread, 0),
	}
	look := []traces.ScheduleStep{step(machine.C2, traces.RoleThread, 1), step(machine.C3n, traces.RoleThread, 1)}
	for _, c := range []struct {
		name         string
		steps, cycle []traces.ScheduleStep
		closed, fair bool
	}{
		{"nobody has begun", nil, look, true, true},
		{"the submitter would go on", submit, look, true, false},
		{"half a look", nil, look[:1], false, true},
	} {
		run, err := Execute(&traces.Schedule{Design: "thread-6.1", Scenario: *scenario, Steps: c.steps, Cycle: c.cycle})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if run.closed() != c.closed || c.closed && run.fair() != c.fair {
			t.Errorf("%s: closed %v, fair %v", c.name, run.closed(), run.fair())
		}
		if v := run.Violations(); len(v) > 0 {
			t.Errorf("%s: %v", c.name, v)
		}
	}
}

// The texts as people see them.
func TestTexts(t *testing.T) {
	s := shortest(t, design.RefusedKeepsSlot)
	run, err := Execute(s)
	if err != nil {
		t.Fatal(err)
	}
	var table, states bytes.Buffer
	if err := run.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	if err := run.WriteText(&states); err != nil {
		t.Fatal(err)
	}
	const wantTable = `
  #  actor     step  lock           what happens                               thread-aio.md
  1  thread 0  S0    RCU            enters io_submit and looks up the context  2.2
  2  thread 0  S1    irq-off, CAS;  takes a slot for request 0                 2.2, 2.8
                     refill under
                     CMP
  3  thread 0  S3e   -              refuses request 0, gives its slot back     2.2
`
	if d := cmp.Diff(strings.TrimPrefix(wantTable, "\n"), table.String()); d != "" {
		t.Error(d)
	}
	for _, want := range []string{
		"design    thread-6.1, refused-keeps-slot: thread-based AIO corrected for Linux 6.1\n",
		"  initially\n", "    3  S3e  thread 0 refuses request 0, gives its slot back (thread-aio.md 2.2)\n         request 0 PWRITE regular: refused\n",
		"\nviolated: slots-conserved, in a state\n",
	} {
		if !strings.Contains(states.String(), want) {
			t.Errorf("%q is missing in\n%s", want, states.String())
		}
	}
}

func TestNewErrors(t *testing.T) {
	scenario := machine.CancelScenario(1, 1, 1)
	for _, c := range []struct{ design, bug, want string }{
		{"nosuch", "", `no design is named "nosuch": there are thread-2016-01, `},
		{"thread-6.1", "nosuch", `no seeded bug is called "nosuch": there are signal-not-flushed, `},
	} {
		var bugs []string
		if c.bug != "" {
			bugs = append(bugs, c.bug)
		}
		if _, err := New(c.design, bugs, scenario); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// The schedule in the documentation is one, and shows what it says.
func TestDocumentedSchedule(t *testing.T) {
	page, err := os.ReadFile("../../docs/schedule.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "\n    aiocheck schedule")
	text, _, _ = strings.Cut("    aiocheck schedule"+text, "\n|")
	s, err := traces.ParseSchedule("docs/schedule.md", []byte(strings.ReplaceAll("\n"+text, "\n    ", "\n")[1:]))
	if err != nil {
		t.Fatal(err)
	}
	run, err := Execute(s)
	if err != nil || run.Check() != nil || s.Violates == "" {
		t.Fatalf("%v, %v", err, run.Check())
	}
}
