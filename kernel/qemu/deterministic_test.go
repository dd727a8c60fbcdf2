//go:build guest

package qemu

import (
	"bytes"
	"context"
	"os"
	"testing"

	"aiocheck/checker"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

// deterministicRun boots a guest and returns the trace of a run in it, and what
// it has printed.
func deterministicRun(t *testing.T, device, fileSystem string, seed uint64, requests int) (trace []byte, console string) {
	t.Helper()
	g, err := Boot(context.Background(), Config{Kernel: image(t), Device: device, FileSystem: fileSystem, Bytes: 1 << 20, Memory: 512 << 20, CPUs: 1,
		Deterministic: true, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	defer closeGuest(t, g)
	ready, err := g.Open(context.Background(), Options{Host: guestOptions})
	if err != nil {
		t.Fatal(err)
	}
	h := traces.Header{Run: guestOptions.Run, Device: ready.Device, Contract: ready.Contract, Abilities: ready.Abilities,
		Workload: traces.Workload{Seed: 1, Threads: 2, Depth: 8, Mix: "cancel,kill=2,exit=2", MinBytes: 512, MaxBytes: 16 << 10, Requests: requests}}
	programs, err := workload.New(h.Workload, h.Device, g.Hello.Kernel.CPUs, h.Abilities)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := traces.NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Run(context.Background(), programs.Next, w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(traces.FinishComplete, ""); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), g.Console()
}

// The same guests with the same seed do the same, to the last byte and
// nanosecond; with another seed, the same program takes other turns.
func TestDeterministicGuests(t *testing.T) {
	for _, c := range []struct{ device, fileSystem string }{{onVirtio, onExt4}, {onDMDelay, bare}, {onLoop, onXFS}} {
		t.Run(c.device+" "+c.fileSystem, func(t *testing.T) {
			t.Parallel()
			first, printed := deterministicRun(t, c.device, c.fileSystem, 1, 300)
			again, printedAgain := deterministicRun(t, c.device, c.fileSystem, 1, 300)
			if !bytes.Equal(first, again) || printed != printedAgain {
				t.Errorf("traces of %d and %d bytes, consoles of %d and %d, are not the same", len(first), len(again), len(printed), len(printedAgain))
			}
			other, _ := deterministicRun(t, c.device, c.fileSystem, 2, 300)
			if bytes.Equal(first, other) {
				t.Error("another seed gives the same trace")
			}
			path := t.TempDir() + "/trace"
			if err := os.WriteFile(path, first, 0o600); err != nil {
				t.Fatal(err)
			}
			h, err := traces.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			if j := checker.Check(h, checker.Limits{}); j.Outcome != checker.Holds {
				t.Errorf("%+v", j)
			}
		})
	}
}
