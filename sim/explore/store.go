package explore

import "slices"

// A state is referred to by 32 bits: its shard in the upper ones (of which two
// are not used) and its number within the shard in the lower 26. That makes
// room for 2^30 states. More shards would make the runs of states in an outbox
// shorter, and reading them slower.
type ref uint32

const (
	shardBits  = 4
	shardCount = 1 << shardBits
	localBits  = 26
	localMask  = 1<<localBits - 1
	maxLocal   = localMask - 1 // a table entry holds the number plus one
	noRef      = ref(1<<32 - 1)

	chunkBits = 9
	chunkLen  = 1 << chunkBits
	chunkMask = chunkLen - 1
)

func makeRef(shard, local int) ref { return ref(shard<<localBits | local) }
func (r ref) shard() int           { return int(r >> localBits) }
func (r ref) local() int           { return int(r & localMask) }

// store keeps all states found. States of one shard are numbered in the order
// of their arrival, so that a level is a range of numbers in every shard.
type store struct {
	words    int
	maxLocal int // greatest number of states in a shard
	levels   []starts
	shards   [shardCount]shard
}

// starts is where a level begins in every shard.
type starts [shardCount]uint32

func newStore(words int) *store {
	st := &store{words: words, maxLocal: maxLocal}
	for i := range st.shards {
		st.shards[i] = newShard()
	}
	return st
}

// nextLevel makes the states found last the level to expand, and says how many
// they are.
func (st *store) nextLevel() (states int) {
	var begin starts
	for i := range st.shards {
		sh := &st.shards[i]
		sh.begin, sh.end = sh.end, sh.count
		clear(sh.next)
		states += sh.end - sh.begin
		begin[i] = uint32(sh.begin)
	}
	if states > 0 {
		st.levels = append(st.levels, begin)
	}
	return states
}

// level is a state's distance from the initial one.
func (st *store) level(r ref) int {
	shard, local := r.shard(), uint32(r.local())
	after, _ := slices.BinarySearchFunc(st.levels, local, func(begin starts, local uint32) int {
		if begin[shard] <= local {
			return -1
		}
		return 1
	})
	if sh := &st.shards[shard]; int(local) >= sh.end {
		return after // found, but its level has not begun
	}
	return after - 1
}

// loops reports whether a step led to a state no farther away than the one
// that it was taken from. Without one there is no cycle.
func (st *store) loops() bool {
	for i := range st.shards {
		if st.shards[i].back {
			return true
		}
	}
	return false
}

func (st *store) state(r ref) State { return st.shards[r.shard()].load(r.local(), st.words) }

func (st *store) parent(r ref) ref {
	return st.shards[r.shard()].parents[r.local()>>chunkBits][r.local()&chunkMask]
}

// find looks a state up.
func (st *store) find(s *State) (ref, bool) {
	h := hash(s, st.words)
	shard := shardOf(h)
	sh := &st.shards[shard]
	var entry [StateWords + 1]uint64
	copy(entry[:st.words], s[:])
	entry[st.words] = meta(noRef, h)
	_, local := sh.all.probe(sh, entry[:st.words+1], st.words)
	return makeRef(shard, local&localMask), local >= 0
}

// The upper bits of a hash choose the shard, the lower 32 the place in its
// table, of which the upper 6 are the entry's tag.
func shardOf(h uint64) int             { return int(h >> (64 - shardBits)) }
func tagOf(low uint32) uint32          { return low >> localBits }
func meta(parent ref, h uint64) uint64 { return uint64(parent)<<32 | h&(1<<32-1) }
