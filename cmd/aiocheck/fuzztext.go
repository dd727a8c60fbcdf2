package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"aiocheck/checker"
	"aiocheck/checker/fuzz"
)

// fuzzProgress tells how far a campaign has come, and each finding as it is
// made: on a terminal one line that changes, elsewhere a line now and then.
type fuzzProgress struct {
	out      io.Writer
	live     bool
	every    time.Duration
	programs int64
	duration time.Duration
	told     time.Time
	shown    bool
}

func newFuzzProgress(stderr io.Writer, programs int64, duration time.Duration) *fuzzProgress {
	p := &fuzzProgress{out: stderr, every: plainEvery, programs: programs, duration: duration, told: time.Now()}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.live, p.every = true, 200*time.Millisecond
	}
	return p
}

func (p *fuzzProgress) tell(s fuzz.Stats) {
	if time.Since(p.told) < p.every {
		return
	}
	p.told = time.Now()
	text := fmt.Sprintf("%s programs, %.0f/s, corpus %d, %d features%s, %d findings, %v left", humanize.Comma(s.Programs), s.Rate(), s.Corpus,
		sumOf(s.Features), plateauText(&s), s.Findings, p.left(&s).Round(time.Second))
	if p.live {
		fmt.Fprintf(p.out, "\r%s\x1b[K", text)
		p.shown = true
		return
	}
	fmt.Fprintf(p.out, "aiocheck: %s\n", text)
}

// left is the time that the campaign will take still.
func (p *fuzzProgress) left(s *fuzz.Stats) time.Duration {
	if p.programs == 0 {
		return max(0, p.duration-s.Elapsed)
	}
	ran := s.Programs - s.Before
	if ran <= 0 {
		return 0
	}
	return time.Duration(float64(s.Elapsed) * float64(p.programs-ran) / float64(ran))
}

func (p *fuzzProgress) found(folder string, f *fuzz.Finding) {
	p.done()
	fmt.Fprintf(p.out, "aiocheck: %s (%s), %s: %s\n", f.Property, f.Place, f.State, folder)
}

// done wipes the changing line.
func (p *fuzzProgress) done() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}

func sumOf(counts map[string]int) (n int) {
	for _, k := range counts {
		n += k
	}
	return n
}

func plateauText(s *fuzz.Stats) string {
	if !s.Plateau() {
		return ""
	}
	return fmt.Sprintf(" (plateau: none new for %s programs)", humanize.Comma(s.Programs-s.LastNew))
}

// print writes what a person wants to know of a campaign.
func (r *fuzzResult) print(w io.Writer) error {
	s := &r.Stats
	ran := s.Programs - s.Before
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "programs\t%s in %.1f s, %.0f/s; profile %s, seed %d\n", humanize.Comma(ran), s.Elapsed.Seconds(), s.Rate(), r.Profile, r.Seed)
	if s.Before > 0 {
		fmt.Fprintf(t, "before\t%s programs, whose corpus and findings were gone on with\n", humanize.Comma(s.Before))
	}
	fmt.Fprintf(t, "requests\t%s; %.0f %% of the programs are changes of earlier ones\n", humanize.Comma(s.Requests), share(float64(s.Mutated), float64(ran)))
	all := float64(s.Running + s.Judging + s.Generating + s.Shrinking)
	fmt.Fprintf(t, "time\t%.0f %% running, %.0f %% judging, %.0f %% generating, %.0f %% shrinking\n", share(float64(s.Running), all),
		share(float64(s.Judging), all), share(float64(s.Generating), all), share(float64(s.Shrinking), all))
	var kinds []string
	for _, k := range featureKinds {
		if n := s.Features[k.kind]; n > 0 {
			kinds = append(kinds, fmt.Sprintf("%s %s", humanize.Comma(int64(n)), k.name))
		}
	}
	fmt.Fprintf(t, "shown\t%s%s\n", strings.Join(kinds, ", "), plateauText(s))
	fmt.Fprintf(t, "corpus\t%d programs show all of that\n", s.Corpus)
	if s.Lost > 0 {
		fmt.Fprintf(t, "lost\t%d targets hung or died, and were replaced\n", s.Lost)
	}
	if s.Undecided > 0 {
		fmt.Fprintf(t, "undecided\t%s programs, within the limits of judging\n", humanize.Comma(s.Undecided))
	}
	fmt.Fprintf(t, "directory\t%s\n", r.Directory)
	if err := t.Flush(); err != nil {
		return err
	}
	if err := printFindings(w, r.Found); err != nil {
		return err
	}
	if r.Note != "" {
		fmt.Fprintf(w, "\nnote: %s\n", r.Note)
	}
	_, err := fmt.Fprintf(w, "\n%v: %d findings\n", r.Outcome, len(r.Found))
	return err
}

// featureKinds says what the kinds of features are.
var featureKinds = []struct{ kind, name string }{
	{"request", "fates of requests"}, {"calls", "pairs of calls"}, {"step", "steps of the model"}, {"pair", "pairs of steps"},
}

func share(part, all float64) float64 {
	if all == 0 {
		return 0
	}
	return 100 * part / all
}

// printFindings lists findings, one paragraph each.
func printFindings(w io.Writer, list []fuzz.Listed) error {
	for i := range list {
		f := &list[i]
		fmt.Fprintf(w, "\n%s: %s\n", f.Property, f.Place)
		fmt.Fprintf(w, "  seen       %s\n", f.Summary)
		if f.Expected != "" {
			fmt.Fprintf(w, "  expected   %s\n", f.Expected)
		}
		fmt.Fprintf(w, "  program    %d threads, %d requests, %d steps; %s\n", f.Threads, f.Requests, f.Steps, f.State)
		if f.State == fuzz.StateShrunk {
			fmt.Fprintf(w, "  again      %v\n", f.Rate)
		}
		fmt.Fprintf(w, "  first      program %d of seed %d, profile %s; seen in %d programs; %s\n", f.Program, f.Seed, f.Profile, f.Seen, f.Evidence)
		if _, err := fmt.Fprintf(w, "  replay     aiocheck fuzz replay %s\n", f.Folder); err != nil {
			return err
		}
	}
	return nil
}

// fuzzOutcome is what findings come to.
func fuzzOutcome(findings int) checker.Outcome {
	if findings > 0 {
		return checker.Violated
	}
	return checker.Holds
}
