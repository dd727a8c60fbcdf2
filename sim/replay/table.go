package replay

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"aiocheck/model/machine"
)

// WriteTable prints the steps that were taken as a table: number, actor, step,
// lock, what happens, source.
func (r *Run) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  #\tactor\tstep\twhat happens\tlock\tsource\n")
	for i, st := range r.Steps {
		if i == len(r.Schedule.Steps) {
			fmt.Fprintf(t, "  the following can be repeated for ever\t\t\t\t\t\n")
		}
		fmt.Fprintf(t, "  %s\n", r.row(i, st))
	}
	return t.Flush()
}

func (r *Run) row(i int, st machine.Step) string {
	info := st.Kind.Info()
	lock := info.Lock
	if lock == "" {
		lock = "-"
	}
	return fmt.Sprintf("%d\t%s\t%s\t%s\t%s\t%s", i+1, r.Machine.Actor(st), info.Name, st.Sentence(), lock, info.Source)
}

// WriteStates prints the initial state, then each step and under it the lines
// of the state that it changed.
func (r *Run) WriteStates(w io.Writer) error {
	before := lines(r.Machine.Describe(&r.States[0]))
	var b strings.Builder
	fmt.Fprintln(&b, "  initially")
	for _, line := range before {
		fmt.Fprintf(&b, "      %s\n", line)
	}
	for i, st := range r.Steps {
		if i == len(r.Schedule.Steps) {
			fmt.Fprintln(&b, "  the following can be repeated for ever")
		}
		info := st.Kind.Info()
		lock := ""
		if info.Lock != "" {
			lock = " [" + info.Lock + "]"
		}
		fmt.Fprintf(&b, "  %3d  %s  %s %s%s (%s)\n", i+1, info.Name, r.Machine.Actor(st), st.Sentence(), lock, info.Source)
		after := lines(r.Machine.Describe(&r.States[i+1]))
		for k, line := range after {
			if k >= len(before) || before[k] != line {
				fmt.Fprintf(&b, "         %s\n", line)
			}
		}
		before = after
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lines are those of a described state. The model describes the same things in
// the same order in every state.
func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }
