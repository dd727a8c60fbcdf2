package fuzz

import (
	"fmt"
	"math"
)

// Rate is how often a finding was seen again.
type Rate struct {
	Runs     int `json:"runs"`
	Violated int `json:"violated"`
}

// Interval is Wilson's interval of the rate at 95 %, which says something of
// few runs, and of none or all of them, too.
func (r Rate) Interval() (low, high float64) {
	if r.Runs == 0 {
		return 0, 1
	}
	const z = 1.959964
	n, p := float64(r.Runs), float64(r.Violated)/float64(r.Runs)
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	// Rounding must not take the interval beyond what was seen.
	return max(0, min(p, (middle-half)/(1+z*z/n))), min(1, max(p, (middle+half)/(1+z*z/n)))
}

// String is "12 of 30 runs, 24 to 58 %".
func (r Rate) String() string {
	low, high := r.Interval()
	return fmt.Sprintf("%d of %d runs, %.0f to %.0f %%", r.Violated, r.Runs, 100*low, 100*high)
}
