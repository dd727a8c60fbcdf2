package compare

import (
	"fmt"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/sim/explore"
)

// Status is what was found about a property of a design.
type Status uint8

// The statuses, from the best to the worst.
const (
	Holds         Status = iota // in every reachable state of every case that the design can run
	NotApplicable               // the design has nothing that the property speaks of
	OutOfScope                  // the machine does not model it
	Bounded                     // no violation was found, but a search reached its limits
	Violated
)

var statusNames = [...]string{"holds", "not applicable", "out of scope", "bounded", "violated"}
var statusSigns = [...]string{"✓", "–", "·", "?", "✗"}

// String is the status in words.
func (s Status) String() string { return statusNames[s] }

// Sign is the status as one character.
func (s Status) Sign() string { return statusSigns[s] }

// MarshalText gives the status its words in JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Table is what a comparison found: a column for each design, a row for each
// property. It is the same for the same designs and limits of states.
type Table struct {
	Columns    []Column         `json:"designs"`
	Properties []model.Property `json:"properties"`
	Cells      [][]Cell         `json:"cells"` // by property, then by design
	Cases      []CaseRow        `json:"cases"`
	Pair       *Pair            `json:"pair,omitempty"` // of a comparison of two designs
}

// Column is a design in a table.
type Column struct {
	Name    string          `json:"name"`
	Title   string          `json:"title"`
	Sources []design.Source `json:"sources"`
}

// Unsure reports whether a part of the design is a conjecture.
func (c Column) Unsure() bool {
	for _, s := range c.Sources {
		if s.Mark == design.Conjecture {
			return true
		}
	}
	return false
}

// Cell is what was found about one property of one design.
type Cell struct {
	Status         Status          `json:"status"`
	Why            string          `json:"why,omitempty"` // of NotApplicable, OutOfScope and Bounded
	Cases          int             `json:"cases"`         // explored
	Shown          int             `json:"shown"`         // of these, the ones that are there for the property
	States         int64           `json:"states"`        // of the cases explored, together
	ViolatedIn     []string        `json:"violated_in,omitempty"`
	Counterexample *Counterexample `json:"counterexample,omitempty"`
}

// Counterexample is a shortest behaviour that violates a property.
type Counterexample struct {
	Case  string      `json:"case"`
	How   explore.How `json:"how"`
	Steps []Line      `json:"steps"`
	Cycle []Line      `json:"cycle,omitempty"`
	State []string    `json:"state"` // the last state, a line for each thing in it
}

// Line is a step of a counterexample.
type Line struct {
	Step   string `json:"step"` // "W4a"
	Actor  string `json:"actor"`
	Text   string `json:"text"`
	Lock   string `json:"lock,omitempty"`
	Source string `json:"source"`
}

// Length is how many steps the counterexample has.
func (c *Counterexample) Length() int { return len(c.Steps) + len(c.Cycle) }

// End says how the behaviour violates the property.
func (c *Counterexample) End() string {
	switch c.How {
	case explore.InDeadlock:
		return "nothing more has to happen"
	case explore.InCycle:
		return fmt.Sprintf("the last %d steps can be repeated for ever", len(c.Cycle))
	}
	return "the last state violates it"
}

// CaseRow is a case and what exploring it took, by design.
type CaseRow struct {
	Name     string    `json:"name"`
	Sentence string    `json:"sentence"`
	Runs     []CaseRun `json:"runs"`
}

// CaseRun is the exploration of a case under one design.
type CaseRun struct {
	Left        string       `json:"left,omitempty"` // why it was not explored
	Refused     bool         `json:"refused,omitempty"`
	States      int64        `json:"states"`
	Transitions int64        `json:"transitions"`
	Depth       int          `json:"depth"`
	Stop        explore.Stop `json:"stop,omitempty"`
	Outcomes    []string     `json:"outcomes,omitempty"`
}

// Worst is the worst status in the table: what the exit code says.
func (t *Table) Worst() Status {
	worst := Holds
	for _, row := range t.Cells {
		for _, c := range row {
			worst = max(worst, c.Status)
		}
	}
	return worst
}

// States is how many states were found in all.
func (t *Table) States() (n int64) {
	for _, c := range t.Cases {
		for _, r := range c.Runs {
			n += r.States
		}
	}
	return n
}

// Count is how many cells of a design have the status.
func (t *Table) Count(column int, s Status) (n int) {
	for _, row := range t.Cells {
		if row[column].Status == s {
			n++
		}
	}
	return n
}
