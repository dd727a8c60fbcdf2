package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"aiocheck/checker"
	"aiocheck/checker/inclusion"
	"aiocheck/checker/report"
	"aiocheck/kernel/qemu"
	"aiocheck/traces"
)

// judging is the flags of every command that judges.
type judging struct {
	printing  `embed:""`
	Report    string        `help:"Write an HTML report." placeholder:"FILE.html"`
	Overwrite bool          `help:"Overwrite files that exist."`
	MaxTime   time.Duration `help:"Stop judging after this time: what is left is undecided." default:"10m" placeholder:"TIME"`
	MaxMemory size          `help:"Judge within this much memory beside the history." default:"4G" placeholder:"SIZE"`
}

// result is what a verification run or a check has found out.
type result struct {
	Outcome   checker.Outcome    `json:"outcome"`
	Trace     string             `json:"trace,omitempty"`
	Report    string             `json:"report,omitempty"`
	Cut       string             `json:"cut,omitempty"`
	Note      string             `json:"note,omitempty"`
	Console   string             `json:"console,omitempty"`        // where a guest's console was written
	Reports   []qemu.Report      `json:"kernel_reports,omitempty"` // what it says is wrong with the kernel
	Header    traces.Header      `json:"header"`
	Summary   traces.Summary     `json:"summary"`
	Judgement *checker.Judgement `json:"judgement"`
	// Inside is what the kernel told of its own steps; nil if it told nothing.
	Inside *inclusion.Coverage `json:"inside,omitempty"`

	problem error // what ended the run early
}

// recorded is what there is beside the history of a run.
type recorded struct {
	trace   string
	note    string
	console string // file of a guest's console
	reports []qemu.Report
	problem error // what ended the run early
}

// judge judges a history, writes the report if asked for, and prints.
func (f *judging) judge(s *session, of recorded, h *traces.History) (checker.Outcome, error) {
	r, err := f.result(of, h)
	if err != nil {
		return r.Outcome, err
	}
	return r.Outcome, f.show(s, r)
}

// result judges a history and writes the report if asked for.
func (f *judging) result(of recorded, h *traces.History) (*result, error) {
	j := checker.Check(h, checker.Limits{Time: f.MaxTime, Memory: int64(f.MaxMemory)})
	inside, err := judgeInside(j, of.trace, h)
	if err != nil {
		return &result{Outcome: j.Outcome}, err
	}
	r := &result{Outcome: j.Outcome, Trace: of.trace, Note: of.note, Console: of.console, Reports: of.reports, Header: h.Header, Summary: traces.Summarize(h), Judgement: j, Inside: inside,
		problem: of.problem}
	if h.Cut != nil {
		r.Cut = h.Cut.Error()
	}
	if f.Report != "" {
		if err := writeFile(f.Report, f.Overwrite, func(w io.Writer) error { return report.Write(w, h, j) }); err != nil {
			return r, err
		}
		r.Report = f.Report
	}
	return r, nil
}

// judgeInside adds what the transitions of a trace say, if it has any.
func judgeInside(j *checker.Judgement, trace string, h *traces.History) (*inclusion.Coverage, error) {
	if trace == "" {
		return nil, nil
	}
	v, cover, err := inclusion.Judge(trace, h)
	if err != nil || v.Outcome == checker.Unchecked {
		return nil, err
	}
	j.Verdicts = append(j.Verdicts, v)
	j.Outcome = checker.Worse(j.Outcome, v.Outcome)
	return cover, nil
}

// show prints a result, or keeps it for finish, where what is printed is one
// document.
func (f *judging) show(s *session, r *result) error {
	out := bufio.NewWriter(s.stdout)
	var err error
	switch f.format() {
	case "json":
		err = json.NewEncoder(out).Encode(r)
	case "text":
		err = r.print(out, report.Style{Color: colored(s.stdout)})
	default:
		var suite report.Suite
		suite, err = report.SuiteOf(r.Trace, &r.Header, r.Judgement, r.problem)
		s.suites = append(s.suites, suite)
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// finish prints what was kept.
func (f *judging) finish(s *session) error {
	if s.suites == nil {
		return nil
	}
	return f.writeSuites(s.stdout, s.suites)
}

// shownReports is how many of a kernel's reports are printed in full: the
// later ones are often what the first has led to.
const shownReports = 3

func (r *result) print(w io.Writer, style report.Style) error {
	if err := report.WriteHeader(w, &r.Header); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := r.Summary.WriteText(w); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nproperties")
	if err := report.WriteVerdicts(w, r.Judgement, style); err != nil {
		return err
	}
	for _, report := range r.Reports[:min(len(r.Reports), shownReports)] {
		fmt.Fprintf(w, "\nthe kernel reports (%s)\n%s\n", report.Kind, indent(report.Text))
	}
	fmt.Fprintln(w)
	inside := ""
	if r.Inside != nil {
		inside = strings.Join(r.Inside.Lines(), "\n         ")
	}
	for _, line := range []struct{ name, text string }{{"inside", inside}, {"trace", r.Trace}, {"report", r.Report}, {"console", r.Console}, {"cut", r.Cut}, {"note", r.Note}, {"again", r.Header.Again}} {
		if line.text != "" {
			fmt.Fprintf(w, "%-8s %s\n", line.name, line.text)
		}
	}
	return report.WriteOutcome(w, r.Judgement, style)
}

// colored reports whether w is a terminal whose user wants colours
// (https://no-color.org).
func colored(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// writeFile makes a file that did not exist, or overwrites it if that was
// asked for, and says which file could not be written.
func writeFile(path string, overwrite bool, write func(io.Writer) error) error {
	f, err := createFile(path, overwrite)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	if err := errors.Join(write(b), b.Flush(), f.Close()); err != nil {
		return machineError(fmt.Errorf("write %s: %w", path, err))
	}
	return nil
}

func createFile(path string, overwrite bool) (*os.File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if overwrite {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o666)
	if errors.Is(err, os.ErrExist) {
		return nil, usageError(fmt.Errorf("%s exists: give --overwrite or another name", path))
	}
	if err != nil {
		return nil, machineError(fmt.Errorf("create file: %w", err))
	}
	return f, nil
}
