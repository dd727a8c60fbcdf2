package report

import (
	"fmt"
	"strings"
	"time"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

// Suite is a judgement as test frameworks see it: a test with a point for each
// property. WriteKTAP and WriteJUnit write suites.
type Suite struct {
	Name    string   // of what was judged
	Notes   []string // lines that say what that was
	Elapsed time.Duration
	Points  []Point
}

// Point is one test of a suite. Holds is passed, Violated failed, Undecided
// an error, Unchecked skipped.
type Point struct {
	Name    string // a property's
	About   string // what it means, in one sentence
	Outcome checker.Outcome
	Why     string // in one line, if it has not passed
	Text    string // all that is known of the failure, lines
}

// SuiteOf is the suite of the judgement of a trace. problem is what ended its
// recording early, if anything did: then what is judged is not all.
func SuiteOf(name string, h *traces.Header, j *checker.Judgement, problem error) (Suite, error) {
	s := Suite{Name: name, Elapsed: j.Elapsed}
	var notes strings.Builder
	if err := WriteHeader(&notes, h); err != nil {
		return s, err
	}
	s.Notes = strings.Split(strings.TrimRight(notes.String(), "\n"), "\n")
	ran := Point{Name: "run", About: "All of the program was run and recorded."}
	if problem != nil {
		ran.Outcome, ran.Why = checker.Undecided, "the run ended early: "+problem.Error()
	}
	s.Points = append(s.Points, ran)
	for i := range j.Verdicts {
		p, err := pointOf(&j.Verdicts[i])
		if err != nil {
			return s, err
		}
		s.Points = append(s.Points, p)
	}
	return s, nil
}

// SuiteOfFindings is the suite of a search for violations: a point for each
// finding, and one for each property that histories are judged by and of which
// there is none. Such a property holds as far as was searched.
func SuiteOfFindings(name string, notes []string, elapsed time.Duration, found []Point) Suite {
	s := Suite{Name: name, Notes: notes, Elapsed: elapsed}
	named := map[string]bool{}
	for _, p := range found {
		named[p.Name] = true
	}
	for _, p := range model.Properties() {
		if !named[p.Name] {
			s.Points = append(s.Points, Point{Name: p.Name, About: p.Sentence})
		}
	}
	s.Points = append(s.Points, found...)
	return s
}

func pointOf(v *checker.Verdict) (Point, error) {
	p := Point{Name: v.Property.Name, About: v.Property.Sentence, Outcome: v.Outcome}
	switch v.Outcome {
	case checker.Violated:
		p.Why = plural(int(v.Violations), "violation")
		if len(v.Findings) > 0 {
			p.Why = v.Findings[0].Summary
			var b strings.Builder
			if err := WriteFinding(&b, *v, v.Findings[0], Style{}); err != nil {
				return p, err
			}
			p.Text = strings.TrimSpace(b.String())
		}
	case checker.Undecided:
		p.Why = v.Why
	case checker.Unchecked:
		p.Why = "nothing to judge it by"
	}
	return p, nil
}

// outcome is the worst of the points' outcomes.
func (s *Suite) outcome() checker.Outcome {
	worst := checker.Holds
	for i := range s.Points {
		worst = checker.Worse(worst, s.Points[i].Outcome)
	}
	return worst
}

// count is how many points have an outcome.
func (s *Suite) count(o checker.Outcome) int {
	n := 0
	for i := range s.Points {
		if s.Points[i].Outcome == o {
			n++
		}
	}
	return n
}

// seconds is a duration as both formats want it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
