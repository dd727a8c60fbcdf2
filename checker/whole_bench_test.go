package checker

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"aiocheck/sim"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

// BenchmarkWhole reads a trace from its file and judges both objects, as
// aiocheck check does. Traces are of the simulated kernel; MB is the heap at
// its highest, history included.
func BenchmarkWhole(b *testing.B) {
	for _, w := range []struct {
		name string
		load traces.Workload
	}{
		{"default", traces.Workload{Threads: 8, Depth: 16, Mix: "default", MinBytes: 512, MaxBytes: 1 << 20}},
		{"1sector", traces.Workload{Threads: 8, Depth: 16, Mix: "hot", MinBytes: 512, MaxBytes: 512}},
	} {
		for _, n := range []int{1e4, 1e5, 1e6} {
			b.Run(fmt.Sprintf("%s/%d", w.name, n), func(b *testing.B) {
				w.load.Seed, w.load.Requests = 1, n
				path := simulatedTrace(b, w.load)
				var peak uint64
				for b.Loop() {
					peak = max(peak, peakHeap(func() {
						h, err := traces.Read(path)
						if err != nil {
							b.Fatal(err)
						}
						if j := Check(h, Limits{Memory: 1 << 30}); j.Outcome != Holds {
							b.Fatalf("an honest trace is %v", j.Outcome)
						}
					}))
				}
				b.ReportMetric(float64(peak)/1e6, "MB")
			})
		}
	}
}

// simulatedTrace writes the trace of a workload on the honest target.
func simulatedTrace(b *testing.B, load traces.Workload) string {
	b.Helper()
	t := sim.New(sim.Config{Seed: load.Seed, StorageBytes: 16 << 20, Direct: true, Workload: load})
	programs, err := workload.New(load, t.Device(), 1, traces.Abilities{})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "trace.aiot")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w, err := traces.NewWriter(f, t.Header())
	if err != nil {
		b.Fatal(err)
	}
	take := func() {
		for _, l := range t.TakeLogs() {
			if err := w.Append(l); err != nil {
				b.Fatal(err)
			}
		}
	}
	for p, ok := programs.Next(); ok; p, ok = programs.Next() {
		if err := t.Run(p); err != nil {
			b.Fatal(err)
		}
		take()
	}
	t.Finish()
	take()
	if err := w.Close(traces.FinishComplete, ""); err != nil {
		b.Fatal(err)
	}
	return path
}
