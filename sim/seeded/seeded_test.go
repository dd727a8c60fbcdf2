// Package seeded_test proves that exploration finds every bug that is put into
// the model, and that no reduction hides one.
package seeded_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/sim/replay"
)

var update = flag.Bool("update", false, "write docs/seeded-bugs.md")

// reductions are all ways to search.
var reductions = [...]explore.Options{
	{Liveness: true},
	{Liveness: true, Symmetry: true},
	{Liveness: true, PartialOrder: true},
	{Liveness: true, Symmetry: true, PartialOrder: true},
}

func setup(t testing.TB, base string, s *machine.Scenario, bugs ...string) *replay.Setup {
	t.Helper()
	u, err := replay.New(base, bugs, s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func run(t testing.TB, m explore.Model, o explore.Options) *explore.Result {
	t.Helper()
	r, err := explore.Run(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	if !o.StopAtViolation && !r.Complete() {
		t.Fatalf("the search was stopped: %s", r.Stop)
	}
	return r
}

// verdicts are what is violated and how, without how often.
func verdicts(r *explore.Result) (v []string) {
	for _, x := range r.Violations {
		v = append(v, fmt.Sprintf("%s in a %s", x.Property, x.How))
	}
	return v
}

func outcomes(r *explore.Result) (texts []string) {
	for _, o := range r.Outcomes {
		texts = append(texts, o.Text)
	}
	return texts
}

// everyWay searches in all ways and wants the same verdicts and outcomes of
// them. Without a partial order counterexamples are shortest, and equally long.
// Every counterexample can be executed and shows what it should.
func everyWay(t *testing.T, u *replay.Setup) *explore.Result {
	t.Helper()
	full, _ := compared(t, u)
	return full
}

// compared is everyWay with the number of states of each search.
func compared(t *testing.T, u *replay.Setup) (full *explore.Result, states [len(reductions)]int64) {
	t.Helper()
	for i, o := range reductions {
		r := run(t, u.Machine, o)
		states[i] = r.States
		for _, v := range r.Violations {
			done, err := replay.Execute(u.Schedule(v.Property, v.How, v.Path, v.Cycle))
			if err == nil {
				err = done.Check()
			}
			if err != nil {
				t.Errorf("%+v: %s: %v", o, v.Property, err)
			}
		}
		if full == nil {
			full = r
			continue
		}
		if d := cmp.Diff(verdicts(full), verdicts(r)); d != "" {
			t.Errorf("symmetry %v, partial order %v: other verdicts: %s", o.Symmetry, o.PartialOrder, d)
			continue
		}
		if d := cmp.Diff(outcomes(full), outcomes(r)); d != "" {
			t.Errorf("symmetry %v, partial order %v: other outcomes: %s", o.Symmetry, o.PartialOrder, d)
		}
		if r.States > full.States {
			t.Errorf("symmetry %v, partial order %v: %d states, more than %d", o.Symmetry, o.PartialOrder, r.States, full.States)
		}
		for i, v := range r.Violations {
			if !o.PartialOrder && len(v.Path) != len(full.Violations[i].Path) {
				t.Errorf("symmetry: %s after %d steps, not %d", v.Property, len(v.Path), len(full.Violations[i].Path))
			}
		}
	}
	return full, states
}

// Every seeded bug violates the property that is expected of it in its small
// scenario, in which the design without the bug violates nothing; and no
// reduction hides anything.
func TestSeededBugs(t *testing.T) {
	var doc bytes.Buffer
	doc.WriteString(docHead)
	for _, info := range design.BugTable() {
		t.Run(info.Name, func(t *testing.T) {
			scenario := machine.Witness(info.Bug)
			if sound := everyWay(t, setup(t, info.Base, scenario)); len(sound.Violations) > 0 {
				t.Errorf("%s without the bug: %v", info.Base, verdicts(sound))
			}
			broken := setup(t, info.Base, scenario, info.Name)
			r := everyWay(t, broken)
			var names []string
			length := 0
			for _, v := range r.Violations {
				if !slices.Contains(names, v.Property) {
					names = append(names, v.Property)
				}
				if v.Property == info.Property.Name && (length == 0 || len(v.Path) < length) {
					length = len(v.Path)
				}
			}
			if length == 0 {
				t.Fatalf("violated %v, want %s", names, info.Property.Name)
			}
			found := run(t, only{broken.Machine, info.Property.Name}, explore.Options{StopAtViolation: true})
			fmt.Fprintf(&doc, "| %s | %s | %s | %s | %s | %s | %d | %d |\n", info.Name, info.Sentence, info.Source, info.Base,
				info.Property.Name, strings.Join(names, ", "), found.States, length)
		})
	}
	const path = "../../docs/seeded-bugs.md"
	if *update {
		if err := os.WriteFile(path, doc.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(golden), doc.String()); d != "" {
		t.Errorf("docs/seeded-bugs.md differs: go test ./sim/seeded -update\n%s", d)
	}
}

const docHead = `# Bugs seeded into the model, and how exploration finds them

Every row is a defect that a design of the model can be told to have
(` + "`aiocheck explore --bug NAME`" + ` explores the small scenario in which it
shows). *Source* is the bug that it is like: T and M of the list of bugs of
kernels, D and numbers of sections of the fact sheet on thread-based AIO.
*Design* is the one that it is put into, which violates nothing in the same
scenario without it. *Expected* is the property that must be named, *found* all
that were. *States* were visited until the expected property was found, and
*steps* is the length of its shortest counterexample. The verdicts are the same
without reductions, with symmetry, with the partial order and with both.

This file is written by the tests: go test ./sim/seeded -run SeededBugs -update

| bug | what is wrong | source | design | expected | found | states | steps |
|---|---|---|---|---|---|---:|---:|
`

// only is a model with a single property.
type only struct {
	*machine.Machine
	property string
}

func (m only) mask() uint64 {
	for i, p := range m.Properties() {
		if p.Name == m.property {
			return 1 << i
		}
	}
	return 0
}

func (m only) Violated(s *machine.State) uint64 { return m.Machine.Violated(s) & m.mask() }
func (m only) Stuck(s *machine.State) uint64    { return m.Machine.Stuck(s) & m.mask() }
func (m only) Terminal(s *machine.State) bool   { return m.Stuck(s) == 0 }

// With more requests, workers and cancellers than a bug needs, reductions
// have more to leave out, and leave out nothing that matters.
func TestReductionsOfBuggyCancels(t *testing.T) {
	var sum [len(reductions)]int64
	compare := func(name string, u *replay.Setup) {
		t.Run(name, func(t *testing.T) {
			_, states := compared(t, u)
			for i, n := range states {
				sum[i] += n
			}
		})
	}
	for _, info := range design.BugTable() {
		compare(info.Name, setup(t, info.Base, machine.CancelScenario(2, 2, 1), info.Name))
	}
	for _, d := range design.All() {
		compare(d.Name, setup(t, d.Name, machine.CancelScenario(2, 2, 2)))
	}
	// They do leave out something: otherwise this would prove nothing.
	for i, most := range []int64{100, 50, 60, 30} {
		if sum[i] > sum[0]*most/100 {
			t.Errorf("symmetry %v, partial order %v: %d states in all, more than %d %% of %d", reductions[i].Symmetry, reductions[i].PartialOrder, sum[i], most, sum[0])
		}
	}
}

// A machine takes only steps of the kinds that it says it has.
func TestKinds(t *testing.T) {
	for _, d := range design.All() {
		for _, info := range design.BugTable() {
			for _, bugs := range [][]string{nil, {info.Name}} {
				if bugs != nil && info.Base != d.Name {
					continue // of a bug, the design that it is made for is enough
				}
				u, err := replay.New(d.Name, bugs, machine.Witness(info.Bug))
				if errors.Is(err, machine.ErrNotApplicable) {
					continue // the design has no such calls
				}
				if err != nil {
					t.Fatal(err)
				}
				m := u.Machine
				kinds := m.Kinds()
				for _, s := range run(t, m, explore.Options{}).Steps {
					if s.Taken > 0 && !slices.Contains(kinds, s.Kind) {
						t.Errorf("%s %v, %s: takes %s, which it does not name", d.Name, bugs, info.Name, s.Kind)
					}
				}
			}
		}
	}
}
