package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"aiocheck/checker"
	library "aiocheck/litmus"
	"aiocheck/model/design"
	"aiocheck/sim/compare"
	"aiocheck/traces/litmus"
)

type compareCommand struct {
	Designs   []string      `arg:"" optional:"" name:"design" help:"Designs to compare (default: all). One is shown with its counterexamples in full, two also with how they differ."`
	Bug       []string      `help:"Put these seeded bugs into the designs, by name." placeholder:"BUG"`
	Markdown  bool          `help:"Print Markdown." xor:"format"`
	JSON      bool          `name:"json" help:"Print JSON." xor:"format"`
	HTML      string        `name:"html" help:"Write one page with every counterexample a click away." placeholder:"FILE.html"`
	Overwrite bool          `help:"Overwrite files that exist."`
	MaxTime   time.Duration `help:"Stop after this time: what was not covered is bounded." default:"10m" placeholder:"TIME"`
	MaxStates int64         `help:"Stop each search at so many states; 0 for no limit." default:"5000000" placeholder:"N"`
}

// Run explores the designs and prints how they compare. The exit code is that
// of the worst cell.
func (c *compareCommand) Run(s *session) error {
	designs, err := namedDesigns(c.Designs, c.Bug)
	if err != nil {
		return usageError(err)
	}
	told := newComparing(s.stderr)
	t, err := compare.Run(s.ctx, designs, compare.Cases(), compare.Options{MaxTime: c.MaxTime, MaxStates: c.MaxStates, Progress: told.at})
	told.done()
	if err != nil {
		return machineError(err)
	}
	if len(designs) == 2 {
		t.Pair = t.Compare(&designs[0], &designs[1])
		entries, err := library.Library()
		if err != nil {
			return machineError(err)
		}
		var tests []*litmus.Test
		for _, e := range entries {
			tests = append(tests, e.Test)
		}
		if err := t.Pair.Litmus(s.ctx, tests, [2]*design.Design{&designs[0], &designs[1]}, c.MaxStates); err != nil {
			return machineError(err)
		}
	}
	if c.HTML != "" {
		if err := writeFile(c.HTML, c.Overwrite, t.WriteHTML); err != nil {
			return err
		}
	}
	if err := c.print(s.stdout, t); err != nil {
		return machineError(fmt.Errorf("print comparison: %w", err))
	}
	switch t.Worst() {
	case compare.Violated:
		return verdictError(checker.Violated)
	case compare.Bounded:
		return verdictError(checker.Undecided)
	}
	return nil
}

func (c *compareCommand) print(w io.Writer, t *compare.Table) error {
	switch {
	case c.JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(t)
	case c.Markdown:
		return t.WriteMarkdown(w)
	case c.HTML != "":
		_, err := fmt.Fprintf(w, "wrote %s\n", c.HTML)
		return err
	}
	return t.WriteText(w, compare.Style{Color: colored(w), Full: len(t.Columns) == 1})
}

// namedDesigns are the designs of these names, all if none is named, with the
// seeded bugs in each of them.
func namedDesigns(names, bugs []string) ([]design.Design, error) {
	designs := design.All()
	if len(names) > 0 {
		designs = nil
	}
	for _, name := range names {
		d, err := design.Named(name)
		if err != nil {
			return nil, fmt.Errorf("%w: there are %s", err, designNames())
		}
		designs = append(designs, d)
	}
	for _, name := range bugs {
		b, ok := design.ParseBug(name)
		if !ok {
			return nil, fmt.Errorf("no seeded bug is called %q: there are %s", name, bugNames())
		}
		for i := range designs {
			designs[i] = designs[i].With(b)
		}
	}
	return designs, nil
}

func designNames() string {
	var names []string
	for _, d := range design.All() {
		names = append(names, d.Name)
	}
	return strings.Join(names, ", ")
}

func bugNames() string {
	var names []string
	for _, b := range design.BugTable() {
		names = append(names, b.Name)
	}
	return strings.Join(names, ", ")
}

// comparing tells how far a comparison has come: on a terminal a line that
// changes, elsewhere a line now and then.
type comparing struct {
	out      io.Writer
	terminal bool
	told     time.Time
}

func newComparing(stderr io.Writer) *comparing {
	f, ok := stderr.(*os.File)
	return &comparing{out: stderr, terminal: ok && term.IsTerminal(int(f.Fd())), told: time.Now()}
}

func (p *comparing) at(done, all int, what string) {
	every := plainEvery
	if p.terminal {
		every = 100 * time.Millisecond
	}
	if time.Since(p.told) < every {
		return
	}
	p.told = time.Now()
	text := fmt.Sprintf("aiocheck: %d of %d searches, now %s", done, all, what)
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K%s", text)
	} else {
		fmt.Fprintln(p.out, text)
	}
}

func (p *comparing) done() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
