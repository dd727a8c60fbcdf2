package explore

import "slices"

// A state is referred to by 32 bits: its shard in the upper 8 (of which
// shardBits are used) and its number within the shard in the lower 24.
type ref uint32

const (
	shardBits  = 6
	shardCount = 1 << shardBits
	localBits  = 24
	localMask  = 1<<localBits - 1
	maxLocal   = localMask - 1 // a table entry holds the number plus one
	noRef      = ref(1<<32 - 1)

	chunkBits = 9
	chunkLen  = 1 << chunkBits
	chunkMask = chunkLen - 1

	firstTable = 32
	batchLen   = 64
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

// shard keeps the states whose hash begins with its number. Between the phases
// of a round it is only read, in the absorbing phase one worker owns it.
//
// The table has open addressing with linear probing. An entry is 8 bits of the
// hash above the state's number plus one, 0 when free: the 8 bits spare most
// looks at states that are not the one sought, each a miss of the cache. It is
// at most three quarters full, which makes it 5.3 to 10.7 bytes a state.
type shard struct {
	table   []uint32
	chunks  [][]uint64 // states, packed, chunkLen in each
	parents [][]ref    // the states that they were reached from
	count   int
	begin   int  // begin..end-1 is the level being expanded
	end     int  // end..count-1 is the next one
	back    bool // a step led to a state that was not of the next level
}

func newStore(words int) *store {
	st := &store{words: words, maxLocal: maxLocal}
	for i := range st.shards {
		st.shards[i].table = make([]uint32, firstTable)
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

// load reads the state of one number of a shard. Most have two words.
func (sh *shard) load(local, words int) (s State) {
	packed := sh.chunks[local>>chunkBits][local&chunkMask*words:]
	s[0] = packed[0]
	if words > 1 {
		s[1] = packed[1]
	}
	for i := 2; i < words; i++ {
		s[i] = packed[i]
	}
	return s
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
	mask := uint32(len(sh.table) - 1)
	for at := uint32(h) & mask; sh.table[at] != 0; at = (at + 1) & mask {
		if e := sh.table[at]; e>>localBits == tagOf(uint32(h)) {
			local := int(e&localMask) - 1
			if sh.load(local, st.words) == *s {
				return makeRef(shard, local), true
			}
		}
	}
	return 0, false
}

// The upper bits of a hash choose the shard, the lower 32 the place in its
// table, of which the upper 8 are the entry's tag.
func shardOf(h uint64) int             { return int(h >> (64 - shardBits)) }
func tagOf(low uint32) uint32          { return low >> localBits }
func meta(parent ref, h uint64) uint64 { return uint64(parent)<<32 | h&(1<<32-1) }

// absorb adds the states of an outbox that are new, in their order, and gives
// back how many of room are left, or -1 when there was a new state for which
// there was no room: it and all after it were not looked at. An outbox has
// words+1 words for each state: the state, and meta.
//
// Every look into the table and at a state is a miss of the cache. They are
// done for a batch of states first, where the processor can have many misses
// under way at once, and then again, from the cache, to decide.
func (sh *shard) absorb(box []uint64, words int, room int64) int64 {
	stride := words + 1
	var heads [batchLen]uint32
	var peeks [batchLen]uint64
	for len(box) > 0 {
		n := min(batchLen, len(box)/stride)
		if (sh.count+n)*4 > len(sh.table)*3 {
			sh.grow(words)
		}
		mask := uint32(len(sh.table) - 1)
		for i := range n {
			heads[i] = sh.table[uint32(box[i*stride+words])&mask]
		}
		for i := range n {
			if e := heads[i]; e>>localBits == tagOf(uint32(box[i*stride+words])) && e != 0 {
				local := int(e&localMask) - 1
				peeks[i] = sh.chunks[local>>chunkBits][local&chunkMask*words]
			}
		}
		for i := range n {
			entry := box[i*stride : i*stride+stride]
			at, local := sh.probe(entry, words)
			if local >= 0 {
				sh.back = sh.back || local < sh.end
				continue
			}
			if room == 0 {
				return -1
			}
			room--
			sh.put(at, entry, words)
		}
		box = box[n*stride:]
	}
	return room
}

// probe finds the state of an outbox's entry, or with local -1 the free place
// for it.
func (sh *shard) probe(entry []uint64, words int) (at uint32, local int) {
	low := uint32(entry[words])
	mask := uint32(len(sh.table) - 1)
	for at = low & mask; ; at = (at + 1) & mask {
		e := sh.table[at]
		if e == 0 {
			return at, -1
		}
		if e>>localBits != tagOf(low) {
			continue
		}
		local = int(e&localMask) - 1
		if same(sh.chunks[local>>chunkBits][local&chunkMask*words:], entry, words) {
			return at, local
		}
	}
}

// same compares the first words of two packed states; most have two.
func same(a, b []uint64, words int) bool {
	if a[0] != b[0] || words > 1 && a[1] != b[1] {
		return false
	}
	return words <= 2 || slices.Equal(a[2:words], b[2:words])
}

// put appends a new state and enters it in the free place of the table.
func (sh *shard) put(at uint32, entry []uint64, words int) {
	local := sh.count
	chunk, in := local>>chunkBits, local&chunkMask
	if in == 0 {
		sh.chunks = append(sh.chunks, make([]uint64, chunkLen*words))
		sh.parents = append(sh.parents, make([]ref, chunkLen))
	}
	packed := sh.chunks[chunk][in*words:]
	for i := range words {
		packed[i] = entry[i]
	}
	sh.parents[chunk][in] = ref(entry[words] >> 32)
	sh.table[at] = tagOf(uint32(entry[words]))<<localBits | uint32(local+1)
	sh.count++
}

// grow doubles the table and enters all states anew.
func (sh *shard) grow(words int) {
	table := make([]uint32, 2*len(sh.table))
	for len(table)*3 < (sh.count+batchLen)*4 {
		table = make([]uint32, 2*len(table))
	}
	mask := uint32(len(table) - 1)
	for local := range sh.count {
		s := sh.load(local, words)
		low := uint32(hash(&s, words))
		at := low & mask
		for table[at] != 0 {
			at = (at + 1) & mask
		}
		table[at] = tagOf(low)<<localBits | uint32(local+1)
	}
	sh.table = table
}

// bytes is what the shard takes, with its share of the slices' headers.
func (sh *shard) bytes(words int) int64 {
	return int64(len(sh.table))*4 + int64(len(sh.chunks))*chunkBytes(words)
}

func chunkBytes(words int) int64 { return chunkLen*int64(words*8+4) + 48 }

// need is how many more bytes the shard would take, at most, if it got so
// many more states; while a table doubles, the old one is there as well.
func (sh *shard) need(more, words int) (bytes int64) {
	table := len(sh.table)
	for (sh.count+more+batchLen)*4 > table*3 {
		table *= 2
		bytes = int64(table) * 4
	}
	chunks := (sh.count+more+chunkMask)>>chunkBits - len(sh.chunks)
	return bytes + int64(chunks)*chunkBytes(words)
}
