package checker

import (
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// maxFindings is how many violations of a property are explained; all are
// counted.
const maxFindings = 5

// Check judges a history against every property. It gives one verdict for
// each, and for a guest's one on its kernel's console, and keeps the limits: time to within 100 ms, and the bytes of its own
// tables.
func Check(h *traces.History, l Limits) *Judgement {
	start := time.Now()
	b := newBudget(l)
	judges := []func(*traces.History, *budget) []Verdict{judgeContext, judgeStorage, judgeNames}
	j := &Judgement{Outcome: Holds, Verdicts: unchecked()}
	for _, judge := range judges {
		before := b.used.Load()
		found := judge(h, b)
		b.give(b.used.Load() - before) // nothing of its tables is left
		for _, v := range found {
			for i := range j.Verdicts {
				if j.Verdicts[i].Property == v.Property {
					j.Verdicts[i] = join(j.Verdicts[i], v)
				}
			}
		}
	}
	if v, watched := judgeKernel(h); watched {
		j.Verdicts = append(j.Verdicts, v)
	}
	for i := range j.Verdicts {
		j.Outcome = Worse(j.Outcome, j.Verdicts[i].Outcome)
	}
	j.Elapsed = time.Since(start)
	return j
}

// unchecked is a verdict for each property, without any instance.
func unchecked() []Verdict {
	var vs []Verdict
	for _, p := range model.Properties() {
		vs = append(vs, Verdict{Property: p, Outcome: Unchecked})
	}
	return vs
}

// join is what two judges together say of one property.
func join(a, b Verdict) Verdict {
	a.Outcome = Worse(a.Outcome, b.Outcome)
	if a.Why == "" {
		a.Why = b.Why
	}
	a.Instances += b.Instances
	a.Violations += b.Violations
	a.Findings = append(a.Findings, b.Findings...)
	a.Findings = a.Findings[:min(len(a.Findings), maxFindings)]
	return a
}

// Worse is the outcome that matters more: a violation is certain whatever
// else was left undecided, and one instance makes a property checked.
func Worse(a, b Outcome) Outcome {
	for _, o := range []Outcome{Violated, Undecided, Holds} {
		if a == o || b == o {
			return o
		}
	}
	return Unchecked
}
