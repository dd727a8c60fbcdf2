package litmus_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aiocheck/checker"
	library "aiocheck/litmus"
	"aiocheck/sim"
	"aiocheck/sim/explore"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces"
	"aiocheck/traces/litmus"
)

// The simulated kernel, without and with threads.
var (
	inline   = runner.Kernel{Single: true, Patience: 15, Sizes: true}
	threaded = runner.Kernel{Single: true, Patience: 15, Sizes: true, Abilities: traces.Abilities{Threaded: true, Names: true, Identity: true}}
)

// simulate runs a plan on a simulated kernel, honest or not.
func simulate(t *testing.T, p *runner.Plan, cfg sim.Config, runs int) *traces.History {
	t.Helper()
	cfg.StorageBytes, cfg.Direct, cfg.Workers = p.StorageBytes(runs), p.Direct, p.Workers
	cfg.Threaded = p.Kernel.Abilities.Threaded
	target := sim.New(cfg)
	for round := range runs {
		if err := target.Run(p.Program(runner.Instance{Round: round, Seed: cfg.Seed, Draw: uint64(round), Settle: time.Millisecond}, runs)); err != nil {
			t.Fatal(err)
		}
	}
	target.Finish()
	h, err := traces.FromLogs(target.Header(), target.Logs()...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func plan(t *testing.T, test *litmus.Test, k runner.Kernel) *runner.Plan {
	t.Helper()
	p, err := runner.NewPlan(context.Background(), test, k, explore.Options{Workers: 1, MaxStates: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// oneStep is why an allowed outcome in which two take the same event is never
// seen: they would race for the mapped ring, but a recorder keeps them apart.
const oneStep = "user space takes events from the ring one thread at a time"

// neverSeen are the allowed outcomes that the simulated kernel does not show.
var neverSeen = map[string]string{
	"reaping/two-user-space-reapers.litmus: a.res = 4K, T0.reap got a; T0.submit = 1, T0.reap = 1; T1.reap = 1; f[0] = a": oneStep,
	"reaping/two-user-space-reapers.litmus: a.res = 4K, T1.reap got a; T0.submit = 1, T0.reap = 1; T1.reap = 1; f[0] = a": oneStep,
}

// report is what a run showed.
func report(t *testing.T, path string, p *runner.Plan, h *traces.History) *runner.TargetReport {
	t.Helper()
	r := p.Report(path)
	if err := p.AddAll(r, h); err != nil {
		t.Fatal(err)
	}
	return r
}

// The simulated kernel shows no outcome that the model does not allow, and all
// that it allows, but for those listed, or a few where threads have to meet;
// the checker accepts every history.
func TestSimulatedKernelKeepsToTheModel(t *testing.T) {
	t.Run("inline", func(t *testing.T) {
		if never := keepsToTheModel(t, inline, 155, 300); len(never) > 0 {
			t.Errorf("never seen, and not listed so: %q", never)
		}
	})
	t.Run("threaded", func(t *testing.T) {
		if never := keepsToTheModel(t, threaded, 180, 100); len(never) > 25 {
			t.Errorf("never seen, and not listed so: %q", never)
		}
	})
}

func keepsToTheModel(t *testing.T, k runner.Kernel, want, runs int) (neverListed []string) {
	entries, err := library.Library()
	if err != nil {
		t.Fatal(err)
	}
	runnable := 0
	for _, e := range entries {
		p := plan(t, e.Test, k)
		if p.Unrunnable != "" {
			t.Logf("%s: %s", e.Path, p.Unrunnable)
			continue
		}
		runnable++
		h := simulate(t, p, sim.Config{Seed: 1}, runs)
		r := report(t, e.Path, p, h)
		for _, c := range r.Forbidden {
			t.Errorf("%s: seen %d times, and not allowed: %s", e.Path, c.Runs, c.Outcome)
		}
		for _, text := range p.Allowed {
			key := e.Path + ": " + text
			switch never, why := slices.Contains(r.Never, text), neverSeen[key]; {
			case never && why == "":
				neverListed = append(neverListed, key)
			case !never && why != "":
				t.Errorf("%s: seen, though listed as never seen: %s", key, why)
			}
		}
		if j := checker.Check(h, checker.Limits{}); j.Outcome != checker.Holds {
			t.Errorf("%s: the checker says %s", e.Path, j.Outcome)
			for _, v := range j.Verdicts {
				if v.Outcome != checker.Holds {
					t.Logf("%+v", v)
				}
			}
		}
	}
	if runnable < want {
		t.Errorf("%d tests are runnable, want %d or more", runnable, want)
	}
	return neverListed
}

// A kernel with a bug shows outcomes that are not allowed.
func TestMisbehavingKernelIsNoticed(t *testing.T) {
	for _, c := range []struct {
		bug, test string
		kernel    runner.Kernel
	}{
		{"lost-write", "operations/buffered-write.litmus", inline},
		{"too-many-bytes", "operations/buffered-write.litmus", inline},
		{"cancel-zero", "operations/poll-cancelled.litmus", inline},
		{"cancel-twice", "poll/twice-cancelled.litmus", inline},
		{"cancel-unknown", "cancel/never-submitted.litmus", inline},
		{"submit-count", "cancel/answers.litmus", inline},
		{"dead-getevents", "destroy/then-everything-fails.litmus", inline},
		{"slot-leak-rejected", "slots/refused-gives-back.litmus", inline},
		{"slot-leak-reaped", "slots/user-space-reaping-gives-back.litmus", inline},
		{"slots-at-completion", "slots/event-in-the-ring-keeps-slot.litmus", threaded},
		{"slot-twice", "slots/cancel-gives-none.litmus", threaded},
		{"args-reread", "defects/d01-unlinkat.litmus", threaded},
		{"worker-cwd", "defects/d02-directory-not-captured.litmus", threaded},
		{"suid-kept", "defects/d03-credentials-of-write.litmus", threaded},
		{"limit-of-worker", "defects/d05-descriptor-limit.litmus", threaded},
		{"mask-ignored", "designs/poll-mask.litmus", threaded},
		{"name-needs-file", "designs/spurious-descriptor.litmus", threaded},
		{"one-class", "defects/d10-readers-fill-the-pool.litmus", threaded},
		{"cancel-once", "defects/d17-worker-deaf-after-first-signal.litmus", threaded},
		{"chdir-counts", "defects/d20-chdir-after-submit.litmus", threaded},
		{"signal-leaks", "defects/d18-signal-leak-refuted.litmus", threaded},
		{"cancelled-runs", "bugs/early-cancel-lost.litmus", threaded},
		{"queued-no-event", "bugs/queued-cancel-no-event.litmus", threaded},
		{"cancel-lost", "cancel/running-interruptible.litmus", threaded},
		{"eintr-partial", "operations/buffered-write.litmus", threaded},
		{"partial-full", "operations/buffered-write.litmus", threaded},
		{"destroy-cancels-nothing", "destroy/ends-sleeping-read.litmus", threaded},
		{"waiter-forgotten", "destroy/wakes-waiter.litmus", threaded},
		{"rename-lost", "defects/d02-rename-captured.litmus", threaded},
	} {
		i := slices.IndexFunc(sim.Misbehaviours(), func(m sim.Misbehaviour) bool { return m.Name == c.bug })
		if i < 0 {
			t.Errorf("no seeded bug is called %s", c.bug)
			continue
		}
		p := plan(t, mustParse(t, library.Text(c.test)), c.kernel)
		r := report(t, c.test, p, simulate(t, p, sim.Config{Seed: 1, Misbehaviour: &sim.Misbehaviours()[i]}, 300))
		if len(r.Forbidden) == 0 || !r.Finding() {
			t.Errorf("%s with %s: only %v", c.test, c.bug, r.Seen)
		}
	}
}

func TestUnrunnable(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"directory d\nrequest a openat d\nthreads T\n  submit a", "programs have no directory"},
		{"regular f\ndirect g\nrequest a pread f 4K\nthreads T\n  submit a", "a program has one storage, buffered or direct"},
		{"pipe p 4K\nrequest a pwrite p 8K\nthreads T\n  submit a", "a program cannot set the size of p"},
		{"regular f\ncontext c slots 1\nrequest a pread f 4K\nrequest b pread f 4K\nthreads T\n  submit a b", "the slots of c are counted exactly on one processor only"},
		{"regular f\nrequest a pread f 4K iocb x\nrequest b pread f 4K iocb x\nthreads T\n  submit a b", "each request of a program has an iocb of its own"},
		{"regular f\nrequest a pread f 4K\nthreads T\n  submit a\n  exit\n  reap", "a program does nothing after its exit"},
		{"regular f\nrequest a pread f 4K\nthreads T | U\n  submit a | reap\n  getevents 0 1", "a program does not take a context's events from the ring and by io_getevents in different threads"},
		{"eventfd e holds 1\nrequest a pread e 8\nthreads T\n  submit a", "a program's eventfds do not block"},
	} {
		if got := plan(t, mustParse(t, "litmus x\n"+c.text), runner.Kernel{}).Unrunnable; got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func mustParse(t *testing.T, text string) *litmus.Test {
	t.Helper()
	test, err := litmus.Parse("x.litmus", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return test
}

// What streams begin with, plain transfers and closed ends come through.
func TestProgramOfStreams(t *testing.T) {
	p := plan(t, mustParse(t, `litmus streams
pipe p holds 4K
socket s holds 8K nowriter
eventfd e holds 2
request a pread p 8K
request b pread s 4K
request c poll e
threads T
  submit a b c
  write p 4K
  read s 8K
  getevents 3 3`), inline)
	r := report(t, "streams", p, simulate(t, p, sim.Config{Seed: 1}, 5))
	want := []runner.Count{{Runs: 5, Outcome: "a.res = 4K, a[0] = old, T.getevents got a; b.res = 4K, b[0] = old, T.getevents got b; " +
		"c.res = ready, T.getevents got c; T.submit = 3, T.write = 4K, T.read = 4K, T.getevents = 3; a before b; b before c"}}
	if d := cmp.Diff(want, r.Seen); d != "" || len(r.Forbidden) > 0 {
		t.Error(d, r.Forbidden)
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil || !strings.HasPrefix(b.String(), "streams: 5 runs\n  seen           5  a.res = 4K") {
		t.Errorf("%v: %s", err, b.String())
	}
}
