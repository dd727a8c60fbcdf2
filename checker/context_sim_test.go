package checker

import (
	"fmt"
	"testing"

	"aiocheck/model"
	"aiocheck/sim"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

// simulate runs rounds of a mix on the simulated kernel, with a bug if one is
// given, and returns the history and how often the bug has struck.
func simulate(t testing.TB, mix string, seed uint64, requests int, direct bool, bug *sim.Misbehaviour) (*traces.History, int) {
	t.Helper()
	target := runSimulation(t, mix, seed, requests, direct, bug)
	h, err := traces.FromLogs(target.Header(), target.Logs()...)
	if err != nil {
		t.Fatal(err)
	}
	return h, target.Fired()
}

// simulateLogs gives the logs of an honest simulation.
func simulateLogs(t testing.TB, mix string, seed uint64, requests int, direct bool) []traces.Log {
	t.Helper()
	return runSimulation(t, mix, seed, requests, direct, nil).Logs()
}

func runSimulation(t testing.TB, mix string, seed uint64, requests int, direct bool, bug *sim.Misbehaviour) *sim.Target {
	t.Helper()
	load := traces.Workload{Seed: seed, Threads: 1 + int(seed%4), Depth: 2 + int(seed%13), Mix: mix, MinBytes: 512, MaxBytes: 4096, Requests: requests}
	target := sim.New(sim.Config{Seed: seed, Misbehaviour: bug, StorageBytes: 64 << 10, Direct: direct, Workload: load})
	programs, err := workload.New(load, target.Device(), 1, traces.Abilities{})
	if err != nil {
		t.Fatal(err)
	}
	for p, ok := programs.Next(); ok; p, ok = programs.Next() {
		if err := target.Run(p); err != nil {
			t.Fatal(err)
		}
	}
	target.Finish()
	return target
}

// simulatePrograms runs given programs on the simulated kernel.
func simulatePrograms(t testing.TB, seed uint64, bug *sim.Misbehaviour, programs ...*traces.Program) (*traces.History, int) {
	t.Helper()
	target := sim.New(sim.Config{Seed: seed, Misbehaviour: bug, StorageBytes: 64 << 10})
	for _, p := range programs {
		if err := target.Run(p); err != nil {
			t.Fatal(err)
		}
	}
	target.Finish()
	h, err := traces.FromLogs(target.Header(), target.Logs()...)
	if err != nil {
		t.Fatal(err)
	}
	return h, target.Fired()
}

// refusals submits what io_submit refuses, more often than there are slots.
func refusals() *traces.Program {
	p := &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 4}}, Threads: make([][]traces.Step, 1),
		Files: []traces.FileDecl{{Kind: traces.Storage, Bytes: 64 << 10}, {Kind: traces.Pipe}}}
	for i := range traces.RequestID(40) {
		p.Requests = append(p.Requests, traces.RequestDecl{Opcode: model.FSync, File: 1})
		p.Threads[0] = append(p.Threads[0], traces.Step{Do: traces.DoSubmit, Request: i, Count: 1})
	}
	return p
}

// describeFinding is what a failing test prints of a finding.
func describeFinding(f *Finding) string {
	text := fmt.Sprintf("%s: %s\n  expected: %s", f.Property, f.Summary, f.Expected)
	for _, s := range f.Steps {
		text += fmt.Sprintf("\n  %d. thread %d [%d, %d] %s", s.Order, s.Thread, s.From, s.To, s.Text)
	}
	return text
}

// An honest kernel is never accused, whatever the mix.
func TestHonestSimulationsHold(t *testing.T) {
	for _, mix := range []string{"default", "cancel", "storage", "cancel,exhaust=100", "default,drain=1,destroy=1,exit=1,kill=1"} {
		for seed := range uint64(12) {
			h, _ := simulate(t, mix, seed, 600, seed%2 == 0, nil)
			for _, v := range judgeContext(h, newBudget(Limits{})) {
				if v.Outcome == Violated {
					t.Errorf("mix %s, seed %d: %s", mix, seed, describeFinding(&v.Findings[0]))
				}
			}
		}
	}
}

// Nor is it accused when the trace ends in the middle: calls that were not
// seen to return may have done anything.
func TestHonestSimulationsHoldWhenCut(t *testing.T) {
	for _, mix := range []string{"cancel", "default,drain=1,destroy=1,exit=1,kill=1"} {
		for seed := range uint64(8) {
			whole, _ := simulate(t, mix, seed, 400, seed%2 == 0, nil)
			last := traces.Time(0)
			for i := range whole.Calls {
				last = max(last, whole.Calls[i].Invoke)
			}
			for part := range traces.Time(10) {
				h, err := traces.FromLogs(whole.Header, cutLogs(simulateLogs(t, mix, seed, 400, seed%2 == 0), last*part/10)...)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range judgeContext(h, newBudget(Limits{})) {
					if v.Outcome == Violated {
						t.Errorf("mix %s, seed %d, %d tenths: %s", mix, seed, part, describeFinding(&v.Findings[0]))
					}
				}
			}
		}
	}
}

// cutLogs keeps of each log what comes before a time.
func cutLogs(logs []traces.Log, until traces.Time) []traces.Log {
	var out []traces.Log
	for _, log := range logs {
		n := 0
		for n < len(log) {
			r := &log[n]
			timed := r.Kind == traces.KindRound || r.Kind == traces.KindInvoke || r.Kind == traces.KindReturn || r.Kind == traces.KindExit
			if timed && traces.Time(r.A) > until {
				break
			}
			n++
		}
		out = append(out, log[:n])
	}
	return out
}

// A judgement that its limits end says so, and accuses nobody.
func TestContextLimits(t *testing.T) {
	h, _ := simulate(t, "cancel", 1, 600, false, nil)
	for _, l := range []Limits{{Time: 1}, {Memory: 1000}} {
		for _, v := range judgeContext(h, newBudget(l)) {
			if v.Outcome != Undecided || v.Why == "" {
				t.Errorf("%+v: %s is %v, because %q", l, v.Property.Name, v.Outcome, v.Why)
			}
		}
	}
}

// Every property of the context is put to the test by the default mix, but for
// those of threads and frozen file systems.
func TestDefaultMixTestsEveryContextProperty(t *testing.T) {
	instances := map[string]int64{}
	for seed := range uint64(6) {
		h, _ := simulate(t, "default,exhaust=20,exit=10,kill=10", seed, 4000, seed%2 == 0, nil)
		for _, v := range judgeContext(h, newBudget(Limits{})) {
			instances[v.Property.Name] += v.Instances
		}
	}
	for _, p := range contextProperties {
		if instances[p.Name] == 0 && p != model.CancelledNoEffect && p != model.FileHeld {
			t.Errorf("%s has no instance", p.Name)
		}
	}
}

// Every misbehaviour that concerns the context is caught, and the property
// that it breaks is named: those of a kernel without threads, which the mixes
// make happen there.
func TestMisbehavioursAreNamed(t *testing.T) {
	for _, bug := range sim.Misbehaviours() {
		if bug.Expect.Object != model.Context || bug.Threaded() || bug.Expect == model.WaiterWoken {
			continue
		}
		t.Run(bug.Name, func(t *testing.T) {
			fired, caught := 0, 0
			for seed := range uint64(24) {
				mix := []string{"cancel,exhaust=30", "default,exhaust=30", "default,exit=30,destroy=30"}[seed%3]
				h, n := simulate(t, mix, seed, 600, seed%2 == 0, &bug)
				if bug.Name == "slot-leak-rejected" {
					h, n = simulatePrograms(t, seed, &bug, refusals()) // the mixes have no refused requests
				}
				if n == 0 {
					continue
				}
				fired++
				for _, v := range judgeContext(h, newBudget(Limits{})) {
					if v.Property == bug.Expect && v.Outcome == Violated {
						caught++
						checkContextFinding(t, h, &v.Findings[0])
					}
				}
			}
			if t.Logf("struck in %d runs, named in %d", fired, caught); caught == 0 {
				t.Error("never named")
			}
		})
	}
}

// checkContextFinding looks at what every finding must have.
func checkContextFinding(t *testing.T, h *traces.History, f *Finding) {
	t.Helper()
	if f.Summary == "" || f.Expected == "" || len(f.Steps) < len(f.Calls) || len(f.Calls) == 0 || f.File != traces.None {
		t.Errorf("incomplete finding: %+v", *f)
	}
	for i, c := range f.Calls {
		if i > 0 && h.Calls[f.Calls[i-1]].Invoke > h.Calls[c].Invoke {
			t.Errorf("calls out of order: %+v", *f)
		}
	}
}
