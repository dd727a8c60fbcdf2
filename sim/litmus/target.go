package litmus

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"aiocheck/traces"
)

// TargetReport is what runs of a test on a target showed.
type TargetReport struct {
	Path   string `json:"path"`
	Name   string `json:"test"`
	Design string `json:"design"` // by which the outcomes are judged
	// Unrunnable says why the test is no program; then there were no runs.
	Unrunnable string   `json:"not_runnable,omitempty"`
	Runs       int      `json:"runs"`
	Seen       []Count  `json:"seen"`  // allowed outcomes that were seen
	Never      []string `json:"never"` // allowed outcomes that were not
	// Forbidden are outcomes that were seen and are not allowed.
	Forbidden []Count `json:"forbidden"`
	// Broken are properties that the checker found violated in the histories.
	Broken []string `json:"violated,omitempty"`
	// Late is how many rounds were made again, because what had not come in
	// them would have been forbidden never to come, and then came.
	Late int `json:"late,omitempty"`
	// Torn is how many rounds were not judged: see Seen.Torn.
	Torn int `json:"torn,omitempty"`
	// Hung says where the run hung, and so ended.
	Hung string `json:"hung,omitempty"`
	// Seed and Traces are what a finding is repeated from and looked at in.
	Seed uint64 `json:"seed"`
	// Again is the command that does the same runs, byte for byte; of
	// deterministic ones only.
	Again  string   `json:"again,omitempty"`
	Traces []string `json:"traces,omitempty"`
}

// Count is an outcome with how many runs ended so, and the first of them.
type Count struct {
	Outcome string `json:"outcome"`
	Runs    int    `json:"runs"`
	Draws   []int  `json:"draws,omitempty"` // of forbidden ones: Instance.Draw
}

// fewDraws is how many runs with a forbidden outcome a report names.
const fewDraws = 5

// Report is a report of no runs.
func (p *Plan) Report(path string) *TargetReport {
	return &TargetReport{Path: path, Name: p.Test.Name, Design: p.Kernel.Design(), Unrunnable: p.Unrunnable,
		Seen: []Count{}, Never: append([]string{}, p.Allowed...), Forbidden: []Count{}}
}

// Add counts what the run of a number has shown.
func (r *TargetReport) Add(draw int, s *Seen) {
	r.Runs++
	if s.Torn {
		r.Torn++
		return
	}
	counts := &r.Forbidden
	if s.Allowed {
		counts = &r.Seen
		r.Never = slices.DeleteFunc(r.Never, func(text string) bool { return text == s.Outcome })
	}
	i := slices.IndexFunc(*counts, func(c Count) bool { return c.Outcome == s.Outcome })
	if i < 0 {
		i = len(*counts)
		*counts = append(*counts, Count{Outcome: s.Outcome})
	}
	c := &(*counts)[i]
	c.Runs++
	if !s.Allowed && len(c.Draws) < fewDraws {
		c.Draws = append(c.Draws, draw)
	}
}

// AddAll counts all rounds of a whole run, drawn from 0 on.
func (p *Plan) AddAll(r *TargetReport, h *traces.History) error {
	seen, err := p.Observe(h, true)
	if err != nil {
		return err
	}
	for i := range seen {
		r.Add(i, &seen[i])
	}
	return nil
}

// Finding reports whether something was seen that must not be.
func (r *TargetReport) Finding() bool { return len(r.Forbidden)+len(r.Broken) > 0 || r.Hung != "" }

// WriteText writes the report for a reader.
func (r *TargetReport) WriteText(w io.Writer) error {
	var b strings.Builder
	if r.Unrunnable != "" {
		fmt.Fprintf(&b, "%s: not runnable: %s\n", r.Path, r.Unrunnable)
	} else {
		fmt.Fprintf(&b, "%s: %s\n", r.Path, plural(r.Runs, "run"))
	}
	for _, c := range r.Seen {
		fmt.Fprintf(&b, "  seen      %6d  %s\n", c.Runs, c.Outcome)
	}
	for _, text := range r.Never {
		fmt.Fprintf(&b, "  never seen       %s\n", text)
	}
	for _, c := range r.Forbidden {
		fmt.Fprintf(&b, "  FORBIDDEN %6d  %s\n", c.Runs, c.Outcome)
	}
	for _, name := range r.Broken {
		fmt.Fprintf(&b, "  VIOLATED         %s\n", name)
	}
	if r.Hung != "" {
		fmt.Fprintf(&b, "  HUNG             %s\n", r.Hung)
	}
	if r.Torn > 0 {
		fmt.Fprintf(&b, "  %s with a read that was half before a write, half after it: not judged\n", plural(r.Torn, "run"))
	}
	if r.Late > 0 {
		fmt.Fprintf(&b, "  %s made again with a longer wait, as something had not come yet\n", plural(r.Late, "run"))
	}
	if r.Finding() {
		r.writeReplay(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeReplay says how to see a finding again.
func (r *TargetReport) writeReplay(b *strings.Builder) {
	var draws []string
	for _, c := range r.Forbidden {
		for _, d := range c.Draws {
			draws = append(draws, fmt.Sprint(d))
		}
	}
	if r.Again != "" {
		fmt.Fprintf(b, "  again: %s", r.Again)
	} else {
		fmt.Fprintf(b, "  again: --seed %d", r.Seed)
	}
	if len(draws) > 0 && r.Again == "" {
		fmt.Fprintf(b, " --first %s", strings.Join(draws, " or "))
	}
	if len(r.Traces) > 0 {
		fmt.Fprintf(b, "; trace %s", strings.Join(r.Traces, ", "))
	}
	b.WriteByte('\n')
}

// WriteTargetSummary writes what the reports come to.
func WriteTargetSummary(w io.Writer, reports []*TargetReport) error {
	var unrunnable, runs, seen, never, forbidden, broken, hung int
	design := ""
	for _, r := range reports {
		if r.Unrunnable != "" {
			unrunnable++
		} else {
			never += len(r.Never)
		}
		design = r.Design
		runs += r.Runs
		seen += len(r.Seen)
		forbidden += len(r.Forbidden)
		broken += len(r.Broken)
		if r.Hung != "" {
			hung++
		}
	}
	_, err := fmt.Fprintf(w, "\n%s: %d ran, %d not runnable, %s; outcomes allowed by %s: %d seen, %d never seen; %d forbidden; %d properties violated; %d hung\n",
		plural(len(reports), "test"), len(reports)-unrunnable, unrunnable, plural(runs, "run"), design, seen, never, forbidden, broken, hung)
	return err
}
