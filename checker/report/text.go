package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"aiocheck/checker"
	"aiocheck/traces"
)

// Style says how text is marked; the zero Style is plain.
type Style struct{ Color bool }

func (s Style) outcome(o checker.Outcome) string {
	if !s.Color {
		return o.String()
	}
	code := map[checker.Outcome]string{checker.Holds: "32", checker.Violated: "1;31", checker.Undecided: "33"}[o]
	if code == "" {
		code = "2"
	}
	return "\x1b[" + code + "m" + o.String() + "\x1b[0m"
}

// WriteHeader prints what ran where: kernel, storage and workload.
func WriteHeader(w io.Writer, h *traces.Header) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "kernel\t%s %s, %s, target %s, contract %s\n", h.Kernel.Release, h.Kernel.Machine, plural(h.Kernel.CPUs, "CPU"), h.Target, h.Contract.Name)
	fmt.Fprintf(t, "storage\t%s\n", storage(&h.Device))
	l := &h.Workload
	fmt.Fprintf(t, "workload\tmix %s, %s, depth %d, sizes %s to %s, seed %d\n", l.Mix, plural(l.Threads, "thread"), l.Depth, Bytes(int64(l.MinBytes)), Bytes(int64(l.MaxBytes)), l.Seed)
	if h.Misbehaviour != "" {
		fmt.Fprintf(t, "seeded bug\t%s\n", h.Misbehaviour)
	}
	return t.Flush()
}

func storage(d *traces.Device) string {
	text := fmt.Sprintf("%s, %s of a %s", d.Path, Bytes(d.Bytes), d.Kind)
	if d.FileSystem != "" {
		text += " on " + d.FileSystem
	}
	if d.Source != "" && d.Source != d.Path {
		text += " (" + d.Source + ")"
	}
	if d.Direct {
		return fmt.Sprintf("%s, O_DIRECT in units of %s", text, Bytes(int64(d.Align)))
	}
	if d.Note != "" {
		return text + ", buffered: " + d.Note
	}
	return text + ", buffered"
}

// Bytes is a size as people write it: "512 B", "1.5 MiB".
func Bytes(n int64) string { return humanize.IBytes(uint64(n)) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// WriteVerdicts prints a line for each property, findings after them.
func WriteVerdicts(w io.Writer, j *checker.Judgement, style Style) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range j.Verdicts {
		why := v.Why
		if v.Outcome == checker.Violated {
			why = fmt.Sprintf("%d violations", v.Violations)
		}
		// The outcome stands last but one, so that colour codes, which the
		// tabwriter counts as text, do not shift a column of their own.
		fmt.Fprintf(t, "  %s\t%s\t%d judged\t%s\t%s\n", v.Property.Name, v.Property.Object, v.Instances, style.outcome(v.Outcome), why)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, v := range j.Verdicts {
		if len(v.Findings) == 0 {
			continue
		}
		if err := WriteFinding(w, v, v.Findings[0], style); err != nil {
			return err
		}
	}
	return nil
}

// WriteFinding explains one violation; the page and the JSON have the others.
func WriteFinding(w io.Writer, v checker.Verdict, f checker.Finding, style Style) error {
	fmt.Fprintf(w, "\n%s: %s, 1 of %d\n", f.Property, style.outcome(v.Outcome), v.Violations)
	fmt.Fprintf(w, "  seen      %s\n  expected  %s\n", f.Summary, f.Expected)
	if f.Bytes > 0 {
		fmt.Fprintf(w, "  where     bytes %d to %d of the file\n", f.Offset, f.Offset+f.Bytes-1)
	}
	if f.Inside != nil {
		return writeInside(w, f.Inside)
	}
	if len(f.Steps) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  order\tfrom\tto\tthread\twhat\n")
	for _, s := range f.Steps {
		order := "fits nowhere"
		if s.Order > 0 {
			order = fmt.Sprint(s.Order)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", order, Clock(s.From), Clock(s.To), thread(s.Thread), s.Text)
	}
	return t.Flush()
}

// writeInside explains a kernel's transition that is no step of the model.
func writeInside(w io.Writer, f *checker.Inside) error {
	for i, line := range f.State {
		name := ""
		if i == 0 {
			name = "state"
		}
		fmt.Fprintf(w, "  %-8s  %s\n", name, line)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  number\tat\tthread\ttransition\twhat\n")
	for i := range f.Steps {
		s := &f.Steps[i]
		mark := ""
		if i == len(f.Steps)-1 {
			mark = "not a step: "
		}
		fmt.Fprintf(t, "  %d\t%s\t%s\t%s%s\t%s\n", s.Number, Clock(s.At), f.Tasks[s.Task].Name, mark, s.Point, insideText(s, &f.Steps[len(f.Steps)-1]))
	}
	return t.Flush()
}

// Clock is a time since the start of the run in seconds, or "never".
func Clock(at traces.Time) string {
	if at == traces.Never {
		return "never"
	}
	return fmt.Sprintf("%.9f", time.Duration(at).Seconds())
}

func thread(n uint16) string {
	switch n {
	case traces.Controller:
		return "controller"
	case traces.KernelThread:
		return "kernel"
	}
	return fmt.Sprint(n)
}

// WriteOutcome prints the last line: the outcome of all, and of how much.
func WriteOutcome(w io.Writer, j *checker.Judgement, style Style) error {
	judged := 0
	var names []string
	for _, v := range j.Verdicts {
		if v.Outcome != checker.Unchecked {
			judged++
		}
		if v.Outcome == j.Outcome && v.Outcome != checker.Holds {
			names = append(names, v.Property.Name)
		}
	}
	which := strings.Join(names, ", ")
	if which != "" {
		which += "; "
	}
	_, err := fmt.Fprintf(w, "%s: %s%d of %d properties judged in %.2f s\n", style.outcome(j.Outcome), which, judged, len(j.Verdicts), j.Elapsed.Seconds())
	return err
}
