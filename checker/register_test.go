package checker

import (
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"aiocheck/traces"
)

// randomAccesses makes a linearizable history: each access takes effect at a
// moment inside its interval. Moments are few, so that ties are frequent.
func randomAccesses(rng *rand.Rand, n int) []access {
	moments := 2 + rng.IntN(3*n)
	widest := 1 + rng.IntN(2+moments/3)
	var accesses []access
	at := make([]int, n)
	for i := range n {
		at[i] = rng.IntN(moments)
		a := access{request: traces.RequestID(i + 1), write: rng.IntN(2) == 0}
		width := 1 + rng.IntN(widest)
		a.from = traces.Time(at[i] - rng.IntN(width))
		a.to = traces.Time(at[i] + rng.IntN(width))
		accesses = append(accesses, a)
	}
	// What stands earlier in the table takes effect first within a moment.
	var value traces.RequestID
	for m := range moments {
		for i := range accesses {
			a := &accesses[i]
			switch {
			case at[i] != m:
			case !a.write:
				a.value = value
			default:
				a.value = a.request
				if rng.IntN(6) == 0 {
					a.optional = true
					switch rng.IntN(3) {
					case 0:
						a.to = traces.Never
					case 1:
						continue // it did not happen
					}
				}
				value = a.value
			}
		}
	}
	return accesses
}

// spoil changes something small, which may or may not break the history.
func spoil(rng *rand.Rand, accesses []access) {
	for range 1 + rng.IntN(4) {
		a := &accesses[rng.IntN(len(accesses))]
		switch rng.IntN(5) {
		case 0:
			a.optional = a.write && rng.IntN(2) == 0
		case 1, 2:
			if a.to != traces.Never {
				later := traces.Time(rng.IntN(9))
				a.from, a.to = a.from+later, a.to+later
			}
		default:
			if !a.write {
				a.value = accesses[rng.IntN(len(accesses))].value
			}
		}
	}
}

// TestZonesAgreeWithPorcupine binds the decision by zones to the reference,
// with valid and with broken histories.
func TestZonesAgreeWithPorcupine(t *testing.T) {
	held, broken := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, 0))
		for range 2000 {
			accesses := randomAccesses(rng, 2+rng.IntN(9))
			honest := rng.IntN(3) == 0
			if !honest {
				spoil(rng, accesses)
			}
			got := registerHolds(accesses)
			want := porcupine.CheckOperations(registerModel.ToModel(), operations(accesses))
			if got != want {
				t.Fatalf("zones say %v, porcupine %v: %+v", got, want, accesses)
			}
			if honest && !got {
				t.Fatalf("an honest history is refused: %+v", accesses)
			}
			if got {
				held++
			} else {
				broken++
			}
		}
	})
	if held == 0 || broken*4 < held {
		t.Fatalf("the generator is one-sided: %d hold, %d are broken", held, broken)
	}
	t.Logf("%d hold, %d are broken", held, broken)
}
