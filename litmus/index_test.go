package litmus_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	library "aiocheck/litmus"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces/litmus"
)

var update = flag.Bool("update", false, "rewrite generated documents")

// subjects are the folders, in the order of the index.
var subjects = []struct{ folder, title string }{
	{"cancel", "The cancellation contract"},
	{"operations", "Operations: where they can be interrupted, and what they leave behind"},
	{"ordering", "Order of effects and of events"},
	{"fsync", "What an fsync covers"},
	{"slots", "Slots of the ring"},
	{"reaping", "Taking events, by system call and from the mapped ring"},
	{"eventfd", "Signals of an eventfd"},
	{"poll", "Polls"},
	{"destroy", "io_destroy"},
	{"exit", "Exit of the process"},
	{"defects", "Defects of the posted series"},
	{"bugs", "Mutations of a correct design"},
	{"designs", "What tells designs apart"},
}

// unshown says why no test shows a numbered defect or bug.
var unshown = map[string]string{
	"D4":  "what a kernel address in an argument names is no matter of interleavings",
	"D7":  "memory that grows with spurious wake-ups is not observed",
	"D21": "what a reader of /proc sees is outside of the model",
	"D24": "no path to the missing task is known",
	"D25": "a link failure",
	"D26": "files of more than 2 GiB are outside of the model",
	"D27": "the ring's flag is not modelled",
	"D28": "freezing of tasks is not modelled",
	"D31": "the deferred release of a file is not modelled",
	"M4":  "the ring's head is always within the ring in the model",
	"M15": "requests that are not AIO's own are outside of the model",
}

// rows are the rows of the tables of thread-aio.md 3, by what a source says of
// them.
var rows = []struct{ title, source string }{
	{"3.1: never submitted, or wrong context", "3.1, row 1"},
	{"3.1: not armed yet", "3.1, row 2"},
	{"3.1: queued", "3.1, row 3"},
	{"3.1: running, sleeps interruptibly", "3.1, row 4"},
	{"3.1: running, uninterruptible", "3.1, row 5"},
	{"3.1: returned, not unlinked", "3.1, row 6"},
	{"3.1: unlinked, event not posted", "3.1, row 7"},
	{"3.1: event in the ring, or reaped", "3.1, row 8"},
	{"3.1: second cancel", "3.1, row 9"},
	{"3.1: context destroyed", "3.1, row 10"},
	{"3.1: consequences for a checker", "3.1, consequences"},
	{"3.2: pipe read, empty", "3.2, pipe read, empty"},
	{"3.2: pipe read, data", "3.2, pipe read, data"},
	{"3.2: pipe write of at most PIPE_BUF", "3.2, pipe write <= PIPE_BUF"},
	{"3.2: pipe write of more than PIPE_BUF", "3.2, pipe write > PIPE_BUF"},
	{"3.2: socket receive", "3.2, socket recv"},
	{"3.2: socket send", "3.2, socket send"},
	{"3.2: eventfd, timerfd, inotify, tty read", "3.2, eventfd"},
	{"3.2: buffered file read", "3.2, buffered file read"},
	{"3.2: buffered file write", "3.2, buffered file write"},
	{"3.2: O_DIRECT in worker", "3.2, O_DIRECT"},
	{"3.2: fsync, fdsync", "3.2, fsync"},
	{"3.2: poll", "3.2, poll"},
	{"3.2: openat, local", "3.2, openat"},
	{"3.2: unlinkat, local", "3.2, unlinkat"},
	{"3.2: renameat, local", "3.2, renameat"},
	{"3.2: NFS", "3.2, NFS"},
	{"3.2: FUSE", "3.2, FUSE"},
	{"3.2: readahead", "3.2, readahead"},
}

var numbered = regexp.MustCompile(`\b[DTM]\d+`)

func index(t *testing.T) string {
	var b strings.Builder
	all := entries(t)
	fmt.Fprintf(&b, "# Litmus tests\n\n%d tests, each with one thing to show. `aiocheck litmus` runs them all; docs/litmus.md has the\nformat, docs/litmus-results.md what each gives under each design. This file is\nwritten by the tests: go test ./litmus -update\n", len(all))
	shows := map[string][]string{}
	for _, s := range subjects {
		fmt.Fprintf(&b, "\n## %s\n\n| test | shows | source |\n|---|---|---|\n", s.title)
		for _, e := range all {
			if path.Dir(e.Path) != s.folder {
				continue
			}
			fmt.Fprintf(&b, "| [%s](%s) | %s | %s |\n", e.Test.Name, e.Path, cell(strings.Join(e.Test.About, " ")), cell(e.Test.Source))
			for _, n := range numbered.FindAllString(e.Test.Source, -1) {
				if link := fmt.Sprintf("[%s](%s)", e.Test.Name, e.Path); !slices.Contains(shows[n], link) {
					shows[n] = append(shows[n], link)
				}
			}
		}
	}
	b.WriteString("\n## By row of the contract\n\nThe rows of thread-aio.md section 3. One has no test: a major fault under a pending\nSIGKILL (3.2, the last row) is not modelled.\n\n| row | tests |\n|---|---|\n")
	for _, row := range rows {
		var tests []string
		says := regexp.MustCompile(regexp.QuoteMeta(row.source) + `(\D|$)`)
		for _, e := range all {
			if says.MatchString(e.Test.Source) {
				tests = append(tests, fmt.Sprintf("[%s](%s)", e.Test.Name, e.Path))
			}
		}
		if len(tests) == 0 {
			t.Errorf("no test has %q in its source", row.source)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", row.title, strings.Join(tests, ", "))
	}
	b.WriteString("\n## By number\n\nD are the defects of thread-aio.md section 4, T and M the bugs of bugs.md.\n\n| number | tests |\n|---|---|\n")
	for _, list := range []struct {
		letter string
		last   int
	}{{"D", 31}, {"T", 20}, {"M", 15}} {
		for n := 1; n <= list.last; n++ {
			id := fmt.Sprintf("%s%d", list.letter, n)
			tests, reason := shows[id], unshown[id]
			switch {
			case len(tests) > 0 && reason != "":
				t.Errorf("%s is shown by %v, and listed as not shown", id, tests)
			case len(tests) == 0 && reason == "":
				t.Errorf("no test has %s in its source", id)
			case reason != "":
				tests = []string{"none: " + reason}
			}
			fmt.Fprintf(&b, "| %s | %s |\n", id, strings.Join(tests, ", "))
		}
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(old) != text {
		t.Errorf("%s is not what the tests say: run go test ./litmus -update", file)
	}
}

func TestIndex(t *testing.T) {
	for _, e := range entries(t) {
		if !slices.ContainsFunc(subjects, func(s struct{ folder, title string }) bool { return s.folder == path.Dir(e.Path) }) {
			t.Errorf("%s: its folder is no subject", e.Path)
		}
	}
	golden(t, "README.md", index(t))
}

// Every two designs are told apart by a test; the document has the table.
func TestResultsDocument(t *testing.T) {
	all := entries(t)
	designs := design.All()
	var tests []*litmus.Test
	for _, e := range all {
		tests = append(tests, e.Test)
	}
	m, err := runner.RunAll(context.Background(), tests, designs, options)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range m.Results {
		for _, r := range row {
			if r.Stop != "complete" {
				t.Errorf("%s under %s: stopped by %s", all[i].Path, r.Design, r.Stop)
			}
		}
	}
	golden(t, "../docs/litmus-results.md", results(t, all, m))
	checkSteps(t, m)
}

// ofBugs are the steps that no design has, only seeded bugs.
var ofBugs = []explore.Kind{machine.W4l, machine.W4s, machine.C6n}

// checkSteps reports the steps of the model that no test takes under any
// design.
func checkSteps(t *testing.T, m *runner.Matrix) {
	t.Helper()
	taken := map[explore.Kind]int64{}
	for _, row := range m.Results {
		for _, r := range row {
			for _, s := range r.Steps {
				taken[s.Kind] += s.Taken
			}
		}
	}
	for kind, n := range taken {
		if n == 0 && !slices.Contains(ofBugs, kind) {
			t.Errorf("no test takes the step %s", kind)
		}
	}
}

// The document's example is a test of the library.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/litmus.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "```\n"+library.Text("cancel/writer-arrives.litmus")+"```") {
		t.Error("docs/litmus.md does not show cancel/writer-arrives.litmus as it is")
	}
}

func results(t *testing.T, all []library.Entry, m *runner.Matrix) string {
	var b strings.Builder
	b.WriteString("# Litmus tests under every design\n\nEach test of the library ([index](../litmus/README.md)) is explored completely under\neach design. Designs with the same letter in a row allow the same outcomes of that\ntest; a dash is a design that has no such calls. This file is written by the\ntests: go test ./litmus -update\n\n| number | design | |\n|---:|---|---|\n")
	for i, d := range m.Designs {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", i+1, d.Name, d.Title)
	}
	b.WriteString("\n## Tests that tell two designs apart\n\n| |")
	for i := range m.Designs {
		fmt.Fprintf(&b, " %d |", i+1)
	}
	b.WriteString("\n|---:|" + strings.Repeat("---:|", len(m.Designs)) + "\n")
	for one := range m.Designs {
		fmt.Fprintf(&b, "| **%d** |", one+1)
		for two := range m.Designs {
			n := len(m.Differ(one, two))
			if one == two {
				b.WriteString(" |")
				continue
			}
			if n == 0 {
				t.Errorf("no test tells %s and %s apart", m.Designs[one].Name, m.Designs[two].Name)
			}
			fmt.Fprintf(&b, " %d |", n)
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n## Outcomes\n\n| test | outcomes |")
	for i := range m.Designs {
		fmt.Fprintf(&b, " %d |", i+1)
	}
	b.WriteString("\n|---|---|" + strings.Repeat(":-:|", len(m.Designs)) + "\n")
	for i, e := range all {
		least, most := 1<<30, 0
		for _, r := range m.Results[i] {
			if r.Inapplicable == "" {
				least, most = min(least, len(r.Outcomes)), max(most, len(r.Outcomes))
			}
		}
		span := fmt.Sprintf("%d to %d", least, most)
		if least == most {
			span = fmt.Sprint(most)
		}
		fmt.Fprintf(&b, "| [%s](../litmus/%s) | %s |", strings.TrimSuffix(e.Path, ".litmus"), e.Path, span)
		for _, class := range m.Classes(i) {
			letter := "–"
			if class >= 0 {
				letter = string(rune('A' + class))
			}
			fmt.Fprintf(&b, " %s |", letter)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
