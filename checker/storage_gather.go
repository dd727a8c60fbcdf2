package checker

import "aiocheck/traces"

// Bytes of a region's tables for each write, read and line, with room for
// what growing leaves behind.
const (
	writeCost = 190
	readCost  = 110
	lineCost  = 16
	baseCost  = 12 * batchPairs
)

// gather fills the region's tables with what touches region number r, in
// lines. It reports false if the budget does not last.
func (g *region) gather(r int) bool {
	s := g.storage
	writes, runs := s.layout.writes.of(r), s.layout.runs.of(r)
	g.firstLine = s.layout.first[r]
	g.width = int32(s.layout.first[r+1] - g.firstLine)
	cost := baseCost + int64(len(writes))*writeCost + int64(len(runs))*readCost + int64(g.width)*lineCost
	if cost > g.charged {
		if !s.budget.take(cost - g.charged) {
			return false
		}
		g.charged = cost
	}
	g.writes = append(resize(g.writes, len(writes)+1)[:0], regionWrite{to: beginning, hi: g.width, sure: g.width})
	for _, i := range writes {
		e := &s.effects[i]
		lo, hi := extent(&s.history.Requests[i])
		sure := g.clip(min(lo+int64(e.sure), hi))
		g.writes = append(g.writes, regionWrite{from: e.from, to: e.to, tail: e.tail(), ended: e.ended, lo: g.clip(lo), hi: g.clip(hi),
			sure: sure, id: traces.RequestID(i + 1)})
	}
	g.sortWrites()
	for i := 1; i < len(g.writes); i++ {
		g.local[g.writes[i].id] = int32(i)
	}
	g.reads = resize(g.reads, len(runs))[:0]
	pieces := g.pieceList[:0]
	for _, i := range runs {
		d := &s.history.Data[i]
		lo, hi := returned(s.history, s.effects, d)
		e := &s.effects[d.Request-1]
		read := regionRead{from: e.from, to: e.to, lo: g.clip(lo), hi: g.clip(hi), id: d.Request, value: broken}
		if d.Class != traces.DataCorrupt {
			read.value = g.local[d.Writer]
		}
		pieces = g.pieces(pieces, &read, e)
		g.reads = append(g.reads, read)
	}
	g.pieceList = pieces
	if len(pieces) > 0 {
		g.noteEnds()
		g.tear(pieces)
	}
	return true
}

// clip gives a line of the storage its number within the region.
func (g *region) clip(line int64) int32 {
	return int32(min(max(line-g.firstLine, 0), int64(g.width)))
}

// pieces adds the sectors of which r is a part and another run of the same
// read may be the rest: those at its ends, where the read goes on. A run of
// broken lines gives all its sectors.
func (g *region) pieces(list []piece, r *regionRead, e *effect) []piece {
	first, _ := extent(&g.storage.history.Requests[r.id-1])
	from, to := first-g.firstLine, first-g.firstLine+int64(e.sure)
	add := func(sector int32) {
		list = append(list, piece{sector, max(r.lo, sector*sectorLines), min(r.hi, (sector+1)*sectorLines), int32(len(g.reads))})
	}
	if r.value == broken {
		for s := r.lo / sectorLines; s <= (r.hi-1)/sectorLines; s++ {
			add(s)
		}
		return list
	}
	begins := r.lo%sectorLines != 0 && int64(r.lo) > from
	ends := r.hi%sectorLines != 0 && int64(r.hi) < to
	if begins {
		add(r.lo / sectorLines)
	}
	if ends && !(begins && r.lo/sectorLines == r.hi/sectorLines) {
		add(r.hi / sectorLines)
	}
	return list
}
