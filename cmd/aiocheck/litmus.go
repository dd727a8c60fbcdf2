package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aiocheck/checker"
	library "aiocheck/litmus"
	"aiocheck/sim/explore"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces"
	"aiocheck/traces/litmus"
)

type litmusCommand struct {
	Files     []string `arg:"" optional:"" name:"file" help:"Litmus tests, files or names of the library's; none means the whole library."`
	Design    []string `help:"Run under these designs or groups of designs, not those that the conditions name; with +BUG for a seeded bug." placeholder:"D"`
	Outcome   string   `help:"Show a witness for an outcome of which this expression is true." placeholder:"EXPRESSION"`
	Schedules string   `help:"Write the witnesses as schedules into this directory, for aiocheck replay; all, with --target qemu: run each test under every order that the model has for it." placeholder:"DIR|all"`
	Overwrite bool     `help:"Overwrite schedules and traces that exist."`
	Target    string   `help:"Where to run: in the model, or as programs on a target: ${enum}." enum:"model,sim,host,qemu" default:"model"`
	targetFlags
	MaxStates int64 `help:"Stop exploring a test after so many states." default:"5000000" placeholder:"N"`
	JSON      bool  `name:"json" help:"Print one JSON object for each test."`
	Fmt       bool  `help:"Rewrite the files in the canonical form instead of running them."`
}

// targetFlags are for runs on targets.
type targetFlags struct {
	guestFlags `embed:""`
	runFlags   `embed:""`
	Repeat     int    `help:"How often a target runs each test (default: 100)." placeholder:"N"`
	Seed       uint64 `help:"Seed of the times at which a target's programs make their calls." default:"1" placeholder:"N"`
	First      int    `help:"Begin with this run of a seed, to see it again." placeholder:"N"`
	Most       int    `help:"With --schedules all: if there are more orders, a tour of them." default:"300" placeholder:"N"`
	Within     string `help:"With --schedules all: instead of tests, all programs of so many requests, workers and cancels." placeholder:"R,W,C"`
	Keep       string `help:"Directory for the traces of runs with findings (default: the temporary directory)." placeholder:"DIR"`
}

// Run runs tests in the model; the exit code is that of the worst condition.
func (c *litmusCommand) Run(s *session) error {
	if c.Fmt {
		return c.format(s)
	}
	if c.Target != "model" {
		return c.runTarget(s)
	}
	if c.Schedules != "" && c.Outcome == "" {
		return usageError(errors.New("--schedules writes the witnesses of an --outcome"))
	}
	tests, err := c.tests()
	if err != nil {
		return usageError(err)
	}
	out := bufio.NewWriter(s.stdout)
	defer out.Flush()
	var reports []*runner.Report
	worst, found := runner.OK, c.Outcome == ""
	for _, t := range tests {
		r, err := c.run(s, out, t, &found)
		if err != nil {
			return err
		}
		reports = append(reports, r)
		if j := r.Judged(); j == runner.Failed || worst == runner.OK {
			worst = j
		}
		if c.JSON {
			err = json.NewEncoder(out).Encode(r)
		} else if c.Outcome == "" {
			err = r.WriteText(out)
		}
		if err != nil {
			return fmt.Errorf("print litmus result: %w", err)
		}
	}
	if !c.JSON && c.Outcome == "" {
		if err := runner.WriteSummary(out, reports); err != nil {
			return fmt.Errorf("print litmus summary: %w", err)
		}
	}
	if c.Outcome != "" && !found {
		fmt.Fprintln(out, "no such outcome")
		return verdictError(checker.Violated)
	}
	switch worst {
	case runner.Failed:
		return verdictError(checker.Violated)
	case runner.Bounded:
		return verdictError(checker.Undecided)
	}
	return nil
}

// tests reads the files named, or takes the library.
func (c *litmusCommand) tests() ([]library.Entry, error) {
	if len(c.Files) == 0 {
		return library.Library()
	}
	known, err := library.Library()
	if err != nil {
		return nil, err
	}
	entries := make([]library.Entry, len(c.Files))
	for i, path := range c.Files {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			if at := slices.IndexFunc(known, func(e library.Entry) bool { return e.Path == path }); at >= 0 {
				entries[i] = known[at]
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("read litmus test: %w", err)
		}
		t, err := litmus.Parse(path, text)
		if err != nil {
			return nil, err
		}
		entries[i] = library.Entry{Path: path, Test: t}
	}
	return entries, nil
}

// run runs a test under its designs, or those asked for.
func (c *litmusCommand) run(s *session, out *bufio.Writer, e library.Entry, found *bool) (*runner.Report, error) {
	words := e.Test.AllDesigns()
	if len(c.Design) > 0 {
		words = c.Design
	}
	designs, err := litmus.Expand(words)
	if err != nil {
		return nil, usageError(err)
	}
	var asked []litmus.Expr
	if c.Outcome != "" {
		expr, err := litmus.ParseExpr(e.Test, "--outcome", c.Outcome)
		if err != nil {
			return nil, usageError(err)
		}
		asked = append(asked, expr)
	}
	report := &runner.Report{Path: e.Path, Name: e.Test.Name, About: strings.Join(e.Test.About, "\n")}
	for i := range designs {
		r, err := runner.Run(s.ctx, e.Test, &designs[i], explore.Options{MaxStates: c.MaxStates}, asked...)
		if err != nil {
			return nil, usageError(err)
		}
		report.Results = append(report.Results, r)
		if len(asked) == 0 {
			continue
		}
		if o := r.Find(&asked[0]); o != nil {
			*found = true
			if err := c.witness(out, e.Path, r, o); err != nil {
				return nil, err
			}
		}
	}
	return report, nil
}

func (c *litmusCommand) witness(out *bufio.Writer, path string, r *runner.Result, o *runner.Outcome) error {
	if c.Schedules != "" {
		if err := c.write(r, o); err != nil {
			return err
		}
	}
	if c.JSON {
		return nil
	}
	fmt.Fprintf(out, "%s\n", path)
	return r.WriteWitness(out, o)
}

// write writes the schedule TEST-DESIGN.schedule.
func (c *litmusCommand) write(r *runner.Result, o *runner.Outcome) error {
	schedule, err := r.Schedule(o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Schedules, 0o777); err != nil {
		return machineError(fmt.Errorf("make directory: %w", err))
	}
	path := filepath.Join(c.Schedules, r.Name+"-"+r.Design+".schedule")
	return writeFile(path, c.Overwrite, func(w io.Writer) error { return traces.WriteSchedule(w, schedule) })
}

// format rewrites the files that are not in the canonical form, and names
// them.
func (c *litmusCommand) format(s *session) error {
	if len(c.Files) == 0 {
		return usageError(fmt.Errorf("--fmt needs the files to rewrite"))
	}
	tests, err := c.tests()
	if err != nil {
		return usageError(err)
	}
	for _, t := range tests {
		text := litmus.Format(t.Test)
		old, err := os.ReadFile(t.Path)
		if err != nil {
			return machineError(fmt.Errorf("read litmus test: %w", err))
		}
		if bytes.Equal(old, text) {
			continue
		}
		if err := os.WriteFile(t.Path, text, 0o666); err != nil {
			return machineError(fmt.Errorf("write litmus test: %w", err))
		}
		fmt.Fprintln(s.stdout, t.Path)
	}
	return nil
}
