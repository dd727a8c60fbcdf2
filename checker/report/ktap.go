package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"aiocheck/checker"
)

// WriteKTAP writes suites as the kernel's own tests report
// (Documentation/dev-tools/ktap.rst): a test for each suite, a subtest for each
// of its points. Undecided is "not ok" with the directive TIMEOUT.
func WriteKTAP(w io.Writer, suites []Suite) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "KTAP version 1\n1..%d\n", len(suites))
	for i := range suites {
		s := &suites[i]
		const indent = "  "
		fmt.Fprintf(b, "%sKTAP version 1\n%s# Subtest: %s\n%s1..%d\n", indent, indent, oneLine(s.Name), indent, len(s.Points))
		for _, line := range s.Notes {
			fmt.Fprintf(b, "%s# %s\n", indent, oneLine(line))
		}
		for k := range s.Points {
			p := &s.Points[k]
			if p.Text != "" {
				for line := range strings.Lines(p.Text) {
					fmt.Fprintf(b, "%s# %s\n", indent, strings.TrimRight(oneLine(line), " "))
				}
			}
			b.WriteString(indent + resultLine(p.Outcome, k+1, p.Name, p.Why))
		}
		fmt.Fprintf(b, "%s# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:%d error:%d\n", indent,
			s.count(checker.Holds), s.count(checker.Violated), s.count(checker.Unchecked), s.count(checker.Undecided))
		why := ""
		if s.outcome() == checker.Undecided {
			why = "a property is undecided"
		}
		b.WriteString(resultLine(s.outcome(), i+1, s.Name, why))
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write KTAP: %w", err)
	}
	return nil
}

// resultLine is the line of a test's result. A property that is violated says
// why in the lines before.
func resultLine(o checker.Outcome, number int, name, why string) string {
	result, directive := "ok", ""
	switch o {
	case checker.Violated:
		result = "not ok"
	case checker.Undecided:
		result, directive = "not ok", " # TIMEOUT "+oneLine(why)
	case checker.Unchecked:
		directive = " # SKIP " + oneLine(why)
	}
	return fmt.Sprintf("%s %d %s%s\n", result, number, strings.ReplaceAll(oneLine(name), "#", `\#`), directive)
}

// oneLine has no line breaks: each would begin a line of the format.
func oneLine(text string) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(strings.TrimRight(text, "\r\n"))
}
