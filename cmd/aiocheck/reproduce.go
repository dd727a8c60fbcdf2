package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"aiocheck/checker"
	"aiocheck/traces"
	"aiocheck/traces/reproducer"
	"aiocheck/traces/workload"
)

type reproduceCommand struct {
	File      string   `arg:"" help:"The trace, of aiocheck verify."`
	Output    string   `help:"The C file to write (- for standard output)." default:"-" short:"o" placeholder:"FILE.c"`
	Property  string   `help:"The violated property to reproduce (default: the first one)." placeholder:"NAME"`
	Round     []uint64 `help:"The rounds to reproduce (default: those of the finding's requests)." placeholder:"N"`
	Overwrite bool     `help:"Overwrite the file if it exists."`
}

// Run writes the C of the rounds that a finding is about.
func (c *reproduceCommand) Run(s *session) error {
	h, err := traces.Read(c.File)
	if err != nil {
		return usageError(err)
	}
	about := reproducer.Of(&h.Header)
	if about.Replay = h.Header.Again; about.Replay == "" {
		about.Replay = "aiocheck check " + filepath.Base(c.File)
	}
	rounds := c.Round
	if len(rounds) == 0 || c.Property != "" {
		j := checker.Check(h, checker.Limits{})
		if _, err := judgeInside(j, c.File, h); err != nil {
			return err
		}
		f, err := c.finding(j)
		if err != nil {
			return usageError(err)
		}
		about.Property, about.Seen, about.Expected = f.Property, f.Summary, f.Expected
		if len(rounds) == 0 {
			rounds = roundsOf(h, f)
		}
		if len(rounds) == 0 {
			return usageError(fmt.Errorf("the finding of %s is about no request: name rounds by --round", f.Property))
		}
	}
	slices.Sort(rounds)
	programs, err := regenerate(h, slices.Compact(rounds))
	if err != nil {
		return usageError(fmt.Errorf("%s: %w", c.File, err))
	}
	w := &h.Header.Workload
	about.Found += fmt.Sprintf(", mix %s, seed %d, %s of %s", w.Mix, w.Seed, strings.Join(roundNames(rounds), ", "), filepath.Base(c.File))
	if c.Output == "-" {
		return reproducer.Write(s.stdout, about, programs...)
	}
	return writeFile(c.Output, c.Overwrite, func(w io.Writer) error { return reproducer.Write(w, about, programs...) })
}

// finding is the first one of the judgement, or of the property asked for.
func (c *reproduceCommand) finding(j *checker.Judgement) (*checker.Finding, error) {
	for _, v := range j.Verdicts {
		if len(v.Findings) > 0 && (c.Property == "" || v.Property.Name == c.Property) {
			return &v.Findings[0], nil
		}
	}
	if c.Property != "" {
		return nil, fmt.Errorf("%s does not violate %s", c.File, c.Property)
	}
	return nil, fmt.Errorf("%s violates nothing: name rounds to make a program of by --round", c.File)
}

// roundsOf lists the rounds that a finding's requests are of.
func roundsOf(h *traces.History, f *checker.Finding) []uint64 {
	var rounds []uint64
	for _, id := range f.Requests {
		if i := int(id) - 1; i >= 0 && i < len(h.Requests) && h.Requests[i].ID != 0 {
			rounds = append(rounds, h.Rounds[h.Requests[i].Round].Number)
		}
	}
	for _, i := range f.Calls {
		if r := h.Calls[i].Round; r != traces.None {
			rounds = append(rounds, h.Rounds[r].Number)
		}
	}
	slices.Sort(rounds)
	return slices.Compact(rounds)
}

func roundNames(rounds []uint64) []string {
	names := make([]string, len(rounds))
	for i, r := range rounds {
		names[i] = fmt.Sprintf("round %d", r)
	}
	return names
}

// regenerate makes the programs of rounds again: a trace has what they are
// generated from. It compares them with the history, as another version's
// generator may make others.
func regenerate(h *traces.History, rounds []uint64) ([]*traces.Program, error) {
	g, err := workload.New(h.Header.Workload, h.Header.Device, h.Header.Kernel.CPUs, h.Header.Abilities)
	if err != nil {
		return nil, fmt.Errorf("it is not of a workload of verify: %w", err)
	}
	var programs []*traces.Program
	for n := range slices.Max(rounds) + 1 {
		p, ok := g.Next()
		if !ok {
			return nil, fmt.Errorf("it has rounds 0 to %d", n-1)
		}
		if !slices.Contains(rounds, n) {
			continue
		}
		if !makes(p, h) {
			return nil, errors.New("its programs are not those that this version of aiocheck generates: use the version that recorded it")
		}
		programs = append(programs, p)
	}
	return programs, nil
}

// makes reports whether the requests of a program are those of the history.
func makes(p *traces.Program, h *traces.History) bool {
	for i := range p.Requests {
		at := int(p.First) + i - 1
		if at >= len(h.Requests) || h.Requests[at].ID == 0 {
			continue // not submitted, or not recorded
		}
		r, d := &h.Requests[at], &p.Requests[i]
		if h.Rounds[r.Round].Number != p.Round || r.Opcode != d.Opcode || !d.Opcode.Names() && (r.Offset != d.Offset || r.Bytes != d.Bytes) {
			return false
		}
	}
	return true
}
