package compare

import (
	"slices"
	"strings"

	"aiocheck/model/design"
)

// Pair is how two designs differ.
type Pair struct {
	Parameters []Difference  `json:"parameters"`
	Outcomes   []CaseOutcome `json:"outcomes"`
	Tests      []LitmusTest  `json:"litmus"`
	Ran        int           `json:"litmus_ran"` // tests that both can run
}

// Difference is a parameter in which two designs differ.
type Difference struct {
	Parameter string    `json:"parameter"`
	Values    [2]string `json:"values"`
}

// CaseOutcome is a case that can end under one design as it cannot under the
// other.
type CaseOutcome struct {
	Case     string      `json:"case"`
	Sentence string      `json:"sentence"`
	Only     [2][]string `json:"only"` // outcomes of the one that the other does not have
}

// LitmusTest is a litmus test whose outcomes differ.
type LitmusTest struct {
	Name       string            `json:"name"`
	Sentence   string            `json:"sentence"`
	Conditions []LitmusCondition `json:"conditions"` // that tell the two apart; none if only other outcomes do
	Only       [2][]string       `json:"only"`       // outcomes of the one that the other does not have
}

// LitmusCondition is a condition of a test that one design can meet.
type LitmusCondition struct {
	Expr string  `json:"expression"`
	Can  [2]bool `json:"can"`
}

// Words says who can end so.
func (c LitmusCondition) Words() [2]string {
	words := [2]string{"cannot", "cannot"}
	for i, can := range c.Can {
		if can {
			words[i] = "can"
		}
	}
	return words
}

// Compare says how the first two columns' designs differ. Cases that only one
// of them can run, or that were not explored completely, tell nothing.
func (t *Table) Compare(first, second *design.Design) *Pair {
	p := &Pair{}
	a, b := Parameters(first), Parameters(second)
	for i := range a {
		if a[i].Value != b[i].Value {
			p.Parameters = append(p.Parameters, Difference{a[i].Name, [2]string{a[i].Value, b[i].Value}})
		}
	}
	for _, c := range t.Cases {
		x, y := c.Runs[0], c.Runs[1]
		if x.Stop != "complete" || y.Stop != "complete" {
			continue
		}
		ends, others := observable(x.Outcomes), observable(y.Outcomes)
		o := CaseOutcome{Case: c.Name, Sentence: c.Sentence, Only: [2][]string{without(ends, others), without(others, ends)}}
		if len(o.Only[0])+len(o.Only[1]) > 0 {
			p.Outcomes = append(p.Outcomes, o)
		}
	}
	return p
}

// observable are outcomes without whose context requests were executed in,
// which would make nearly every outcome another; the table of properties and
// litmus tests tell that.
func observable(outcomes []string) (ends []string) {
	for _, o := range outcomes {
		for _, context := range []string{" in the worker's context", " in the changed context"} {
			o = strings.ReplaceAll(o, context, "")
		}
		if !slices.Contains(ends, o) {
			ends = append(ends, o)
		}
	}
	return ends
}

// without is what is in a and not in b.
func without(a, b []string) (only []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			only = append(only, x)
		}
	}
	return only
}
