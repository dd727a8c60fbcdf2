package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aiocheck/checker"
	"aiocheck/checker/inclusion"
	"aiocheck/checker/report"
	library "aiocheck/litmus"
	"aiocheck/sim/explore"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces"
)

// defaultRepeat is how often a test is run on a target.
const defaultRepeat = 100

// runTarget runs tests as programs; a forbidden outcome, or a history that the
// checker refuses, is a violation.
func (c *litmusCommand) runTarget(s *session) error {
	c.Line, c.RandomSeed = s.line, c.Seed
	if err := c.completeTarget(); err != nil {
		return usageError(err)
	}
	if c.Schedules == everySchedule {
		return c.runOrders(s)
	}
	tests, err := c.tests()
	if err != nil {
		return usageError(err)
	}
	if err := c.buildSource(s, c.Target); err != nil {
		return err
	}
	machine, err := c.openMachine(s)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.stdout)
	defer out.Flush()
	l := &litmusRun{litmusCommand: c, session: s, machine: machine}
	var reports []*runner.TargetReport
	var inside inclusion.Coverage
	violated := false
	told := newSteps(s.stderr, len(tests))
	for _, e := range tests {
		r, err := l.test(e)
		if err != nil {
			return errors.Join(err, machine.close())
		}
		reports = append(reports, r.TargetReport)
		violated = violated || r.Finding()
		if r.Inside != nil {
			inside.Add(r.Inside)
		}
		if c.JSON {
			err = json.NewEncoder(out).Encode(r)
		} else {
			err = r.writeText(out)
		}
		if err = errors.Join(err, out.Flush()); err != nil {
			return errors.Join(fmt.Errorf("print litmus result: %w", err), machine.close())
		}
		told.step()
	}
	if err := machine.close(); err != nil {
		return machineError(err)
	}
	if !c.JSON {
		if err := runner.WriteTargetSummary(out, reports); err != nil {
			return fmt.Errorf("print litmus summary: %w", err)
		}
		if inside.Transitions > 0 {
			fmt.Fprintf(out, "inside: %s\n", strings.Join(inside.Lines(), "\n        "))
		}
	}
	if violated {
		return verdictError(checker.Violated)
	}
	return nil
}

func (c *litmusCommand) completeTarget() error {
	switch {
	case len(c.Design) > 0 || c.Outcome != "" || c.Schedules != "" && c.Schedules != everySchedule:
		return errors.New("--design, --outcome and --schedules DIR are for the model")
	case c.Schedules == everySchedule && (c.Target != "qemu" || c.Repeat > 0 || c.First > 0):
		return errors.New("--schedules all is for --target qemu, without --repeat and --first")
	case c.Within != "" && c.Schedules != everySchedule:
		return errors.New("--within needs --schedules all")
	case c.Most < 1:
		return errors.New("--most is above 0")
	case c.Repeat < 0 || c.First < 0:
		return errors.New("--repeat is above 0, --first not below")
	case c.Kernel != "" && c.Target != "qemu":
		return errors.New("--kernel needs --target qemu")
	case c.Repeat == 0:
		c.Repeat = defaultRepeat
	}
	return c.runFlags.check(c.Target)
}

// again is the command of a deterministic run of a test.
func (c *litmusCommand) again(path string) string {
	if !c.Deterministic {
		return ""
	}
	return c.Line.again([][2]string{{"--seed", fmt.Sprint(c.Seed)}}, path)
}

// How long what may never come is waited for: at first, and before it is said
// that it does not come. Programs that wait for it only by mistake wait longer:
// until a round that is drained is given up.
const (
	settle       = 50 * time.Millisecond
	settleSurely = 3 * time.Second
	sureRounds   = 5                // so many rounds of a test are made again with the longer wait
	runTime      = 20 * time.Second // after which no further rounds of a run are begun
)

// litmusRun is a run of tests on a target.
type litmusRun struct {
	*litmusCommand
	*session
	machine litmusMachine
	kept    int // traces
}

// litmusResult is what a test has shown, from outside and inside.
type litmusResult struct {
	*runner.TargetReport
	// Inside is what the kernel told of its own steps; nil if it told nothing.
	Inside *inclusion.Coverage `json:"inside,omitempty"`
	// Findings are the transitions that the model does not have, the first of
	// each run.
	Findings []checker.Finding `json:"findings,omitempty"`
}

// writeText writes the report, and what is wrong inside.
func (r *litmusResult) writeText(w io.Writer) error {
	if err := r.WriteText(w); err != nil {
		return err
	}
	if len(r.Findings) == 0 {
		return nil
	}
	v := checker.Verdict{Outcome: checker.Violated, Violations: int64(len(r.Findings))}
	return report.WriteFinding(w, v, r.Findings[0], report.Style{})
}

// test runs a test so many times, each a round of some run.
func (l *litmusRun) test(e library.Entry) (*litmusResult, error) {
	plan, err := runner.NewPlan(l.ctx, e.Test, l.machine.kernel(), explore.Options{MaxStates: l.MaxStates})
	if err != nil {
		return nil, usageError(err)
	}
	r := &litmusResult{TargetReport: plan.Report(e.Path)}
	r.Seed, r.Again = l.Seed, l.again(e.Path)
	if plan.Unrunnable != "" {
		return r, nil
	}
	t := &litmusTest{litmusRun: l, plan: plan, report: r}
	for draw := l.First; draw < l.First+l.Repeat && r.Hung == "" && r.Unrunnable == ""; {
		n := min(l.First+l.Repeat-draw, max(1, int(l.machine.storage()/plan.StorageBytes(1))))
		made, err := t.rounds(draw, n)
		if err != nil {
			return nil, err
		}
		if draw += made; made < n && r.Finding() {
			break // each run waits for what does not come: that is told by one as by many
		}
	}
	slices.Sort(t.again)
	for _, draw := range t.again[:min(len(t.again), sureRounds)] {
		if r.Hung != "" {
			break
		}
		if err := t.surely(draw); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// litmusTest is a test that is being run.
type litmusTest struct {
	*litmusRun
	plan   *runner.Plan
	report *litmusResult
	again  []int // draws of rounds in which something forbidden never to come had not come
}

// rounds makes up to n rounds of a run, and counts what they show.
func (t *litmusTest) rounds(draw, n int) (made int, err error) {
	seen, err := t.run(draw, n, settle)
	for i := range seen {
		if s := &seen[i]; s.Waiting && !s.Allowed {
			t.again = append(t.again, draw+i)
		} else {
			t.report.Add(draw+i, s)
		}
	}
	return len(seen), err
}

// surely makes a round again with a wait that is long enough to say that
// something does not come.
func (t *litmusTest) surely(draw int) error {
	t.report.Late++
	seen, err := t.run(draw, 1, settleSurely)
	for i := range seen {
		t.report.Add(draw, &seen[i])
	}
	return err
}

// run makes rounds, keeps their trace if there is something to see in it, and
// has the checker judge it.
func (t *litmusTest) run(draw, n int, settle time.Duration) ([]runner.Seen, error) {
	programs := make([]*traces.Program, n)
	for i := range programs {
		in := runner.Instance{Round: i, Seed: t.Seed, Draw: uint64(draw + i), Settle: settle}
		programs[i] = t.plan.Program(in, n)
	}
	rec, err := t.machine.run(t.ctx, t.plan, programs)
	if rec != nil {
		rec.header.Again = t.report.Again
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("run %s: %w", t.report.Path, err)
	case t.ctx.Err() != nil:
		return nil, machineError(fmt.Errorf("run %s: %w", t.report.Path, t.ctx.Err()))
	case rec.refused != "":
		t.report.Unrunnable = rec.refused
		return nil, nil
	}
	h, err := traces.FromLogs(rec.header, rec.logs...)
	if err != nil {
		return nil, machineError(fmt.Errorf("read what was recorded of %s: %w", t.report.Path, err))
	}
	seen, err := t.plan.Observe(h, rec.hung == "")
	if err != nil {
		return nil, machineError(err)
	}
	t.report.Hung = rec.hung
	finding := rec.hung != "" || slices.ContainsFunc(seen, func(s runner.Seen) bool { return !s.Allowed && !s.Torn })
	inside, cover, err := inclusion.JudgeLogs(rec.logs, h)
	if err != nil {
		return nil, machineError(err)
	}
	broken := append(brokenBy(h), rec.reports...)
	if inside.Outcome == checker.Violated {
		broken = append(broken, inside.Property.Name)
		t.report.Findings = append(t.report.Findings, inside.Findings...)
	}
	if cover.Transitions > 0 {
		if t.report.Inside == nil {
			t.report.Inside = new(inclusion.Coverage)
		}
		t.report.Inside.Add(cover)
	}
	for _, name := range broken {
		finding = true
		if !slices.Contains(t.report.Broken, name) {
			t.report.Broken = append(t.report.Broken, name)
		}
	}
	if finding {
		return seen, t.keep(rec, programs)
	}
	return seen, nil
}

// keep writes the trace of a run and, beside it, its programs.
func (t *litmusTest) keep(rec *recordedRun, programs []*traces.Program) error {
	path, err := t.keepTrace(strings.TrimSuffix(t.report.Path, ".litmus"), rec, programs)
	if path != "" {
		t.report.Traces = append(t.report.Traces, path)
	}
	return err
}

// keepTrace writes the trace of a run and its programs where runs with
// findings are kept. The path is that of the trace, if it was written.
func (l *litmusRun) keepTrace(name string, rec *recordedRun, programs []*traces.Program) (string, error) {
	dir := l.Keep
	if dir == "" {
		dir = os.TempDir()
	} else if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", machineError(fmt.Errorf("make directory: %w", err))
	}
	name = strings.TrimPrefix(strings.ReplaceAll(name, "/", "-"), "-")
	l.kept++
	path := filepath.Join(dir, fmt.Sprintf("litmus-%s-%d-%d.aiot", name, os.Getpid(), l.kept))
	err := writeFile(path, l.Overwrite, func(w io.Writer) error {
		trace, err := traces.NewWriter(w, rec.header)
		if err != nil {
			return err
		}
		for _, log := range rec.logs {
			if err := trace.Append(log); err != nil {
				return err
			}
		}
		finish := traces.FinishComplete
		if rec.hung != "" {
			finish = traces.FinishFailed
		}
		return trace.Close(finish, rec.hung)
	})
	if err != nil {
		return "", err
	}
	return path, writeFile(path+".json", l.Overwrite, func(w io.Writer) error { return json.NewEncoder(w).Encode(programs) })
}

// logs are records by thread.
type logs []traces.Log

// Append keeps a copy of records of one thread.
func (l *logs) Append(records []traces.Record) error {
	if len(records) == 0 {
		return nil
	}
	thread := records[0].Thread
	i := slices.IndexFunc(*l, func(log traces.Log) bool { return log[0].Thread == thread })
	if i < 0 {
		*l = append(*l, slices.Clone(records))
		return nil
	}
	(*l)[i] = append((*l)[i], records...)
	return nil
}

// steps tells how many of some steps were made, and how long the others will
// take, now and then.
type steps struct {
	out         io.Writer
	done, total int
	start, told time.Time
}

func newSteps(out io.Writer, total int) *steps {
	return &steps{out: out, total: total, start: time.Now(), told: time.Now()}
}

func (s *steps) step() {
	s.done++
	if time.Since(s.told) < plainEvery {
		return
	}
	s.told = time.Now()
	left := time.Since(s.start) * time.Duration(s.total-s.done) / time.Duration(s.done)
	fmt.Fprintf(s.out, "aiocheck: %d of %d tests, %s left\n", s.done, s.total, left.Round(time.Second))
}
