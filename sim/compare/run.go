package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
)

// Options bound a comparison. The zero value explores every case completely.
type Options struct {
	MaxStates int64         // of each search; 0 means no limit
	MaxTime   time.Duration // of the whole comparison; 0 means no limit
	// Progress, if not nil, is called before each search with how many of all
	// are done.
	Progress func(done, all int, what string)
}

// Run explores every case under every design. When ctx ends or a limit is
// reached, what was not covered is Bounded, and says so.
func Run(ctx context.Context, designs []design.Design, cases []Case, opts Options) (*Table, error) {
	if opts.MaxTime > 0 {
		var release context.CancelFunc
		ctx, release = context.WithTimeout(ctx, opts.MaxTime)
		defer release()
	}
	t := &Table{Properties: rows()}
	for _, c := range cases {
		t.Cases = append(t.Cases, CaseRow{Name: c.Name, Sentence: c.Sentence, Runs: make([]CaseRun, len(designs))})
	}
	t.Cells = make([][]Cell, len(t.Properties))
	for i := range t.Cells {
		t.Cells[i] = make([]Cell, len(designs))
	}
	done := 0
	for i := range designs {
		d := &designs[i]
		t.Columns = append(t.Columns, Column{d.Name, d.Title, d.Sources})
		for j := range cases {
			if opts.Progress != nil {
				opts.Progress(done, len(designs)*len(cases), d.Name+", "+cases[j].Name)
			}
			if err := t.explore(ctx, d, i, &cases[j], j, opts); err != nil {
				return nil, fmt.Errorf("compare %s, case %s: %w", d.Name, cases[j].Name, err)
			}
			done++
		}
		t.judge(d, i, cases)
	}
	return t, nil
}

// rows are the properties that some standard case shows, in the order of the
// model: all that the machine decides.
func rows() (rows []model.Property) {
	cases := Cases()
	for _, p := range append(model.Properties(), model.Internal()...) {
		if slices.ContainsFunc(cases, func(c Case) bool { return slices.Contains(c.Shows, p) }) {
			rows = append(rows, p)
		}
	}
	return rows
}

// explore runs one case under one design and takes down its violations.
func (t *Table) explore(ctx context.Context, d *design.Design, column int, c *Case, n int, opts Options) error {
	run := &t.Cases[n].Runs[column]
	if run.Left = needs(d, &c.Scenario); run.Left != "" {
		return nil
	}
	m, err := machine.New(d, &c.Scenario)
	if err != nil {
		run.Left, run.Refused = err.Error(), !errors.Is(err, machine.ErrNotApplicable)
		return nil
	}
	r, err := explore.Run(ctx, m, explore.Options{Liveness: true, MaxStates: opts.MaxStates})
	if err != nil {
		return err
	}
	run.States, run.Transitions, run.Depth, run.Stop = r.States, r.Transitions, r.Depth, r.Stop
	for _, o := range r.Outcomes {
		run.Outcomes = append(run.Outcomes, o.Text)
	}
	for i := range r.Violations {
		if err := t.violation(m, column, c, &r.Violations[i]); err != nil {
			return err
		}
	}
	return nil
}

// violation takes down a violation, and how it comes about if no shorter way
// to violate the property is known.
func (t *Table) violation(m *machine.Machine, column int, c *Case, v *explore.Violation) error {
	row := slices.IndexFunc(t.Properties, func(p model.Property) bool { return p.Name == v.Property })
	if row < 0 {
		return fmt.Errorf("no row is for %s, which is violated", v.Property)
	}
	cell := &t.Cells[row][column]
	cell.Status = Violated
	if !slices.Contains(cell.ViolatedIn, c.Name) {
		cell.ViolatedIn = append(cell.ViolatedIn, c.Name)
	}
	// What comes after a prologue is not all that happened.
	known := cell.Counterexample
	if known != nil && (c.Scenario.Prologue || known.Length() <= len(v.Path)+len(v.Cycle)) {
		return nil
	}
	states, err := explore.Replay(m, append(slices.Clone(v.Path), v.Cycle...))
	if err != nil {
		return err
	}
	last := m.Describe(&states[len(states)-1])
	cell.Counterexample = &Counterexample{
		Case: c.Name, How: v.How, Steps: lines(m, v.Path), Cycle: lines(m, v.Cycle), State: strings.Split(strings.TrimSpace(last), "\n"),
	}
	return nil
}

func lines(m *machine.Machine, path []machine.Step) (lines []Line) {
	for _, st := range path {
		info := st.Kind.Info()
		lines = append(lines, Line{Step: info.Name, Actor: m.Actor(st), Text: st.Sentence(), Lock: info.Lock, Source: info.Source})
	}
	return lines
}

// judge says what the searches of one design mean for each property.
func (t *Table) judge(d *design.Design, column int, cases []Case) {
	for row, p := range t.Properties {
		cell := &t.Cells[row][column]
		left, refused, stopped := "", "", ""
		for n, c := range cases {
			shows := slices.Contains(c.Shows, p)
			run := &t.Cases[n].Runs[column]
			switch {
			case run.Refused && shows:
				refused = run.Left
			case run.Left != "" && shows && left == "":
				left = run.Left
			case run.Left == "":
				cell.Cases++
				cell.States += run.States
				if shows {
					cell.Shown++
				}
				if run.Stop != explore.StopComplete {
					stopped = fmt.Sprintf("the search of %s ended by its limit of %s", c.Name, run.Stop)
				}
			}
		}
		why := lacks(d, p)
		switch {
		case cell.Status == Violated:
		case why != "":
			cell.Status, cell.Why = NotApplicable, why
		case cell.Shown == 0 && refused != "":
			cell.Status, cell.Why = OutOfScope, refused
		case cell.Shown == 0:
			cell.Status, cell.Why = NotApplicable, left
		case stopped != "":
			cell.Status, cell.Why = Bounded, stopped
		}
	}
}
