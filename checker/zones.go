package checker

import (
	"slices"

	"aiocheck/traces"
)

// regionWrite is a write that touches a region. Lines and segments are
// counted from the region's start.
type regionWrite struct {
	from, to traces.Time // of the lines that were certainly written
	tail     traces.Time // end of the others' time
	lo, hi   int32       // segments
	sure     int32       // the first segment in which it is optional
	id       traces.RequestID
	ended    ending
}

// regionRead is a run of lines with one writer that a read returned.
type regionRead struct {
	from, to traces.Time
	lo, hi   int32 // segments
	value    int32 // position of the writer in region.writes
	id       traces.RequestID
}

// unseen is the last beginning in a cluster of which nothing is known to have
// happened: it is left out.
const unseen = beginning

// batchPairs is how many pairs of a segment and an access are listed at once.
const batchPairs = 1 << 20

// region judges one region after the other; its tables are used again.
type region struct {
	storage   *storage
	firstLine int64
	width     int32         // in lines
	writes    []regionWrite // writes[0] are the initial contents
	reads     []regionRead
	local     []int32 // by request: its position in writes

	segment []int32 // by line: its segment; before that, whether one begins
	line    []int32 // by segment, and one more: its first line

	writeCount, readCount []int32 // by segment

	// The accesses by segment, for a batch of segments.
	writeStart, readStart []int32
	writeList, readList   []int32

	// By write: its cluster in the segment at hand.
	first, last       []traces.Time
	forward, backward []zone

	// For torn sectors: see running.
	pieceList []piece
	ended     []traces.Time
	loose     []int32
	torn      []piece

	charged int64 // bytes accounted for all these tables
	found   *collected
}

// compress numbers the segments: between two lines where an access begins or
// ends, all registers have the same history, and one speaks for all.
func (g *region) compress() {
	g.segment = resize(g.segment, int(g.width)+1)
	clear(g.segment)
	for i := range g.writes {
		w := &g.writes[i]
		g.segment[w.lo], g.segment[w.hi], g.segment[w.sure] = 1, 1, 1
	}
	for i := range g.reads {
		g.segment[g.reads[i].lo], g.segment[g.reads[i].hi] = 1, 1
	}
	g.line = append(g.line[:0], 0)
	for at := int32(1); at <= g.width; at++ {
		if g.segment[at] != 0 || at == g.width {
			g.line = append(g.line, at)
		}
		g.segment[at] = int32(len(g.line) - 1)
	}
	g.segment[0] = 0
	for i := range g.writes {
		w := &g.writes[i]
		w.lo, w.hi, w.sure = g.segment[w.lo], g.segment[w.hi], g.segment[w.sure]
	}
	for i := range g.reads {
		r := &g.reads[i]
		r.lo, r.hi = g.segment[r.lo], g.segment[r.hi]
	}
}

// judge decides all segments. It reports false if the budget ended first.
func (g *region) judge() bool {
	g.compress()
	segments := len(g.line) - 1
	g.writeCount, g.readCount = resize(g.writeCount, segments+1), resize(g.readCount, segments+1)
	clear(g.writeCount)
	clear(g.readCount)
	// How many accesses each segment has: sums of where they begin and end.
	for i := 1; i < len(g.writes); i++ {
		g.writeCount[g.writes[i].lo]++
		g.writeCount[g.writes[i].hi]--
	}
	for i := range g.reads {
		g.readCount[g.reads[i].lo]++
		g.readCount[g.reads[i].hi]--
	}
	for s := range segments {
		g.writeCount[s+1] += g.writeCount[s]
		g.readCount[s+1] += g.readCount[s]
	}
	g.first, g.last = resize(g.first, len(g.writes)), resize(g.last, len(g.writes))
	for from := 0; from < segments; {
		to, pairs := from, 0
		for ; to < segments && (to == from || pairs < batchPairs); to++ {
			pairs += int(g.writeCount[to] + g.readCount[to])
		}
		if !g.batch(from, to) {
			return false
		}
		from = to
	}
	return true
}

// batch lists the accesses of segments [from, to) and decides each.
func (g *region) batch(from, to int) bool {
	if g.storage.budget.spent() {
		return false
	}
	g.writeStart = offsets(g.writeStart, g.writeCount[from:to])
	g.readStart = offsets(g.readStart, g.readCount[from:to])
	writeStart, readStart := g.writeStart, g.readStart
	g.writeList = resize(g.writeList, int(writeStart[to-from]))
	g.readList = resize(g.readList, int(readStart[to-from]))
	for i := 1; i < len(g.writes); i++ {
		w := &g.writes[i]
		for s := max(w.lo, int32(from)); s < min(w.hi, int32(to)); s++ {
			g.writeList[writeStart[s-int32(from)]] = int32(i)
			writeStart[s-int32(from)]++
		}
	}
	for i := range g.reads {
		r := &g.reads[i]
		for s := max(r.lo, int32(from)); s < min(r.hi, int32(to)); s++ {
			g.readList[readStart[s-int32(from)]] = int32(i)
			readStart[s-int32(from)]++
		}
	}
	// Filling has moved each start to the segment's end.
	var w, r, work int32
	for s := from; s < to; s++ {
		wEnd, rEnd := writeStart[s-from], readStart[s-from]
		g.judgeSegment(int32(s), g.writeList[w:wEnd], g.readList[r:rEnd])
		if work += wEnd - w + rEnd - r; work > 1<<17 {
			work = 0
			if g.storage.budget.spent() {
				return false
			}
		}
		w, r = wEnd, rEnd
	}
	return true
}

// offsets turns counts into where each begins, with the total at the end. It
// uses the memory of starts.
func offsets(starts, counts []int32) []int32 {
	starts = resize(starts, len(counts)+1)
	starts[0] = 0
	for i, n := range counts {
		starts[i+1] = starts[i] + n
	}
	return starts
}

// judgeSegment decides the registers of one segment, given the positions of
// the writes and reads that cover it.
func (g *region) judgeSegment(s int32, ws, rs []int32) {
	if len(rs) == 0 {
		return
	}
	lastRead := g.cluster(s, ws, rs, true)
	g.found.reads += int64(len(rs))
	for _, w := range ws {
		if x := &g.writes[w]; s < x.sure && x.to < lastRead {
			g.found.writesReadAfter++
		}
	}
	g.zones(ws)
	if len(g.forward) == 0 {
		return
	}
	sortZones(g.forward)
	if findConflict(g.forward, g.backward) {
		g.blame(s, ws, rs)
	}
}

// cluster computes first and last of every cluster of the segment, with or
// without the ends that a destroyed context or a gone process puts to the
// time of unreaped writes. It returns when the last read began.
func (g *region) cluster(s int32, ws, rs []int32, bounded bool) (lastRead traces.Time) {
	g.first[0], g.last[0] = beginning, unseen
	for _, w := range ws {
		x := &g.writes[w]
		switch {
		case s < x.sure:
			g.first[w], g.last[w] = x.to, x.from
		case bounded:
			g.first[w], g.last[w] = x.tail, unseen
		default:
			g.first[w], g.last[w] = traces.Never, unseen
		}
	}
	lastRead = beginning
	for _, r := range rs {
		x := &g.reads[r]
		v := x.value
		if g.last[v] == unseen && v != 0 {
			g.last[v] = g.writes[v].from
		}
		g.first[v] = min(g.first[v], x.to)
		g.last[v] = max(g.last[v], x.from)
		lastRead = max(lastRead, x.from)
	}
	return lastRead
}

// zones sorts the clusters into forward and backward ones.
func (g *region) zones(ws []int32) {
	g.forward, g.backward = g.forward[:0], g.backward[:0]
	if g.last[0] != unseen {
		g.forward = append(g.forward, zone{g.first[0], g.last[0], 0})
	}
	for _, w := range ws {
		switch first, last := g.first[w], g.last[w]; {
		case last == unseen:
		case first < last:
			g.forward = append(g.forward, zone{first, last, w})
		default:
			g.backward = append(g.backward, zone{first, last, w})
		}
	}
}

// resize gives s the length n, and new memory only if it has to grow.
func resize[T any](s []T, n int) []T {
	if n > cap(s) {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// sortWrites orders the writes by when they began, the initial contents first.
func (g *region) sortWrites() {
	slices.SortFunc(g.writes[1:], func(a, b regionWrite) int {
		switch {
		case a.from != b.from:
			if a.from < b.from {
				return -1
			}
			return 1
		case a.id < b.id:
			return -1
		}
		return 1
	})
}
