package fuzz_test

import (
	"context"
	"testing"

	"aiocheck/checker/fuzz"
	"aiocheck/checker/fuzz/simulated"
)

// Programs a second of a campaign on the simulated kernel, and what of its time
// goes where.
func BenchmarkCampaign(b *testing.B) {
	for _, p := range fuzz.Profiles() {
		b.Run(p.Name, func(b *testing.B) {
			stats, err := fuzz.Run(b.Context(), fuzz.Config{Open: func(context.Context) (fuzz.Target, error) { return &simulated.Target{}, nil },
				Profile: &p, Seed: 1, Programs: int64(b.N)})
			if err != nil {
				b.Fatal(err)
			}
			all := float64(stats.Running + stats.Judging + stats.Generating)
			b.ReportMetric(stats.Rate(), "programs/s")
			b.ReportMetric(100*float64(stats.Running)/all, "%running")
			b.ReportMetric(100*float64(stats.Judging)/all, "%judging")
			b.ReportMetric(100*float64(stats.Generating)/all, "%generating")
		})
	}
}
