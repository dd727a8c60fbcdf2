package main

import (
	"errors"
	"fmt"

	"aiocheck/checker"
	"aiocheck/traces"
)

type checkCommand struct {
	judging
	Files []string `arg:"" name:"file" help:"Traces to judge, from any machine."`
}

// Run judges each file; the exit code is that of the worst outcome.
func (c *checkCommand) Run(s *session) error {
	if err := c.checkFormat(); err != nil {
		return usageError(err)
	}
	if c.Report != "" && len(c.Files) > 1 {
		return usageError(fmt.Errorf("--report is for one trace, not %d", len(c.Files)))
	}
	worst := checker.Holds
	for _, path := range c.Files {
		h, err := traces.Read(path)
		if err != nil {
			return usageError(err)
		}
		if len(c.Files) > 1 && c.format() == "text" {
			fmt.Fprintf(s.stdout, "== %s\n", path)
		}
		outcome, err := c.judge(s, recorded{trace: path}, h)
		if err != nil {
			return err
		}
		worst = checker.Worse(worst, outcome)
		if s.ctx.Err() != nil {
			return machineError(errors.New("interrupted"))
		}
	}
	if err := c.finish(s); err != nil {
		return err
	}
	if worst != checker.Holds && worst != checker.Unchecked {
		return verdictError(worst)
	}
	return nil
}
