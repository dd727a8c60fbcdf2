package checker

import (
	"errors"
	"testing"

	"aiocheck/model"
	"aiocheck/traces"
)

// The console of a guest is judged, a report is a violation, and what is not
// known is not judged.
func TestKernelQuiet(t *testing.T) {
	for _, c := range []struct {
		name    string
		history traces.History
		judged  bool
		want    Outcome
	}{
		{"host", traces.History{Header: traces.Header{Target: "host"}}, false, Holds},
		{"quiet guest", traces.History{Header: traces.Header{Target: "qemu"}}, true, Holds},
		{"guest with a report", traces.History{Header: traces.Header{Target: "qemu"},
			Ending: traces.Ending{Kernel: []string{"kasan: BUG: KASAN: slab-use-after-free in aio_complete"}}}, true, Violated},
		{"cut", traces.History{Header: traces.Header{Target: "qemu"}, Cut: errors.New("cut")}, false, Holds},
	} {
		c.history.Until = traces.Never
		j := Check(&c.history, Limits{})
		last := j.Verdicts[len(j.Verdicts)-1]
		if judged := last.Property == model.KernelQuiet; judged != c.judged || j.Outcome != c.want || judged && last.Outcome != c.want {
			t.Errorf("%s: %v, last verdict %+v", c.name, j.Outcome, last)
		}
		if c.want == Violated && (last.Violations != 1 || len(last.Findings) != 1) {
			t.Errorf("%s: %+v", c.name, last)
		}
	}
}
