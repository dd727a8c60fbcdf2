package force

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// TestReport is what a litmus test showed under many orders.
type TestReport struct {
	Path string `json:"path"`
	// Unforced says why the test was not run.
	Unforced string   `json:"not_forced,omitempty"`
	Coverage Coverage `json:"coverage,omitempty"`
	// Total is how many orders there are, -1 if there are too many to count.
	Total  float64 `json:"orders_there_are"`
	Rests  int     `json:"states"` // in which everybody waits
	Orders int     `json:"orders"` // that were forced
	// Followed is how many of them the kernel followed in everything.
	Followed int            `json:"followed"`
	Outcomes []OrderOutcome `json:"outcomes"`
	// Never are outcomes that the design allows and no order gave.
	Never    []string      `json:"never,omitempty"`
	Strays   []Stray       `json:"deviations,omitempty"` // orders that were not followed
	Violated []string      `json:"violated,omitempty"`
	Hung     string        `json:"hung,omitempty"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Forced   time.Duration `json:"forced_ns"` // of it, between the first transition of a program and its last move
	Traces   []string      `json:"traces,omitempty"`
}

// OrderOutcome is an outcome and the orders that gave it.
type OrderOutcome struct {
	Outcome string   `json:"outcome"`
	Allowed bool     `json:"allowed"`
	Orders  []string `json:"orders"` // in a line each, see Walker.Label
}

// Stray is an order that was not followed.
type Stray struct {
	Order     string `json:"order"`
	Deviation string `json:"deviation"`
	File      string `json:"file,omitempty"` // the schedule
}

// NewTestReport is one of orders that are still to be forced.
func NewTestReport(path string, o *Orders) *TestReport {
	r := &TestReport{Path: path, Coverage: o.Coverage, Total: o.Total, Rests: o.Rests, Outcomes: []OrderOutcome{}}
	if math.IsInf(o.Total, 1) {
		r.Total = -1
	}
	return r
}

// Add counts an order that was forced.
func (r *TestReport) Add(label string, run *Run) {
	r.Orders++
	r.Forced += run.Took
	i := slices.IndexFunc(r.Outcomes, func(o OrderOutcome) bool { return o.Outcome == run.Outcome })
	if i < 0 {
		i = len(r.Outcomes)
		r.Outcomes = append(r.Outcomes, OrderOutcome{Outcome: run.Outcome, Allowed: run.Allowed})
	}
	r.Outcomes[i].Orders = append(r.Outcomes[i].Orders, label)
	if run.Followed {
		r.Followed++
	}
}

// Bad reports whether something is wrong with the kernel.
func (r *TestReport) Bad() bool {
	return len(r.Violated) > 0 || r.Hung != "" || slices.ContainsFunc(r.Outcomes, func(o OrderOutcome) bool { return !o.Allowed })
}

// covered is what was chosen, in words.
func (r *TestReport) covered() string {
	switch {
	case r.Coverage == EveryOrder:
		return fmt.Sprintf("every order, %d", r.Orders)
	case r.Total < 0:
		return fmt.Sprintf("%s, by %d orders; there are more than can be counted", r.Coverage, r.Orders)
	}
	return fmt.Sprintf("%s, by %d of %.6g orders", r.Coverage, r.Orders, r.Total)
}

// shownStrays is how many orders that were not followed a text names.
const shownStrays = 3

// WriteText writes the report for a reader.
func (r *TestReport) WriteText(w io.Writer) error {
	var b strings.Builder
	if r.Unforced != "" {
		fmt.Fprintf(&b, "%s: not forced: %s\n", r.Path, r.Unforced)
	} else {
		fmt.Fprintf(&b, "%s: %s; followed %d\n", r.Path, r.covered(), r.Followed)
	}
	for _, o := range r.Outcomes {
		word := "seen"
		if !o.Allowed {
			word = "FORBIDDEN"
		}
		fmt.Fprintf(&b, "  %-9s %6d  %s\n", word, len(o.Orders), o.Outcome)
		fmt.Fprintf(&b, "                    %s\n", o.Orders[0])
	}
	for _, text := range r.Never {
		fmt.Fprintf(&b, "  no order gave     %s\n", text)
	}
	for i, s := range r.Strays {
		if i == shownStrays {
			fmt.Fprintf(&b, "  and %d more that were not followed\n", len(r.Strays)-i)
			break
		}
		fmt.Fprintf(&b, "  NOT FOLLOWED      %s\n                    %s\n", s.Order, s.Deviation)
		if s.File != "" {
			fmt.Fprintf(&b, "                    %s\n", s.File)
		}
	}
	for _, name := range r.Violated {
		fmt.Fprintf(&b, "  VIOLATED          %s\n", name)
	}
	if r.Hung != "" {
		fmt.Fprintf(&b, "  HUNG              %s\n", r.Hung)
	}
	for _, t := range r.Traces {
		fmt.Fprintf(&b, "  trace             %s\n", t)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteTestSummary writes what reports come to.
func WriteTestSummary(w io.Writer, reports []*TestReport) error {
	var unforced, whole, pairs, kinds, orders, followed, seen, never, bad int
	var elapsed, forced time.Duration
	for _, r := range reports {
		switch {
		case r.Unforced != "":
			unforced++
		case r.Coverage == EveryOrder:
			whole++
		case r.Coverage == EveryPair:
			pairs++
		default:
			kinds++
		}
		orders += r.Orders
		followed += r.Followed
		seen += len(r.Outcomes)
		never += len(r.Never)
		elapsed += r.Elapsed
		forced += r.Forced
		if r.Bad() {
			bad++
		}
	}
	rate, share := 0.0, 0.0
	if elapsed > 0 {
		rate, share = float64(orders)/elapsed.Seconds(), 100*forced.Seconds()/elapsed.Seconds()
	}
	_, err := fmt.Fprintf(w, "\n%d programs: %d under %s, %d under %s, %d under %s, %d not forced; %d orders, %d followed; %d outcomes seen, %d allowed ones given by no order; %d programs with a finding\n%.0f s, %.1f orders/s; %.0f %% of the time between the first transition of a program and its last move\n",
		len(reports), whole, EveryOrder, pairs, EveryPair, kinds, EveryKind, unforced, orders, followed, seen, never, bad, elapsed.Seconds(), rate, share)
	return err
}
