package kernel

import (
	"errors"
	"sync"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"aiocheck/traces"
)

// testRing has 8 records, in memory aligned as the shared memory is.
func testRing() *Ring {
	words := make([]uint64, ringBytes(8)/8)
	return newRing(bytesOf(words), 8)
}

// TestRingIsAQueue compares a ring with a slice.
func TestRingIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ring := testRing()
		var queue []uint64
		next := uint64(0)
		for range rapid.IntRange(1, 50).Draw(t, "turns") {
			for range rapid.IntRange(0, 8-len(queue)).Draw(t, "records") {
				ring.Record(traces.Record{A: next})
				queue = append(queue, next)
				next++
			}
			if rapid.Bool().Draw(t, "drain") {
				n, err := ring.Drain(func(records []traces.Record) error {
					for _, r := range records {
						if r.A != queue[0] {
							t.Fatalf("got %d, want %d", r.A, queue[0])
						}
						queue = queue[1:]
					}
					return nil
				})
				if err != nil || len(queue) != 0 {
					t.Fatalf("drained %d, %d are left, error %v", n, len(queue), err)
				}
			}
		}
	})
}

// TestRingWaits writes far more records than fit while another goroutine
// takes them.
func TestRingWaits(t *testing.T) {
	const n = 20000
	ring := testRing()
	var done sync.WaitGroup
	done.Go(func() {
		for i := range n {
			ring.Record(traces.Record{A: uint64(i), D: ^uint64(i)})
		}
	})
	for want := uint64(0); want < n; {
		taken, err := ring.Drain(func(records []traces.Record) error {
			for _, r := range records {
				if r.A != want || r.D != ^want {
					t.Errorf("got %d, %d, want %d", r.A, ^r.D, want)
				}
				want++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if taken == 0 {
			yield()
		}
	}
	done.Wait()
}

func TestRingKeepsWhatCouldNotBeWritten(t *testing.T) {
	ring := testRing()
	ring.Record(traces.Record{A: 1})
	failed := errors.New("full")
	if _, err := ring.Drain(func([]traces.Record) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	n, err := ring.Drain(func(r []traces.Record) error { return nil })
	if n != 1 || err != nil {
		t.Errorf("drained %d, error %v", n, err)
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	ring := testRing()
	nothing := func([]traces.Record) error { return nil }
	if n := testing.AllocsPerRun(1000, func() {
		ring.Record(traces.Record{})
		if _, err := ring.Drain(nothing); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// bytesOf is the memory of words.
func bytesOf(words []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
}
