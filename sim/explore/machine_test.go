package explore

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestReductionsOfMachine compares verdicts and outcomes of every design with
// and without reductions.
func TestReductionsOfMachine(t *testing.T) {
	for _, d := range design.All() {
		m := cancelMachine(t, d.Name, 2, 2, 2)
		whole := explored(t, m, Options{Liveness: true})
		for _, o := range []Options{{Symmetry: true}, {PartialOrder: true}, {Symmetry: true, PartialOrder: true}} {
			o.Liveness = true
			r := explored(t, m, o)
			if !r.Complete() || r.States > whole.States {
				t.Errorf("%s, %+v: %d states of %d", d.Name, o, r.States, whole.States)
			}
			if diff := cmp.Diff(violated(whole), violated(r)); diff != "" {
				t.Errorf("%s, %+v: %s", d.Name, o, diff)
			}
			if diff := cmp.Diff(texts(whole.Outcomes), texts(r.Outcomes)); diff != "" {
				t.Errorf("%s, %+v: %s", d.Name, o, diff)
			}
		}
	}
}
