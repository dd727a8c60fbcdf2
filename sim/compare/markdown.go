package compare

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the table with a link from every violation to its
// counterexample, which is folded.
func (t *Table) WriteMarkdown(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s.\n\n|  |", strings.ToUpper(t.summary()[:1])+t.summary()[1:])
	for i := range t.Columns {
		fmt.Fprintf(b, " %d |", i+1)
	}
	fmt.Fprintf(b, "\n| --- |%s\n", strings.Repeat(" :-: |", len(t.Columns)))
	for i, p := range t.Properties {
		fmt.Fprintf(b, "| %s |", p.Name)
		for j, c := range t.Cells[i] {
			if c.Status == Violated {
				fmt.Fprintf(b, " [%s](#%s) |", c.Status.Sign(), t.anchor(i, j))
			} else {
				fmt.Fprintf(b, " %s |", c.Status.Sign())
			}
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintf(b, "\n%s\n\n| | design | | holds | violated |\n| --: | --- | --- | --: | --: |\n", strings.ReplaceAll(legend, "   ", " · "))
	for j, c := range t.Columns {
		title := c.Title
		if c.Unsure() {
			title += " *(parts conjectured)*"
		}
		fmt.Fprintf(b, "| %d | [`%s`](#%s) | %s | %d | %d |\n", j+1, c.Name, slug(c.Name), title, t.Count(j, Holds), t.Count(j, Violated))
	}
	if t.Pair != nil {
		t.Pair.writeMarkdown(b, t.Columns)
	}
	for j := range t.Columns {
		t.markdownDesign(b, j)
	}
	fmt.Fprint(b, "\n## The cases\n\nAll properties are checked in all cases. States are those of the largest search among the designs.\n\n| case | program | designs | states |\n| --- | --- | --: | --: |\n")
	for _, c := range t.Cases {
		ran, most := 0, int64(0)
		for _, r := range c.Runs {
			if r.Left == "" {
				ran++
				most = max(most, r.States)
			}
		}
		fmt.Fprintf(b, "| %s | %s | %d | %d |\n", c.Name, c.Sentence, ran, most)
	}
	return b.Flush()
}

// anchor names the place of a cell's counterexample in a document.
func (t *Table) anchor(row, column int) string {
	return slug(t.Columns[column].Name + "-" + t.Properties[row].Name)
}

func slug(name string) string { return strings.NewReplacer(".", "", " ", "-").Replace(name) }

func (t *Table) markdownDesign(b *bufio.Writer, j int) {
	c := t.Columns[j]
	fmt.Fprintf(b, "\n## <a id=\"%s\"></a>%s\n\n%s. Known from:", slug(c.Name), c.Name, strings.ToUpper(c.Title[:1])+c.Title[1:])
	for i, s := range c.Sources {
		if i > 0 {
			fmt.Fprint(b, ";")
		}
		fmt.Fprintf(b, " %s [%s]", s.Text, s.Mark)
	}
	fmt.Fprintln(b, ".")
	if reasons := t.reasons(j); len(reasons) > 0 {
		fmt.Fprintln(b, "\nNot judged:")
		for _, r := range reasons {
			fmt.Fprintf(b, "* %s\n", r)
		}
	}
	for i, p := range t.Properties {
		cell := &t.Cells[i][j]
		if cell.Status != Violated {
			continue
		}
		x := cell.Counterexample
		fmt.Fprintf(b, "\n<details><summary><a id=\"%s\"></a>✗ <b>%s</b>: %s in case %s%s</summary>\n\n%s\n\n", t.anchor(i, j), p.Name, count(x.Length(), "step"), x.Case, others(cell), p.Sentence)
		fmt.Fprint(b, "| | step | who | does | lock | source |\n| --: | --- | --- | --- | --- | --- |\n")
		for k, s := range append(append([]Line{}, x.Steps...), x.Cycle...) {
			fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s |\n", k+1, s.Step, s.Actor, s.Text, s.Lock, s.Source)
		}
		fmt.Fprintf(b, "\nHere %s:\n```\n%s\n```\n</details>\n", x.End(), strings.Join(x.State, "\n"))
	}
}

// reasons says why properties were not judged, those with one reason together.
func (t *Table) reasons(column int) []string {
	var order []string
	names := map[string][]string{}
	for i, p := range t.Properties {
		c := t.Cells[i][column]
		if c.Why == "" {
			continue
		}
		why := c.Status.String() + ": " + c.Why
		if names[why] == nil {
			order = append(order, why)
		}
		names[why] = append(names[why], p.Name)
	}
	var reasons []string
	for _, why := range order {
		reasons = append(reasons, strings.Join(names[why], ", ")+" ("+why+")")
	}
	return reasons
}

func (p *Pair) writeMarkdown(b *bufio.Writer, columns []Column) {
	fmt.Fprintf(b, "\n## How they differ\n\n| parameter | %s | %s |\n| --- | --- | --- |\n", columns[0].Name, columns[1].Name)
	for _, d := range p.Parameters {
		fmt.Fprintf(b, "| %s | %s | %s |\n", d.Parameter, d.Values[0], d.Values[1])
	}
	fmt.Fprintf(b, "\n| case | only %s can end so | only %s can end so |\n| --- | --- | --- |\n", columns[0].Name, columns[1].Name)
	for _, o := range p.Outcomes {
		fmt.Fprintf(b, "| %s: %s | %s | %s |\n", o.Case, o.Sentence, cells(o.Only[0]), cells(o.Only[1]))
	}
	if p.Ran == 0 {
		return
	}
	fmt.Fprintf(b, "\nOf the %s that both can run, %d come out differently.\n\n| test | can end so | %s | %s |\n| --- | --- | --- | --- |\n", count(p.Ran, "litmus test"), len(p.Tests), columns[0].Name, columns[1].Name)
	for _, l := range p.Tests {
		for _, c := range l.Conditions {
			words := c.Words()
			fmt.Fprintf(b, "| %s: %s | `%s` | %s | %s |\n", l.Name, l.Sentence, c.Expr, words[0], words[1])
		}
		if len(l.Conditions) == 0 {
			fmt.Fprintf(b, "| %s: %s | other outcomes | %s | %s |\n", l.Name, l.Sentence, cells(l.Only[0]), cells(l.Only[1]))
		}
	}
}

// cells are outcomes within a cell of a Markdown table.
func cells(outcomes []string) string {
	var lines []string
	for i, o := range outcomes {
		if i == shownOutcomes {
			lines = append(lines, fmt.Sprintf("%d more", len(outcomes)-i))
			break
		}
		lines = append(lines, strings.ReplaceAll(o, "\n", "; "))
	}
	return strings.Join(lines, "<br>")
}
