package machine

import (
	"testing"

	"aiocheck/model/design"
)

// BenchmarkSuccessors expands the states of the cancel scenario with 4
// requests, 2 workers and 2 cancellers; it reports states and successors per
// second without storing or comparing any.
func BenchmarkSuccessors(b *testing.B) {
	d := design.Thread201601()
	m, err := New(&d, CancelScenario(4, 2, 2))
	if err != nil {
		b.Fatal(err)
	}
	const sample = 20_000
	states := []State{m.Initial()}
	seen := map[State]bool{states[0]: true}
	var out []Successor
	for i := 0; len(states) < sample; i++ {
		out = m.Successors(&states[i], out[:0])
		for _, n := range out {
			if !seen[n.State] {
				seen[n.State] = true
				states = append(states, n.State)
			}
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	successors, violated := 0, uint64(0)
	for i := range b.N {
		out = m.Successors(&states[i%sample], out[:0])
		violated |= m.Violated(&states[i%sample])
		successors += len(out)
	}
	if violated == 1<<63 {
		b.Fatal("a violation of no property")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mstates/s")
	b.ReportMetric(float64(successors)/b.Elapsed().Seconds()/1e6, "Msuccessors/s")
}
