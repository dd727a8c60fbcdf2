package replay

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Row is a step that was taken, for people.
type Row struct {
	Number int    `json:"number"` // from 1
	Actor  string `json:"actor"`
	Step   string `json:"step"`
	What   string `json:"what"`
	Lock   string `json:"lock,omitempty"` // that it runs under
	Source string `json:"source"`
}

// Rows are the steps that were taken, those of the cycle last.
func (r *Run) Rows() []Row {
	rows := make([]Row, len(r.Steps))
	for i, st := range r.Steps {
		info := st.Kind.Info()
		rows[i] = Row{i + 1, r.Machine.Actor(st), info.Name, st.Sentence(), info.Lock, info.Source}
	}
	return rows
}

// sheet is what most sources begin with: the fact sheet on thread-based AIO.
const sheet = "thread-aio.md "

const forever = "from here on for ever:"

// WriteTable prints the steps that were taken as a table that fits into a
// hundred columns. Sources are sections of the fact sheet, unless they say of
// what else.
func (r *Run) WriteTable(w io.Writer) error {
	head := []string{"#", "actor", "step", "lock", "what happens", strings.TrimSpace(sheet)}
	caps := []int{0, 0, 0, 15, 46, 14}
	rows := [][]string{head}
	for i, row := range r.Rows() {
		if i == len(r.Schedule.Steps) {
			rows = append(rows, []string{"", "", "", "", forever, ""})
		}
		lock := row.Lock
		if lock == "" {
			lock = "-"
		}
		rows = append(rows, []string{strconv.Itoa(row.Number), row.Actor, row.Step, lock, row.What, strings.TrimPrefix(row.Source, sheet)})
	}
	return writeColumns(w, caps, rows)
}

// WriteStates prints the initial state, then each step and under it the lines
// of the state that it changed.
func (r *Run) WriteStates(w io.Writer) error {
	before := lines(r.Machine.Describe(&r.States[0]))
	var b strings.Builder
	fmt.Fprintln(&b, "  initially")
	for _, line := range before {
		fmt.Fprintf(&b, "         %s\n", line)
	}
	for i, row := range r.Rows() {
		if i == len(r.Schedule.Steps) {
			fmt.Fprintln(&b, "  "+forever)
		}
		lock := ""
		if row.Lock != "" {
			lock = " [" + row.Lock + "]"
		}
		fmt.Fprintf(&b, "  %3d  %s  %s %s%s (%s)\n", row.Number, row.Step, row.Actor, row.What, lock, row.Source)
		after := lines(r.Machine.Describe(&r.States[i+1]))
		for k, line := range after {
			if before[k] != line {
				fmt.Fprintf(&b, "         %s\n", line)
			}
		}
		before = after
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteText prints what is replayed, the steps with what they change, and what
// is violated after them.
func (r *Run) WriteText(w io.Writer) error {
	name := r.Design.Name
	for _, b := range r.Bugs {
		name += ", " + b.String()
	}
	fmt.Fprintf(w, "design    %s: %s\nscenario  %s\n\n", name, r.Design.Title, r.Scenario.Name)
	if err := r.WriteStates(w); err != nil {
		return err
	}
	if !r.Complete() {
		return nil
	}
	fmt.Fprintln(w)
	for _, v := range r.Violations() {
		fmt.Fprintf(w, "violated: %s, in a %s\n", v.Property, v.How)
	}
	if len(r.Violations()) == 0 {
		fmt.Fprintln(w, "nothing is violated after these steps")
	}
	return nil
}

// Report is a run for programs.
type Report struct {
	Design     string      `json:"design"`
	Bugs       []string    `json:"bugs,omitempty"`
	Complete   bool        `json:"complete"` // every step could be taken
	Steps      []Row       `json:"steps"`
	States     []string    `json:"states"` // the initial one first
	Violations []Violation `json:"violations,omitempty"`
}

// Report says what the run did.
func (r *Run) Report() *Report {
	rep := &Report{Design: r.Schedule.Design, Bugs: r.Schedule.Bugs, Complete: r.Complete(), Steps: r.Rows()}
	for _, s := range r.States {
		rep.States = append(rep.States, r.Machine.Describe(&s))
	}
	if r.Complete() {
		rep.Violations = r.Violations()
	}
	return rep
}

// lines are those of a described state. The machine describes the same things
// in the same order in every state.
func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }
