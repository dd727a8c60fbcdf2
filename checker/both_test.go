package checker_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/sim"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

var (
	update    = flag.Bool("update", false, "write docs/misbehaviours.md anew")
	histories = flag.Int("histories", threadHistories, "how many histories of an honest kernel with threads to judge")
)

// run is a target that has run its rounds, and what was found about it.
type run struct {
	target    *sim.Target
	history   *traces.History
	judgement *checker.Judgement
}

// roughRun runs two rough programs.
func roughRun(seed uint64, m *sim.Misbehaviour) (run, error) {
	target := sim.New(sim.Config{Seed: seed, StorageBytes: roughBytes, Direct: seed%4 != 0, Misbehaviour: m})
	rng := rand.New(rand.NewPCG(seed, 1))
	first := traces.RequestID(1)
	for round := range uint64(2) {
		p := roughProgram(rng, round, first)
		first += traces.RequestID(len(p.Requests))
		if err := target.Run(p); err != nil {
			return run{}, err
		}
	}
	return judged(target)
}

// threadedRun runs two programs for contexts with threads.
func threadedRun(seed uint64, m *sim.Misbehaviour) (run, error) {
	target := sim.New(sim.Config{Seed: seed, StorageBytes: roughBytes, Direct: seed%4 == 0, Threaded: true, Workers: 1 + int(seed/4%3), Misbehaviour: m})
	rng := rand.New(rand.NewPCG(seed, 2))
	first := traces.RequestID(1)
	for round := range uint64(2) {
		p := threadedProgram(rng, round, first)
		first += traces.RequestID(len(p.Requests))
		if err := target.Run(p); err != nil {
			return run{}, err
		}
	}
	return judged(target)
}

// mixedRun runs what the generator of workloads makes of about 20 requests.
func mixedRun(seed uint64, threads bool) (run, error) {
	mixes := workload.Mixes()
	// Drawn from other digits of the seed than the mix, so that every mix runs
	// both ways.
	direct := seed/uint64(len(mixes))%4 != 0
	target := sim.New(sim.Config{Seed: seed, StorageBytes: 16 << 10, Direct: direct, Threaded: threads})
	load := traces.Workload{Seed: seed, Threads: 1 + int(seed%3), Depth: 1 + int(seed/3%8), Mix: mixes[seed%uint64(len(mixes))].Name,
		MinBytes: 512, MaxBytes: 4096, Requests: 20}
	g, err := workload.New(load, target.Device(), 1, target.Header().Abilities)
	if err != nil {
		return run{}, err
	}
	for p, ok := g.Next(); ok; p, ok = g.Next() {
		if err := target.Run(p); err != nil {
			return run{}, err
		}
	}
	return judged(target)
}

func judged(target *sim.Target) (run, error) {
	target.Finish()
	h, err := traces.FromLogs(target.Header(), target.Logs()...)
	if err != nil {
		return run{}, err
	}
	return run{target, h, checker.Check(h, checker.Limits{})}, nil
}

// violated are the properties that a run's history violates.
func (r *run) violated() []model.Property {
	var ps []model.Property
	for _, v := range r.judgement.Verdicts {
		if v.Outcome == checker.Violated {
			ps = append(ps, v.Property)
		}
	}
	return ps
}

// findings are one finding of each property that is violated, to be read.
func (r *run) findings() string {
	var b strings.Builder
	for _, v := range r.judgement.Verdicts {
		if v.Outcome == checker.Violated {
			f := v.Findings[0]
			fmt.Fprintf(&b, "\n%s at %d: %s\n  expected: %s", f.Property, f.At, f.Summary, f.Expected)
			for _, s := range f.Steps {
				fmt.Fprintf(&b, "\n  thread %d %d..%d: %s", s.Thread, s.From, s.To, s.Text)
			}
		}
	}
	return b.String()
}

// inParallel calls do with every number below n, from a goroutine for each
// processor.
func inParallel(n int, do func(i int)) {
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	all.Wait()
}

// What an honest kernel does violates nothing.
func TestHonestHistoriesHold(t *testing.T) {
	inParallel(honestHistories, func(i int) {
		// Both kinds of program get every seed below half the number.
		honest := func(seed uint64) (run, error) { return roughRun(seed, nil) }
		if i%2 == 0 {
			honest = func(seed uint64) (run, error) { return mixedRun(seed, false) }
		}
		holds(t, i, honest)
	})
}

// Nor does what an honest kernel with threads does.
func TestHonestThreadsHold(t *testing.T) {
	inParallel(*histories, func(i int) {
		honest := func(seed uint64) (run, error) { return threadedRun(seed, nil) }
		if i%2 == 0 {
			honest = func(seed uint64) (run, error) { return mixedRun(seed, true) }
		}
		holds(t, i, honest)
	})
}

// holds judges the history of half the number.
func holds(t *testing.T, i int, honest func(seed uint64) (run, error)) {
	r, err := honest(uint64(i / 2))
	switch {
	case err != nil:
		t.Errorf("history %d: %v", i, err)
	case r.judgement.Outcome != checker.Holds:
		t.Errorf("history %d: %v%s", i, r.judgement.Outcome, r.findings())
	}
}

// tally is how often a misbehaviour happened and what was then named.
type tally struct {
	fired  int // histories in which it happened
	caught int // of them, those with a violation
	right  int // of them, those with the expected property named
	named  map[string]int
	wrong  string // histories with a violation in which it did not happen
}

func tallyOf(m *sim.Misbehaviour) (tally, error) {
	run, n := roughRun, misbehavingHistories
	if m.Threaded() || m.Expect == model.WaiterWoken { // the scenes have waiters
		run, n = threadedRun, misbehavingThreads
	}
	sum := tally{named: map[string]int{}}
	for seed := range uint64(n) {
		r, err := run(seed, m)
		if err != nil {
			return sum, fmt.Errorf("%s, seed %d: %w", m.Name, seed, err)
		}
		names := r.violated()
		if r.target.Fired() == 0 {
			if len(names) > 0 {
				sum.wrong += fmt.Sprintf("%s, seed %d: %s", m.Name, seed, r.findings())
			}
			continue
		}
		sum.fired++
		if len(names) > 0 {
			sum.caught++
		}
		if slices.Contains(names, m.Expect) {
			sum.right++
		}
		for _, p := range names {
			sum.named[p.Name]++
		}
	}
	return sum, nil
}

// Every misbehaviour is caught, and the right property is named. What the
// test has found is the table of docs/misbehaviours.md.
func TestMisbehavioursAreCaught(t *testing.T) {
	ms := sim.Misbehaviours()
	tallies := make([]tally, len(ms))
	inParallel(len(ms), func(i int) {
		var err error
		if tallies[i], err = tallyOf(&ms[i]); err != nil {
			t.Error(err)
		}
	})
	for i, m := range ms {
		sum := &tallies[i]
		if sum.wrong != "" {
			t.Errorf("a violation, but the misbehaviour had not happened: %s", sum.wrong)
		}
		// Many a misbehaviour is out of sight: a wrong read of a request that
		// nobody reaps, a lost write that the next one covers. The share of a
		// handful of histories, which is what the race detector leaves time for
		// with some, says nothing.
		if sum.right < leastNamed || sum.caught >= 8 && sum.right*2 < sum.caught {
			t.Errorf("%s happened in %d histories, was caught in %d, as %s in %d: %v", m.Name, sum.fired, sum.caught, m.Expect.Name, sum.right, sum.named)
		}
	}
	if leastNamed > 0 { // the numbers are those of the table
		compareTable(t, misbehaviourTable(ms, tallies))
	}
}

// misbehaviourTable is the table as Markdown.
func misbehaviourTable(ms []sim.Misbehaviour, tallies []tally) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Misbehaviours of the simulated kernel, and what catches them

Every row is a bug that the simulated kernel (sim/) can be told to have. The
numbers are counts of histories: %d are made for each row from small random
programs. The first rows are bugs of a kernel like mainline, those from
args-reread on of one whose contexts have threads (aiocheck verify --target
sim --auto-threads), of which %d histories are
made, and so of the two about waiters. *Happened* are those in which the bug really struck; *caught* are
those of them that the checker says violate a property. A bug that struck may
stay out of sight: nobody reaped the request, or the next write covered the
traces. The checker sees only what a program could. *Expected* is the
property that must be named, *named* all that were, with counts. *After* is
the bug of a real kernel that is like it: M are bugs of mainline's history, D
defects of the thread-based AIO that was posted in 2016, T mistakes that an
executor by threads invites. An open with O_CREAT that was cancelled may have
made the file, so no row says otherwise.

This file is written by the tests: go test ./checker -run Misbehaviours -update

| name | what goes wrong | after | expected | happened | caught | named |
|---|---|---|---|---:|---:|---|
`, misbehavingHistories, misbehavingThreads)
	for i, m := range ms {
		sum := &tallies[i]
		var named []string
		for name, n := range sum.named {
			named = append(named, fmt.Sprintf("%s %d", name, n))
		}
		slices.SortFunc(named, func(a, b string) int {
			na, nb := sum.named[strings.Fields(a)[0]], sum.named[strings.Fields(b)[0]]
			return cmp.Or(cmp.Compare(nb, na), cmp.Compare(a, b))
		})
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %d | %s |\n", m.Name, m.Sentence, m.History, m.Expect.Name,
			sum.fired, sum.caught, strings.Join(named, ", "))
	}
	return b.String()
}

func compareTable(t *testing.T, table string) {
	const file = "../docs/misbehaviours.md"
	if *update {
		if err := os.MkdirAll("../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(old) != table {
		t.Errorf("%s is out of date: run go test ./checker -run Misbehaviours -update, and look at what has changed", file)
	}
}
