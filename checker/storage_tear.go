package checker

import (
	"cmp"
	"math"
	"slices"

	"aiocheck/traces"
)

// A sector is torn if a read returned two of its lines from two writes that
// both wrote both lines: at no moment between whole-sector writes it was so.
// While a write to the sector is running that is allowed, and so is a line
// that is itself a mixture and has no valid checksum. A torn line says
// nothing more about its register.

// piece is a part of a sector that a read returned with one writer.
type piece struct {
	sector int32 // from the region's start
	lo, hi int32 // lines from the region's start
	read   int32 // position in region.reads
}

// broken is the value of a run of lines without a valid tag.
const broken = -1

// tear finds torn sectors, reports those that nothing excuses, and takes what
// is torn out of region.reads. Reads still count in lines. It needs the
// writes sorted.
func (g *region) tear(pieces []piece) {
	slices.SortFunc(pieces, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.sector, b.sector), cmp.Compare(g.reads[a.read].id, g.reads[b.read].id), cmp.Compare(a.lo, b.lo))
	})
	for i := 0; i < len(pieces); {
		end := i + 1
		for ; end < len(pieces) && pieces[end].sector == pieces[i].sector &&
			g.reads[pieces[end].read].id == g.reads[pieces[i].read].id; end++ {
		}
		g.judgeSector(pieces[i:end])
		i = end
	}
	// Only now: pieces name reads by position.
	for _, p := range g.torn {
		r := g.reads[p.read]
		if p.lo <= r.lo && p.hi >= r.hi {
			g.reads[p.read].hi = r.lo
			continue
		}
		if rest := r; p.hi < r.hi {
			rest.lo = p.hi
			g.reads = append(g.reads, rest)
		}
		g.reads[p.read].hi = max(r.lo, p.lo)
	}
	g.torn = g.torn[:0]
	g.reads = slices.DeleteFunc(g.reads, func(r regionRead) bool { return r.value == broken || r.lo >= r.hi })
}

// judgeSector judges what one read returned of one sector.
func (g *region) judgeSector(pieces []piece) {
	r := &g.reads[pieces[0].read]
	for _, p := range pieces {
		if g.reads[p.read].value == broken && !g.running(p.sector, r.from, r.to) {
			g.found.blame(blamed{blameKey{kind: brokenLine, read: r.id}, g.firstLine + int64(p.lo), g.firstLine + int64(p.hi), r.to})
		}
	}
	for i, p := range pieces {
		for _, q := range pieces[i+1:] {
			x, y := g.reads[p.read].value, g.reads[q.read].value
			if x == broken || y == broken || x == y || !g.overlaps(x, q) || !g.overlaps(y, p) {
				continue
			}
			if g.running(p.sector, r.from, r.to) {
				return
			}
			lo := g.firstLine + int64(p.sector)*sectorLines
			g.found.blame(blamed{blameKey{tornSector, g.writes[x].id, g.writes[y].id, r.id}, lo, lo + sectorLines, r.to})
			g.torn = append(g.torn, pieces...)
			return
		}
	}
}

// overlaps reports whether the write wrote any line of the piece.
func (g *region) overlaps(write int32, p piece) bool {
	w := &g.writes[write]
	return w.lo < p.hi && w.hi > p.lo
}

// running reports whether some write to the sector may have been running
// between from and to. Of the writes sorted by their beginning it looks back
// from the last that had begun, which finds a concurrent one soon, and stops
// where all had ended.
func (g *region) running(sector int32, from, to traces.Time) bool {
	p := piece{lo: sector * sectorLines, hi: (sector + 1) * sectorLines}
	begun := 1 + lastBegun(g.writes[1:], to)
	for i := begun; i >= 1 && g.ended[i] >= from; i-- {
		if w := &g.writes[i]; g.overlaps(int32(i), p) && w.to >= from {
			return true
		}
	}
	for _, i := range g.loose {
		w := &g.writes[i]
		if w.from > to {
			break
		}
		// Its unsure lines begin at sure; all of them have a time of their own.
		if w.sure < p.hi && w.hi > p.lo && w.tail >= from {
			return true
		}
	}
	return false
}

// lastBegun is the position of the last write that began at or before t, or -1.
func lastBegun(writes []regionWrite, t traces.Time) int {
	i, _ := slices.BinarySearchFunc(writes, t, func(w regionWrite, t traces.Time) int {
		if w.from <= t {
			return -1
		}
		return 1
	})
	return i - 1
}

// noteEnds prepares running: ended[i] is when the last of writes[1] to i that
// certainly happened had ended; loose are the writes with unsure lines.
func (g *region) noteEnds() {
	g.ended, g.loose = resize(g.ended, len(g.writes)), g.loose[:0]
	latest := traces.Time(math.MinInt64)
	for i := 1; i < len(g.writes); i++ {
		w := &g.writes[i]
		if w.sure > w.lo {
			latest = max(latest, w.to)
		}
		if w.sure < w.hi {
			g.loose = append(g.loose, int32(i))
		}
		g.ended[i] = latest
	}
}
