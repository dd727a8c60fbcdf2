package litmus

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Format writes a test in its canonical form, which Parse reads back.
func Format(t *Test) []byte {
	w := &writer{test: t}
	w.part(PartName, 0, "litmus "+t.Name)
	if len(t.About) > 0 {
		lines := make([]string, len(t.About))
		for i, line := range t.About {
			lines[i] = "about " + line
		}
		w.part(PartAbout, 0, lines...)
	}
	if t.Source != "" {
		w.part(PartSource, 0, "source "+t.Source)
	}
	if len(t.Designs) > 0 {
		w.part(PartDesigns, 0, "designs "+strings.Join(t.Designs, ", "))
	}
	w.gap()
	if t.CPUs > 0 {
		w.part(PartCPUs, 0, "cpus "+strconv.Itoa(t.CPUs))
	}
	if t.Workers > 0 {
		w.part(PartWorkers, 0, "workers "+strconv.Itoa(t.Workers))
	}
	for i := range t.Files {
		w.part(PartFile, i, t.Files[i].text())
	}
	for i, c := range t.Contexts {
		w.part(PartContext, i, fmt.Sprintf("context %s slots %d", c.Name, c.Slots))
	}
	w.gap()
	for i := range t.Requests {
		w.part(PartRequest, i, t.Requests[i].text())
	}
	w.gap()
	w.part(PartThreads, 0, table(t.Threads)...)
	w.gap()
	for i := range t.Conditions {
		w.part(PartCondition, i, t.ConditionText(&t.Conditions[i]))
	}
	w.part(PartEnd, 0)
	return w.out.Bytes()
}

// writer writes statements with their comments, and an empty line between
// groups of them.
type writer struct {
	test *Test
	out  bytes.Buffer
	want bool // an empty line comes before the next statement
}

func (w *writer) gap() { w.want = w.out.Len() > 0 }

func (w *writer) part(part Part, index int, lines ...string) {
	for _, c := range w.test.Comments {
		if c.Before == (Place{part, index}) {
			w.line(strings.TrimSpace("# " + c.Text))
		}
	}
	for _, line := range lines {
		w.line(line)
	}
}

func (w *writer) line(line string) {
	if w.want {
		w.out.WriteByte('\n')
		w.want = false
	}
	w.out.WriteString(line + "\n")
}

func (f *File) text() string {
	s := f.Kind.String() + " " + f.Name
	if f.Bytes > 0 {
		s += " " + formatSize(f.Bytes)
	}
	if f.Holds > 0 {
		s += " holds " + formatSize(f.Holds)
	}
	if f.NoWriter {
		s += " nowriter"
	}
	return s
}

func (r *Request) text() string {
	s := "request " + r.Name + " " + opcodeName(r.Op) + " " + r.File
	if r.sized() {
		s += " " + formatSize(r.Bytes)
		if r.Offset > 0 {
			s += " at " + formatSize(r.Offset)
		}
	}
	if r.Iocb != "" {
		s += " iocb " + r.Iocb
	}
	if r.NoFile {
		s += " nofd"
	}
	if r.Eventfd {
		s += " eventfd"
	}
	return s
}

// Text is the call as it is written in a test.
func (c *Call) Text() string {
	s := c.Do.String()
	switch c.Do {
	case Submit, Rewrite:
		s += " " + strings.Join(c.Requests, " ")
	case Cancel:
		s += " " + strings.Join(c.Requests, " or ")
	case GetEvents:
		s += fmt.Sprintf(" %d %d", c.Min, c.Nr)
		if c.Timeout {
			s += " timeout"
		}
	case Close:
		s += " " + c.File
	case Write, Read:
		s += " " + c.File + " " + formatSize(c.Bytes)
	}
	if c.Context != "" {
		s += " on " + c.Context
	}
	return s
}

const tableHead = "threads "

// table lays out threads as columns.
func table(threads []Thread) (lines []string) {
	head := make([]string, len(threads))
	width := make([]int, len(threads))
	rows := 0
	for i, t := range threads {
		head[i] = t.Name
		if t.CPU > 0 {
			head[i] += " cpu " + strconv.Itoa(t.CPU)
		}
		width[i] = len(head[i])
		for c := range t.Calls {
			width[i] = max(width[i], len(t.Calls[c].Text()))
		}
		rows = max(rows, len(t.Calls))
	}
	lines = append(lines, tableHead+columns(head, width))
	for n := range rows {
		cells := make([]string, len(threads))
		last := 0
		for i, t := range threads {
			if n < len(t.Calls) {
				cells[i], last = t.Calls[n].Text(), i
			}
		}
		lines = append(lines, strings.Repeat(" ", len(tableHead))+columns(cells[:last+1], width))
	}
	return lines
}

func columns(cells []string, width []int) string {
	padded := make([]string, len(cells))
	for i, cell := range cells {
		padded[i] = cell
		if i < len(cells)-1 {
			padded[i] += strings.Repeat(" ", width[i]-len(cell))
		}
	}
	return strings.Join(padded, " | ")
}

// ConditionText is a condition as it is written in a test.
func (t *Test) ConditionText(c *Condition) string {
	s := c.Quantifier.String() + " " + t.ExprText(&c.Expr)
	if len(c.Designs) > 0 {
		s = strings.Join(c.Designs, ", ") + ": " + s
	}
	return s
}

// ExprText is an expression as it is written in a test.
func (t *Test) ExprText(e *Expr) string {
	switch e.Op {
	case Not:
		return "not " + t.operand(&e.Args[0])
	case And, Or:
		word := " and "
		if e.Op == Or {
			word = " or "
		}
		args := make([]string, len(e.Args))
		for i := range e.Args {
			args[i] = t.operand(&e.Args[i])
		}
		return strings.Join(args, word)
	}
	return t.atomText(&e.Atom)
}

// operand is an operand with parentheses if it is itself a chain.
func (t *Test) operand(e *Expr) string {
	if e.Op == And || e.Op == Or {
		return "(" + t.ExprText(e) + ")"
	}
	return t.ExprText(e)
}

func (t *Test) atomText(a *Atom) string {
	relation := " = "
	if a.Unequal {
		relation = " != "
	}
	switch a.Kind {
	case CallIs:
		return a.Call.text(t) + relation + a.Value.String()
	case RequestIs:
		return a.Name + "." + a.Field.String() + relation + a.Value.String()
	case StreamIs:
		return a.Name + relation + a.Value.String()
	case UnitIs:
		return a.Name + "[" + formatSize(a.Offset) + "]" + relation + a.Value.String()
	case Got:
		return a.Call.text(t) + " got " + a.Name
	case Before:
		return a.Name + " before " + a.Other
	case Violates:
		return "violates " + a.Name
	}
	return "hangs"
}

// text names the call, with its number if its thread makes several such calls.
func (r *CallRef) text(t *Test) string {
	made := 0
	for _, th := range t.Threads {
		for _, c := range th.Calls {
			if th.Name == r.Thread && c.Do == r.Do {
				made++
			}
		}
	}
	s := r.Thread + "." + r.Do.String()
	if made > 1 {
		s += strconv.Itoa(r.N)
	}
	return s
}
