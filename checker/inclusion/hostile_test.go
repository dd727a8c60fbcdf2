package inclusion

import (
	"math/rand/v2"
	"testing"

	"aiocheck/traces"
)

// TestAnythingCanCome: whatever the transitions say, they are judged, and
// nothing breaks: a trace may come from anywhere.
func TestAnythingCanCome(t *testing.T) {
	list := recorded(t)
	rng := rand.New(rand.NewPCG(1, 2))
	some := func() uint32 {
		return [...]uint32{0, 1, uint32(rng.IntN(100)), 1<<31 - 1, 1<<32 - 1}[rng.IntN(5)]
	}
	violated := 0
	for range 2000 {
		c := New(nil)
		from, n := rng.IntN(len(list)-300), 20+rng.IntN(200)
		if rng.IntN(2) == 0 {
			from = 0
		}
		for i := range n {
			tr := list[from+i]
			tr.Number = uint64(i)
			if rng.IntN(10) == 0 {
				switch rng.IntN(7) {
				case 0:
					tr.Point = traces.Point(1 + rng.IntN(int(traces.NumPoints)-1))
				case 1:
					tr.Context = some()
				case 2:
					tr.Request = some()
				case 3:
					tr.Task = some()
				case 4:
					tr.Other = some()
				case 5:
					tr.Seen = uint16(some())
				case 6:
					tr.Value = int64(some()) << rng.IntN(32)
				}
			}
			if err := c.Add(&tr); err != nil {
				t.Fatalf("%v: %v", &tr, err)
			}
		}
		if v := c.Violation(); v != nil {
			violated++
			f := v.finding()
			if f.Summary == "" || f.Inside == nil || len(f.Inside.Steps) == 0 {
				t.Fatalf("not explained: %v", v)
			}
		}
	}
	if violated < 1000 {
		t.Errorf("only %d of 2000 were found wrong", violated)
	}
}
