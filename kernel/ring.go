package kernel

import (
	"sync/atomic"
	"unsafe"

	"aiocheck/traces"
)

// ringHeader lies before the records of a Ring. Reader and writer have a
// cache line each.
type ringHeader struct {
	written atomic.Uint64 // records ever written; the writer's
	_       [56]byte
	taken   atomic.Uint64 // records ever taken; the reader's
	_       [56]byte
}

// Ring hands the records of one thread to another process by shared memory:
// one writer, one reader, no locks. A record counts as written once the count
// of written ones has moved past it, so a writer killed at any instant leaves
// all earlier records to be read.
type Ring struct {
	header  *ringHeader
	records []traces.Record // a power of two
	seen    uint64          // the writer's last look at taken
	next    uint64          // the writer's own count
}

// ringBytes is the memory that a ring of n records takes.
func ringBytes(n int) int {
	return int(unsafe.Sizeof(ringHeader{})) + n*int(unsafe.Sizeof(traces.Record{}))
}

// newRing finds a ring of n records, a power of two, in zeroed memory or in
// memory where another process has left one.
func newRing(memory []byte, n int) *Ring {
	header := (*ringHeader)(unsafe.Pointer(&memory[0]))
	first := (*traces.Record)(unsafe.Pointer(&memory[unsafe.Sizeof(ringHeader{})]))
	return &Ring{
		header:  header,
		records: unsafe.Slice(first, n),
		seen:    header.taken.Load(),
		next:    header.written.Load(),
	}
}

// Record appends r. It waits only while the ring is full.
func (g *Ring) Record(r traces.Record) {
	if g.next-g.seen >= uint64(len(g.records)) {
		g.waitForRoom()
	}
	g.records[g.next&uint64(len(g.records)-1)] = r
	g.next++
	g.header.written.Store(g.next)
}

func (g *Ring) waitForRoom() {
	for {
		g.seen = g.header.taken.Load()
		if g.next-g.seen < uint64(len(g.records)) {
			return
		}
		yield()
	}
}

// Drain gives append what has been written since the last Drain, in order and
// in at most two pieces, which are valid only during its call. It returns how
// many records there were.
func (g *Ring) Drain(append func([]traces.Record) error) (int, error) {
	taken, written := g.header.taken.Load(), g.header.written.Load()
	total := int(written - taken)
	for taken < written {
		at := int(taken & uint64(len(g.records)-1))
		piece := g.records[at:min(at+int(written-taken), len(g.records))]
		if err := append(piece); err != nil {
			return total, err
		}
		taken += uint64(len(piece))
		g.header.taken.Store(taken)
	}
	return total, nil
}
