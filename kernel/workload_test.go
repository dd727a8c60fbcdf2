package kernel

import (
	"runtime"
	"testing"

	"aiocheck/traces"
	"aiocheck/traces/workload"
)

// history builds the history of a run, which fails if the records make no
// sense.
func history(t *testing.T, records collected) *traces.History {
	t.Helper()
	h, err := traces.FromLogs(traces.Header{Run: testRun}, traces.Log(records))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestWorkloads runs every mix of the generator: the records must make a
// history, without damage, and with all of the storage read back.
func TestWorkloads(t *testing.T) {
	for _, mix := range workload.Mixes() {
		t.Run(mix.Name, func(t *testing.T) {
			load := traces.Workload{Seed: 3, Threads: 3, Depth: 16, Mix: mix.Name, MinBytes: 512, MaxBytes: 64 << 10, Requests: 3000}
			storage := openTest(t)
			g, err := workload.New(load, storage.Device, runtime.NumCPU(), traces.Abilities{})
			if err != nil {
				t.Fatal(err)
			}
			h := history(t, runOn(t, storage, g.Next))
			if len(h.Damages) != 0 || h.Watched.Buffers == 0 {
				t.Errorf("%d damages among %d buffers", len(h.Damages), h.Watched.Buffers)
			}
			var back int64
			for i := range h.Data {
				if h.Calls[h.Requests[h.Data[i].Request-1].Call].Thread == traces.Controller {
					back += int64(h.Data[i].Bytes)
				}
			}
			if back != testBytes {
				t.Errorf("%d bytes were read back", back)
			}
			t.Logf("%d rounds, %d requests, %d calls, %d events", len(h.Rounds), len(h.Requests), len(h.Calls), len(h.Events))
		})
	}
}
