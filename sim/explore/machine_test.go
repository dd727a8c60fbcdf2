package explore

import (
	"testing"

	"aiocheck/model/design"
	"aiocheck/model/machine"
)

var _ Model = (*machine.Machine)(nil)

// cancelMachine is the machine of early and late cancel under a design.
func cancelMachine(t testing.TB, d string, requests, workers, cancellers int) *machine.Machine {
	t.Helper()
	chosen, err := design.Named(d)
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(&chosen, machine.CancelScenario(requests, workers, cancellers))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMachine(t *testing.T) {
	for _, d := range design.All() {
		for _, o := range []Options{{}, {Symmetry: true}, {PartialOrder: true}, {Symmetry: true, PartialOrder: true}} {
			o.Liveness = true
			m := cancelMachine(t, d.Name, 2, 2, 2)
			r := explored(t, m, o)
			t.Log(d.Name, m.Words(), r.States, r.Transitions, r.Depth, len(r.Outcomes), r.Cost.Elapsed)
			for _, v := range r.Violations {
				t.Log(v.Property, v.How, v.States, len(v.Path), len(v.Cycle))
			}
		}
	}
}
