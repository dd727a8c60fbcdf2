package force

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// Report is what a kernel did with an order.
type Report struct {
	Design   string   `json:"design"`
	Bugs     []string `json:"bugs,omitempty"` // of the schedule
	Defects  string   `json:"defects,omitempty"`
	Scenario string   `json:"scenario"`
	Violates string   `json:"violates,omitempty"` // by the schedule
	Moves    int      `json:"moves"`
	// Scheduled is how many of the moves the schedule has.
	Scheduled int `json:"scheduled"`
	// Unforcible names the step of the schedule for which another one was taken.
	Unforcible string   `json:"unforcible,omitempty"`
	Left       []string `json:"left_out,omitempty"`
	Expected   string   `json:"expected"` // the outcome by the model
	Runs       []*Run   `json:"runs"`
}

// Run is one time that an order was forced.
type Run struct {
	// Followed: each move was made, and everything seen is as the model has it.
	Followed bool     `json:"followed"`
	Made     int      `json:"made"` // moves
	Outcome  string   `json:"outcome"`
	Allowed  bool     `json:"allowed"`            // the corrected design has such an outcome
	Violated []string `json:"violated,omitempty"` // properties, by the checker
	Hung     string   `json:"hung,omitempty"`
	// Deviation is the first.
	Deviation string        `json:"deviation,omitempty"`
	Took      time.Duration `json:"took_ns"` // from the first transition to the end of the last move
	Trace     string        `json:"trace,omitempty"`
	Steps     []Row         `json:"steps,omitempty"`
}

// Row is a step of the model and what the kernel has said of it.
type Row struct {
	Move      int    `json:"move"` // from 1
	Actor     string `json:"actor,omitempty"`
	Step      string `json:"step"`
	What      string `json:"what"`
	Gate      string `json:"gate,omitempty"`      // where he waited, of a move's first step
	Kernel    string `json:"kernel,omitempty"`    // the move's transitions, at its first step
	Deviation string `json:"deviation,omitempty"` // of the move
}

// Bad reports whether the run shows that something is wrong with the kernel.
func (r *Run) Bad() bool { return !r.Allowed || len(r.Violated) > 0 || r.Hung != "" }

// Rows are the steps of a path with what was seen.
func (o *Order) Rows(l *Layout, seen []Seen) (rows []Row) {
	script := o.Script(o.Path, l)
	for i := range o.Path {
		m := &o.Path[i]
		what := "begins, and waits"
		if m.Gate.Choice == finds {
			what = "finds the context"
		}
		first := Row{Move: i + 1, Actor: o.m.Actor(m.Gate), Step: m.Gate.Kind.String(), What: what, Gate: script.Moves[i].From.String(),
			Deviation: seen[i].Deviation}
		var said []string
		for k := range seen[i].Transitions {
			t := &seen[i].Transitions[k]
			text := t.Point.String()
			if valued(t.Point) {
				text += fmt.Sprintf(" %v", model.Result(t.Value))
			}
			said = append(said, text)
		}
		first.Kernel = strings.Join(said, ", ")
		if len(said) == 0 {
			first.Kernel = "-"
		}
		if seen[i].Made == nil {
			first.Kernel = "not made"
		}
		for k, st := range m.Steps {
			row := Row{Move: i + 1, Actor: o.m.Actor(st), Step: st.Kind.String(), What: st.Sentence()}
			if k == 0 {
				row.Gate, row.Kernel, row.Deviation = first.Gate, first.Kernel, first.Deviation
			}
			rows = append(rows, row)
		}
		if len(m.Steps) == 0 {
			rows = append(rows, first)
		}
	}
	return rows
}

// valued reports whether a transition's value is a result.
func valued(p traces.Point) bool {
	return p == traces.AtReturn || p == traces.AtPosted || p == traces.AtRefused
}

// WriteText prints the steps of the first run that deviated, or of the first,
// and then what all runs came to.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	name := r.Design
	for _, bug := range r.Bugs {
		name += ", " + bug
	}
	fmt.Fprintf(&b, "design    %s\nscenario  %s\n", name, r.Scenario)
	if r.Defects != "" {
		fmt.Fprintf(&b, "defects   %s\n", r.Defects)
	}
	if r.Unforcible != "" {
		fmt.Fprintf(&b, "%s.\nIn its place stands a shortest order that can be forced and violates %s too.\n", capital(r.Unforcible), r.Violates)
	}
	if len(r.Left) > 0 {
		fmt.Fprintf(&b, "The design without the bug does not have: %s.\n", strings.Join(r.Left, ", "))
	}
	if len(r.Runs) > 0 {
		shown := r.Runs[max(0, slices.IndexFunc(r.Runs, func(x *Run) bool { return !x.Followed }))]
		b.WriteByte('\n')
		writeRows(&b, shown.Steps, r.Scheduled)
	}
	fmt.Fprintf(&b, "\nexpected  %s\n", r.Expected)
	type count struct {
		text string
		runs int
	}
	var counts []count
	followed, bad := 0, 0
	violated := map[string]int{}
	var names []string
	for _, x := range r.Runs {
		i := slices.IndexFunc(counts, func(c count) bool { return c.text == x.Outcome })
		if i < 0 {
			i = len(counts)
			counts = append(counts, count{text: x.Outcome})
		}
		counts[i].runs++
		if x.Followed {
			followed++
		}
		if x.Bad() {
			bad++
		}
		for _, v := range x.Violated {
			if violated[v]++; violated[v] == 1 {
				names = append(names, v)
			}
		}
	}
	for _, c := range counts {
		fmt.Fprintf(&b, "seen      %s (%d of %d)\n", c.text, c.runs, len(r.Runs))
	}
	fmt.Fprintf(&b, "followed  %d of %d\n", followed, len(r.Runs))
	for _, v := range names {
		fmt.Fprintf(&b, "violated  %s (%d of %d)\n", v, violated[v], len(r.Runs))
	}
	for _, x := range r.Runs {
		if x.Hung != "" {
			fmt.Fprintf(&b, "hung      %s\n", x.Hung)
			break
		}
	}
	for _, x := range r.Runs {
		if !x.Allowed && x.Outcome != "" {
			fmt.Fprintf(&b, "forbidden by thread-6.1 without a bug: what was seen\n")
			break
		}
	}
	for _, x := range r.Runs {
		if x.Trace != "" {
			fmt.Fprintf(&b, "trace     %s\n", x.Trace)
		}
	}
	fmt.Fprintf(&b, "%s\n", r.verdict(followed, bad))
	_, err := io.WriteString(w, b.String())
	return err
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// verdict is what the runs come to, in a sentence.
func (r *Report) verdict(followed, bad int) string {
	n := len(r.Runs)
	switch {
	case bad == 0 && followed == n:
		return fmt.Sprintf("The kernel followed the order %d of %d times, and nothing is violated.", followed, n)
	case bad == 0:
		return fmt.Sprintf("The kernel followed the order only %d of %d times; nothing is violated.", followed, n)
	case followed == bad && len(r.Bugs) > 0:
		return fmt.Sprintf("Reproduced %d of %d times.", bad, n)
	}
	return fmt.Sprintf("Violated %d of %d times; the kernel followed the order %d of %d times.", bad, n, followed, n)
}

// writeRows prints steps in columns.
func writeRows(b *strings.Builder, rows []Row, scheduled int) {
	head := []string{"move", "actor", "step", "what happens", "kernel"}
	table := [][]string{head}
	for i, row := range rows {
		if i > 0 && row.Move == scheduled+1 && rows[i-1].Move == scheduled {
			table = append(table, []string{"", "", "", "and so to the end:", ""})
		}
		number := ""
		if row.Gate != "" {
			number = fmt.Sprint(row.Move)
		}
		table = append(table, []string{number, row.Actor, row.Step, row.What, row.Kernel})
		if row.Deviation != "" {
			table = append(table, []string{"", "", "", "DEVIATES: " + row.Deviation, ""})
		}
	}
	widths := make([]int, len(head))
	for _, row := range table {
		for k, cell := range row {
			if k < len(row)-1 && !strings.HasPrefix(cell, "DEVIATES") {
				widths[k] = max(widths[k], len(cell))
			}
		}
	}
	for _, row := range table {
		line := ""
		for k, cell := range row {
			line += "  " + cell + strings.Repeat(" ", max(0, widths[k]-len(cell)))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
