package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"aiocheck/sim/explore"
)

// Style says how text is marked; the zero Style is plain.
type Style struct {
	Color    bool
	Outcomes bool // list the outcomes, not only their number
}

func (s Style) verdict(v Verdict) string {
	code := map[Verdict]string{Holds: "32", Violated: "1;31", Undecided: "33", NotAsked: "2"}[v]
	if !s.Color {
		return string(v)
	}
	return "\x1b[" + code + "m" + string(v) + "\x1b[0m"
}

// width is how long lines of lists get.
const width = 100

// WriteText prints the report. All but the line that begins with "cost" is the
// same every time, unless time or a user ended the search.
func (r *Report) WriteText(w io.Writer, style Style) error {
	b := bufio.NewWriter(w)
	u, res := r.Setup, r.Result
	name := u.Design.Name
	for _, bug := range u.Bugs {
		name += ", " + bug.String()
	}
	line(b, "design", "%s: %s", name, u.Design.Title)
	line(b, "scenario", "%s", u.Scenario.Name)
	line(b, "search", "%s", r.Method)
	about := ""
	if r.Partial != nil {
		about = "about "
	}
	line(b, "states", "%s%s", about, humanize.Comma(res.States))
	line(b, "steps", "%s, the deepest state after %d", humanize.Comma(res.Transitions), res.Depth)
	line(b, "outcomes", "%d", len(res.Outcomes))
	r.coverage(b)
	c := res.Cost
	line(b, "cost", "%s, %s states/s on %s, %s (%.1f bytes a state)", c.Elapsed.Round(time.Millisecond),
		humanize.SIWithDigits(c.Rate, 2, ""), plural(int64(c.Workers), "core"), humanize.IBytes(uint64(c.Bytes)), c.BytesPerState)
	paragraph(b, "covered  ", 10, strings.Fields(r.covered()), "")
	if style.Outcomes {
		writeOutcomes(b, res)
	}
	for _, p := range r.Properties {
		for _, e := range p.Examples {
			r.writeExample(b, &p, &e, style)
		}
	}
	fmt.Fprintln(b)
	for _, v := range []Verdict{NotAsked, Holds, Undecided, Violated} {
		if names := r.named(v); len(names) > 0 {
			paragraph(b, style.verdict(v)+":", len(v)+2, names, ",")
		}
	}
	return b.Flush()
}

func line(w io.Writer, name, format string, args ...any) {
	fmt.Fprintf(w, "%-9s %s\n", name, fmt.Sprintf(format, args...))
}

// plural is a number of things.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return humanize.Comma(n) + " " + thing + "s"
}

var stopText = map[explore.Stop]string{
	explore.StopViolation: "a violation was found", explore.StopStates: "the limit of states was reached",
	explore.StopMemory: "the limit of memory was reached", explore.StopTime: "the limit of time was reached",
	explore.StopCancelled: "it was interrupted", explore.StopFull: "the store can number no more states",
}

// covered says honestly how much was looked at.
func (rep *Report) covered() string {
	r := rep.Result
	why := stopText[r.Stop]
	if p := rep.Partial; p != nil {
		return sampled(p, why)
	}
	text := "every reachable state"
	if why != "" {
		text = fmt.Sprintf("not everything: %s with %s still to expand; all states within %s were found",
			why, plural(r.Frontier, "state"), plural(int64(r.CompleteDepth), "step"))
	}
	switch r.Liveness {
	case explore.LivenessOff:
		text += "; fair cycles were not looked for"
	case explore.LivenessUndecided:
		text += "; fair cycles were not reached"
	case explore.LivenessChecked:
		text += " and every fair cycle"
	}
	return text
}

// sampled says how much a walk or a bitstate search looked at.
func sampled(p *explore.Partial, why string) string {
	var parts []string
	if why != "" {
		parts = append(parts, why)
	}
	switch p.Mode {
	case explore.RandomWalk:
		parts = append(parts, fmt.Sprintf("%s, of whose later steps %.2g %% showed a state that was new", plural(p.Walks, "random walk"), 100*p.Missed))
	case explore.Bitstate:
		parts = append(parts, fmt.Sprintf("%.2g %% of the bits are set, so that a new state was taken for a known one with a chance of at most %.2g", 100*p.Fill, p.Missed))
	}
	if p.Cut > 0 {
		parts = append(parts, plural(p.Cut, "path")+" given up for their length")
	}
	return "perhaps not everything: " + strings.Join(parts, "; ") + "; fair cycles were not looked for"
}

// coverage lists how often each kind of step was taken, and those never taken.
func (r *Report) coverage(w io.Writer) {
	var taken, never []string
	for _, s := range r.Result.Steps {
		if s.Taken == 0 {
			never = append(never, s.Kind.String())
			continue
		}
		taken = append(taken, fmt.Sprintf("%s %s", s.Kind, humanize.Comma(s.Taken)))
	}
	paragraph(w, "taken    ", 10, taken, ",")
	if len(never) > 0 {
		paragraph(w, "never    ", 10, never, ",")
	}
}

// paragraph prints words or items of a list after a heading that is so wide,
// in lines of a bounded length.
func paragraph(w io.Writer, heading string, indent int, items []string, comma string) {
	fmt.Fprint(w, heading)
	at := indent - 1
	for i, item := range items {
		if i < len(items)-1 {
			item += comma
		}
		if at+1+len(item) > width && i > 0 {
			fmt.Fprintf(w, "\n%s", strings.Repeat(" ", indent-1))
			at = indent - 1
		}
		fmt.Fprintf(w, " %s", item)
		at += 1 + len(item)
	}
	fmt.Fprintln(w)
}

func writeOutcomes(w io.Writer, r *explore.Result) {
	for i, o := range r.Outcomes {
		fmt.Fprintf(w, "\noutcome %d, in %s, first after %s\n", i+1, plural(o.States, "state"), plural(int64(len(o.Path)), "step"))
		for _, text := range strings.Split(o.Text, "\n") {
			fmt.Fprintf(w, "  %s\n", text)
		}
	}
}

var howText = map[explore.How]string{
	explore.InState:    "in the state after step %d",
	explore.InDeadlock: "because nothing has to happen after step %d",
	explore.InCycle:    "in a fair cycle after step %d",
}

func (r *Report) writeExample(w io.Writer, p *Property, e *Example, style Style) {
	way := "a way there"
	if r.Shortest {
		way = "a shortest way there"
	}
	fmt.Fprintf(w, "\n%s: %s %s, %s; %s\n", p.Name, style.verdict(p.Verdict),
		fmt.Sprintf(howText[e.How], len(e.Run.Schedule.Steps)), way, plural(e.States, "such state"))
	fmt.Fprintf(w, "  %s\n", p.Sentence)
	e.Run.WriteTable(w) // w is buffered: an error comes with Flush
	if e.File != "" {
		fmt.Fprintf(w, "  written to %s\n", e.File)
	}
}
