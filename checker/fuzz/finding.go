package fuzz

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aiocheck/checker/report"
	"aiocheck/traces"
	"aiocheck/traces/reproducer"
)

// Finding is what finding.json of a finding's folder says; docs/fuzz.md has
// the other files. Everything that is known is written as soon as it is: a
// campaign that is killed leaves findings that are not shrunk yet.
type Finding struct {
	Property string `json:"property"`
	Place    string `json:"place"`
	Met      string `json:"met,omitempty"` // the place as it was met, where the shrunk program has another
	Summary  string `json:"summary"`
	Expected string `json:"expected,omitempty"`
	Evidence string `json:"evidence"` // black box, white box or kernel log
	State    State  `json:"state"`
	// Rate is how often the shrunk program violated the property again.
	Rate Rate `json:"rate"`
	// Seen is how many programs of the campaign have shown it.
	Seen     int       `json:"seen"`
	Found    time.Time `json:"found"`
	Seed     uint64    `json:"seed"`    // of the campaign
	Program  int64     `json:"program"` // its number there, from 1
	RunSeed  uint64    `json:"run_seed"`
	Profile  string    `json:"profile"`
	Threads  int       `json:"threads"`
	Requests int       `json:"requests"`
	Steps    int       `json:"steps"`
	// Target is how the target was made: what the command line needs to replay.
	Target json.RawMessage `json:"target"`
}

// State is how far a finding has been worked on.
type State string

// The states.
const (
	StateFound  State = "found"              // as it was met
	StateShrunk State = "shrunk"             // as small as it was made
	StateOnce   State = "not seen again yet" // only with the programs that ran beside it
)

// The files of a finding's folder.
const (
	fileFinding  = "finding.json"
	fileDraft    = "draft.json"    // what the program is made from
	fileOriginal = "original.json" // the same, as it was met
	fileBatch    = "batch.json"    // the drafts of the run in which it was met
	fileProgram  = "program.json"  // traces.Program
	fileListing  = "program.txt"   // the same, for a reader
	fileVerdict  = "verdict.json"  // checker.Judgement of the trace
	fileText     = "verdict.txt"
	fileTrace    = "trace.aiot"
	fileReport   = "report.html"
	fileConsole  = "console.txt" // of a guest
	fileCommand  = "command.txt"
	fileC        = "reproducer.c"
)

// folderName is a name for a finding's folder that a person recognises, and
// that is the same for the same key.
func folderName(v *Violation) string {
	sum := fnv.New32a()
	fmt.Fprint(sum, v.Key())
	return fmt.Sprintf("%s-%08x", v.Property, sum.Sum32())
}

func evidence(property string) string {
	switch property {
	case propertyQuiet:
		return "kernel log"
	case "transitions-allowed":
		return "white box"
	}
	return "black box"
}

// sample is a run that shows a violation.
type sample struct {
	violation Violation
	header    traces.Header
	draft     *Draft
	batch     []*Draft
	seed      uint64 // of the run
	number    int64
	judged    *Judged
	recorded  *Recorded
}

// write writes what a sample shows into a folder. The trace is of the whole
// run; the program is that of the violation's round, as round 0 of a run.
func (s *sample) write(dir string, f *Finding) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the finding's folder: %w", err)
	}
	at := place(&s.header, 0, 1)
	p := s.draft.Compile(at)
	f.Threads, f.Requests, f.Steps = len(p.Threads), len(p.Requests), 0
	for _, steps := range p.Threads {
		f.Steps += len(steps)
	}
	j := s.judged
	list := []error{
		writeJSON(filepath.Join(dir, fileDraft), s.draft),
		writeJSON(filepath.Join(dir, fileProgram), p),
		writeFile(filepath.Join(dir, fileListing), func(w io.Writer) error { return List(w, p) }),
		writeJSON(filepath.Join(dir, fileVerdict), j.Judgement),
		writeFile(filepath.Join(dir, fileText), func(w io.Writer) error { return writeVerdict(w, s) }),
		writeFile(filepath.Join(dir, fileTrace), func(w io.Writer) error { return writeTrace(w, s) }),
		writeFile(filepath.Join(dir, fileReport), func(w io.Writer) error { return report.Write(w, j.History, j.Judgement) }),
		writeFile(filepath.Join(dir, fileC), func(w io.Writer) error {
			about := reproducer.Of(&s.recorded.Header)
			about.Property, about.Seen, about.Expected = f.Property, f.Summary, f.Expected
			about.Replay = "aiocheck fuzz replay " + filepath.Base(dir)
			return reproducer.Write(w, about, p)
		}),
		writeFile(filepath.Join(dir, fileCommand), func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "aiocheck fuzz replay %s\n", dir)
			return err
		}),
	}
	if s.recorded.Console != "" {
		list = append(list, writeFile(filepath.Join(dir, fileConsole), func(w io.Writer) error {
			_, err := io.WriteString(w, s.recorded.Console)
			return err
		}))
	}
	return errors.Join(append(list, writeJSON(filepath.Join(dir, fileFinding), f))...)
}

// writeVerdict explains the run as verify does.
func writeVerdict(w io.Writer, s *sample) error {
	v := &s.violation
	fmt.Fprintf(w, "%s: %s\n  seen      %s\n  expected  %s\n", v.Property, v.Place, v.Summary, v.Expected)
	if n := len(s.judged.History.Rounds); n > 1 {
		fmt.Fprintf(w, "  where     round %d of the %d of the trace\n", v.Round, n)
	}
	fmt.Fprintln(w)
	if err := report.WriteHeader(w, &s.judged.History.Header); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := report.WriteVerdicts(w, s.judged.Judgement, report.Style{}); err != nil {
		return err
	}
	for _, r := range s.recorded.Reports {
		fmt.Fprintf(w, "\nthe kernel reports (%s)\n  %s\n", r.Kind, strings.ReplaceAll(r.Text, "\n", "\n  "))
	}
	return nil
}

func writeTrace(w io.Writer, s *sample) error {
	t, err := traces.NewWriter(w, s.recorded.Header)
	if err != nil {
		return err
	}
	for _, log := range s.recorded.Logs {
		for first := 0; first < len(log); {
			end := first + 1
			for end < len(log) && log[end].Thread == log[first].Thread {
				end++
			}
			if err := t.Append(log[first:end]); err != nil {
				return err
			}
			first = end
		}
	}
	for _, r := range s.recorded.Reports {
		t.KernelReport(r.Kind + ": " + r.Summary)
	}
	finish := traces.FinishComplete
	if s.recorded.Hung != "" {
		finish = traces.FinishFailed
	}
	return t.Close(finish, s.recorded.Hung)
}

// ReadFinding reads a finding's folder, as far as it is needed to replay it.
func ReadFinding(dir string) (*Finding, *Draft, error) {
	f, d := &Finding{}, &Draft{}
	if err := readJSON(filepath.Join(dir, fileFinding), f); err != nil {
		return nil, nil, fmt.Errorf("read the finding: %w", err)
	}
	if err := readJSON(filepath.Join(dir, fileDraft), d); err != nil {
		return nil, nil, fmt.Errorf("read the finding's program: %w", err)
	}
	return f, d, nil
}

// Key is what makes two violations one finding.
func (f *Finding) Key() string { return f.Property + ": " + f.Place }

// ReadFindings reads all findings of a campaign's directory, those of the most
// frequent property first. A folder that is being written is left out.
func ReadFindings(dir string) (list []Listed, err error) {
	found, err := filepath.Glob(filepath.Join(dir, dirFindings, "*", fileFinding))
	if err != nil {
		return nil, fmt.Errorf("look for findings: %w", err)
	}
	for _, path := range found {
		l := Listed{Folder: filepath.Dir(path)}
		if err := readJSON(path, &l.Finding); err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b Listed) int { return strings.Compare(a.Folder, b.Folder) })
	return list, nil
}

// Listed is a finding and where it is.
type Listed struct {
	Folder string `json:"folder"`
	Finding
}

// Fold makes one of findings that have the same key: of several campaigns, the
// smallest, with the number of programs that have shown any.
func Fold(list []Listed) []Listed {
	at := map[string]int{}
	folded := []Listed{}
	for _, l := range list {
		i, known := at[l.Key()]
		if !known {
			at[l.Key()] = len(folded)
			folded = append(folded, l)
			continue
		}
		seen := folded[i].Seen + l.Seen
		if l.State == StateShrunk && (folded[i].State != StateShrunk || l.Steps < folded[i].Steps) {
			folded[i] = l
		}
		folded[i].Seen = seen
	}
	slices.SortStableFunc(folded, func(a, b Listed) int { return strings.Compare(a.Key(), b.Key()) })
	return folded
}
