package litmus

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"aiocheck/sim/replay"
	"aiocheck/traces"
)

var requestNumber = regexp.MustCompile(`\brequest (\d+)\b`)

// Witness is a shortest behaviour that ends in an outcome: a line for each
// step, with the names of the test.
func (r *Result) Witness(o *Outcome) []string {
	lines := make([]string, len(o.Path))
	for i, step := range o.Path {
		line := r.model.DescribeStep(step)
		for n, th := range r.Test.Threads {
			line = strings.Replace(line, ": "+th.Name+" "+strconv.Itoa(n)+" ", ": "+th.Name+" ", 1)
		}
		lines[i] = requestNumber.ReplaceAllStringFunc(line, func(text string) string {
			n, err := strconv.Atoi(strings.TrimPrefix(text, "request "))
			if err != nil || n >= len(r.Test.Requests) {
				return text
			}
			return r.Test.Requests[n].Name
		})
	}
	return lines
}

// Schedule is the witness as a schedule, which can be replayed.
func (r *Result) Schedule(o *Outcome) (*traces.Schedule, error) {
	s, err := Scenario(r.Test)
	if err != nil {
		return nil, fmt.Errorf("test %s: %w", r.Name, err)
	}
	words := strings.Split(r.Design, "+")
	setup, err := replay.New(words[0], words[1:], s)
	if err != nil {
		return nil, fmt.Errorf("test %s under %s: %w", r.Name, r.Design, err)
	}
	return setup.Schedule("", "", o.Path, nil), nil
}
