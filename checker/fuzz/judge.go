package fuzz

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"aiocheck/checker"
	"aiocheck/checker/inclusion"
	"aiocheck/traces"
)

// Violation is a property that a program's round violates.
type Violation struct {
	Property string `json:"property"`
	// Place is where in the interface or the kernel it shows: together with the
	// property it tells findings from each other.
	Place    string `json:"place"`
	Round    int    `json:"round"`
	Summary  string `json:"summary"`
	Expected string `json:"expected,omitempty"`
}

// Key is what makes two violations one finding.
func (v *Violation) Key() string { return v.Property + ": " + v.Place }

// Judged is what a run comes to.
type Judged struct {
	History    *traces.History
	Judgement  *checker.Judgement
	Violations []Violation // the first of each key and round
	Took       time.Duration
	cover      *inclusion.Coverage
}

// The properties that only a fuzzer's run has: whether it comes to its end,
// what it leaves behind, and what the kernel says of itself.
const (
	PropertyProgress = "progress"
	PropertyLeaks    = "no-leaks"
	propertyQuiet    = "kernel-quiet"
)

// judgeLimits bound the judgement of one run, which is far quicker.
var judgeLimits = checker.Limits{Time: 30 * time.Second, Memory: 1 << 30}

// Judge judges what was recorded. seen, if not nil, is told of each transition.
func Judge(rec *Recorded, seen func(*traces.Transition, *inclusion.Checker)) (*Judged, error) {
	start := time.Now()
	h, err := traces.FromLogs(rec.Header, rec.Logs...)
	if err != nil {
		return nil, fmt.Errorf("read what was recorded: %w", err)
	}
	j := &Judged{History: h, Judgement: checker.Check(h, judgeLimits)}
	for i := range j.Judgement.Verdicts {
		for k := range j.Judgement.Verdicts[i].Findings {
			f := &j.Judgement.Verdicts[i].Findings[k]
			j.add(Violation{Property: f.Property, Place: placeOf(h, f), Round: roundOf(h, f), Summary: f.Summary, Expected: f.Expected})
		}
	}
	if err := j.judgeInside(rec, seen); err != nil {
		return nil, err
	}
	last := max(0, rec.Ran-1)
	for _, r := range rec.Reports {
		j.add(Violation{Property: propertyQuiet, Place: r.Kind + " " + plain(r.Summary), Round: last, Summary: r.Kind + ": " + r.Summary,
			Expected: "no report of the kernel about itself"})
	}
	if rec.Hung != "" && !slices.ContainsFunc(j.Violations, func(v Violation) bool { return v.Property == propertyQuiet }) {
		j.add(Violation{Property: PropertyProgress, Place: plain(hungIn(h)), Round: last, Summary: rec.Hung + hungCalls(h),
			Expected: "calls that return, a process that ends, a kernel that goes on"})
	}
	if rec.Leaked != "" {
		j.add(Violation{Property: PropertyLeaks, Place: plain(rec.Leaked[strings.LastIndex(rec.Leaked, ": ")+1:]), Round: last, Summary: rec.Leaked,
			Expected: "as many descriptors, slots and threads of contexts as before, once each context is destroyed"})
	}
	if len(j.Violations) > 0 {
		j.Judgement.Outcome = checker.Violated
	}
	j.Took = time.Since(start)
	return j, nil
}

// add adds a violation, unless one of its key is known of the round.
func (j *Judged) add(v Violation) {
	if !slices.ContainsFunc(j.Violations, func(o Violation) bool { return o.Round == v.Round && o.Key() == v.Key() }) {
		j.Violations = append(j.Violations, v)
	}
}

// judgeInside judges the transitions, if the kernel told of some.
func (j *Judged) judgeInside(rec *Recorded, seen func(*traces.Transition, *inclusion.Checker)) error {
	c := inclusion.Beside(j.History)
	for _, log := range rec.Logs {
		for i := range log {
			if log[i].Kind != traces.KindTransition {
				continue
			}
			t := log[i].Transition()
			if err := c.Add(&t); err != nil {
				return fmt.Errorf("judge transitions: %w", err)
			}
			if seen != nil {
				seen(&t, c)
			}
		}
	}
	j.cover = c.Coverage()
	v := c.Verdict()
	if v.Outcome == checker.Unchecked {
		return nil
	}
	j.Judgement.Verdicts = append(j.Judgement.Verdicts, v)
	j.Judgement.Outcome = checker.Worse(j.Judgement.Outcome, v.Outcome)
	if first := c.Violation(); first != nil {
		j.add(Violation{Property: v.Property.Name, Place: fmt.Sprintf("%s, %v: %s", first.Where, first.At.Point, plain(first.Why)),
			Round: j.roundAt(first.At.Time), Summary: v.Findings[0].Summary, Expected: v.Findings[0].Expected})
	}
	return nil
}

// roundAt is the round that runs at a time.
func (j *Judged) roundAt(at traces.Time) int {
	n := 0
	for i := range j.History.Rounds {
		if j.History.Rounds[i].Start <= at {
			n = i
		}
	}
	return n
}

// roundOf is the last round that a finding speaks of. What the controller does
// after all rounds says nothing about the last one: it reads back what any has
// written.
func roundOf(h *traces.History, f *checker.Finding) int {
	round := int32(traces.None)
	look := func(call, of int32) {
		if call == traces.None || h.Calls[call].Thread != traces.Controller {
			round = max(round, of)
		}
	}
	for _, id := range f.Requests {
		if id > 0 && int(id) <= len(h.Requests) {
			look(h.Requests[id-1].Call, h.Requests[id-1].Round)
		}
	}
	for _, c := range f.Calls {
		look(c, h.Calls[c].Round)
	}
	if round == traces.None {
		return max(0, len(h.Rounds)-1)
	}
	return int(round)
}

// placeOf is the opcodes that a finding speaks of, and the call that showed it.
func placeOf(h *traces.History, f *checker.Finding) string {
	var ops []string
	for _, id := range f.Requests {
		if id == 0 || int(id) > len(h.Requests) {
			continue
		}
		r := &h.Requests[id-1]
		name := r.Opcode.String()
		if r.Context == traces.None && r.Call == traces.None {
			name = "unsubmitted"
		} else if r.File >= 0 && h.Files[r.File].Kind != traces.Storage && !r.Opcode.Names() {
			name += " on " + h.Files[r.File].Kind.String()
		}
		if !slices.Contains(ops, name) {
			ops = append(ops, name)
		}
	}
	slices.Sort(ops)
	if len(ops) > 2 {
		ops = append(ops[:2], "…")
	}
	place := strings.Join(ops, ", ")
	if len(f.Calls) > 0 {
		if place != "" {
			place += "; "
		}
		place += callName(&h.Calls[f.Calls[len(f.Calls)-1]])
	}
	if place == "" {
		return "the whole run"
	}
	return place
}

// callName is the call's name; all that reap have one.
func callName(c *traces.Call) string {
	if c.Kind.Reaps() {
		return "reaping"
	}
	return c.Kind.String()
}

// hungIn names the calls that have not returned, hungCalls with their threads.
func hungIn(h *traces.History) string {
	var names []string
	for i := range h.Calls {
		if c := &h.Calls[i]; !c.Completed() && !slices.Contains(names, callName(c)) {
			names = append(names, callName(c))
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "no call"
	}
	return strings.Join(names, ", ")
}

func hungCalls(h *traces.History) string {
	text := ""
	for i := range h.Calls {
		if c := &h.Calls[i]; !c.Completed() {
			text += fmt.Sprintf("; thread %d is in %v", c.Thread, c.Kind)
		}
	}
	return text
}

// number is what changes from one report to the next: addresses, serial
// numbers, times.
var number = regexp.MustCompile(`0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\b[0-9]+\b`)

// plain leaves out what changes from one occurrence to the next.
func plain(text string) string {
	text = strings.TrimSpace(text)
	text = number.ReplaceAllString(text, "N")
	if len(text) > 120 {
		text = text[:120]
	}
	return text
}
