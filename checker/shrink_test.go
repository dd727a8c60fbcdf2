package checker

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestShrink: what is left violates, nothing of it can be left out, and
// porcupine finds an order of all but some of it.
func TestShrink(t *testing.T) {
	shrunk := 0
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 20 {
			accesses := randomAccesses(rng, 4+rng.IntN(12))
			spoil(rng, accesses)
			if registerHolds(accesses) {
				continue
			}
			shrunk++
			small := shrink(accesses)
			if registerHolds(small) {
				t.Fatalf("what is left holds: %+v of %+v", small, accesses)
			}
			for _, out := range small {
				rest := slices.DeleteFunc(slices.Clone(small), func(a access) bool {
					return a == out || out.write && a.value == out.value
				})
				if !registerHolds(rest) {
					t.Fatalf("%+v can be left out of %+v", out, small)
				}
			}
			if len(small) > 6 {
				t.Fatalf("two clusters are told by two writes and four reads: %+v", small)
			}
			order, ok := linearize(small, explainLimit)
			if ok || !slices.Contains(order, 0) {
				t.Fatalf("porcupine orders %+v: %v", small, order)
			}
		}
	})
	if shrunk == 0 {
		t.Fatal("no history was broken")
	}
}
