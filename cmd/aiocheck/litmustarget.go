package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"aiocheck/checker"
	library "aiocheck/litmus"
	"aiocheck/sim/explore"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces"
)

// defaultRuns is how often a test is run on a target.
const defaultRuns = 100

// runTarget runs tests as programs; a forbidden outcome, or a history that the
// checker refuses, is a violation.
func (c *litmusCommand) runTarget(s *session) error {
	switch {
	case len(c.Design) > 0 || c.Outcome != "" || c.Schedules != "":
		return usageError(errors.New("--design, --outcome and --schedules are for the model"))
	case c.Runs < 0:
		return usageError(errors.New("--runs is above 0"))
	case c.Runs == 0:
		c.Runs = defaultRuns
	}
	tests, err := c.tests()
	if err != nil {
		return usageError(err)
	}
	out := bufio.NewWriter(s.stdout)
	defer out.Flush()
	var reports []*runner.TargetReport
	violated := false
	for _, e := range tests {
		r, err := c.runOnTarget(s, e)
		if err != nil {
			return err
		}
		if s.ctx.Err() != nil {
			return machineError(fmt.Errorf("run %s: %w", e.Path, s.ctx.Err()))
		}
		reports = append(reports, r)
		violated = violated || len(r.Forbidden)+len(r.Broken) > 0
		if c.JSON {
			err = json.NewEncoder(out).Encode(r)
		} else {
			err = r.WriteText(out)
		}
		if err != nil {
			return fmt.Errorf("print litmus result: %w", err)
		}
	}
	if !c.JSON {
		if err := runner.WriteTargetSummary(out, reports); err != nil {
			return fmt.Errorf("print litmus summary: %w", err)
		}
	}
	if violated {
		return verdictError(checker.Violated)
	}
	return nil
}

// runOnTarget runs a test so many times, each a round of one run.
func (c *litmusCommand) runOnTarget(s *session, e library.Entry) (*runner.TargetReport, error) {
	plan, err := runner.NewPlan(s.ctx, e.Test, explore.Options{MaxStates: c.MaxStates})
	if err != nil {
		return nil, usageError(err)
	}
	if plan.Unrunnable != "" {
		return plan.Report(e.Path, nil, 0)
	}
	const align = 512 // a unit on storage: a sector
	v := verifyCommand{Target: c.Target, Seed: c.Seed, Buffered: !plan.Direct, Threads: plan.Threads()}
	v.Region = size(plan.StorageBytes(c.Runs, align))
	t, err := v.open(s.ctx, s.stderr)
	if err != nil {
		return nil, err
	}
	header := t.header()
	if plan.Direct && (!header.Device.Direct || header.Device.Align > align) {
		plan.Unrunnable = fmt.Sprintf("the storage at %s does not do O_DIRECT in sectors", header.Device.Path)
		r, err := plan.Report(e.Path, nil, 0)
		return r, errors.Join(err, t.close())
	}
	var logs logs
	round := 0
	err = t.run(s.ctx, func() (*traces.Program, bool) {
		if round == c.Runs {
			return nil, false
		}
		round++
		return plan.Program(c.Seed, round-1, c.Runs, align), true
	}, &logs)
	if err = errors.Join(err, t.close()); err != nil {
		return nil, machineError(fmt.Errorf("run %s: %w", e.Path, err))
	}
	h, err := traces.FromLogs(header, logs...)
	if err != nil {
		return nil, machineError(fmt.Errorf("read what was recorded of %s: %w", e.Path, err))
	}
	r, err := plan.Report(e.Path, h, align)
	if err != nil {
		return nil, machineError(err)
	}
	for _, verdict := range checker.Check(h, checker.Limits{}).Verdicts {
		if verdict.Outcome == checker.Violated {
			r.Broken = append(r.Broken, verdict.Property.Name)
		}
	}
	return r, nil
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
