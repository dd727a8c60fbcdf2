package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aiocheck/checker"
	"aiocheck/checker/inclusion"
	"aiocheck/model/design"
	"aiocheck/sim/explore"
	"aiocheck/sim/force"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces"
)

// forcer forces orders on the kernel of a guest.
type forcer struct {
	*litmusRun
	guest   *litmusGuest
	defects string // that are switched on
}

// openForcer boots a guest for it.
func (s *session) openForcer(c *litmusCommand) (*forcer, error) {
	guest, err := c.openLitmusGuest(s)
	if err != nil {
		return nil, err
	}
	return &forcer{litmusRun: &litmusRun{litmusCommand: c, session: s, machine: guest}, guest: guest, defects: c.Defects}, nil
}

// plan is the scenario of an order as a program.
func (f *forcer) plan(ctx context.Context, o *force.Order, bugs []design.Bug) (*runner.Plan, error) {
	t, err := runner.TestOf(o.Scenario)
	if err != nil {
		return nil, err
	}
	plan, err := runner.NewPlanWith(ctx, t, f.machine.kernel(), bugs, explore.Options{MaxStates: f.MaxStates})
	switch {
	case err != nil:
		return nil, err
	case plan.Unrunnable != "":
		return nil, fmt.Errorf("scenario %q is no program: %s", o.Scenario.Name, plan.Unrunnable)
	}
	return plan, nil
}

// forcedRounds are rounds of one run, each with an order of its own.
type forcedRounds struct {
	rec      *recordedRun
	programs []*traces.Program
	runs     []*force.Run // of those that were begun
	violated []string     // by the checker, in the whole run
}

// rounds forces orders of one scenario, one after the other in one run. steps
// says that what was seen at each step is wanted, too.
func (f *forcer) rounds(orders []*force.Order, plan *runner.Plan, steps bool) (*forcedRounds, error) {
	layout := &force.Layout{Requests: plan.Positions(), Gated: plan.Gated()}
	out := &forcedRounds{}
	f.guest.patience = patience
	for i, o := range orders {
		program := plan.Forced(i, len(orders), forcedSettle, o.Named())
		program.Script = o.Script(o.Path, layout)
		out.programs = append(out.programs, program)
		if o.Loses() {
			f.guest.patience = briefPatience // the end of the round waits for ever
		}
	}
	rec, err := f.machine.run(f.ctx, plan, out.programs)
	switch {
	case err != nil:
		return nil, err
	case rec.refused != "":
		return nil, usageError(errors.New(rec.refused))
	}
	h, err := traces.FromLogs(rec.header, rec.logs...)
	if err != nil {
		return nil, machineError(fmt.Errorf("read what was recorded: %w", err))
	}
	seen, err := plan.Observe(h, rec.hung == "")
	if err != nil {
		return nil, machineError(err)
	}
	out.rec = rec
	made, transitions := split(rec.logs)
	for i := range seen {
		r, o := &force.Run{Outcome: seen[i].Outcome, Allowed: seen[i].Allowed}, orders[i]
		if i == len(seen)-1 {
			r.Hung = rec.hung
		}
		end := o.End()
		r.Followed = r.Outcome == plan.View(&end, rec.hung == "")
		id := &force.Identity{}
		for k, at := range layout.Requests {
			id.Data = append(id.Data, uint64(rec.header.Run)<<32|uint64(out.programs[i].First+at))
			id.Units = append(id.Units, plan.UnitBytes(k))
		}
		moves := o.Compare(o.Path, made[uint64(i)], transitions, id)
		for k := range moves {
			if moves[k].Made != nil {
				r.Made++
			}
			r.Followed = r.Followed && moves[k].Made != nil && moves[k].Deviation == ""
			if moves[k].Deviation != "" && r.Deviation == "" {
				r.Deviation = fmt.Sprintf("move %d: %s", k+1, moves[k].Deviation)
			}
		}
		if steps {
			r.Steps = o.Rows(layout, moves)
		}
		r.Took = took(made[uint64(i)], transitions)
		out.runs = append(out.runs, r)
	}
	out.violated = append(slices.Clone(rec.reports), brokenBy(h)...)
	inside, _, err := inclusion.JudgeLogs(rec.logs, h)
	if err != nil {
		return nil, machineError(err)
	}
	if inside.Outcome == checker.Violated {
		out.violated = append(out.violated, inside.Property.Name)
	}
	return out, nil
}

// run forces an order once.
func (f *forcer) run(o *force.Order, plan *runner.Plan) (*force.Run, error) {
	done, err := f.rounds([]*force.Order{o}, plan, true)
	if err != nil {
		return nil, err
	}
	if len(done.runs) == 0 {
		return nil, machineError(fmt.Errorf("the guest has not begun: %s", done.rec.hung))
	}
	r := done.runs[0]
	r.Violated = done.violated
	if r.Followed && o.Shows != "" && !slices.Contains(r.Violated, o.Shows) {
		r.Violated = append(r.Violated, o.Shows)
	}
	if r.Bad() || !r.Followed {
		if r.Trace, err = f.keepTrace("schedule-"+o.Scenario.Name, done.rec, done.programs); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// took is how long a round was forced: from its first transition to the end of
// its last move.
func took(made []traces.MoveMade, transitions []traces.Transition) time.Duration {
	if len(made) == 0 {
		return 0
	}
	last := made[len(made)-1]
	for i := range transitions {
		if t := &transitions[i]; t.Number >= made[0].First {
			return time.Duration(max(0, last.At-t.Time))
		}
	}
	return 0
}

// split takes moves, by round, and transitions out of what was recorded.
func split(all logs) (made map[uint64][]traces.MoveMade, transitions []traces.Transition) {
	made = map[uint64][]traces.MoveMade{}
	for _, log := range all {
		round := uint64(0)
		for i := range log {
			switch log[i].Kind {
			case traces.KindRound:
				round = log[i].B
			case traces.KindMove:
				made[round] = append(made[round], log[i].Move())
			case traces.KindTransition:
				transitions = append(transitions, log[i].Transition())
			}
		}
	}
	return made, transitions
}

// brokenBy are the properties that a history violates.
func brokenBy(h *traces.History) (names []string) {
	for _, v := range checker.Check(h, checker.Limits{}).Verdicts {
		if v.Outcome == checker.Violated {
			names = append(names, v.Property.Name)
		}
	}
	return names
}

// order prepares a schedule for the defects that are switched on.
func (f *forcer) order(s *traces.Schedule) (*force.Order, error) {
	return force.Prepare(s, f.defects != "")
}

// repeat forces a schedule so many times.
func (f *forcer) repeat(s *traces.Schedule, times int) (*force.Report, error) {
	o, err := f.order(s)
	if err != nil {
		return nil, usageError(err)
	}
	plan, err := f.plan(f.ctx, o, o.Bugs)
	if err != nil {
		return nil, usageError(err)
	}
	end := o.End()
	r := &force.Report{Design: s.Design, Bugs: s.Bugs, Defects: f.defects, Scenario: s.Scenario.Name, Violates: s.Violates,
		Moves: len(o.Path), Scheduled: o.Scheduled, Left: o.Left, Expected: plan.View(&end, true)}
	if o.Instead != nil {
		r.Unforcible = o.Instead.Error()
	}
	for range times {
		run, err := f.run(o, plan)
		if err != nil {
			return nil, err
		}
		r.Runs = append(r.Runs, run)
	}
	return r, nil
}

// judgeForced is the exit of runs of an order.
func judgeForced(r *force.Report) error {
	followed := true
	for _, x := range r.Runs {
		if x.Bad() {
			return verdictError(checker.Violated)
		}
		followed = followed && x.Followed
	}
	if !followed {
		return verdictError(checker.Undecided)
	}
	return nil
}

// briefPatience is how long nothing may happen in a guest in which something is
// to wait for ever: longer than any wait of a script.
const briefPatience = 7 * time.Second

// mostStates is how many states of a scenario are explored to know what may
// come of it.
const mostStates = 5_000_000

// forcedSettle is how long what may never come is waited for after a script: by
// then everything has come that comes.
const forcedSettle = 2 * time.Millisecond
