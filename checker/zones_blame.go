package checker

import (
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// How a register that is not linearizable is named. The forward zones that
// overlap, with the backward ones inside, form a knot; each knot is one
// violation. X is the oldest cluster of the knot: its value was there before
// some Y of the knot, and a read saw it again after Y.
//
//	the register is linearizable if no unreaped write ends
//	with its context                                        destroy-waits
//	or with its process                                     exit-waits
//	every other cluster of the knot is a completed write
//	that no read saw that began after its completion        no-lost-write
//	... and lines before the lost ones were seen of it,
//	but none after them                                     result-matches-effect
//	otherwise                                               fresh-reads
//
// result-matches-effect takes the view of the whole request: its event
// reports bytes that never arrived, at its end. It is told from no-lost-write
// when all regions are judged.

// blamed is a violation of the register of some consecutive lines.
type blamed struct {
	blameKey
	lo, hi int64       // lines of the storage
	at     traces.Time // the end of the read
}

// blameKey is what makes violations of adjacent lines one.
type blameKey struct {
	kind blameKind
	x, y traces.RequestID // writers: see above; 0 is the initial contents
	read traces.RequestID // the read that saw x again
}

type blameKind uint8

const (
	staleRead    blameKind = iota
	lostWrite              // before it is known whether the rest of the write is there
	shortWrite             // see lostWrite
	afterDestroy           // y is the write that came too late
	afterExit              // likewise
	tornSector             // x and y are mixed in what read returned
	brokenLine             // read returned no valid line, and nothing excuses it
	blameKinds
)

var blameProperty = [blameKinds]model.Property{
	staleRead: model.FreshReads, lostWrite: model.NoLostWrite, shortWrite: model.ResultMatchesEffect,
	afterDestroy: model.DestroyWaits, afterExit: model.ExitWaits, tornSector: model.WholeSectors,
	brokenLine: model.NoThinAir,
}

// blame names the violations of segment s.
func (g *region) blame(s int32, ws, rs []int32) {
	knots := g.knots()
	if slices.ContainsFunc(knots, g.endsByBound) {
		g.cluster(s, ws, rs, false)
		g.zones(ws)
		sortZones(g.forward)
		if !findConflict(g.forward, g.backward) {
			for _, k := range knots {
				g.blameLate(s, rs, k)
			}
			return
		}
		knots = g.knots()
	}
	for _, k := range knots {
		kind := lostWrite
		if !k.lost(g, s) {
			kind = staleRead
		}
		g.report(s, rs, kind, k.x, k.y)
	}
}

// knot is a set of zones that conflict.
type knot struct {
	x, y  zone
	other []zone // all but x, y included
}

// knots finds all sets of zones that conflict: forward zones sorted, and the
// backward ones that lie within a single forward one. Inside a knot of several
// forward zones the backward ones add nothing.
func (g *region) knots() []knot {
	var found []knot
	single := map[int32]int{} // by cluster of a single forward zone: its knot
	for i := 0; i < len(g.forward); {
		reach, end := g.forward[i].last, i+1
		for ; end < len(g.forward) && g.forward[end].first < reach; end++ {
			reach = max(reach, g.forward[end].last)
		}
		if end == i+1 {
			single[g.forward[i].index] = -1
		} else {
			found = append(found, newKnot(g.forward[i:end]))
		}
		i = end
	}
	for _, z := range g.backward {
		i := lastBefore(g.forward, z.last)
		if i < 0 || !g.forward[i].conflicts(z) {
			continue
		}
		x := g.forward[i]
		at, alone := single[x.index]
		switch {
		case !alone:
		case at < 0:
			single[x.index] = len(found)
			found = append(found, knot{x: x, y: z, other: []zone{z}})
		default:
			k := &found[at]
			k.other = append(k.other, z)
			if z.first > k.y.first {
				k.y = z
			}
		}
	}
	return found
}

// newKnot is the knot of overlapping forward zones, sorted by first: x is the
// first, and y the one of those that conflict with it that was seen last.
func newKnot(zones []zone) knot {
	k := knot{x: zones[0], y: zones[1], other: slices.Clone(zones[1:])}
	for _, z := range k.other {
		if z.conflicts(k.x) && z.last > k.y.last {
			k.y = z
		}
	}
	return k
}

// lost reports whether all clusters but x are completed writes that nobody
// saw who began to read after their completion.
func (k knot) lost(g *region, s int32) bool {
	return !slices.ContainsFunc(k.other, func(z zone) bool {
		w := &g.writes[z.index]
		return s >= w.sure || z.last > w.to
	})
}

// endsByBound reports whether a write whose time was ended by the end of its
// context or process is part of the knot.
func (g *region) endsByBound(k knot) bool {
	return g.bound(k.x) || slices.ContainsFunc(k.other, g.bound)
}

// bound reports whether z would be another zone if its write had no end.
func (g *region) bound(z zone) bool {
	w := &g.writes[z.index]
	return z.index != 0 && (w.ended == endDestroy || w.ended == endExit) && z.first == w.to
}

// blameLate names a write that took effect after the end of its context or
// its process.
func (g *region) blameLate(s int32, rs []int32, k knot) {
	late, other := k.y, k.x
	if !g.bound(late) {
		if late, other = k.x, k.y; !g.bound(late) {
			late = k.other[slices.IndexFunc(k.other, g.bound)]
		}
	}
	kind := afterDestroy
	if g.writes[late.index].ended == endExit {
		kind = afterExit
	}
	g.report(s, rs, kind, other, late)
}

// report notes a violation of segment s by clusters x and y, with the last
// read of x; if x was not read, of y.
func (g *region) report(s int32, rs []int32, kind blameKind, x, y zone) {
	var read *regionRead
	for _, value := range []int32{x.index, y.index} {
		for _, r := range rs {
			if c := &g.reads[r]; c.value == value && (read == nil || c.from > read.from || c.from == read.from && c.id < read.id) {
				read = c
			}
		}
		if read != nil {
			break
		}
	}
	base := g.firstLine
	g.found.blame(blamed{
		blameKey: blameKey{kind: kind, x: g.writes[x.index].id, y: g.writes[y.index].id, read: read.id},
		lo:       base + int64(g.line[s]), hi: base + int64(g.line[s+1]), at: read.to,
	})
}
