package main

import (
	"context"
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
	Design string   `help:"The design; an unknown name lists them (default: thread-6.1, or the one that the first bug is made for)." placeholder:"NAME"`
	Bug    []string `help:"Seeded bug to put into it; an unknown name lists them. Without a scenario, that of the first bug is explored." placeholder:"NAME"`

	Scenario      string `help:"A standard case (docs/designs.md), or a file: JSON (docs/schedule.md), or a litmus test; in place of the flags below." placeholder:"CASE|FILE" group:"Scenario (default: --requests 2 --workers 1 --cancels 1)"`
	bounds.Bounds `embed:"" group:"Scenario (default: --requests 2 --workers 1 --cancels 1)"`

	Symmetry     bool          `help:"Store one state for all that differ only in the names of interchangeable things." default:"true" negatable:"" group:"Search"`
	PartialOrder bool          `help:"Leave out orders of steps that change nothing." group:"Search"`
	Liveness     bool          `help:"Look for fair cycles in which something never happens." default:"true" negatable:"" group:"Search"`
	First        bool          `help:"Stop at the first violation." group:"Search"`
	Jobs         int           `help:"Cores to use (default: all)." placeholder:"N" group:"Search"`
	MaxStates    int64         `help:"Stop at this many states." placeholder:"N" group:"Search"`
	MaxTime      time.Duration `help:"Stop after this time." placeholder:"TIME" group:"Search"`
	MaxMemory    size          `help:"Stop when states need this much memory (default: 4G)." default:"4G" placeholder:"SIZE" group:"Search"`
	Walk         int64         `help:"Walk at random so often, in place of a search." placeholder:"N" group:"Search"`
	Seed         uint64        `help:"Seed of the walks (default: 1)." default:"1" placeholder:"N" group:"Search"`
	Bitstate     size          `help:"Keep a few bits of each state in so much memory, in place of a search." placeholder:"SIZE" group:"Search"`

	Outcomes  bool   `help:"List the outcomes of all behaviours." group:"Output"`
	Schedules string `help:"Write a schedule for each counterexample into this directory." placeholder:"DIR" group:"Output"`
	Overwrite bool   `help:"Overwrite schedules that exist." group:"Output"`
	JSON      bool   `name:"json" help:"Print one JSON object." group:"Output"`
}

// Run explores and prints; the first Ctrl-C ends the search with what it has.
func (c *exploreCommand) Run(s *session) error {
	setup, err := c.setup()
	if err != nil {
		return usageError(err)
	}
	p := newFrontier(s.stderr)
	rep, err := c.explore(s.ctx, setup, p)
	p.done()
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

// setup is what is explored.
func (c *exploreCommand) setup() (*replay.Setup, error) {
	switch {
	case c.Jobs < 0 || c.MaxStates < 0 || c.MaxTime < 0 || c.Walk < 0:
		return nil, errors.New("--jobs, --max-states, --max-time and --walk are above 0")
	case c.Walk > 0 && c.Bitstate > 0:
		return nil, errors.New("--walk and --bitstate exclude each other")
	case (c.Walk > 0 || c.Bitstate > 0) && (c.PartialOrder || c.MaxStates > 0 || c.Jobs > 0):
		return nil, errors.New("--walk and --bitstate know no --partial-order, --max-states and --jobs")
	}
	scenario, err := c.scenario()
	if err != nil {
		return nil, err
	}
	if c.Design == "" {
		c.Design = "thread-6.1"
		for _, info := range design.BugTable() {
			if len(c.Bug) > 0 && info.Name == c.Bug[0] {
				c.Design = info.Base
			}
		}
	}
	return replay.New(c.Design, c.Bug, scenario)
}

// explore searches in the way that was asked for.
func (c *exploreCommand) explore(ctx context.Context, u *replay.Setup, p *frontier) (*report.Report, error) {
	switch {
	case c.Walk > 0:
		r, err := explore.Walk(ctx, u.Machine, explore.WalkOptions{
			Seed: c.Seed, Walks: c.Walk, MaxTime: c.MaxTime, StopAtViolation: c.First, Progress: p.show, ProgressEvery: p.every,
		})
		if err != nil {
			return nil, err
		}
		return report.NewPartial(u, fmt.Sprintf("random walks, seed %d", c.Seed), r)
	case c.Bitstate > 0:
		r, err := explore.SearchBits(ctx, u.Machine, explore.BitstateOptions{
			Bytes: int64(c.Bitstate), Symmetry: c.Symmetry, MaxTime: c.MaxTime, StopAtViolation: c.First, Progress: p.show, ProgressEvery: p.every,
		})
		if err != nil {
			return nil, err
		}
		return report.NewPartial(u, c.method("depth-first, a few bits of each state"), r)
	}
	r, err := explore.Run(ctx, u.Machine, explore.Options{
		Workers: c.Jobs, Symmetry: c.Symmetry, PartialOrder: c.PartialOrder, Liveness: c.Liveness, StopAtViolation: c.First,
		MaxStates: c.MaxStates, MaxBytes: int64(c.MaxMemory), MaxTime: c.MaxTime, Progress: p.show, ProgressEvery: p.every,
	})
	if err != nil {
		return nil, err
	}
	return report.New(u, c.method("breadth-first"), !c.PartialOrder, r)
}

// scenario is the one of the file, of the flags, or of the first bug.
func (c *exploreCommand) scenario() (*machine.Scenario, error) {
	switch {
	case c.Scenario != "" && !c.Bounds.Zero():
		return nil, errors.New("--scenario and the other flags of the scenario exclude each other")
	case c.Scenario != "":
		return namedScenario(c.Scenario)
	case c.Bounds.Zero() && len(c.Bug) > 0:
		if b, ok := design.ParseBug(c.Bug[0]); ok {
			return machine.Witness(b), nil
		}
	}
	return c.Bounds.Scenario()
}

// method says how was searched.
func (c *exploreCommand) method(text string) string {
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
