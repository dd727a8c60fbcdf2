package explore

import (
	"testing"

	"pgregory.net/rapid"
)

// TestStoreIsASet adds random states, many of them twice and with equal lower
// halves of their hashes, and compares with a map.
func TestStoreIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.IntRange(1, StateWords).Draw(t, "words")
		sh := newShard()
		known := map[State]int{}
		var box []uint64
		// Few different hashes make long probe sequences with equal tags; the
		// real hash is needed again whenever the table grows.
		for range rapid.IntRange(0, 40).Draw(t, "outboxes") {
			box = box[:0]
			for range rapid.IntRange(0, 200).Draw(t, "states") {
				var s State
				for i := range words {
					s[i] = rapid.Uint64Range(0, 30).Draw(t, "word") << rapid.SampledFrom([]uint{0, 40}).Draw(t, "shift")
				}
				if _, ok := known[s]; !ok {
					known[s] = len(known)
				}
				box = append(append(box, s[:words]...), meta(ref(len(known)), hash(&s, words)))
			}
			if left := sh.absorb(box, words, 1<<40); left != 1<<40-int64(len(known)) && left < 0 {
				t.Fatalf("refused a state: %d", left)
			}
		}
		if sh.count != len(known) {
			t.Fatalf("%d states, want %d", sh.count, len(known))
		}
		for s, local := range known {
			if got := sh.load(local, words); got != s {
				t.Fatalf("state %d is %v, want %v", local, got, s)
			}
		}
	})
}

// TestGrowthKeepsEverything fills one shard far beyond its first table.
func TestGrowthKeepsEverything(t *testing.T) {
	sh := newShard()
	const n = 100_000
	var box []uint64
	for i := range uint64(n) {
		s := State{i * 0x1001}
		box = append(box, s[0], meta(noRef, hash(&s, 1)))
	}
	if left := sh.absorb(box, 1, n); left != 0 || sh.count != n {
		t.Fatalf("%d left, %d states", left, sh.count)
	}
	if left := sh.absorb(box, 1, 0); left != 0 || sh.count != n {
		t.Fatalf("states were not found again: %d left, %d states", left, sh.count)
	}
	s := State{7}
	if left := sh.absorb([]uint64{7, meta(noRef, hash(&s, 1))}, 1, 0); left != -1 {
		t.Fatalf("a state without room was not refused: %d", left)
	}
	if got := sh.bytes(1); got < n*12 || got > n*36 {
		t.Errorf("%d bytes", got)
	}
}

func TestReferences(t *testing.T) {
	for _, shard := range []int{0, 1, shardCount - 1} {
		for _, local := range []int{0, 1, maxLocal} {
			if r := makeRef(shard, local); r.shard() != shard || r.local() != local || r == noRef {
				t.Errorf("%d, %d: %x", shard, local, r)
			}
		}
	}
}
