package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"

	"aiocheck/checker"
	"aiocheck/sim/force"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

type replayCommand struct {
	File   string `arg:"" help:"The schedule (docs/schedule.md)."`
	Target string `help:"Where: on the model, or forced on the kernel of a guest: ${enum}." enum:"model,qemu" default:"model"`
	guestFlags
	runFlags
	Repeat int    `help:"How often it is forced on a kernel." default:"1" placeholder:"N"`
	Keep   string `help:"Directory for the traces of runs that are not as the model has it (default: the temporary directory)." placeholder:"DIR"`
	JSON   bool   `name:"json" help:"Print one JSON object."`
}

// Run executes the schedule.
func (c *replayCommand) Run(s *session) error {
	schedule, err := traces.OpenSchedule(c.File)
	if err != nil {
		return usageError(err)
	}
	if c.Target == "qemu" {
		return c.force(s, schedule)
	}
	if c.Kernel != "" || c.Defects != "" || c.Repeat != 1 || c.Keep != "" {
		return usageError(errors.New("--kernel, --defects, --repeat and --keep are for --target qemu"))
	}
	return c.onModel(s, schedule)
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
func (c *replayCommand) force(s *session, schedule *traces.Schedule) error {
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
		err = json.NewEncoder(out).Encode(r)
	} else {
		err = r.WriteText(out)
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return machineError(fmt.Errorf("print: %w", err))
	}
	return judgeForced(r)
}
