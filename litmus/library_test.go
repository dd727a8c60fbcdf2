package litmus_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	library "aiocheck/litmus"
	"aiocheck/model/design"
	"aiocheck/sim/explore"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces/litmus"
)

func entries(t *testing.T) []library.Entry {
	t.Helper()
	all, err := library.Library()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var options = explore.Options{Workers: 1, MaxStates: 1_000_000}

// Every condition of every test holds, for each design that it speaks of.
func TestLibrary(t *testing.T) {
	for _, e := range entries(t) {
		t.Run(e.Path, func(t *testing.T) {
			t.Parallel()
			designs, err := litmus.Expand(e.Test.AllDesigns())
			if err != nil {
				t.Fatal(err)
			}
			report := &runner.Report{Path: e.Path, Name: e.Test.Name, About: strings.Join(e.Test.About, "\n")}
			for i := range designs {
				r, err := runner.Run(context.Background(), e.Test, &designs[i], options)
				if err != nil {
					t.Fatal(err)
				}
				report.Results = append(report.Results, r)
			}
			if report.Judged() != runner.OK {
				var b strings.Builder
				if err := report.WriteText(&b); err != nil {
					t.Fatal(err)
				}
				t.Error(b.String())
			}
		})
	}
}

// Tests are named after their files, say what they show and where that is
// said, and are in the canonical form; no two are the same but for the name.
func TestLibraryIsTidy(t *testing.T) {
	names := map[string]string{}
	bodies := map[string]string{}
	for _, e := range entries(t) {
		if want := strings.TrimSuffix(filepath.Base(e.Path), ".litmus"); e.Test.Name != want {
			t.Errorf("%s: its name is %s", e.Path, e.Test.Name)
		}
		if other := names[e.Test.Name]; other != "" {
			t.Errorf("%s has the name of %s", e.Path, other)
		}
		names[e.Test.Name] = e.Path
		if len(e.Test.About) == 0 || e.Test.Source == "" || len(e.Test.Conditions) == 0 {
			t.Errorf("%s: about, source or conditions are missing", e.Path)
		}
		if text := library.Text(e.Path); string(litmus.Format(e.Test)) != text {
			t.Errorf("%s is not in the canonical form: run aiocheck litmus --fmt", e.Path)
		}
		body := *e.Test
		body.Name, body.About, body.Source, body.Designs, body.Conditions = "x", nil, "", nil, nil
		text := string(litmus.Format(&body))
		for _, c := range e.Test.Conditions {
			text += e.Test.ConditionText(&litmus.Condition{Expr: c.Expr, Quantifier: c.Quantifier})
		}
		if other := bodies[text]; other != "" {
			t.Errorf("%s is %s once more", e.Path, other)
		}
		bodies[text] = e.Path
	}
	if len(names) < 120 {
		t.Errorf("%d tests, want 120 or more", len(names))
	}
}

// Conditions can fail: every seeded bug makes some condition fail that its
// design keeps. Tests that name the bug are tried first.
func TestSeededBugsAreNoticed(t *testing.T) {
	all := entries(t)
	for _, bug := range design.BugTable() {
		t.Run(bug.Name, func(t *testing.T) {
			t.Parallel()
			base, err := design.Named(bug.Base)
			if err != nil {
				t.Fatal(err)
			}
			mutant := base.With(bug.Bug)
			for _, named := range []bool{true, false} {
				for _, e := range all {
					if strings.Contains(library.Text(e.Path), bug.Name) != named {
						continue
					}
					r, err := runner.Run(context.Background(), e.Test, &mutant, options)
					if err != nil {
						t.Fatal(err)
					}
					if r.Judged() == runner.Failed {
						t.Logf("noticed by %s", e.Path)
						return
					}
				}
			}
			t.Error("no test of the library notices it")
		})
	}
}
