package inclusion

import (
	"fmt"
	"runtime"
	"testing"

	"aiocheck/traces"
)

// lives calls f with the transitions of context after context, until so many
// have come: each has the life of the one that the recorded run sees to its
// end, with requests and threads of its own.
func lives(t testing.TB, recorded []traces.Transition, total int, f func(*traces.Transition)) {
	t.Helper()
	const context = 3
	var life []traces.Transition
	threads := map[uint32]bool{}
	for _, tr := range recorded {
		if tr.Context != context {
			continue
		}
		life = append(life, tr)
		switch tr.Point {
		case traces.AtThreadNew:
			threads[tr.Other] = true
		case traces.AtThreadEnd:
			delete(threads, tr.Other)
		}
	}
	for id := range threads { // those that the recording no longer sees end
		life = append(life, traces.Transition{Time: life[len(life)-1].Time, Point: traces.AtThreadEnd, Context: context, Task: id, Other: id})
	}
	for n := 0; n < total; {
		copied := uint32(n / len(life))
		for _, tr := range life {
			if n == total {
				return
			}
			since := tr.Number
			tr.Number = uint64(n)
			switch tr.Point {
			case traces.AtSubmit, traces.AtCancel, traces.AtGetEvents, traces.AtDestroy: // the search began as long ago
				tr.Value = int64(n) - (int64(since) - tr.Value)
			}
			tr.Context += copied * 8
			if tr.Request != 0 {
				tr.Request += copied * 1000
			}
			f(&tr)
			n++
		}
	}
}

// BenchmarkJudge judges runs of three lengths: what a transition takes does not
// depend on it.
func BenchmarkJudge(b *testing.B) {
	list := recorded(b)
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := New(nil)
				lives(b, list, n, func(tr *traces.Transition) {
					if err := c.Add(tr); err != nil {
						b.Fatal(err)
					}
				})
				if v := c.Violation(); v != nil {
					b.Fatal(v)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/transition")
		})
	}
}

// TestNothingIsKept: after a hundred contexts the judge holds as much as after
// ten.
func TestNothingIsKept(t *testing.T) {
	list := recorded(t)
	held := func(n int) (uint64, *Checker) {
		c := New(nil)
		lives(t, list, n, func(tr *traces.Transition) {
			if err := c.Add(tr); err != nil {
				t.Fatal(err)
			}
		})
		if v := c.Violation(); v != nil {
			t.Fatalf("%v\n%s", v, v.State)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, c
	}
	few, a := held(10_000)
	many, b := held(200_000)
	if a.Coverage().Contexts >= b.Coverage().Contexts/10 {
		t.Fatalf("%d and %d contexts", a.Coverage().Contexts, b.Coverage().Contexts)
	}
	if many > few+few/2 {
		t.Errorf("%d bytes are held after %d contexts, %d after %d", many, b.Coverage().Contexts, few, a.Coverage().Contexts)
	}
	for _, c := range []*Checker{a, b} {
		if len(c.contexts) > 1 || len(c.calls) > 2 || len(c.waiting) > 1 || len(c.exiting) > 0 || len(c.recent) > remembered {
			t.Errorf("kept: %d contexts, %d calls, %d waiting, %d exiting", len(c.contexts), len(c.calls), len(c.waiting), len(c.exiting))
		}
	}
}
