package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"

	"aiocheck/checker"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

type replayCommand struct {
	File string `arg:"" help:"The schedule (docs/schedule.md)."`
	JSON bool   `name:"json" help:"Print one JSON object."`
}

// Run executes the schedule on the model and prints each step with what it
// changes.
func (c *replayCommand) Run(s *session) error {
	schedule, err := traces.OpenSchedule(c.File)
	if err != nil {
		return usageError(err)
	}
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
