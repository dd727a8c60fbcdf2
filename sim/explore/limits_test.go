package explore

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLimitOfStatesIsExact(t *testing.T) {
	g := grid{counters: 5, bound: 5} // 7,776 states
	g.bad = func(s *State) bool { return g.get(s, 0) == 3 }
	for _, most := range []int64{1, 2, 6, 7, 100, 5000, 7775} {
		one := explored(t, g, Options{Workers: 1, MaxStates: most})
		if one.States != most || one.Stop != StopStates || one.Complete() || one.Frontier <= 0 || one.Frontier > most {
			t.Errorf("%d: %+v", most, one)
		}
		within := int64(0) // the states up to the complete depth
		for s, d := range searchNaively(g).distance {
			_ = s
			if d <= one.CompleteDepth {
				within++
			}
		}
		if within > most || one.Depth > one.CompleteDepth+1 {
			t.Errorf("%d: complete to depth %d would be %d states; depth %d", most, one.CompleteDepth, within, one.Depth)
		}
		two := explored(t, g, Options{Workers: 2, MaxStates: most})
		one.Cost, two.Cost = Cost{}, Cost{}
		if d := cmp.Diff(one, two); d != "" {
			t.Errorf("%d: two workers differ: %s", most, d)
		}
	}
	for _, most := range []int64{7776, 7777} {
		if r := explored(t, g, Options{MaxStates: most}); !r.Complete() || r.States != 7776 || r.Frontier != 0 {
			t.Errorf("%d: %+v", most, r)
		}
	}
}

// A state that was found is checked, even if it is never expanded.
func TestFrontierIsChecked(t *testing.T) {
	g := grid{counters: 1, bound: 9}
	g.bad = func(s *State) bool { return s[0] == 4 }
	if r := explored(t, g, Options{MaxStates: 4}); len(r.Violations) != 0 {
		t.Errorf("%+v", r)
	}
	if r := explored(t, g, Options{MaxStates: 5}); len(r.Violations) != 1 || len(r.Violations[0].Path) != 4 || r.Frontier != 1 {
		t.Errorf("%+v", r)
	}
}

func TestLimitOfMemory(t *testing.T) {
	g := grid{counters: 6, bound: 6, words: 2} // 117,649 states
	whole := explored(t, g, Options{})
	for _, part := range []int64{2, 3, 5} {
		most := whole.Cost.Bytes / part
		one := explored(t, g, Options{Workers: 1, MaxBytes: most})
		two := explored(t, g, Options{Workers: 2, MaxBytes: most})
		if one.Stop != StopMemory || one.Frontier == 0 || one.States >= whole.States {
			t.Errorf("a part of %d: %+v", part, one)
		}
		one.Cost, two.Cost = Cost{}, Cost{}
		if d := cmp.Diff(one, two); d != "" {
			t.Errorf("two workers differ: %s", d)
		}
	}
	if r := explored(t, g, Options{MaxBytes: 4 * whole.Cost.Bytes}); !r.Complete() {
		t.Errorf("%+v", r)
	}
}

// TestFullShard lowers the number of states that a shard can hold.
func TestFullShard(t *testing.T) {
	x := newSearch(grid{counters: 5, bound: 5}, Options{Workers: 1})
	x.store.maxLocal = 40
	stop := x.run(context.Background())
	r, err := x.result(stop)
	if err != nil {
		t.Fatal(err)
	}
	if r.Stop != StopFull || r.Frontier == 0 || r.States > 40*shardCount {
		t.Errorf("%+v", r)
	}
}

func TestCancelledAndTimedOut(t *testing.T) {
	g := grid{counters: 8, bound: 200} // far too many
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	r, err := Run(ctx, g, Options{Liveness: true, Progress: func(p Progress) {
		if calls++; calls == 20 {
			cancel()
		}
		if p.States < p.Frontier || p.States == 0 || p.Rate <= 0 {
			t.Errorf("%+v", p)
		}
	}})
	if err != nil || r.Stop != StopCancelled || r.Frontier == 0 || r.Liveness != LivenessUndecided || r.CompleteDepth != r.Depth && r.CompleteDepth+1 != r.Depth {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = Run(context.Background(), g, Options{MaxTime: time.Millisecond})
	if err != nil || r.Stop != StopTime || r.States == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestStopAtViolation(t *testing.T) {
	g := grid{counters: 6, bound: 6, words: 2}
	g.bad = func(s *State) bool { return g.get(s, 2) == 3 && g.get(s, 5) == 4 }
	whole := explored(t, g, Options{Workers: 1})
	for _, workers := range []int{1, 2} {
		r := explored(t, g, Options{Workers: workers, StopAtViolation: true})
		if r.Stop != StopViolation || len(r.Violations) != 1 || len(r.Violations[0].Path) != 7 || r.States >= whole.States {
			t.Errorf("%+v", r)
		}
	}
}
