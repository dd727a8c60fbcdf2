package checker

import "aiocheck/model"

// ledger is where a judge writes what it finds, property by property.
type ledger struct{ verdicts []Verdict }

func newLedger(properties ...model.Property) ledger {
	l := ledger{make([]Verdict, len(properties))}
	for i, p := range properties {
		l.verdicts[i].Property = p
	}
	return l
}

// verdict is where the findings of a property go.
func (l *ledger) verdict(p model.Property) *Verdict {
	for i := range l.verdicts {
		if l.verdicts[i].Property == p {
			return &l.verdicts[i]
		}
	}
	panic("checker: " + p.Name + " is not a property of this judge")
}

// put counts instances of a property.
func (l *ledger) put(p model.Property, n int) { l.verdict(p).Instances += int64(n) }

// violate counts a violation, and explains it if it is one of the first.
func (l *ledger) violate(p model.Property, finding func() Finding) {
	v := l.verdict(p)
	if v.Violations++; len(v.Findings) < maxFindings {
		f := finding()
		f.Property = p.Name
		v.Findings = append(v.Findings, f)
	}
}

// decide gives each verdict its outcome, once the judge has done what the
// budget allows.
func (l *ledger) decide(b *budget) {
	for i := range l.verdicts {
		v := &l.verdicts[i]
		switch {
		case v.Violations > 0:
			v.Outcome = Violated
		case b.spent():
			v.Outcome, v.Why = Undecided, b.why()
		case v.Instances > 0:
			v.Outcome = Holds
		default:
			v.Outcome = Unchecked
		}
	}
}
