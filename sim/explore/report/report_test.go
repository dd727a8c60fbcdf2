package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/sim/replay"
)

var update = flag.Bool("update", false, "write the golden files anew")

func broken(t *testing.T) *replay.Setup {
	t.Helper()
	u, err := replay.New("thread-6.1", []string{"slot-given-back-twice"}, machine.Witness(design.SlotAtCancel))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func reported(t *testing.T, o explore.Options) *Report {
	t.Helper()
	u := broken(t)
	r, err := explore.Run(context.Background(), u.Machine, o)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := New(u, "breadth-first", true, r)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

var costs = regexp.MustCompile(`(?m)^cost .*\n`)

// The text as a person sees it.
func TestText(t *testing.T) {
	rep := reported(t, explore.Options{Liveness: true, Workers: 1})
	var b bytes.Buffer
	if err := rep.WriteText(&b, Style{Outcomes: true}); err != nil {
		t.Fatal(err)
	}
	got := costs.ReplaceAllString(b.String(), "")
	path := filepath.Join("testdata", "slot.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs: go test ./sim/explore/report -update\n%s", path, d)
	}
	for _, line := range strings.Split(strings.Split(got, "slots-conserved: ")[0], "\n") {
		if len(line) > width {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
	b.Reset()
	if err := rep.WriteText(&b, Style{Color: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\x1b[1;31mviolated\x1b[0m:") || costs.FindString(b.String()) == "" {
		t.Error("the colours or the costs are missing")
	}
}

// verdictOf is the verdict about a property.
func verdictOf(r *Report, name string) Verdict {
	for _, p := range r.Properties {
		if p.Name == name {
			return p.Verdict
		}
	}
	return ""
}

// A verdict does not say more than was looked at.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name                          string
		o                             explore.Options
		broken, safe, promise, covers string
	}{
		{"everything", explore.Options{Liveness: true}, "violated", "holds", "holds", "every reachable state and every fair cycle"},
		{"no cycles", explore.Options{}, "violated", "holds", "undecided", "every reachable state; fair cycles were not looked for"},
		{"few states", explore.Options{Liveness: true, MaxStates: 5}, "undecided", "undecided", "undecided", "not everything: the limit of states was reached with 4 states still to expand; all states within 1 step were found; fair cycles were not reached"},
		{"first", explore.Options{StopAtViolation: true}, "violated", "undecided", "undecided", "a violation was found"},
	} {
		rep := reported(t, c.o)
		got := []string{string(verdictOf(rep, "slots-conserved")), string(verdictOf(rep, "freed-once")), string(verdictOf(rep, "request-ends"))}
		if d := cmp.Diff([]string{c.broken, c.safe, c.promise}, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if !strings.Contains(rep.covered(), c.covers) {
			t.Errorf("%s: covered %q", c.name, rep.covered())
		}
		if want := Verdict(c.broken); rep.Verdict() != want {
			t.Errorf("%s: %s in all", c.name, rep.Verdict())
		}
	}
}

// What was only sampled is never said to hold.
func TestPartial(t *testing.T) {
	u := broken(t)
	walk, err := explore.Walk(context.Background(), u.Machine, explore.WalkOptions{Seed: 1, Walks: 100})
	if err != nil {
		t.Fatal(err)
	}
	bits, err := explore.SearchBits(context.Background(), u.Machine, explore.BitstateOptions{Bytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*explore.Partial{walk, bits} {
		rep, err := NewPartial(u, string(p.Mode), p)
		if err != nil {
			t.Fatal(err)
		}
		if names := rep.named(Holds); len(names) > 0 || verdictOf(rep, "slots-conserved") != Violated || verdictOf(rep, "freed-once") != Undecided {
			t.Errorf("%s: %v hold", p.Mode, names)
		}
		var b bytes.Buffer
		if err := rep.WriteText(&b, Style{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"\nstates    about ", "\ncovered   perhaps not everything: ", ", a way there; "} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: %q is missing in\n%s", p.Mode, want, b.String())
			}
		}
	}
}

// The JSON says the same as the text.
func TestJSON(t *testing.T) {
	rep := reported(t, explore.Options{Liveness: true})
	var b bytes.Buffer
	if err := rep.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var j reportJSON
	if err := json.Unmarshal(b.Bytes(), &j); err != nil {
		t.Fatal(err)
	}
	if j.Outcome != Violated || j.States != rep.Result.States || len(j.Properties) != len(rep.Properties) || j.Bugs[0] != "slot-given-back-twice" {
		t.Errorf("%+v", j)
	}
	for _, p := range j.Properties {
		if p.Verdict == Violated && (len(p.Examples) == 0 || len(p.Examples[0].Steps) == 0 || p.Examples[0].Steps[0].Step != "S0") {
			t.Errorf("%+v", p)
		}
	}
}

// What a scenario does not ask for is not violated in it, whatever the design
// and the bug.
func TestNotAsked(t *testing.T) {
	for _, d := range design.All() {
		for _, info := range design.BugTable() {
			for _, bugs := range [][]string{nil, {info.Name}} {
				if bugs != nil && info.Base != d.Name {
					continue // of a bug, the design that it is made for is enough
				}
				u, err := replay.New(d.Name, bugs, machine.Witness(info.Bug))
				if errors.Is(err, machine.ErrNotApplicable) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				r, err := explore.Run(context.Background(), u.Machine, explore.Options{})
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range u.Machine.Properties() {
					violated := slices.ContainsFunc(r.Violations, func(v explore.Violation) bool { return v.Property == p.Name })
					if violated && !asked(u.Scenario, p) {
						t.Errorf("%s %v: %s is violated in %s, which does not ask for it", d.Name, bugs, p.Name, u.Scenario.Name)
					}
				}
			}
		}
	}
}
