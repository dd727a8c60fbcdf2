package fuzz_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aiocheck/checker"
	"aiocheck/checker/fuzz"
	"aiocheck/checker/fuzz/simulated"
	"aiocheck/sim"
	"aiocheck/traces"
)

// shaky is a target on which some runs go wrong.
type shaky struct {
	simulated.Target
	breaks func() error // of each run
	hang   bool         // says so of each run
}

func (s *shaky) Open(ctx context.Context, seed uint64) (fuzz.Session, error) {
	run, err := s.Target.Open(ctx, seed)
	return &shakyRun{run, s}, err
}

type shakyRun struct {
	fuzz.Session
	of *shaky
}

func (r *shakyRun) Do(ctx context.Context, programs []*traces.Program) (*fuzz.Recorded, error) {
	if r.of.breaks != nil {
		if err := r.of.breaks(); err != nil {
			return nil, err
		}
	}
	rec, err := r.Session.Do(ctx, programs)
	if r.of.hang {
		rec.Hung = "the guest gives no sign of life"
	}
	return rec, err
}

// campaign is a short one against a target.
func campaign(t *testing.T, open func() fuzz.Target) fuzz.Config {
	t.Helper()
	p, err := fuzz.FindProfile("default")
	if err != nil {
		t.Fatal(err)
	}
	return fuzz.Config{Open: func(context.Context) (fuzz.Target, error) { return open(), nil }, Profile: p, Seed: 1, Programs: 50, Dir: t.TempDir(),
		Shrink: 2_000_000_000, Repeat: 20, Origin: []byte(`{"target":"sim"}`)}
}

func misbehaving(name string) func() fuzz.Target {
	return func() fuzz.Target { return &simulated.Target{Misbehaviour: sim.Find(name)} }
}

// A campaign that is ended early loses nothing, and goes on where it was.
func TestCampaignGoesOn(t *testing.T) {
	conf := campaign(t, misbehaving("lost-write"))
	ctx, cancel := context.WithCancel(t.Context())
	conf.Tell = func(s fuzz.Stats) {
		if s.Programs >= 20 {
			cancel()
		}
	}
	first, err := fuzz.Run(ctx, conf)
	if err != nil {
		t.Fatal(err)
	}
	if first.Programs < 20 || first.Programs > 25 {
		t.Fatalf("%d programs", first.Programs)
	}
	before, err := fuzz.ReadFindings(conf.Dir)
	if err != nil || len(before) == 0 {
		t.Fatalf("findings %v, error %v", before, err)
	}
	conf.Tell, conf.Programs = nil, 30
	var told []string
	conf.Found = func(folder string, _ *fuzz.Finding) { told = append(told, folder) }
	second, err := fuzz.Run(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	if second.Before != first.Programs || second.Programs != first.Programs+30 {
		t.Errorf("went on from %d to %d, after %d", second.Before, second.Programs, first.Programs)
	}
	for _, f := range before {
		if slices.Contains(told, f.Folder) {
			t.Errorf("%s is told again", f.Folder)
		}
		if _, err := os.Stat(filepath.Join(f.Folder, "trace.aiot")); err != nil {
			t.Error(err)
		}
	}
}

// Nothing is left of files that were being written, and each folder is whole.
func TestFindingsAreWhole(t *testing.T) {
	conf := campaign(t, misbehaving("cancel-zero"))
	if _, err := fuzz.Run(t.Context(), conf); err != nil {
		t.Fatal(err)
	}
	list, err := fuzz.ReadFindings(conf.Dir)
	if err != nil || len(list) == 0 {
		t.Fatalf("findings %v, error %v", list, err)
	}
	for _, l := range list {
		for _, name := range []string{"finding.json", "draft.json", "original.json", "batch.json", "program.json", "program.txt", "verdict.json", "verdict.txt", "trace.aiot", "report.html", "command.txt"} {
			if info, err := os.Stat(filepath.Join(l.Folder, name)); err != nil || info.Size() == 0 {
				t.Errorf("%s of %s: %v", name, l.Folder, err)
			}
		}
		h, err := traces.Read(filepath.Join(l.Folder, "trace.aiot"))
		if err != nil {
			t.Fatal(err)
		}
		violated := false
		for _, v := range checker.Check(h, checker.Limits{}).Verdicts {
			violated = violated || v.Outcome == checker.Violated && v.Property.Name == l.Property
		}
		if !violated {
			t.Errorf("the trace of %s does not show it", l.Folder)
		}
		f, d, err := fuzz.ReadFinding(l.Folder)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fuzz.Replay(t.Context(), conf.Open, f, d, 100)
		if err != nil || r.Outcome != checker.Violated || r.Rate.Runs != 100 {
			t.Errorf("replay of %s: %+v, %v", l.Folder, r, err)
		}
		// On an honest kernel it is not seen.
		r, err = fuzz.Replay(t.Context(), func(context.Context) (fuzz.Target, error) { return &simulated.Target{}, nil }, f, d, 100)
		if err != nil || r.Outcome != checker.Holds || r.Rate.Violated != 0 {
			t.Errorf("replay of %s on an honest kernel: %+v, %v", l.Folder, r, err)
		}
	}
	temporary, err := filepath.Glob(filepath.Join(conf.Dir, "*", "*", ".tmp-*"))
	if err != nil || len(temporary) > 0 {
		t.Errorf("left over: %v, %v", temporary, err)
	}
}

// The same seed gives the same findings.
func TestCampaignsRepeat(t *testing.T) {
	var keys [2][]string
	for i := range keys {
		conf := campaign(t, misbehaving("eintr-partial"))
		conf.Programs, conf.Repeat = 600, 0
		conf.Found = func(_ string, f *fuzz.Finding) { keys[i] = append(keys[i], f.Key()+f.Summary) }
		if _, err := fuzz.Run(t.Context(), conf); err != nil {
			t.Fatal(err)
		}
	}
	if len(keys[0]) == 0 || !slices.Equal(keys[0], keys[1]) {
		t.Errorf("%q, then %q", keys[0], keys[1])
	}
}

// A target that breaks is replaced, and the campaign goes on; one that does
// nothing else ends it.
func TestBrokenTargets(t *testing.T) {
	runs := 0
	conf := campaign(t, func() fuzz.Target {
		return &shaky{breaks: func() error {
			if runs++; runs%10 == 0 {
				return errors.New("the guest is gone")
			}
			return nil
		}}
	})
	stats, err := fuzz.Run(t.Context(), conf)
	if err != nil || stats.Lost == 0 || stats.Programs+int64(stats.Lost) != conf.Programs {
		t.Errorf("%d programs, %d targets lost, error %v", stats.Programs, stats.Lost, err)
	}
	conf = campaign(t, func() fuzz.Target { return &shaky{breaks: func() error { return errors.New("no guest here") }} })
	if _, err := fuzz.Run(t.Context(), conf); err == nil || !strings.Contains(err.Error(), "no guest here") {
		t.Errorf("error %v", err)
	}
	conf.Open = func(context.Context) (fuzz.Target, error) { return nil, errors.New("no kernel here") }
	conf.Dir = t.TempDir()
	if _, err := fuzz.Run(t.Context(), conf); err == nil || !strings.Contains(err.Error(), "no kernel here") {
		t.Errorf("error %v", err)
	}
}

// A target that hangs is a finding of its own.
func TestHangIsAFinding(t *testing.T) {
	conf := campaign(t, func() fuzz.Target { return &shaky{hang: true} })
	conf.Programs = 3
	if _, err := fuzz.Run(t.Context(), conf); err != nil {
		t.Fatal(err)
	}
	list, err := fuzz.ReadFindings(conf.Dir)
	if err != nil || len(list) == 0 {
		t.Fatalf("findings %v, error %v", list, err)
	}
	for _, f := range list {
		if f.Property != fuzz.PropertyProgress || !strings.Contains(f.Summary, "no sign of life") {
			t.Errorf("%s: %s", f.Property, f.Summary)
		}
	}
}

// In a run of many programs, a violation is told of the round that shows it.
func TestBatchesAreNarrowed(t *testing.T) {
	conf := campaign(t, func() fuzz.Target { return &simulated.Target{Misbehaviour: sim.Find("lost-write"), Programs: 8} })
	conf.Programs = 64
	if _, err := fuzz.Run(t.Context(), conf); err != nil {
		t.Fatal(err)
	}
	list, err := fuzz.ReadFindings(conf.Dir)
	if err != nil || len(list) == 0 {
		t.Fatalf("findings %v, error %v", list, err)
	}
	for _, f := range list {
		if f.State != fuzz.StateShrunk || f.Rate.Violated == 0 || f.Requests > 6 {
			t.Errorf("%s: %s, %v, %d requests", f.Key(), f.State, f.Rate, f.Requests)
		}
	}
}

// Several lanes share corpus and findings.
func TestLanes(t *testing.T) {
	conf := campaign(t, misbehaving("lost-event"))
	conf.Lanes = 4
	stats, err := fuzz.Run(t.Context(), conf)
	if err != nil || stats.Programs != conf.Programs || stats.Findings == 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}
