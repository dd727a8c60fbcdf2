//go:build guest

package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aiocheck/kernel/patches"
	library "aiocheck/litmus"
	runner "aiocheck/sim/litmus"
)

var (
	litmusRepeat  = flag.Int("litmus.repeat", 10, "how often each litmus test is run")
	litmusDefects = flag.String("litmus.defects", "D1,D2,D3,D8,D26", "defects to run litmus tests with, separated by commas, or all")
	litmusUpdate  = flag.Bool("litmus.update", false, "write docs/litmus-kernels.md, and the rows of the defects tried in docs/litmus-defects.md")
	litmusPlain   = flag.String("litmus.unpatched", "", "a kernel without patches, to run the library on as well")
)

// kernelRun is what the library showed on a kernel.
type kernelRun struct {
	title   string
	reports []*runner.TargetReport
	took    time.Duration
}

// kernelImage is the kernel that tests boot.
func kernelImage(t *testing.T) string {
	t.Helper()
	image := os.Getenv("AIOCHECK_KERNEL")
	if image == "" {
		t.Fatal("AIOCHECK_KERNEL has to name a bzImage with thread-based AIO and its defects: see docs/kernels.md")
	}
	return image
}

// TestLitmusInGuests runs the library on the patched kernel, with threads and
// without, and on an unpatched one: nothing that is forbidden may be seen.
func TestLitmusInGuests(t *testing.T) {
	image := kernelImage(t)
	g := &guestLibrary{t: t}
	runs := []kernelRun{g.all("patched, contexts with threads", image, true), g.all("patched, contexts without threads", image, false)}
	if *litmusPlain != "" {
		runs = append(runs, g.all("unpatched", *litmusPlain, true))
	}
	if *litmusUpdate && !t.Failed() {
		writeLitmusKernels(t, runs)
	}
}

// unshown says why no outcome or history of a litmus test shows a defect.
// Whoever finds a test that does strikes it here.
var unshown = map[string]string{
	"D5":  "the limits of thread and submitter are alike in these programs",
	"D11": "no test keeps the threads of what ends by itself busy for ever",
	"D15": "needs two requests with one iocb",
	"D16": "needs a frozen file system",
	"M12": "a program has to look into the ring within the few instructions between signal and event",
}

// rare says why a defect may be shown or not: the window is too short for the
// repetitions of this table. Schedules hit it every time.
var rare = map[string]string{
	"M14": "not seen this time: the second io_destroy has to come within a microsecond of the first, as in 1 of 100 runs of destroy/twice",
	"T7":  "not seen this time: a cancel has to come in the few instructions before the thread is recorded",
}

// TestLitmusDefects switches defects on, one by one: some tests have to show
// each of them.
func TestLitmusDefects(t *testing.T) {
	g := &guestLibrary{t: t}
	g.defects(kernelImage(t))
}

// guestLibrary runs the library in guests.
type guestLibrary struct{ t *testing.T }

// open boots a kernel; its machine has to be closed as soon as it is done with.
func (g *guestLibrary) open(image string, threads bool) *litmusRun {
	g.t.Helper()
	c := &litmusCommand{Target: "qemu", MaxStates: 5_000_000}
	c.targetFlags = targetFlags{Repeat: *litmusRepeat, Seed: 1, Keep: g.t.TempDir()}
	c.guestFlags = guestFlags{Kernel: image, Memory: 512 << 20, CPUs: 2}
	c.runFlags = runFlags{Device: "virtio", FS: "none", AutoThreads: &threads}
	s := &session{ctx: g.t.Context(), stdout: io.Discard, stderr: io.Discard}
	machine, err := c.openMachine(s)
	if err != nil {
		g.t.Fatal(err)
	}
	return &litmusRun{litmusCommand: c, session: s, machine: machine}
}

func (g *guestLibrary) close(l *litmusRun) {
	if err := l.machine.close(); err != nil {
		g.t.Error(err)
	}
}

func (g *guestLibrary) library() []library.Entry {
	entries, err := library.Library()
	if err != nil {
		g.t.Fatal(err)
	}
	return entries
}

// all runs the library on a kernel that is right.
func (g *guestLibrary) all(title, image string, threads bool) kernelRun {
	run := kernelRun{title: title}
	began := time.Now()
	l := g.open(image, threads)
	defer g.close(l)
	for _, e := range g.library() {
		r, err := l.test(e)
		if err != nil {
			g.t.Fatal(err)
		}
		if r.Finding() {
			var text bytes.Buffer
			r.writeText(&text)
			g.t.Errorf("%s: %s", title, text.String())
		}
		run.reports = append(run.reports, r.TargetReport)
	}
	run.took = time.Since(began)
	var text bytes.Buffer
	runner.WriteTargetSummary(&text, run.reports)
	g.t.Logf("%s, in %.0f s: %s", title, run.took.Seconds(), strings.TrimSpace(text.String()))
	return run
}

// demonstration is what litmus tests show of a defect.
type demonstration struct {
	defect patches.Defect
	tried  int
	shows  []*runner.TargetReport
}

// So many tests have to show a defect before the next one is tried, and so
// many are tried until then, besides those that speak of it.
const (
	enough    = 2
	mostTried = 30
)

// defects runs tests with each defect switched on, first those that speak of
// it, until enough of them have shown it.
func (g *guestLibrary) defects(image string) {
	defects, err := patches.Defects("6.1")
	if err != nil {
		g.t.Fatal(err)
	}
	l := g.open(image, true)
	defer g.close(l)
	for _, d := range defects {
		if *litmusDefects != "all" && !slices.Contains(strings.Split(*litmusDefects, ","), d.Name) {
			continue
		}
		began := time.Now()
		l.Defects = d.Name
		found := demonstration{defect: d}
		tests, speak := speaking(g.library(), d.Name)
		for i, e := range tests {
			if len(found.shows) == enough || found.tried >= mostTried {
				break
			}
			l.Repeat = *litmusRepeat
			if i < speak {
				l.Repeat *= 10
			}
			r, err := l.test(e)
			if err != nil {
				g.t.Fatal(err)
			}
			if r.Unrunnable != "" {
				continue
			}
			found.tried++
			if r.Finding() {
				found.shows = append(found.shows, r.TargetReport)
			}
		}
		var names []string
		for _, r := range found.shows {
			names = append(names, r.Path)
		}
		g.t.Logf("%s: shown by %d of %d tests, in %.0f s: %s", d.Name, len(names), found.tried, time.Since(began).Seconds(), strings.Join(names, ", "))
		switch known := unshown[d.Name] != ""; {
		case len(names) == 0 && !known && rare[d.Name] == "":
			g.t.Errorf("%s is shown by no test", d.Name)
		case len(names) > 0 && known:
			g.t.Errorf("%s is shown, though it is listed as not shown", d.Name)
		}
		if *litmusUpdate { // after each: all of them take long
			writeLitmusDefects(g.t, defects, &found)
		}
	}
}

// sameDefect are other names that tests use for a defect (kernel/patches/README.md).
var sameDefect = map[string]string{"D1": "T13", "D2": "T12", "D3": "T12", "D10": "T14", "D15": "T16", "D16": "T20", "D17": "T17"}

// speaking is the library, with the tests first whose source names a defect,
// and how many these are.
func speaking(entries []library.Entry, defect string) (mixed []library.Entry, speak int) {
	names := func(e library.Entry) int {
		words := strings.FieldsFunc(e.Test.Source, func(r rune) bool { return r == ' ' || r == ',' || r == ';' })
		if slices.ContainsFunc(words, func(w string) bool {
			return w == defect || w == sameDefect[defect] || strings.TrimRight(w, "abc") == defect
		}) {
			return 0
		}
		return 1
	}
	// The others from all subjects: every fourth first.
	for from := range 4 {
		for i := from; i < len(entries); i += 4 {
			mixed = append(mixed, entries[i])
		}
	}
	slices.SortStableFunc(mixed, func(a, b library.Entry) int { return cmp.Compare(names(a), names(b)) })
	speak = slices.IndexFunc(mixed, func(e library.Entry) bool { return names(e) == 1 })
	return mixed, speak
}

// page writes a page of docs.
func page(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join("..", "..", "docs", name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// writeLitmusKernels writes what was seen on right kernels.
func writeLitmusKernels(t *testing.T, runs []kernelRun) {
	var b strings.Builder
	b.WriteString("# Litmus tests on kernels\n\nGenerated by `go test -tags guest -run LitmusInGuests ./cmd/aiocheck -litmus.update`; " +
		"[litmus.md](litmus.md#as-a-program-on-a-kernel)\nsays how tests become programs, [litmus-defects.md](litmus-defects.md) what they show of kernels with defects.\n\n")
	fmt.Fprintf(&b, "Each test was run %d times in an emulated guest with two processors (those that fill a ring: with one); the seed is 1.\n\n", *litmusRepeat)
	b.WriteString("| kernel | judged by | tests run | runs | outcomes seen | allowed, never seen | forbidden | properties violated | seconds |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, k := range runs {
		var ran, rounds, seen, never, forbidden, broken int
		design := ""
		for _, r := range k.reports {
			design = r.Design
			if r.Unrunnable != "" {
				continue
			}
			ran++
			rounds += r.Runs
			seen += len(r.Seen)
			never += len(r.Never)
			forbidden += len(r.Forbidden)
			broken += len(r.Broken)
		}
		fmt.Fprintf(&b, "| %s | %s | %d of %d | %d | %d | %d | %d | %d | %.0f |\n", k.title, design, ran, len(k.reports), rounds, seen, never, forbidden, broken, k.took.Seconds())
	}
	writeRuns(&b, &runs[0])
	page(t, "litmus-kernels.md", b.String())
}

const defectsHead = "# Litmus tests on kernels with defects\n\nGenerated by `go test -tags guest -run LitmusDefects ./cmd/aiocheck -litmus.defects all -litmus.update`.\n" +
	"With one defect of the patched kernel ([kernel/patches](../kernel/patches/README.md)) switched on at a time, tests of the\nlibrary are run, " +
	"first those whose source names it, and these ten times as often, then others of every subject, until a\nfew have shown it.\n\n" +
	"| defect | what the kernel then does | shown by | what was seen |\n|---|---|---|---|\n"

// writeLitmusDefects writes the rows of a defect, and keeps those of others.
func writeLitmusDefects(t *testing.T, defects []patches.Defect, found *demonstration) {
	old, err := os.ReadFile(filepath.Join("..", "..", "docs", "litmus-defects.md"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	rows := map[string]string{}
	name := ""
	for line := range strings.Lines(string(old)) {
		cells := strings.SplitN(line, "|", 3)
		if len(cells) < 3 {
			continue
		}
		if first := strings.TrimSpace(cells[1]); first != "" {
			name = first
		}
		rows[name] += line
	}
	rows[found.defect.Name] = found.rows()
	var b strings.Builder
	b.WriteString(defectsHead)
	for _, d := range defects {
		b.WriteString(rows[d.Name])
	}
	page(t, "litmus-defects.md", b.String())
}

// rows are those of a defect in the table.
func (d *demonstration) rows() string {
	if len(d.shows) == 0 {
		return fmt.Sprintf("| %s | %s | none of %d tests | %s |\n", d.defect.Name, d.defect.Sentence, d.tried, unshown[d.defect.Name]+rare[d.defect.Name])
	}
	var b strings.Builder
	for i, r := range d.shows {
		name, sentence := d.defect.Name, d.defect.Sentence
		if i > 0 {
			name, sentence = "", ""
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, sentence, strings.TrimSuffix(r.Path, ".litmus"), evidence(r))
	}
	return b.String()
}

// evidence is the first thing that a test has shown.
func evidence(r *runner.TargetReport) string {
	var parts []string
	if len(r.Forbidden) > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d: %s", r.Forbidden[0].Runs, r.Runs, r.Forbidden[0].Outcome))
	}
	if len(r.Broken) > 0 {
		parts = append(parts, "violated: "+strings.Join(r.Broken[:min(3, len(r.Broken))], ", "))
	}
	if r.Hung != "" {
		parts = append(parts, "the guest hung")
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), "|", "\\|")
}

// writeRuns writes the outcomes of every test.
func writeRuns(b *strings.Builder, run *kernelRun) {
	fmt.Fprintf(b, "\n## Outcomes: %s\n\n| test | seen | times | allowed, never seen |\n|---|---|---|---|\n", run.title)
	for _, r := range run.reports {
		if r.Unrunnable != "" {
			continue
		}
		name := strings.TrimSuffix(r.Path, ".litmus")
		for i, c := range r.Seen {
			never := ""
			if i == 0 {
				never = fmt.Sprint(len(r.Never))
			} else {
				name = ""
			}
			fmt.Fprintf(b, "| %s | %s | %d | %s |\n", name, c.Outcome, c.Runs, never)
		}
	}
	b.WriteString("\n## Not run\n\n| test | why |\n|---|---|\n")
	for _, r := range run.reports {
		if r.Unrunnable != "" {
			fmt.Fprintf(b, "| %s | %s |\n", strings.TrimSuffix(r.Path, ".litmus"), r.Unrunnable)
		}
	}
}
