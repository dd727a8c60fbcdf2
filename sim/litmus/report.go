package litmus

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"aiocheck/sim/explore"
)

// Report is a test with what running it under some designs found.
type Report struct {
	Path    string    `json:"path"`
	Name    string    `json:"test"`
	About   string    `json:"about"`
	Results []*Result `json:"results"`
}

// Judged is the worst verdict of the results.
func (r *Report) Judged() Judged {
	worst := OK
	for _, res := range r.Results {
		if j := res.Judged(); j == Failed || worst == OK {
			worst = j
		}
	}
	return worst
}

// WriteText writes, for each set of designs that allow the same outcomes,
// these outcomes and the verdicts, and the witness of each failure.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Path)
	for _, line := range strings.Split(r.About, "\n") {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	for _, group := range r.alike() {
		first := group[0]
		names := make([]string, len(group))
		var states int64
		for i, res := range group {
			names[i] = res.Design
			states = max(states, res.States)
		}
		upTo := ""
		if len(group) > 1 {
			upTo = "at most "
		}
		fmt.Fprintf(&b, "\n  %s: %s%d states, %s", strings.Join(names, ", "), upTo, states, plural(len(first.Outcomes), "outcome"))
		if first.Inapplicable != "" {
			fmt.Fprintf(&b, ": %s", first.Inapplicable)
		}
		if first.Stop != explore.StopComplete {
			fmt.Fprintf(&b, " found before the exploration was stopped (%s)", first.Stop)
		}
		b.WriteByte('\n')
		for _, o := range first.Outcomes {
			fmt.Fprintf(&b, "    %s\n", o.Text)
		}
		if len(first.Violated) > 0 {
			fmt.Fprintf(&b, "    in some behaviours violated: %s\n", strings.Join(first.Violated, ", "))
		}
		for _, v := range first.Verdicts {
			fmt.Fprintf(&b, "    %-8s%s (%d of %d)\n", v.Is, v.Condition, v.Satisfy, len(first.Outcomes))
			if v.Is == Failed && v.Witness != nil {
				first.writeWitness(&b, &first.Outcomes[*v.Witness])
			}
		}
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteWitness writes a shortest behaviour that ends in the outcome.
func (r *Result) WriteWitness(w io.Writer, o *Outcome) error {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s: %s\n", r.Design, o.Text)
	r.writeWitness(&b, o)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) writeWitness(b *strings.Builder, o *Outcome) {
	for i, line := range r.Witness(o) {
		fmt.Fprintf(b, "      %3d %s\n", i+1, line)
	}
}

// alike groups the results with equal outcomes and verdicts.
func (r *Report) alike() (groups [][]*Result) {
	for _, res := range r.Results {
		i := slices.IndexFunc(groups, func(g []*Result) bool { return res.sameAs(g[0]) })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], res)
	}
	return groups
}

func (r *Result) sameAs(o *Result) bool {
	return r.Stop == o.Stop && r.Inapplicable == o.Inapplicable && slices.Equal(r.Violated, o.Violated) &&
		slices.EqualFunc(r.Outcomes, o.Outcomes, func(a, b Outcome) bool { return a.Text == b.Text }) &&
		slices.EqualFunc(r.Verdicts, o.Verdicts, func(a, b Verdict) bool { return a.Is == b.Is && a.Index == b.Index })
}

// WriteSummary writes a line for each test, and what they come to.
func WriteSummary(w io.Writer, reports []*Report) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "test\tdesigns\toutcomes\tconditions\tverdict")
	count := map[Judged]int{}
	for _, r := range reports {
		least, most, conditions := -1, 0, 0
		for _, res := range r.Results {
			if least < 0 || len(res.Outcomes) < least {
				least = len(res.Outcomes)
			}
			most = max(most, len(res.Outcomes))
			conditions += len(res.Verdicts)
		}
		outcomes := fmt.Sprint(most)
		if least < most {
			outcomes = fmt.Sprintf("%d to %d", max(least, 0), most)
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\n", r.Path, len(r.Results), outcomes, conditions, r.Judged())
		count[r.Judged()]++
	}
	fmt.Fprintf(table, "\n%s: %d ok, %d failed, %d bounded\n", plural(len(reports), "test"), count[OK], count[Failed], count[Bounded])
	return table.Flush()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
