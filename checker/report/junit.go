package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"aiocheck/checker"
)

// The elements of JUnit's XML, as CI servers read it. There is no standard:
// these are those that all of them know.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
		Out      string      `xml:"system-out,omitempty"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Skipped *junitProblem `xml:"skipped"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes suites as the XML that CI servers read: a testsuite for
// each, a testcase for each point. Undecided is an error, Unchecked skipped.
func WriteJUnit(w io.Writer, suites []Suite) error {
	all := junitSuites{Name: "aiocheck"}
	var elapsed time.Duration
	for i := range suites {
		s := &suites[i]
		one := junitSuite{Name: s.Name, Tests: len(s.Points), Failures: s.count(checker.Violated), Errors: s.count(checker.Undecided),
			Skipped: s.count(checker.Unchecked), Time: seconds(s.Elapsed), Out: strings.Join(s.Notes, "\n")}
		for k := range s.Points {
			one.Cases = append(one.Cases, caseOf(&s.Points[k]))
		}
		all.Tests += one.Tests
		all.Failures += one.Failures
		all.Errors += one.Errors
		all.Suites = append(all.Suites, one)
		elapsed += s.Elapsed
	}
	all.Time = seconds(elapsed)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	return nil
}

func caseOf(p *Point) junitCase {
	c := junitCase{Name: p.Name, Class: "aiocheck"}
	problem := &junitProblem{Message: p.Why, Text: p.Text}
	switch p.Outcome {
	case checker.Violated:
		problem.Type = "violated"
		if problem.Text == "" {
			problem.Text = p.About
		}
		c.Failure = problem
	case checker.Undecided:
		problem.Type = "undecided"
		c.Error = problem
	case checker.Unchecked:
		c.Skipped = problem
	}
	return c
}
