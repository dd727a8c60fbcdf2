package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"aiocheck/checker"
	"aiocheck/checker/fuzz"
)

type fuzzReplayCommand struct {
	Folder string `arg:"" name:"finding" help:"Folder of a finding."`
	Repeat int    `help:"How often to run the program." default:"100" placeholder:"N"`
	JSON   bool   `name:"json" help:"Print one JSON object."`
}

// Run runs a finding's program again on the target that showed it.
func (c *fuzzReplayCommand) Run(s *session) error {
	if c.Repeat < 1 {
		return usageError(fmt.Errorf("--repeat %d is not above 0", c.Repeat))
	}
	f, draft, err := fuzz.ReadFinding(c.Folder)
	if err != nil {
		return usageError(err)
	}
	var target fuzzTarget
	if err := json.Unmarshal(f.Target, &target); err != nil {
		return usageError(fmt.Errorf("read the target of %s: %w", c.Folder, err))
	}
	if err := target.check(); err != nil {
		return err
	}
	r, err := fuzz.Replay(s.ctx, func(ctx context.Context) (fuzz.Target, error) { return target.open(ctx, s.stderr) }, f, draft, c.Repeat)
	if err != nil {
		return machineError(err)
	}
	if c.JSON {
		err = json.NewEncoder(s.stdout).Encode(r)
	} else {
		err = c.print(s.stdout, r)
	}
	if err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return ending(r.Outcome, nil)
}

func (c *fuzzReplayCommand) print(w io.Writer, r *fuzz.Replayed) error {
	fmt.Fprintf(w, "%s: %v\n", r.Property, r.Rate)
	for _, v := range r.Violations {
		fmt.Fprintf(w, "  %s, %s: %s\n", v.Property, v.Place, v.Summary)
	}
	_, err := fmt.Fprintf(w, "%v\n", r.Outcome)
	return err
}

type fuzzTriageCommand struct {
	Dirs []string `arg:"" name:"dir" help:"Directories of campaigns."`
	JSON bool     `name:"json" help:"Print one JSON object."`
}

// Run lists findings; one that several campaigns have made is told once.
func (c *fuzzTriageCommand) Run(s *session) error {
	list := []fuzz.Listed{}
	for _, dir := range c.Dirs {
		found, err := fuzz.ReadFindings(dir)
		if err != nil {
			return usageError(err)
		}
		if _, err := os.Stat(dir); err != nil {
			return usageError(err)
		}
		list = append(list, found...)
	}
	list = fuzz.Fold(list)
	outcome := fuzzOutcome(len(list))
	var err error
	if c.JSON {
		err = json.NewEncoder(s.stdout).Encode(struct {
			Outcome checker.Outcome `json:"outcome"`
			Found   []fuzz.Listed   `json:"found"`
		}{outcome, list})
	} else {
		err = printFindings(s.stdout, list)
		if err == nil {
			_, err = fmt.Fprintf(s.stdout, "\n%d findings in %s\n", len(list), filepath.Join(c.Dirs...))
		}
	}
	if err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	return ending(outcome, nil)
}
