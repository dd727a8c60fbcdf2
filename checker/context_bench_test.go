package checker

import (
	"fmt"
	"testing"
)

// BenchmarkContext judges the context object of a simulated run of the
// default mix. B/op is what the judge allocates beyond the history.
func BenchmarkContext(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h, _ := simulate(b, "default,exit=0,kill=0,destroy=0,BLOCK=0", 4, n, true, nil)
			b.ReportAllocs()
			for b.Loop() {
				for _, v := range judgeContext(h, newBudget(Limits{})) {
					if v.Outcome == Violated {
						b.Fatal(describeFinding(&v.Findings[0]))
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(h.Requests)), "ns/request")
		})
	}
}
