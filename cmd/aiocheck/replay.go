package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"aiocheck/checker"
	"aiocheck/sim/force"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

type replayCommand struct {
	File   string `arg:"" help:"The schedule (docs/schedule.md); or a trace with a finding, for which a schedule of the model that explains it is looked for."`
	Target string `help:"Where: on the model, or forced on the kernel of a guest: ${enum}." enum:"model,qemu" default:"model"`
	guestFlags
	runFlags
	Repeat    int    `help:"How often it is forced on a kernel." default:"1" placeholder:"N"`
	Keep      string `help:"Directory for the traces of runs that are not as the model has it (default: the temporary directory)." placeholder:"DIR"`
	Write     string `help:"Of a trace: write the schedule that explains it." placeholder:"FILE"`
	Overwrite bool   `help:"Overwrite files that exist."`
	JSON      bool   `name:"json" help:"Print one JSON object."`
}

// Run executes the schedule.
func (c *replayCommand) Run(s *session) error {
	schedule, of, err := c.open(s)
	if err != nil {
		return err
	}
	if c.Target == "qemu" {
		return c.force(s, schedule, of)
	}
	if c.Kernel != "" || c.Defects != "" || c.Repeat != 1 || c.Keep != "" {
		return usageError(errors.New("--kernel, --defects, --repeat and --keep are for --target qemu"))
	}
	return c.onModel(s, schedule)
}

// open reads the schedule, or finds one that explains what a trace shows.
func (c *replayCommand) open(s *session) (*traces.Schedule, *explained, error) {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, nil, usageError(err)
	}
	if bytes.IndexByte(text, 0) < 0 { // as there are many in a trace
		if c.Write != "" {
			return nil, nil, usageError(errors.New("--write is for traces"))
		}
		schedule, err := traces.OpenSchedule(c.File)
		if err != nil {
			return nil, nil, usageError(err)
		}
		return schedule, nil, nil
	}
	e, err := explain(c.File)
	if err != nil {
		return nil, nil, err
	}
	if c.Write != "" {
		write := func(w io.Writer) error { return traces.WriteSchedule(w, e.Schedule) }
		if err := writeFile(c.Write, c.Overwrite, write); err != nil {
			return nil, nil, err
		}
	}
	if !c.JSON {
		fmt.Fprintln(s.stdout, e)
	}
	return e.Schedule, e, nil
}

// onModel executes the schedule on the model and prints each step with what it
// changes.
func (c *replayCommand) onModel(s *session, schedule *traces.Schedule) error {
	run, err := replay.Execute(schedule)
	var mismatch *replay.Mismatch
	if err != nil && !errors.As(err, &mismatch) {
		return usageError(fmt.Errorf("%s: %w", c.File, err))
	}
	if mismatch == nil {
		err = run.Check()
	}
	out := bufio.NewWriter(s.stdout)
	if c.JSON {
		printed := json.NewEncoder(out).Encode(run.Report())
		err = errors.Join(err, printed)
	} else {
		run.WriteText(out) // an error comes with Flush
	}
	if flushed := out.Flush(); flushed != nil {
		return machineError(fmt.Errorf("print: %w", flushed))
	}
	switch {
	case err != nil:
		return usageError(fmt.Errorf("%s: %w", c.File, err))
	case len(run.Violations()) > 0:
		return verdictError(checker.Violated)
	}
	return nil
}

// force forces the schedule on a kernel, and prints what it did at each step.
func (c *replayCommand) force(s *session, schedule *traces.Schedule, of *explained) error {
	if err := c.runFlags.check(c.Target); err != nil {
		return usageError(err)
	}
	if c.Repeat < 1 {
		return usageError(errors.New("--repeat is above 0"))
	}
	// What is wrong with the schedule is said before a guest boots.
	var unforcible *force.Unforcible
	switch _, err := (&forcer{defects: c.Defects}).order(schedule); {
	case errors.As(err, &unforcible):
		return &failure{exitUndecided, fmt.Errorf("%s: %w", c.File, err)}
	case err != nil:
		return usageError(fmt.Errorf("%s: %w", c.File, err))
	}
	l := &litmusCommand{Target: c.Target, MaxStates: mostStates, targetFlags: targetFlags{guestFlags: c.guestFlags, runFlags: c.runFlags, Keep: c.Keep}}
	f, err := s.openForcer(l)
	if err != nil {
		return err
	}
	r, err := f.repeat(schedule, c.Repeat)
	if err = errors.Join(err, f.machine.close()); err != nil {
		return err
	}
	out := bufio.NewWriter(s.stdout)
	if c.JSON {
		err = json.NewEncoder(out).Encode(struct {
			Explained *explained `json:"explained,omitempty"`
			*force.Report
		}{of, r})
	} else {
		err = r.WriteText(out)
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return machineError(fmt.Errorf("print: %w", err))
	}
	return judgeForced(r)
}
