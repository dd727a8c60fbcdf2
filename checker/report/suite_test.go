package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/checker"
	"aiocheck/model"
)

// suites are two: one with each outcome, one of a run that ended early.
func suites(t *testing.T) []Suite {
	t.Helper()
	h := tinyHistory()
	h.Header.Kernel.Release = "6.1.192"
	j := &checker.Judgement{Outcome: checker.Violated, Elapsed: 1500 * time.Millisecond, Verdicts: []checker.Verdict{
		{Property: model.FreshReads, Outcome: checker.Holds, Instances: 3},
		{Property: model.OneEvent, Outcome: checker.Violated, Instances: 5, Violations: 2, Findings: []checker.Finding{{
			Property: "one-event", Summary: "request 2 has two events: <1> & \"0\"", Expected: "exactly one",
			Steps: []checker.Step{{Thread: 0, From: 20, To: 40, Request: 2, Text: "io_submit of request 2 = 1", Order: 1}, {Thread: 1, From: 50, To: 60, Text: "event of request 2"}}}}},
		{Property: model.RingOrder, Outcome: checker.Undecided, Why: "the time limit of 1s passed, 4 of 9 left"},
		{Property: model.StreamOrder, Outcome: checker.Unchecked},
	}}
	one, err := SuiteOf("first.aiot", &h.Header, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := &checker.Judgement{Outcome: checker.Holds, Verdicts: j.Verdicts[:1]}
	two, err := SuiteOf("second #2.aiot", &h.Header, good, errors.New("the guest is gone:\nkilled"))
	if err != nil {
		t.Fatal(err)
	}
	return []Suite{one, two}
}

// What CI servers and people get.
func TestSuiteGoldens(t *testing.T) {
	for name, write := range map[string]func(io.Writer, []Suite) error{"testdata/verdict.ktap": WriteKTAP, "testdata/verdict.xml": WriteJUnit} {
		var got bytes.Buffer
		if err := write(&got, suites(t)); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, got.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A search's suite has a point for each property, and one for each finding.
func TestSuiteOfFindings(t *testing.T) {
	s := SuiteOfFindings("fuzz", nil, time.Second, []Point{{Name: "one-event", Outcome: checker.Violated, Why: "a"}, {Name: "one-event", Outcome: checker.Violated, Why: "b"}})
	if got, want := len(s.Points), len(model.Properties())-1+2; got != want {
		t.Errorf("%d points, want %d", got, want)
	}
	if s.outcome() != checker.Violated || s.count(checker.Violated) != 2 {
		t.Errorf("%v, %d violated", s.outcome(), s.count(checker.Violated))
	}
}

// Whatever names and texts say, the lines are KTAP and the XML is well-formed,
// and both say the same of each point.
func TestSuitesParse(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`[a-z-]{1,20}`), rapid.String(), rapid.SampledFrom([]string{"a # SKIP b", "\nok 9 x", "<&>\x00]]>", "1..7\n", "not ok 1 - x\r\n"}))
	rapid.Check(t, func(t *rapid.T) {
		point := rapid.Custom(func(t *rapid.T) Point {
			return Point{Name: rapid.StringMatching(`[a-z-]{1,20}( #[a-z]+)?`).Draw(t, "name"), Outcome: checker.Outcome(rapid.IntRange(0, 3).Draw(t, "outcome")),
				Why: text.Draw(t, "why"), Text: text.Draw(t, "text")}
		})
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Suite {
			return Suite{Name: text.Draw(t, "suite"), Notes: rapid.SliceOfN(text, 0, 2).Draw(t, "notes"), Points: rapid.SliceOfN(point, 1, 4).Draw(t, "points")}
		}), 1, 3).Draw(t, "suites")
		var lines, document bytes.Buffer
		if err := errors.Join(WriteKTAP(&lines, all), WriteJUnit(&document, all)); err != nil {
			t.Fatal(err)
		}
		want := ""
		for i := range all {
			for _, p := range all[i].Points {
				want += fmt.Sprintf("%v %s\n", p.Outcome, p.Name)
			}
		}
		got, err := parseKTAP(lines.String())
		if err != nil {
			t.Fatalf("%v:\n%s", err, lines.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("KTAP (-want +got):\n%s\n%s", diff, lines.String())
		}
		got, err = parseJUnit(document.Bytes())
		if err != nil {
			t.Fatalf("%v:\n%s", err, document.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("JUnit (-want +got):\n%s\n%s", diff, document.String())
		}
	})
}

var (
	planLine = regexp.MustCompile(`^1\.\.(\d+)$`)
	testLine = regexp.MustCompile(`^(ok|not ok) (\d+) ((?:[^#\\]|\\#|\\)*?)(?: # (SKIP|TIMEOUT)(?: .*)?)?$`)
)

// parseKTAP reads the grammar of Documentation/dev-tools/ktap.rst, as far as
// one level of subtests needs it, and lists the subtests' results.
func parseKTAP(text string) (string, error) {
	var list strings.Builder
	depth, left, next := 0, [2]int{-1, -1}, [2]int{1, 1}
	failed, started := false, [2]bool{}
	for line := range strings.Lines(text) {
		line, ok := strings.CutSuffix(line, "\n")
		if !ok {
			return "", errors.New("the last line does not end")
		}
		body, indented := strings.CutPrefix(line, "  ")
		level := 0
		if indented {
			level = 1
		}
		if level != depth && body != "KTAP version 1" && !(depth == 1 && level == 0) {
			return "", fmt.Errorf("%q is at the wrong depth", line)
		}
		if level == 0 && depth == 1 {
			if left[1] != 0 {
				return "", fmt.Errorf("%d subtests are missing before %q", left[1], line)
			}
			depth = 0
		}
		switch plan, test := planLine.FindStringSubmatch(body), testLine.FindStringSubmatch(body); {
		case body == "KTAP version 1":
			depth, left[level], next[level], started[level] = level, -1, 1, true
			if level == 1 {
				failed = false
			}
		case !started[level]:
			return "", fmt.Errorf("%q comes before the version", line)
		case strings.HasPrefix(body, "#"):
		case plan != nil && left[level] == -1:
			left[level], _ = strconv.Atoi(plan[1])
		case test != nil && left[level] > 0 && test[2] == strconv.Itoa(next[level]):
			left[level]--
			next[level]++
			bad := test[1] == "not ok"
			if level == 0 && bad != failed {
				return "", fmt.Errorf("%q does not go with its subtests", line)
			}
			if level == 1 {
				failed = failed || bad
				outcome := map[string]string{"ok": "holds", "not ok": "violated", "okSKIP": "unchecked", "not okTIMEOUT": "undecided"}[test[1]+test[4]]
				fmt.Fprintf(&list, "%s %s\n", outcome, strings.ReplaceAll(test[3], `\#`, "#"))
			}
		default:
			return "", fmt.Errorf("%q is no line of KTAP, or not there", line)
		}
	}
	if depth != 0 || left[0] != 0 {
		return "", fmt.Errorf("it ends at depth %d with %d tests missing", depth, left[0])
	}
	return list.String(), nil
}

// parseJUnit reads what a CI server would, and lists the cases.
func parseJUnit(document []byte) (string, error) {
	var all junitSuites
	if err := xml.Unmarshal(document, &all); err != nil {
		return "", err
	}
	var list strings.Builder
	tests, failures, errs := 0, 0, 0
	for _, s := range all.Suites {
		for _, c := range s.Cases {
			outcome := checker.Holds
			switch {
			case c.Failure != nil:
				outcome = checker.Violated
				failures++
			case c.Error != nil:
				outcome = checker.Undecided
				errs++
			case c.Skipped != nil:
				outcome = checker.Unchecked
			}
			tests++
			fmt.Fprintf(&list, "%v %s\n", outcome, c.Name)
		}
	}
	if tests != all.Tests || failures != all.Failures || errs != all.Errors {
		return "", fmt.Errorf("%d, %d and %d counted, %+v said", tests, failures, errs, all)
	}
	return list.String(), nil
}
