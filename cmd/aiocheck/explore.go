package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"aiocheck/checker"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/bounds"
	"aiocheck/sim/explore"
	"aiocheck/sim/explore/report"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

type exploreCommand struct {
	Design string   `help:"The design; an unknown name lists them." default:"thread-6.1" placeholder:"NAME"`
	Bug    []string `help:"Seeded bug to put into it; an unknown name lists them. Without a scenario, that of the first bug is explored." placeholder:"NAME"`

	Scenario      string `help:"JSON file of the scenario, in place of the flags below." placeholder:"FILE" group:"Scenario (default: --requests 2 --workers 1 --cancels 1)"`
	bounds.Bounds `embed:"" group:"Scenario (default: --requests 2 --workers 1 --cancels 1)"`

	Symmetry     bool          `help:"Store one state for all that differ only in the names of interchangeable things." default:"true" negatable:"" group:"Search"`
	PartialOrder bool          `help:"Leave out orders of steps that change nothing." group:"Search"`
	Liveness     bool          `help:"Look for fair cycles in which something never happens." default:"true" negatable:"" group:"Search"`
	First        bool          `help:"Stop at the first violation." group:"Search"`
	Jobs         int           `help:"Cores to use (default: all)." placeholder:"N" group:"Search"`
	MaxStates    int64         `help:"Stop at this many states." placeholder:"N" group:"Search"`
	MaxTime      time.Duration `help:"Stop after this time." placeholder:"TIME" group:"Search"`
	MaxMemory    size          `help:"Stop when states need this much memory." default:"4G" placeholder:"SIZE" group:"Search"`

	Outcomes  bool   `help:"List the outcomes of all behaviours." group:"Output"`
	Schedules string `help:"Write a schedule for each counterexample into this directory." placeholder:"DIR" group:"Output"`
	Overwrite bool   `help:"Overwrite schedules that exist." group:"Output"`
	JSON      bool   `name:"json" help:"Print one JSON object." group:"Output"`
}

// Run explores and prints; the first Ctrl-C ends the search with what it has.
func (c *exploreCommand) Run(s *session) error {
	if c.Jobs < 0 || c.MaxStates < 0 || c.MaxTime < 0 {
		return usageError(errors.New("--jobs, --max-states and --max-time are above 0"))
	}
	scenario, err := c.scenario()
	if err != nil {
		return usageError(err)
	}
	setup, err := replay.New(c.Design, c.Bug, scenario)
	if err != nil {
		return usageError(err)
	}
	p := newFrontier(s.stderr)
	r, err := explore.Run(s.ctx, setup.Machine, explore.Options{
		Workers: c.Jobs, Symmetry: c.Symmetry, PartialOrder: c.PartialOrder, Liveness: c.Liveness, StopAtViolation: c.First,
		MaxStates: c.MaxStates, MaxBytes: int64(c.MaxMemory), MaxTime: c.MaxTime, Progress: p.show, ProgressEvery: p.every,
	})
	p.done()
	if err != nil {
		return machineError(err)
	}
	rep, err := report.New(setup, c.method(), r)
	if err != nil {
		return machineError(err)
	}
	if err := c.write(rep); err != nil {
		return err
	}
	if err := c.print(s.stdout, rep); err != nil {
		return machineError(fmt.Errorf("print report: %w", err))
	}
	switch rep.Verdict() {
	case report.Violated:
		return verdictError(checker.Violated)
	case report.Undecided:
		return verdictError(checker.Undecided)
	}
	return nil
}

// scenario is the one of the file, of the flags, or of the first bug.
func (c *exploreCommand) scenario() (*machine.Scenario, error) {
	switch {
	case c.Scenario != "" && !c.Bounds.Zero():
		return nil, errors.New("--scenario and the other flags of the scenario exclude each other")
	case c.Scenario != "":
		data, err := os.ReadFile(c.Scenario)
		if err != nil {
			return nil, fmt.Errorf("read scenario: %w", err)
		}
		scenario, err := traces.ParseScenario(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Scenario, err)
		}
		return scenario, nil
	case c.Bounds.Zero() && len(c.Bug) > 0:
		if b, ok := design.ParseBug(c.Bug[0]); ok {
			return machine.Witness(b), nil
		}
	}
	return c.Bounds.Scenario()
}

// method says how was searched.
func (c *exploreCommand) method() string {
	text := "breadth-first"
	if c.Symmetry {
		text += ", symmetry"
	}
	if c.PartialOrder {
		text += ", partial order"
	}
	return text
}

// write writes a schedule for each counterexample.
func (c *exploreCommand) write(rep *report.Report) error {
	if c.Schedules == "" {
		return nil
	}
	if err := os.MkdirAll(c.Schedules, 0o777); err != nil {
		return machineError(fmt.Errorf("make directory: %w", err))
	}
	for _, p := range rep.Properties {
		for i := range p.Examples {
			e := &p.Examples[i]
			name := p.Name + ".schedule"
			if i > 0 {
				name = fmt.Sprintf("%s-%s.schedule", p.Name, e.How)
			}
			e.File = filepath.Join(c.Schedules, name)
			write := func(w io.Writer) error { return traces.WriteSchedule(w, e.Run.Schedule) }
			if err := writeFile(e.File, c.Overwrite, write); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *exploreCommand) print(w io.Writer, rep *report.Report) error {
	if c.JSON {
		return rep.WriteJSON(w)
	}
	return rep.WriteText(w, report.Style{Color: colored(w), Outcomes: c.Outcomes})
}
