package compare

import (
	"slices"

	"aiocheck/model/design"
)

// Pair is how two designs differ.
type Pair struct {
	Parameters []Difference  `json:"parameters"`
	Outcomes   []CaseOutcome `json:"outcomes"`
	Litmus     []LitmusTest  `json:"litmus"`
	LitmusRun  int           `json:"litmus_run"` // tests that were run under both
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

// LitmusTest is a litmus test that comes out differently.
type LitmusTest struct {
	Name     string      `json:"name"`
	Sentence string      `json:"sentence"`
	Verdicts [2]string   `json:"verdicts"`
	Only     [2][]string `json:"only"`
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
		o := CaseOutcome{Case: c.Name, Sentence: c.Sentence, Only: [2][]string{without(x.Outcomes, y.Outcomes), without(y.Outcomes, x.Outcomes)}}
		if len(o.Only[0])+len(o.Only[1]) > 0 {
			p.Outcomes = append(p.Outcomes, o)
		}
	}
	return p
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
