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
	library "aiocheck/litmus"
	"aiocheck/model/design"
	"aiocheck/sim/explore"
	"aiocheck/sim/force"
	runner "aiocheck/sim/litmus"
	"aiocheck/sim/replay"
	"aiocheck/traces"
	"aiocheck/traces/litmus"
)

// everySchedule is the value of --schedules with which a target runs tests
// under every order that the model has.
const everySchedule = "all"

// runOrders runs tests under every order that the model has for them, or under
// a tour of these.
func (c *litmusCommand) runOrders(s *session) error {
	tests, err := c.programs()
	if err != nil {
		return usageError(err)
	}
	f, err := s.openForcer(c)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.stdout)
	var reports []*force.TestReport
	bad, strayed := false, false
	told := newSteps(s.stderr, len(tests))
	for _, e := range tests {
		r, err := f.orders(e)
		if err == nil {
			reports = append(reports, r)
			bad, strayed = bad || r.Bad(), strayed || r.Followed < r.Orders
			if c.JSON {
				err = json.NewEncoder(out).Encode(r)
			} else {
				err = r.WriteText(out)
			}
			err = errors.Join(err, out.Flush())
		}
		if err != nil {
			return errors.Join(err, f.machine.close())
		}
		told.step()
	}
	if err := f.machine.close(); err != nil {
		return machineError(err)
	}
	if !c.JSON {
		if err := errors.Join(force.WriteTestSummary(out, reports), out.Flush()); err != nil {
			return fmt.Errorf("print litmus summary: %w", err)
		}
	}
	switch {
	case bad:
		return verdictError(checker.Violated)
	case strayed:
		return verdictError(checker.Undecided)
	}
	return nil
}

// programs are the tests named, or those within bounds.
func (c *litmusCommand) programs() ([]library.Entry, error) {
	if c.Within == "" {
		return c.tests()
	}
	if len(c.Files) > 0 {
		return nil, errors.New("--within makes its own programs, and takes no files")
	}
	var within force.Bounds
	if err := within.UnmarshalText([]byte(c.Within)); err != nil {
		return nil, fmt.Errorf("--within %s: %w", c.Within, err)
	}
	scenarios, err := within.Scenarios()
	if err != nil {
		return nil, fmt.Errorf("--within %s: %w", c.Within, err)
	}
	var entries []library.Entry
	for _, s := range scenarios {
		t, err := runner.TestOf(s)
		if err != nil {
			return nil, err
		}
		entries = append(entries, library.Entry{Path: s.Name, Test: t})
	}
	return entries, nil
}

// orders forces all orders of a test.
func (f *forcer) orders(e library.Entry) (*force.TestReport, error) {
	began := time.Now()
	unforced := func(why string) (*force.TestReport, error) {
		return &force.TestReport{Path: e.Path, Unforced: why, Outcomes: []force.OrderOutcome{}}, nil
	}
	plan, err := runner.NewPlan(f.ctx, e.Test, f.machine.kernel(), explore.Options{MaxStates: f.MaxStates})
	switch {
	case err != nil:
		return nil, usageError(err)
	case plan.Unrunnable != "":
		return unforced(plan.Unrunnable)
	}
	scenario, err := plan.Scenario()
	if err != nil {
		return nil, usageError(err)
	}
	d := design.Thread61()
	w, err := force.NewWalker(&d, scenario)
	if err != nil {
		return unforced(err.Error())
	}
	chosen := w.Enumerate(f.Most)
	r := force.NewTestReport(e.Path, chosen)
	var orders []*force.Order
	for _, path := range chosen.Paths {
		orders = append(orders, &force.Order{Walker: w, Design: d, Path: path, Scheduled: len(path)})
	}
	size := max(1, int(f.machine.storage()/plan.StorageBytes(1)))
	for len(orders) > 0 && r.Hung == "" {
		n := min(size, len(orders))
		done, err := f.rounds(orders[:n], plan, false)
		if err != nil {
			return nil, err
		}
		if err := f.count(r, e.Test, plan, orders, done); err != nil {
			return nil, err
		}
		if len(done.runs) == 0 {
			r.Hung = "the guest runs nothing"
		}
		orders = orders[len(done.runs):]
	}
	for _, text := range plan.Allowed {
		if !slices.ContainsFunc(r.Outcomes, func(o force.OrderOutcome) bool { return o.Outcome == text }) {
			r.Never = append(r.Never, text)
		}
	}
	r.Elapsed = time.Since(began)
	return r, nil
}

// count adds rounds of a run to a report. One whose order was not followed is
// made once more, by itself: a busy machine may have been late.
func (f *forcer) count(r *force.TestReport, t *litmus.Test, plan *runner.Plan, orders []*force.Order, done *forcedRounds) error {
	keep := len(done.violated) > 0
	for i, run := range done.runs {
		label := orders[i].Label(orders[i].Path)
		if !run.Followed && run.Allowed && run.Hung == "" && len(r.Strays) < mostAgain {
			again, err := f.rounds(orders[i:i+1], plan, false)
			if err != nil {
				return err
			}
			if len(again.runs) == 1 {
				run = again.runs[0]
			}
			done.violated = append(done.violated, again.violated...)
		}
		r.Add(label, run)
		keep = keep || !run.Allowed
		if run.Hung != "" {
			r.Hung = run.Hung
		}
		if !run.Followed {
			stray := force.Stray{Order: label, Deviation: run.Deviation}
			if stray.Deviation == "" {
				stray.Deviation = "another outcome than the model's: " + run.Outcome
			}
			if len(r.Strays) < mostAgain {
				var err error
				if stray.File, err = f.keepOrder(t.Name, orders[i]); err != nil {
					return err
				}
			}
			r.Strays = append(r.Strays, stray)
		}
	}
	for _, name := range done.violated {
		if !slices.Contains(r.Violated, name) {
			r.Violated = append(r.Violated, name)
		}
	}
	if keep {
		path, err := f.keepTrace(t.Name, done.rec, done.programs)
		if err != nil {
			return err
		}
		r.Traces = append(r.Traces, path)
	}
	return nil
}

// mostAgain is how many orders of a test that were not followed are made again
// and kept.
const mostAgain = 5

// keepOrder writes an order as a schedule, for aiocheck replay.
func (f *forcer) keepOrder(name string, o *force.Order) (string, error) {
	u, err := replay.New(o.Design.Name, nil, o.Scenario)
	if err != nil {
		return "", machineError(err)
	}
	dir := f.Keep
	if dir == "" {
		dir = os.TempDir()
	} else if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", machineError(fmt.Errorf("make directory: %w", err))
	}
	f.kept++
	path := filepath.Join(dir, fmt.Sprintf("%s-%d-%d.schedule", strings.ReplaceAll(name, "/", "-"), os.Getpid(), f.kept))
	return path, writeFile(path, f.Overwrite, func(w io.Writer) error {
		return traces.WriteSchedule(w, u.Schedule("", "", force.Steps(o.Path), nil))
	})
}
