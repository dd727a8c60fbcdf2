package main

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"aiocheck/checker"
	"aiocheck/checker/fuzz"
	"aiocheck/checker/report"
)

type fuzzCommands struct {
	Run    fuzzCommand       `cmd:"" default:"withargs" help:"Generate programs, run and judge them, and keep what violates a property."`
	Replay fuzzReplayCommand `cmd:"" help:"Run the program of a finding again, many times."`
	Triage fuzzTriageCommand `cmd:"" help:"List the findings of a campaign."`
}

type fuzzCommand struct {
	fuzzTarget `embed:""`
	Profile    string        `help:"What programs are about: ${profiles}." default:"default" group:"Programs"`
	Programs   int64         `help:"How many programs to run." placeholder:"N" group:"Programs"`
	Duration   time.Duration `help:"How long to run programs, instead of --programs (default: 1m)." placeholder:"TIME" group:"Programs"`
	Seed       uint64        `help:"Seed of the programs (default: a new one, or that of the directory)." placeholder:"N" group:"Programs"`
	First      bool          `help:"End with the first finding." group:"Programs"`
	Guests     int           `help:"Guests side by side." default:"1" group:"Programs"`
	Out        string        `help:"Directory for findings and the corpus; one that has some is gone on with (default: a new one in the temporary directory)." placeholder:"DIR" group:"Findings"`
	Shrink     time.Duration `help:"Most time to shrink a finding." default:"1m" placeholder:"TIME" group:"Findings"`
	Repeat     int           `help:"How often to run a finding's program to know its rate." default:"100" placeholder:"N" group:"Findings"`
	printing   `embed:"" group:"Findings"`
}

// fuzzResult is what a campaign came to, as JSON.
type fuzzResult struct {
	Outcome   checker.Outcome `json:"outcome"`
	Directory string          `json:"directory"`
	Seed      uint64          `json:"seed"`
	Profile   string          `json:"profile"`
	Plateau   bool            `json:"plateau"`
	fuzz.Stats
	Found []fuzz.Listed `json:"found"`
	Note  string        `json:"note,omitempty"`
}

// Run runs a campaign until its end or the first Ctrl-C. Findings are on disk
// as soon as they are made.
func (c *fuzzCommand) Run(s *session) error {
	profile, err := c.complete()
	if err != nil {
		return usageError(err)
	}
	if err := c.buildSource(s, c.Target); err != nil {
		return err
	}
	origin, err := json.Marshal(&c.fuzzTarget)
	if err != nil {
		return fmt.Errorf("keep the target's flags: %w", err)
	}
	if err := c.check(); err != nil {
		return err
	}
	p := newFuzzProgress(s.stderr, c.Programs, c.Duration)
	fmt.Fprintf(s.stderr, "aiocheck: findings go to %s, seed %d\n", c.Out, c.Seed)
	stats, runErr := fuzz.Run(s.ctx, fuzz.Config{
		Open: func(ctx context.Context) (fuzz.Target, error) { return c.open(ctx, s.stderr) }, Lanes: c.lanes(),
		Profile: profile, Seed: c.Seed, Programs: c.Programs, Duration: c.Duration, Dir: c.Out, Shrink: c.Shrink, Repeat: c.Repeat,
		Stop: c.First, Origin: origin, Found: p.found, Tell: p.tell})
	p.done()
	r := &fuzzResult{Directory: c.Out, Seed: c.Seed, Profile: profile.Name, Plateau: stats.Plateau(), Stats: stats}
	if r.Found, err = fuzz.ReadFindings(c.Out); err != nil {
		return errors.Join(runErr, machineError(err))
	}
	switch {
	case len(r.Found) > 0:
		r.Outcome = checker.Violated
	case stats.Undecided > 0:
		r.Outcome = checker.Undecided
	}
	if runErr != nil {
		r.Note = "ended early: " + runErr.Error()
	} else if s.ctx.Err() != nil {
		r.Note = "interrupted; the same command goes on with --out " + c.Out + fmt.Sprintf(" --seed %d", c.Seed)
	}
	if runErr != nil && stats.Programs == stats.Before {
		return runErr // there is nothing to tell
	}
	if err := c.show(s.stdout, r); err != nil {
		return err
	}
	return ending(r.Outcome, runErr)
}

// defaultFuzz is how long programs are run where nothing else is said.
const defaultFuzz = time.Minute

// complete fills in what was left open on the command line.
func (c *fuzzCommand) complete() (*fuzz.Profile, error) {
	if err := c.checkFormat(); err != nil {
		return nil, err
	}
	switch {
	case c.Programs != 0 && c.Duration != 0:
		return nil, errors.New("--programs and --duration exclude each other")
	case c.Programs < 0 || c.Duration < 0 || c.Shrink < 0 || c.Repeat < 1:
		return nil, errors.New("--programs, --duration, --shrink and --repeat are above 0")
	case c.Guests < 1 || c.Guests > mostGuests:
		return nil, fmt.Errorf("--guests %d: there can be 1 to %d side by side", c.Guests, mostGuests)
	case c.Guests > 1 && c.Target != "qemu":
		return nil, errors.New("--guests is for --target qemu")
	case c.Programs == 0 && c.Duration == 0:
		c.Duration = defaultFuzz
	}
	profile, err := fuzz.FindProfile(c.Profile)
	if err != nil {
		return nil, err
	}
	if c.Seed == 0 && c.Out != "" {
		if c.Seed, err = fuzz.SeedOf(c.Out); err != nil {
			return nil, err
		}
	}
	if c.Seed == 0 {
		var b [4]byte // short enough to type
		crand.Read(b[:])
		c.Seed = uint64(binary.LittleEndian.Uint32(b[:])) | 1
	}
	if c.Out == "" {
		c.Out = filepath.Join(os.TempDir(), fmt.Sprintf("aiocheck-fuzz-%d-%d", c.Seed, os.Getpid()))
	}
	return profile, nil
}

// hostLanes is how many processes run programs on the host side by side: most
// of the time each waits in io_destroy for the kernel's RCU.
const hostLanes = 8

// lanes is how many targets run side by side.
func (c *fuzzCommand) lanes() int {
	if c.Target == "host" {
		return hostLanes
	}
	return c.Guests
}

func (c *fuzzCommand) show(w io.Writer, r *fuzzResult) error {
	var err error
	switch c.format() {
	case "json":
		if r.Found == nil {
			r.Found = []fuzz.Listed{}
		}
		err = json.NewEncoder(w).Encode(r)
	case "text":
		err = r.print(w)
	default:
		err = c.writeSuites(w, []report.Suite{r.suite()})
	}
	if err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// suite is a campaign as test frameworks see it.
func (r *fuzzResult) suite() report.Suite {
	ran := report.Point{Name: "run", About: "The campaign was run to its end, and each program was judged."}
	switch {
	case r.Note != "":
		ran.Outcome, ran.Why = checker.Undecided, r.Note
	case r.Undecided > 0:
		ran.Outcome, ran.Why = checker.Undecided, fmt.Sprintf("%d programs are undecided within the limits", r.Undecided)
	}
	points := []report.Point{ran}
	for _, f := range r.Found {
		points = append(points, report.Point{Name: f.Property, Outcome: checker.Violated, Why: f.Summary,
			Text: fmt.Sprintf("place     %s\nseen      %s\nexpected  %s\nagain     %v\nfolder    %s", f.Place, f.Summary, f.Expected, f.Rate, f.Folder)})
	}
	notes := []string{fmt.Sprintf("%d programs, profile %s, seed %d, findings in %s", r.Programs, r.Profile, r.Seed, r.Directory)}
	return report.SuiteOfFindings("fuzz", notes, r.Elapsed, points)
}
