package compare

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Style says how text is printed.
type Style struct {
	Color bool // for a terminal
	Full  bool // counterexamples step by step, not only what they come to
}

const (
	red   = "\x1b[31m"
	green = "\x1b[32m"
	amber = "\x1b[33m"
	plain = "\x1b[0m"
)

func (s Style) paint(st Status, text string) string {
	if !s.Color {
		return text
	}
	switch st {
	case Holds:
		return green + text + plain
	case Violated:
		return red + text + plain
	case Bounded:
		return amber + text + plain
	}
	return text
}

// summary says what was explored.
func (t *Table) summary() string {
	left, stopped := 0, 0
	for _, c := range t.Cases {
		for _, r := range c.Runs {
			switch {
			case r.Left != "":
				left++
			case r.Stop != "complete":
				stopped++
			}
		}
	}
	searches := len(t.Cases)*len(t.Columns) - left
	text := fmt.Sprintf("%s, %s, %s: %s with %s", count(len(t.Columns), "design"), count(len(t.Properties), "property"),
		count(len(t.Cases), "case"), count(searches, "search"), count(int(t.States()), "state"))
	if stopped == 0 {
		return text + ", all complete"
	}
	return text + fmt.Sprintf(", %d ended by a limit", stopped)
}

func count(n int, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "y"):
		what = strings.TrimSuffix(what, "y") + "ies"
	case strings.HasSuffix(what, "ch"):
		what += "es"
	default:
		what += "s"
	}
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + what
}

// WriteText prints the table for a terminal.
func (t *Table) WriteText(w io.Writer, style Style) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s\n\n%-25s", t.summary(), "")
	for i := range t.Columns {
		fmt.Fprintf(b, " %2d", i+1)
	}
	fmt.Fprintln(b)
	for i, p := range t.Properties {
		fmt.Fprintf(b, "%-25s", p.Name)
		for _, c := range t.Cells[i] {
			fmt.Fprintf(b, "  %s", style.paint(c.Status, c.Status.Sign()))
		}
		fmt.Fprintln(b)
	}
	fmt.Fprint(b, "\n", legend, "\n\n")
	for i, c := range t.Columns {
		mark := ""
		if c.Unsure() {
			mark = " (parts conjectured)"
		}
		fmt.Fprintf(b, "%2d  %-22s %s%s\n", i+1, c.Name, c.Title, mark)
	}
	for i := range t.Columns {
		t.writeViolations(b, i, style)
	}
	if len(t.Columns) <= 2 {
		t.writeLeft(b)
	}
	if t.Pair != nil {
		t.Pair.writeText(b, t.Columns)
	}
	return b.Flush()
}

const legend = "✓ holds in every state of every case   ✗ violated   ? no violation up to a limit   – not applicable   · out of scope"

func (t *Table) writeViolations(b *bufio.Writer, column int, style Style) {
	if t.Count(column, Violated) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s violates\n", t.Columns[column].Name)
	for i, p := range t.Properties {
		c := &t.Cells[i][column]
		if c.Status != Violated {
			continue
		}
		x := c.Counterexample
		fmt.Fprintf(b, "  %s  %s in case %s%s\n", style.paint(Violated, fmt.Sprintf("%-25s", p.Name)), count(x.Length(), "step"), x.Case, others(c))
		if style.Full {
			fmt.Fprintf(b, "    %s\n", p.Sentence)
			x.writeText(b)
		}
	}
}

// others says in how many other cases the property is violated too.
func others(c *Cell) string {
	switch n := len(c.ViolatedIn) - 1; n {
	case 0:
		return ""
	case 1:
		return ", and in one other"
	default:
		return fmt.Sprintf(", and in %d others", n)
	}
}

func (x *Counterexample) writeText(b *bufio.Writer) {
	actor, text, locks := 0, 0, 0
	for _, s := range slices.Concat(x.Steps, x.Cycle) {
		actor, text, locks = max(actor, len(s.Actor)), max(text, len(s.Text)), max(locks, len(s.Lock)+2)
	}
	for i, s := range slices.Concat(x.Steps, x.Cycle) {
		if i == len(x.Steps) {
			fmt.Fprintln(b, "    for ever:")
		}
		lock := s.Lock
		if lock != "" {
			lock = "[" + lock + "]"
		}
		fmt.Fprintln(b, strings.TrimRight(fmt.Sprintf("    %3d  %-4s %-*s  %-*s  %-*s  %s", i+1, s.Step, actor, s.Actor, text, s.Text, locks, lock, s.Source), " "))
	}
	fmt.Fprintf(b, "         %s:\n", x.End())
	for _, line := range x.State {
		fmt.Fprintf(b, "         %s\n", line)
	}
	fmt.Fprintln(b)
}

// writeLeft says why properties do not apply; for a few designs only.
func (t *Table) writeLeft(b *bufio.Writer) {
	for j, column := range t.Columns {
		head := fmt.Sprintf("\n%s: what was not judged\n", column.Name)
		for i, p := range t.Properties {
			if c := t.Cells[i][j]; c.Why != "" {
				fmt.Fprintf(b, "%s  %s %-25s %s: %s\n", head, c.Status.Sign(), p.Name, c.Status, c.Why)
				head = ""
			}
		}
	}
}

func (p *Pair) writeText(b *bufio.Writer, columns []Column) {
	fmt.Fprintf(b, "\n%s and %s differ in %s\n", columns[0].Name, columns[1].Name, count(len(p.Parameters), "parameter"))
	for _, d := range p.Parameters {
		fmt.Fprintf(b, "  %-47s %s | %s\n", d.Parameter, d.Values[0], d.Values[1])
	}
	fmt.Fprintf(b, "\nin %s they can end differently\n", count(len(p.Outcomes), "case"))
	for _, o := range p.Outcomes {
		fmt.Fprintf(b, "  %s: %s\n", o.Case, o.Sentence)
		writeOnly(b, columns, o.Only)
	}
	if p.Ran == 0 {
		return
	}
	fmt.Fprintf(b, "\n%d of the %s that both can run come out differently\n", len(p.Tests), count(p.Ran, "litmus test"))
	for _, l := range p.Tests {
		fmt.Fprintf(b, "  %s: %s\n", l.Name, l.Sentence)
		for _, c := range l.Conditions {
			words := c.Words()
			fmt.Fprintf(b, "    %s %s, %s %s: %s\n", columns[0].Name, words[0], columns[1].Name, words[1], c.Expr)
		}
		if len(l.Conditions) == 0 {
			writeOnly(b, columns, l.Only)
		}
	}
}

// shownOutcomes is how many outcomes are printed that only one design has.
const shownOutcomes = 2

func writeOnly(b *bufio.Writer, columns []Column, only [2][]string) {
	for side, outcomes := range only {
		for i, text := range outcomes {
			if i == shownOutcomes {
				fmt.Fprintf(b, "    only %s: %d more\n", columns[side].Name, len(outcomes)-i)
				break
			}
			fmt.Fprintf(b, "    only %s: %s\n", columns[side].Name, oneLine(text))
		}
	}
}

// oneLine is an outcome in one line.
func oneLine(outcome string) string { return strings.ReplaceAll(outcome, "\n", " | ") }
