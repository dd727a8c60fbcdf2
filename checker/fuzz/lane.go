package fuzz

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"aiocheck/checker"
	"aiocheck/checker/inclusion"
	"aiocheck/traces"
)

// lane runs programs on one target.
type lane struct {
	*campaign
	target Target
}

// brokenTarget is an error of the target, in whose place another is tried.
type brokenTarget struct{ error }

func (b *brokenTarget) Unwrap() error { return b.error }

// replace gives a target up.
func (l *lane) replace() {
	if l.target == nil {
		return
	}
	// What closing it says is not news: it has failed already.
	_ = l.target.Close()
	l.target = nil
	l.mu.Lock()
	l.stats.Lost++
	l.mu.Unlock()
}

// batch makes, runs and judges programs, and works on what they violate.
func (l *lane) batch(ctx context.Context, first int64, count int) error {
	began := time.Now()
	seed := seedOf(l.Seed, first, useTarget)
	run, err := l.target.Open(ctx, seed)
	if err != nil {
		return &brokenTarget{fmt.Errorf("prepare a run: %w", err)}
	}
	opened := time.Now()
	h := run.Header()
	drafts := make([]*Draft, count)
	for i := range drafts {
		drafts[i] = l.draft(first+int64(i), h.Abilities)
	}
	generated := time.Now()
	rec, err := run.Do(ctx, Programs(&h, drafts))
	if err != nil {
		return &brokenTarget{fmt.Errorf("run programs %d to %d: %w", first+1, first+int64(count), err)}
	}
	ran := time.Now()
	shown, j, err := l.judge(rec)
	if err != nil {
		return fmt.Errorf("programs %d to %d: %w", first+1, first+int64(count), err)
	}
	l.mu.Lock()
	s := &l.stats
	s.Programs += int64(rec.Ran)
	s.Running += opened.Sub(began) + ran.Sub(generated)
	s.Generating += generated.Sub(opened)
	s.Judging += time.Since(ran)
	s.Requests += int64(len(j.History.Requests))
	s.Violations += int64(len(j.Violations))
	if j.Judgement.Outcome == checker.Undecided {
		s.Undecided += int64(rec.Ran)
	}
	for i := range min(rec.Ran, count) {
		added, addErr := l.corpus.Add(drafts[i], shown[i])
		err = errors.Join(err, addErr)
		if added {
			s.LastNew = max(s.LastNew, first+int64(i)+1)
		}
	}
	if time.Since(l.saved) > saveEvery {
		err = errors.Join(err, l.save())
	}
	if l.Tell != nil {
		l.Tell(l.told())
	}
	l.mu.Unlock()
	for i := range j.Violations {
		v := &j.Violations[i]
		if err != nil || v.Round >= count {
			continue
		}
		err = l.found(ctx, &sample{violation: *v, header: h, draft: drafts[v.Round], batch: drafts, seed: seed,
			number: first + int64(v.Round) + 1, judged: j, recorded: rec})
	}
	if rec.Hung != "" && err == nil {
		// Whatever hung may be beyond help.
		l.replace()
	}
	return err
}

// workload is what the header of a trace says of its programs.
func (c *campaign) workload() traces.Workload {
	return traces.Workload{Seed: c.Seed, Threads: MaxThreads, Depth: MaxRequests, Mix: "fuzz " + c.Profile.Name, MinBytes: line, MaxBytes: maxBytes}
}

// judge judges a run, with the features of each of its rounds.
func (l *lane) judge(rec *Recorded) ([]features, *Judged, error) {
	rec.Header.Workload = l.workload()
	var in inside
	saw := func(t *traces.Transition, c *inclusion.Checker) { in.saw(t, c) }
	for _, log := range rec.Logs {
		for i := range log {
			if r := &log[i]; r.Kind == traces.KindRound && r.Thread == traces.Controller {
				in.rounds = append(in.rounds, traces.Time(r.A))
			}
		}
	}
	in.of = make([]features, len(in.rounds))
	j, err := Judge(rec, saw)
	if err != nil {
		return nil, nil, err
	}
	shown := featuresOf(j.History, max(rec.Ran, 1))
	for i := range shown {
		if i < len(in.of) {
			shown[i] = append(shown[i], in.of[i]...)
		}
	}
	return shown, j, nil
}

// perProperty is how many findings of a property are worked on: a kernel that
// is wrong everywhere is wrong in as many places as there are programs.
const perProperty = 8

// found keeps a violation: as a new finding, or as one more of a known one.
func (l *lane) found(ctx context.Context, s *sample) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := s.violation.Key()
	if known := l.folders[key]; known != nil {
		return l.again(known)
	}
	if l.property[s.violation.Property] >= perProperty {
		return nil // counted among the violations
	}
	f := &Listed{Folder: filepath.Join(l.Dir, dirFindings, folderName(&s.violation)), Finding: Finding{
		Property: s.violation.Property, Place: s.violation.Place, Summary: s.violation.Summary, Expected: s.violation.Expected,
		Evidence: evidence(s.violation.Property), State: StateFound, Seen: 1, Found: time.Now().UTC().Truncate(time.Second),
		Seed: l.Seed, Program: s.number, RunSeed: s.seed, Profile: l.Profile.Name, Target: l.Origin}}
	err := l.keep(s, f)
	l.folders[key] = f
	l.property[s.violation.Property]++
	if err == nil && l.Repeat > 0 {
		l.mu.Unlock()
		err = l.reduce(ctx, s, f)
		l.mu.Lock()
	}
	if err == nil && l.Found != nil && l.folders[key] == f {
		l.Found(f.Folder, &f.Finding)
	}
	if l.Stop {
		l.stop()
	}
	return err
}

// keep writes a finding as it was met.
func (l *lane) keep(s *sample, f *Listed) error {
	if l.Dir == "" {
		return nil
	}
	if err := s.write(f.Folder, &f.Finding); err != nil {
		return err
	}
	return errors.Join(writeJSON(filepath.Join(f.Folder, fileOriginal), s.draft), writeJSON(filepath.Join(f.Folder, fileBatch), s.batch))
}

// again counts one more program of a known finding; not every time on disk.
func (l *lane) again(f *Listed) error {
	f.Seen++
	if f.Seen&(f.Seen-1) != 0 || l.Dir == "" {
		return nil
	}
	return writeJSON(filepath.Join(f.Folder, fileFinding), &f.Finding)
}

// often is how many times a draft has to violate the property, within the
// target's patience, to count as one that does, if the first one did. More than
// once, so that a draft does not become smaller by failing less and less often.
const often = 3

// reduce shrinks a finding, and measures how often it is seen again.
func (l *lane) reduce(ctx context.Context, s *sample, f *Listed) error {
	began := time.Now()
	defer func() {
		l.mu.Lock()
		l.stats.Shrinking += time.Since(began)
		l.mu.Unlock()
	}()
	r := &rerun{Context: ctx, lane: l, property: s.violation.Property, seed: s.seed}
	last, seen, err := r.until(s.draft, often)
	if seen == 0 { // with the seed that has shown it
		last, seen, err = r.until(s.draft, 1)
	}
	r.err = err
	fails := func(d *Draft) bool {
		one, again, err := r.until(d, seen)
		r.err = errors.Join(r.err, err)
		if again < seen {
			return false
		}
		last = one
		return true
	}
	if seen == 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		if ctx.Err() != nil {
			return nil // cut short; what was written first is there
		}
		f.State = StateOnce
		return errors.Join(r.err, writeJSON(filepath.Join(f.Folder, fileFinding), &f.Finding))
	}
	shrunk, err := Shrink(s.draft, l.Shrink, fails)
	r.err = errors.Join(r.err, err)
	rate, one, err := r.rate(shrunk, l.Repeat)
	if one == nil {
		one = last
	}
	one.number, one.batch = s.number, s.batch
	state := StateShrunk
	if ctx.Err() != nil {
		state = StateFound // smaller than it was met, but cut short
	}
	return errors.Join(r.err, err, l.settle(one, f, state, rate))
}

// settle writes what a finding has shrunk to. What it shows may have another
// place now: then that is its own, or it is folded into the one that has it.
func (l *lane) settle(s *sample, f *Listed, state State, rate Rate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := &s.violation; v.Place != f.Place {
		if other := l.folders[v.Key()]; other != nil && other != f {
			l.folders[f.Key()] = other
			l.property[f.Property]--
			other.Seen += f.Seen
			return errors.Join(writeJSON(filepath.Join(other.Folder, fileFinding), &other.Finding), os.RemoveAll(f.Folder))
		}
		l.folders[v.Key()] = f
		f.Met, f.Place = f.Place, v.Place
	}
	f.State, f.Rate = state, rate
	f.Summary, f.Expected, f.RunSeed = s.violation.Summary, s.violation.Expected, s.seed
	return s.write(f.Folder, &f.Finding)
}
