package compare

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"slug":  slug,
	"count": count,
	"next":  func(n int) int { return n + 1 },
	"first": func(outcomes []string) []string { return outcomes[:min(len(outcomes), shownOutcomes)] },
	"more":  func(outcomes []string) int { return max(0, len(outcomes)-shownOutcomes) },
}).Parse(pageText))

// WriteHTML writes one page that needs nothing else: the table, under each row
// its counterexamples, folded; a click on a cell opens its own.
func (t *Table) WriteHTML(w io.Writer) error {
	if err := page.Execute(w, view{t, t.summary()}); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// view is the table as the page's template asks for it.
type view struct {
	*Table
	Summary string
}

// Anchor names the place of a cell's counterexample.
func (v view) Anchor(row, column int) string { return v.anchor(row, column) }

// Row is the violated cells of a property.
func (v view) Row(row int) (found []violatedCell) {
	for j := range v.Columns {
		if c := &v.Cells[row][j]; c.Status == Violated {
			found = append(found, violatedCell{v.Columns[j].Name, v.anchor(row, j), c})
		}
	}
	return found
}

// Span is the width of the table.
func (v view) Span() int { return len(v.Columns) + 2 }

// Wide reports whether the names of the designs must stand upright.
func (v view) Wide() bool { return len(v.Columns) > 3 }

type violatedCell struct {
	Design, Anchor string
	*Cell
}

// Others says in how many other cases the property is violated.
func (c violatedCell) Others() string { return others(c.Cell) }

// Class is the name of a status in the style sheet.
func (c Cell) Class() string {
	return [...]string{"holds", "none", "none", "bounded", "violated"}[c.Status]
}

// Note is what a cell says when it is pointed at.
func (c Cell) Note() string {
	switch c.Status {
	case Holds:
		return fmt.Sprintf("holds in %s of %s", count(int(c.States), "state"), count(c.Cases, "case"))
	case Violated:
		return fmt.Sprintf("violated in %s of case %s%s", count(c.Counterexample.Length(), "step"), c.Counterexample.Case, others(&c))
	}
	return c.Status.String() + ": " + c.Why
}
