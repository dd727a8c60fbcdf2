package explore

import "testing"

// A promise that only a step could keep that nobody has to take is broken, in
// whichever way it is searched for, and no deadlock; one that somebody keeps
// in the end is not.
func TestPromiseBrokenAtRest(t *testing.T) {
	for _, must := range []bool{false, true} {
		m := rescue{must: must}
		found := map[string][]Violation{
			"walks":    walked(t, m, WalkOptions{Walks: 20}).Violations,
			"bitstate": bitSearched(t, m, BitstateOptions{Bytes: 1 << 10}).Violations,
			"naive":    nil,
		}
		for name := range searchNaively(m).deadlock {
			found["naive"] = append(found["naive"], Violation{Property: name, How: InDeadlock, Path: []Step{{Actor: 1}}})
		}
		for name, o := range map[string]Options{
			"whole": {}, "symmetry": {Symmetry: true}, "partial order": {PartialOrder: true}, "both": {Symmetry: true, PartialOrder: true},
		} {
			o.Liveness = true
			r := explored(t, m, o)
			if len(r.Outcomes) != 1 {
				t.Errorf("%s: %+v", name, r.Outcomes)
			}
			found[name] = r.Violations
		}
		for name, v := range found {
			broken := len(v) == 1 && v[0].Property == "kept" && v[0].How == InDeadlock && len(v[0].Path) == 1
			if must && len(v) > 0 || !must && !broken {
				t.Errorf("%s, must %v: %+v", name, must, v)
			}
		}
	}
}

// A search ends with the state at rest that breaks a promise.
func TestStopsAtRest(t *testing.T) {
	if r := explored(t, rescue{}, Options{StopAtViolation: true}); r.Stop != StopViolation {
		t.Errorf("%+v", r)
	}
}
