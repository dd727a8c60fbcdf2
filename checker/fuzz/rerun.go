package fuzz

import (
	"context"
	"fmt"
	"slices"
)

// rerun runs a draft again and again, and looks for a property's violation.
type rerun struct {
	context.Context
	*lane
	property string
	seed     uint64 // of the run that showed it first
	runs     int64
	took     int // programs until the violations that until looks for were there, at first; 0 before
	err      error
}

// until runs a draft until it has violated the property so many times, or for
// three times as long as that took at first, within the target's patience. It
// returns one of the violations, and how many there were.
func (r *rerun) until(d *Draft, times int) (one *sample, seen int, err error) {
	patience := 1
	for n := 0; n < patience && seen < times && r.Err() == nil; {
		s, ran, violated, err := r.once(d, 8, n == 0 && times == 1)
		if err != nil {
			return nil, 0, err
		}
		if s != nil {
			one = s
		}
		if r.target != nil {
			patience = r.target.Patience()
			if r.took > 0 {
				patience = min(patience, 3*r.took)
			}
		}
		seen += violated
		n += max(1, ran)
		if seen >= times && r.took == 0 {
			r.took = n
		}
	}
	return one, seen, nil
}

// rate runs a draft so many times and counts; with a sample of a violation, if
// there was one.
func (r *rerun) rate(d *Draft, runs int) (Rate, *sample, error) {
	var rate Rate
	var one *sample
	for rate.Runs < runs {
		s, ran, violated, err := r.once(d, min(runs-rate.Runs, 16), false)
		if err != nil || r.Err() != nil {
			return rate, one, err
		}
		if s != nil && (one == nil || len(s.judged.History.Rounds) < len(one.judged.History.Rounds)) {
			one = s
		}
		rate.Runs += max(1, ran)
		rate.Violated += violated
	}
	return rate, one, nil
}

// once makes one run of up to n copies of a draft. The first run may have the
// seed that showed the violation.
func (r *rerun) once(d *Draft, n int, first bool) (s *sample, ran, violated int, err error) {
	if r.Err() != nil {
		return nil, n, 0, nil
	}
	if r.target == nil {
		if r.target, err = r.Open(r.Context); err != nil {
			return nil, 0, 0, fmt.Errorf("open the target again: %w", err)
		}
	}
	seed := r.seed
	if !first {
		r.runs++
		seed = seedOf(r.seed, r.runs, useTarget)
	}
	run, err := r.target.Open(r.Context, seed)
	if err != nil {
		r.replace()
		return nil, 0, 0, nil
	}
	h := run.Header()
	drafts := slices.Repeat([]*Draft{d}, min(n, r.target.Batch()))
	rec, err := run.Do(r.Context, Programs(&h, drafts))
	if err != nil {
		r.replace()
		return nil, len(drafts), 0, nil
	}
	rec.Header.Workload = r.workload()
	j, err := Judge(rec, nil)
	if err != nil {
		return nil, 0, 0, err
	}
	rounds := map[int]bool{}
	for i := range j.Violations {
		v := j.Violations[i]
		if v.Property != r.property {
			continue
		}
		rounds[v.Round] = true
		if s == nil {
			s = &sample{violation: v, header: h, draft: d, seed: seed, judged: j, recorded: rec}
		}
	}
	if rec.Hung != "" {
		r.replace()
	}
	return s, rec.Ran, len(rounds), nil
}
