package checker

import (
	"testing"

	"aiocheck/model"
	"aiocheck/traces"
)

// TestCheckGivesEveryVerdict: one for each property, in their order, and the
// worst of them is the outcome.
func TestCheckGivesEveryVerdict(t *testing.T) {
	tape := newTape()
	tape.write(10, 20, 0, 8)
	for _, c := range []struct {
		build func()
		want  Outcome
	}{
		{func() { tape.read(30, 40, 0, by(1, 8)) }, Holds},
		{func() { tape.read(30, 40, 0, old(8)) }, Violated},
	} {
		c.build()
		j := Check(tape.History, Limits{})
		if len(j.Verdicts) != len(model.Properties()) {
			t.Fatalf("%d verdicts", len(j.Verdicts))
		}
		worst := Holds
		for i, p := range model.Properties() {
			v := j.Verdicts[i]
			if v.Property != p {
				t.Errorf("verdict %d is on %s, not %s", i, v.Property.Name, p.Name)
			}
			if (v.Outcome == Unchecked) != (v.Instances == 0 && v.Violations == 0) {
				t.Errorf("%s is %v with %d instances", p.Name, v.Outcome, v.Instances)
			}
			worst = Worse(worst, v.Outcome)
		}
		if j.Outcome != worst {
			t.Errorf("the outcome is %v, the worst verdict %v", j.Outcome, worst)
		}
		for _, v := range j.Verdicts {
			if v.Property.Object == model.Storage && (v.Outcome == Violated) != (c.want == Violated && v.Property == model.FreshReads) {
				t.Errorf("%s: %v", v.Property.Name, v.Outcome)
			}
		}
	}
}

// TestCheckOfNothing: an empty history violates nothing and checks nothing.
func TestCheckOfNothing(t *testing.T) {
	j := Check(&traces.History{Until: traces.Never}, Limits{})
	if j.Outcome != Holds {
		t.Errorf("the outcome is %v", j.Outcome)
	}
	for _, v := range j.Verdicts {
		if v.Outcome != Unchecked {
			t.Errorf("%s: %v", v.Property.Name, v.Outcome)
		}
	}
}

// TestJoin is the table of what two judges together say.
func TestJoin(t *testing.T) {
	for _, c := range []struct{ a, b, want Outcome }{
		{Unchecked, Unchecked, Unchecked}, {Unchecked, Holds, Holds}, {Holds, Undecided, Undecided},
		{Undecided, Violated, Violated}, {Violated, Holds, Violated},
	} {
		for range 2 {
			v := join(Verdict{Outcome: c.a, Instances: 2, Findings: make([]Finding, 3)},
				Verdict{Outcome: c.b, Instances: 3, Violations: 1, Findings: make([]Finding, 4)})
			if v.Outcome != c.want || v.Instances != 5 || v.Violations != 1 || len(v.Findings) != maxFindings {
				t.Errorf("%v and %v: %+v", c.a, c.b, v)
			}
			c.a, c.b = c.b, c.a
		}
	}
}
