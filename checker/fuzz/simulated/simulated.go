// Package simulated is the simulated kernel as a target of the fuzzer.
package simulated

import (
	"context"

	"aiocheck/checker/fuzz"
	"aiocheck/sim"
	"aiocheck/traces"
)

// Target is a simulated kernel. Each run is a kernel of its own: with buffered
// storage or direct, with many threads or few, with contexts that have threads
// or not, as the seed says.
type Target struct {
	Misbehaviour *sim.Misbehaviour // nil for an honest kernel
	Threaded     *bool             // whether contexts have threads; nil: by turns
	Programs     int               // of a run; 1 if it is 0
}

// Open prepares a run.
func (t *Target) Open(_ context.Context, seed uint64) (fuzz.Session, error) {
	cfg := sim.Config{Seed: seed, StorageBytes: int64(t.Batch()) * fuzz.WindowBytes(0), Direct: seed>>8&3 != 0, Misbehaviour: t.Misbehaviour, Threaded: seed>>10&3 != 0}
	if t.Threaded != nil {
		cfg.Threaded = *t.Threaded
	}
	if cfg.Threaded || t.Misbehaviour != nil && t.Misbehaviour.Threaded() {
		cfg.Direct = seed>>8&3 == 0
		cfg.Workers = int(seed >> 12 & 3)
	}
	return &run{sim.New(cfg)}, nil
}

// Batch is mostly 1: a run costs no more than its program.
func (t *Target) Batch() int { return max(1, t.Programs) }

// Patience is 200: a fifth of a second at most.
func (t *Target) Patience() int { return 200 }

// Close has nothing to do.
func (t *Target) Close() error { return nil }

type run struct{ target *sim.Target }

func (r *run) Header() traces.Header { return r.target.Header() }

// Do runs programs; a deadlock is where it hung.
func (r *run) Do(ctx context.Context, programs []*traces.Program) (*fuzz.Recorded, error) {
	rec := &fuzz.Recorded{}
	for _, p := range programs {
		if ctx.Err() != nil {
			break
		}
		rec.Ran++
		if err := r.target.Run(p); err != nil {
			rec.Hung = err.Error()
			break
		}
	}
	if rec.Hung == "" {
		r.target.Finish()
	}
	rec.Header, rec.Logs = r.target.Header(), r.target.Logs()
	return rec, nil
}
