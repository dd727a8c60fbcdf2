package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aiocheck/checker"
	"aiocheck/checker/inclusion"
	"aiocheck/checker/report"
	"aiocheck/kernel/qemu"
)

const (
	// shareRequests is how many requests a guest runs before the next share:
	// what is not run if it is lost.
	shareRequests = 2500
	// freshRequests are those of a guest of their own: one round or two.
	freshRequests = 256
	mostGuests    = 64
)

// checkShares refuses flags that need guests, or one trace.
func (v *verifyCommand) checkShares() error {
	switch {
	case v.Guests < 1 || v.Guests > mostGuests:
		return fmt.Errorf("--guests %d: there can be 1 to %d side by side", v.Guests, mostGuests)
	case v.Guests == 1 && !v.Fresh:
		return nil
	case v.Target != "qemu":
		return errors.New("--guests and --fresh are for --target qemu")
	case v.Report != "":
		return errors.New("--report is for one trace: give it to aiocheck check")
	}
	return nil
}

// shares hands out the parts of a run's requests, each a run of its own: what
// the same command does without --guests and --fresh, with the seed and the
// number of requests in the share's trace.
type shares struct {
	mu   sync.Mutex
	of   *verifyCommand
	size int
	n    int // handed out
	left int // requests; of a run by time, not counted
	ends time.Time
}

func (v *verifyCommand) newShares() *shares {
	size := shareRequests
	if v.Fresh {
		size = freshRequests
	} else if v.Requests > 0 {
		size = min(size, (v.Requests+v.Guests-1)/v.Guests)
	}
	return &shares{of: v, size: size, left: v.Requests, ends: time.Now().Add(v.Duration)}
}

// next is the next share, nil if there is none.
func (s *shares) next() *verifyCommand {
	s.mu.Lock()
	defer s.mu.Unlock()
	part := *s.of
	part.Requests, part.Duration = s.size, 0
	if s.of.Duration > 0 {
		if time.Now().After(s.ends) {
			return nil
		}
	} else {
		part.Requests = min(part.Requests, s.left)
		s.left -= part.Requests
		if part.Requests == 0 {
			return nil
		}
	}
	part.Seed += uint64(s.n)
	part.RandomSeed = part.Seed
	s.n++
	if part.Trace != "" {
		ext := filepath.Ext(part.Trace)
		part.Trace = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(part.Trace, ext), s.n, ext)
	}
	return &part
}

// merged is what all shares together have shown.
type merged struct {
	mu        sync.Mutex
	judgement checker.Judgement
	inside    *inclusion.Coverage
	accepted  int64
	traces    int
	lost      atomic.Int32 // guests
	errs      []error
}

// add takes and prints the result of a share, or takes what was in the way of
// one.
func (m *merged) add(s *session, part *verifyCommand, r *result, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r != nil {
		err = errors.Join(err, part.tell(s, r))
	}
	if err != nil {
		m.errs = append(m.errs, err)
	}
	if r == nil {
		return
	}
	m.traces++
	m.accepted += r.Summary.Accepted
	if r.Inside != nil {
		if m.inside == nil {
			m.inside = new(inclusion.Coverage)
		}
		m.inside.Add(r.Inside)
	}
	j := &m.judgement
	if j.Verdicts == nil {
		*j = *r.Judgement
		return
	}
	j.Elapsed += r.Judgement.Elapsed
	j.Outcome = checker.Worse(j.Outcome, r.Outcome)
	for i := range r.Judgement.Verdicts {
		one := &r.Judgement.Verdicts[i]
		k := slices.IndexFunc(j.Verdicts, func(v checker.Verdict) bool { return v.Property == one.Property })
		if k < 0 { // a guest that was lost may have told nothing of its steps
			j.Verdicts = append(j.Verdicts, *one)
			continue
		}
		all := &j.Verdicts[k]
		all.Instances += one.Instances
		all.Violations += one.Violations
		if all.Outcome == checker.Unchecked || one.Outcome != checker.Unchecked && checker.Worse(all.Outcome, one.Outcome) != all.Outcome {
			all.Outcome, all.Why = one.Outcome, one.Why
		}
	}
}

// runShares runs the requests in several guests, or each few of them in a
// guest of their own.
func (v *verifyCommand) runShares(s *session) error {
	conf, err := v.config(v.runFlags, int64(v.Region))
	if err != nil {
		return err
	}
	// Found out once for all guests, and remembered.
	if _, _, err := qemu.Accelerator(s.ctx, "/dev/kvm"); err != nil {
		return machineError(err)
	}
	guests := &guestSource{verifyCommand: v, conf: *conf}
	if v.Fresh {
		if err := guests.save(s); err != nil {
			return err
		}
		defer guests.snapshot.Close()
	}
	todo, all := v.newShares(), &merged{}
	p := newProgress(s.stderr, v.Requests, v.Duration)
	var lanes sync.WaitGroup
	for range v.Guests {
		lanes.Go(func() { guests.lane(s, todo, p, all) })
	}
	lanes.Wait()
	p.done()
	if all.traces == 0 {
		return errors.Join(all.errs...)
	}
	if err := errors.Join(all.errs...); err != nil {
		s.suites = append(s.suites, report.Suite{Name: "guests", Points: []report.Point{{Name: "run", Outcome: checker.Undecided, Why: err.Error()}}})
	}
	if err := v.finish(s); err != nil {
		return err
	}
	if v.format() == "text" {
		if err := all.print(s, v.Guests); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
	}
	return ending(all.judgement.Outcome, errors.Join(all.errs...))
}

// print writes what a person wants to know of all shares.
func (m *merged) print(s *session, guests int) error {
	style := report.Style{Color: colored(s.stdout)}
	for i := range m.judgement.Verdicts {
		m.judgement.Verdicts[i].Findings = nil // they were told with their traces
	}
	fmt.Fprintf(s.stdout, "\nproperties, of %d traces together: %d requests, %d guests side by side, %d lost\n", m.traces, m.accepted, guests, m.lost.Load())
	if err := report.WriteVerdicts(s.stdout, &m.judgement, style); err != nil {
		return err
	}
	fmt.Fprintln(s.stdout)
	if m.inside != nil {
		fmt.Fprintf(s.stdout, "inside   %s\n", strings.Join(m.inside.Lines(), "\n         "))
	}
	return report.WriteOutcome(s.stdout, &m.judgement, style)
}

// guestSource starts guests: from nothing, or from a snapshot.
type guestSource struct {
	*verifyCommand
	conf     qemu.Config
	snapshot *qemu.Snapshot
	run32    uint32 // of the snapshot
}

// save takes the snapshot.
func (g *guestSource) save(s *session) error {
	g.run32 = rand.Uint32() | 1
	var err error
	if g.snapshot, err = qemu.TakeSnapshot(s.ctx, g.conf, g.guestOptions(g.run32)); err != nil {
		return machineError(err)
	}
	fmt.Fprintf(s.stderr, "aiocheck: Linux %s in QEMU, saved after %.1f s\n", g.snapshot.Hello.Kernel.Release, g.snapshot.Took.Seconds())
	return nil
}

// open prepares a share's run: in a guest of its own, in the guest given, or in
// a new one if that is nil.
func (g *guestSource) open(s *session, guest *qemu.Guest, part *verifyCommand) (*guestTarget, error) {
	if g.snapshot != nil {
		restored, err := g.snapshot.Restore(s.ctx, g.Defects)
		if err != nil {
			return nil, machineError(err)
		}
		return &guestTarget{guest: restored, ready: g.snapshot.Ready, run32: g.run32, defects: g.Defects, started: g.started()}, nil
	}
	from := 0
	if guest != nil {
		from = len(guest.Console())
	} else {
		var err error
		conf := g.conf
		conf.Seed = part.Seed
		if guest, err = qemu.Boot(s.ctx, conf); err != nil {
			return nil, machineError(err)
		}
		introduce(s.stderr, guest)
	}
	t, err := part.openIn(s.ctx, guest, from)
	if err != nil {
		return nil, errors.Join(err, guest.Close())
	}
	// What a guest does depends on all that it has done.
	t.kept = !g.Deterministic
	return t, nil
}

// lane runs shares, one after the other, until there are no more. A guest that
// is lost takes its share with it, but for what was recorded; the next share
// has a new one. Two in a row that do not even begin end the lane.
func (g *guestSource) lane(s *session, todo *shares, p *progress, all *merged) {
	var guest *qemu.Guest
	defer func() {
		if guest != nil {
			all.add(s, nil, nil, guest.Close())
		}
	}()
	for failed := 0; s.ctx.Err() == nil; {
		part := todo.next()
		if part == nil {
			return
		}
		t, err := g.open(s, guest, part)
		guest = nil
		if err != nil {
			all.add(s, part, nil, err)
			if failed++; failed == 2 || !errors.Is(err, qemu.ErrGone) && !errors.Is(err, qemu.ErrSilent) {
				return
			}
			all.lost.Add(1)
			continue
		}
		failed = 0
		r, err := part.runOn(s.ctx, t, p)
		if t.lost {
			all.lost.Add(1)
		} else if t.kept {
			guest = t.guest
		}
		all.add(s, part, r, err)
		if r == nil {
			return // this machine cannot, or the flags are wrong
		}
	}
}

// tell prints a line of a share, or all of it if it violates something.
func (v *verifyCommand) tell(s *session, r *result) error {
	if v.format() != "text" || r.Outcome == checker.Violated {
		return v.show(s, r)
	}
	_, err := fmt.Fprintf(s.stdout, "%s: %v, %d requests in %.1f s, seed %d\n", r.Trace, r.Outcome, r.Summary.Accepted, r.Summary.Elapsed.Seconds(), v.Seed)
	if r.Note != "" {
		fmt.Fprintf(s.stdout, "  %s\n", r.Note)
	}
	return err
}
