package machine

import (
	"errors"
	"slices"
	"testing"

	"aiocheck/model"
	"aiocheck/model/design"
)

// Without a bug no design owes an eventfd anything in the end: those with a
// ring of the kernel's have signalled it, the others promise none.
func TestEventfdOwedNothing(t *testing.T) {
	for _, d := range design.All() {
		m, err := New(&d, Witness(design.EventfdBeforeEvent))
		if errors.Is(err, ErrNotApplicable) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if e := full(t, m, 100_000); slices.Contains(names(e.violated), model.EventfdCount.Name) {
			t.Errorf("%s violates %s", d.Name, model.EventfdCount.Name)
		}
	}
}
