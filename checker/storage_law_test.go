package checker

import (
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/traces"
)

// lineAccesses is the history of one line, taken from the tables in the most
// direct way.
func lineAccesses(h *traces.History, line int64) []access {
	var list []access
	for i := range h.Requests {
		e := effectOf(h, &h.Requests[i])
		first, end := extent(&h.Requests[i])
		if e.does != writes || line < first || line >= end {
			continue
		}
		a := access{request: h.Requests[i].ID, value: h.Requests[i].ID, from: e.from, to: e.to, write: true}
		if line >= first+int64(e.sure) {
			a.optional, a.to = true, e.tail()
		}
		list = append(list, a)
	}
	for _, d := range h.Data {
		if d.Offset <= line*lineBytes && line*lineBytes < d.Offset+int64(d.Bytes) {
			e := effectOf(h, &h.Requests[d.Request-1])
			list = append(list, access{request: d.Request, value: d.Writer, from: e.from, to: e.to})
		}
	}
	return list
}

// storageProperties are all that judgeStorage gives a verdict on.
var storageProperties = model.Properties()

// violationsOf sums what judgeStorage says of the registers.
func violationsOf(vs []Verdict, properties ...model.Property) (n int64) {
	for _, v := range vs {
		for _, p := range properties {
			if v.Property == p {
				n += v.Violations
			}
		}
	}
	return n
}

// TestStorageAgreesWithPorcupine judges whole histories both ways: regions,
// segments and zones against porcupine line by line.
func TestStorageAgreesWithPorcupine(t *testing.T) {
	held, broken := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 60 {
			m := newSimulated(shape{requests: 4 + rng.IntN(9), flight: 1 + rng.IntN(4), lines: 24, unit: 1 + rng.IntN(4),
				sizes: []int{1, 2, 3, 5}, halves: rng.IntN(2) == 0, ties: rng.IntN(2) == 0, failures: rng.IntN(2) == 0}, rng.Uint64())
			honest := rng.IntN(3) == 0
			if !honest {
				spoilData(rng, m.History)
			}
			vs := judgeStorage(m.History, newBudget(Limits{}))
			got := violationsOf(vs, storageProperties...) == 0
			if honest && !got {
				t.Fatalf("an honest history is refused: %+v", vs)
			}
			if violationsOf(vs, model.WholeSectors, model.NoThinAir) > 0 {
				continue // the lines of torn sectors are no registers any more
			}
			want := true
			for line := range int64(m.lines) {
				want = want && porcupine.CheckOperations(registerModel.ToModel(), operations(lineAccesses(m.History, line)))
			}
			if got != want {
				t.Fatalf("regions say %v, porcupine %v: %+v", got, want, vs)
			}
			if got {
				held++
			} else {
				broken++
			}
		}
	})
	if held == 0 || broken*10 < held {
		t.Fatalf("the generator is one-sided: %d hold, %d are broken", held, broken)
	}
	t.Logf("%d hold, %d are broken", held, broken)
}

// spoilData lets some runs of data name another writer of the same place.
func spoilData(rng *rand.Rand, h *traces.History) {
	for range 1 + rng.IntN(3) {
		d := &h.Data[rng.IntN(len(h.Data))]
		w := &h.Requests[rng.IntN(len(h.Requests))]
		first, end := w.Offset, w.Offset+int64(w.Bytes)
		switch {
		case rng.IntN(4) == 0:
			d.Writer = 0
		case w.Opcode.Writes() && first <= d.Offset && d.Offset+int64(d.Bytes) <= end:
			d.Writer = w.ID
		}
	}
}
