package explore

import "testing"

func TestCancelSize(t *testing.T) {
	for _, n := range [][3]int{{1, 1, 1}, {2, 1, 1}, {2, 2, 1}, {2, 2, 2}, {3, 2, 2}, {4, 2, 2}} {
		r := explored(t, cancel{requests: n[0], workers: n[1], cancellers: n[2]}, Options{})
		t.Log(n, r.States, r.Transitions, r.Depth, len(r.Outcomes), len(r.Violations), r.Cost)
		for _, s := range r.Steps {
			if s.Taken == 0 {
				t.Error("never", s.Kind)
			}
		}
	}
}
