package litmus

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"aiocheck/traces"
)

// TargetReport is what runs of a test on a target showed.
type TargetReport struct {
	Path string `json:"path"`
	Name string `json:"test"`
	// Unrunnable says why the test is no program; then there were no runs.
	Unrunnable string   `json:"not_runnable,omitempty"`
	Runs       int      `json:"runs"`
	Seen       []Count  `json:"seen"`  // allowed outcomes that were seen
	Never      []string `json:"never"` // allowed outcomes that were not
	// Broken are properties that the checker found violated in the history.
	Broken    []string `json:"violated,omitempty"`
	Forbidden []Count  `json:"forbidden"` // outcomes that were seen and are not allowed
}

// Count is an outcome with how many runs ended so.
type Count struct {
	Outcome string `json:"outcome"`
	Runs    int    `json:"runs"`
}

// Report judges a history of the plan's programs; h is nil if there is none.
func (p *Plan) Report(path string, h *traces.History, align int64) (*TargetReport, error) {
	r := &TargetReport{Path: path, Name: p.Test.Name, Unrunnable: p.Unrunnable}
	if h == nil {
		return r, nil
	}
	views, err := p.Observed(h, align)
	if err != nil {
		return nil, err
	}
	r.Runs = len(views)
	count := map[string]int{}
	for _, v := range views {
		if count[v]++; count[v] == 1 && !slices.Contains(p.Allowed, v) {
			r.Forbidden = append(r.Forbidden, Count{Outcome: v})
		}
	}
	for i := range r.Forbidden {
		r.Forbidden[i].Runs = count[r.Forbidden[i].Outcome]
	}
	for _, v := range p.Allowed {
		if n := count[v]; n > 0 {
			r.Seen = append(r.Seen, Count{v, n})
		} else {
			r.Never = append(r.Never, v)
		}
	}
	return r, nil
}

// WriteText writes the report for a reader.
func (r *TargetReport) WriteText(w io.Writer) error {
	var b strings.Builder
	if r.Unrunnable != "" {
		fmt.Fprintf(&b, "%s: not runnable: %s\n", r.Path, r.Unrunnable)
	} else {
		fmt.Fprintf(&b, "%s: %s\n", r.Path, plural(r.Runs, "run"))
	}
	for _, c := range r.Seen {
		fmt.Fprintf(&b, "  seen      %6d  %s\n", c.Runs, c.Outcome)
	}
	for _, text := range r.Never {
		fmt.Fprintf(&b, "  never seen       %s\n", text)
	}
	for _, c := range r.Forbidden {
		fmt.Fprintf(&b, "  FORBIDDEN %6d  %s\n", c.Runs, c.Outcome)
	}
	for _, name := range r.Broken {
		fmt.Fprintf(&b, "  VIOLATED         %s\n", name)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteTargetSummary writes what the reports come to.
func WriteTargetSummary(w io.Writer, reports []*TargetReport) error {
	var unrunnable, runs, seen, never, forbidden, broken int
	for _, r := range reports {
		if r.Unrunnable != "" {
			unrunnable++
		}
		runs += r.Runs
		seen += len(r.Seen)
		never += len(r.Never)
		forbidden += len(r.Forbidden)
		broken += len(r.Broken)
	}
	_, err := fmt.Fprintf(w, "\n%s: %d not runnable, %s; outcomes allowed by %s: %d seen, %d never seen; %d forbidden; %d properties violated\n",
		plural(len(reports), "test"), unrunnable, plural(runs, "run"), TargetDesign, seen, never, forbidden, broken)
	return err
}
