package explore

import "slices"

const (
	firstTable = 32
	batchLen   = 64
)

// shard keeps the states whose hash begins with its number. Between the phases
// of a round it is only read, in the absorbing phase one worker owns it.
type shard struct {
	all     table      // of every state
	next    table      // of those of the next level
	chunks  [][]uint64 // states, packed, chunkLen in each
	parents [][]ref    // the states that they were reached from
	count   int
	begin   int  // begin..end-1 is the level being expanded
	end     int  // end..count-1 is the next one
	back    bool // a step led to a state that was not of the next level
}

func newShard() shard {
	return shard{all: make(table, firstTable), next: make(table, firstTable)}
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

// absorb adds the states of an outbox that are new, in their order, and gives
// back how many of room are left, or -1 when there was a new state for which
// there was no room: it and all after it were not looked at. An outbox has
// words+1 words for each state: the state, and meta.
//
// Most states that arrive are known, and most of these have just been found
// from other states of the same level. They are sought first in the table of
// the next level, which is small and stays in the cache. Looking into the table
// of all states is a miss of the cache mostly, so that is done for a batch of
// the others first, where the processor can have many misses under way at once,
// and then again, from the cache, to decide.
func (sh *shard) absorb(box []uint64, words int, room int64) int64 {
	stride := words + 1
	var others [batchLen]uint32 // places in the outbox
	var heads [batchLen]uint32
	var peeks [batchLen]uint64
	for len(box) > 0 {
		n := min(batchLen, len(box)/stride)
		sh.makeRoom(n, words)
		m := 0
		for i := range n {
			if _, local := sh.next.probe(sh, box[i*stride:i*stride+stride], words); local < 0 {
				others[m] = uint32(i * stride)
				m++
			}
		}
		mask := uint32(len(sh.all) - 1)
		for i, at := range others[:m] {
			heads[i] = sh.all[uint32(box[int(at)+words])&mask]
		}
		for i, at := range others[:m] {
			if e := heads[i]; e != 0 && e>>localBits == tagOf(uint32(box[int(at)+words])) {
				local := int(e&localMask) - 1
				peeks[i] = sh.chunks[local>>chunkBits][local&chunkMask*words]
			}
		}
		for _, at := range others[:m] {
			entry := box[at : int(at)+stride]
			free, local := sh.all.probe(sh, entry, words)
			if local >= 0 {
				sh.back = sh.back || local < sh.end // else it came twice in this batch
				continue
			}
			if room == 0 {
				return -1
			}
			room--
			sh.put(free, entry, words)
		}
		box = box[n*stride:]
	}
	return room
}

// put appends a new state and enters it in the tables, in that of all at the
// free place.
func (sh *shard) put(free uint32, entry []uint64, words int) {
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
	low := uint32(entry[words])
	sh.all[free] = tableEntry(low, local)
	sh.next.enter(low, local)
	sh.count++
}

// makeRoom lets the tables grow, if need be, for so many more states.
func (sh *shard) makeRoom(more, words int) {
	if size := tableSize(len(sh.all), sh.count+more); size > len(sh.all) {
		sh.all = sh.tableFrom(0, size, words)
	}
	if size := tableSize(len(sh.next), sh.count-sh.end+more); size > len(sh.next) {
		sh.next = sh.tableFrom(sh.end, size, words)
	}
}

// tableFrom enters the states from a number on into a new table.
func (sh *shard) tableFrom(first, size, words int) table {
	t := make(table, size)
	for local := first; local < sh.count; local++ {
		s := sh.load(local, words)
		t.enter(uint32(hash(&s, words)), local)
	}
	return t
}

// bytes is what the shard takes, with its share of the slices' headers.
func (sh *shard) bytes(words int) int64 {
	return int64(len(sh.all)+len(sh.next))*4 + int64(len(sh.chunks))*chunkBytes(words)
}

func chunkBytes(words int) int64 { return chunkLen*int64(words*8+4) + 48 }

// need is how many more bytes the shard would take, at most, if so many more
// states arrived; while a table grows, the old one is there as well.
func (sh *shard) need(more, words int) (bytes int64) {
	if size := tableSize(len(sh.all), sh.count+more); size > len(sh.all) {
		bytes += int64(size) * 4
	}
	if size := tableSize(len(sh.next), sh.count-sh.end+more); size > len(sh.next) {
		bytes += int64(size) * 4
	}
	chunks := (sh.count+more+chunkMask)>>chunkBits - len(sh.chunks)
	return bytes + int64(chunks)*chunkBytes(words)
}

// table finds states by their hash: open addressing with linear probing. An
// entry is 6 bits of the hash above the state's number plus one, 0 when free:
// the 6 bits spare most looks at states that are not the one sought. It is at
// most three quarters full, which makes it 5.3 to 10.7 bytes a state.
type table []uint32

func tableEntry(low uint32, local int) uint32 { return tagOf(low)<<localBits | uint32(local+1) }

// tableSize is the size of a table for so many states, or the one it has if
// that is enough.
func tableSize(size, states int) int {
	for states*4 > size*3 {
		size *= 2
	}
	return size
}

// probe finds the state of an outbox's entry, or with local -1 the free place
// for it.
func (t table) probe(sh *shard, entry []uint64, words int) (free uint32, local int) {
	low := uint32(entry[words])
	mask := uint32(len(t) - 1)
	for at := low & mask; ; at = (at + 1) & mask {
		e := t[at]
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

// enter adds a state that is not in the table.
func (t table) enter(low uint32, local int) {
	mask := uint32(len(t) - 1)
	at := low & mask
	for t[at] != 0 {
		at = (at + 1) & mask
	}
	t[at] = tableEntry(low, local)
}

// same compares the first words of two packed states; most have two.
func same(a, b []uint64, words int) bool {
	if a[0] != b[0] || words > 1 && a[1] != b[1] {
		return false
	}
	return words <= 2 || slices.Equal(a[2:words], b[2:words])
}
