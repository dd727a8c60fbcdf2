package report

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"aiocheck/traces"
)

// No two spans of a lane share an instant, every span that is one has a lane,
// and there are no more lanes than the most spans that share an instant.
func TestPackLanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) span {
			from := rapid.Int64Range(0, 60).Draw(t, "from")
			return span{from, from + rapid.Int64Range(-1, 30).Draw(t, "length")}
		}), 0, 100).Draw(t, "spans")
		lane, order, lanes := packLanes(spans)
		deepest := 0
		for instant := traces.Time(0); instant <= 90; instant++ {
			var taken []int32
			for i, s := range spans {
				if s.from <= instant && instant <= s.to {
					if slices.Contains(taken, lane[i]) {
						t.Fatalf("at %d lane %d holds span %d %v and another", instant, lane[i], i, s)
					}
					taken = append(taken, lane[i])
				}
			}
			deepest = max(deepest, len(taken))
		}
		if lanes != deepest {
			t.Fatalf("%d lanes for spans %d deep", lanes, deepest)
		}
		for i, s := range spans {
			if has := lane[i] != noLane; has != (s.from <= s.to) || int(lane[i]) >= lanes {
				t.Fatalf("span %d %v has lane %d of %d", i, s, lane[i], lanes)
			}
			if slices.Contains(order, int32(i)) != (lane[i] != noLane) {
				t.Fatalf("span %d %v is not in the order as it should", i, s)
			}
		}
		if !slices.IsSortedFunc(order, func(a, b int32) int { return int(spans[a].from - spans[b].from) }) {
			t.Fatalf("order %v is not by beginning", order)
		}
	})
}
