package litmus

import (
	"regexp"
	"strconv"
	"strings"
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
