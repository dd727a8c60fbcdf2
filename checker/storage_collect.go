package checker

import (
	"cmp"
	"slices"

	"aiocheck/traces"
)

// maxBlamed bounds how many violations a region keeps; beyond, they are
// counted and not joined with those of adjacent lines.
const maxBlamed = 1 << 12

// collected is what judging a region has found.
type collected struct {
	reads           int64 // pairs of a register and a read of it
	writesReadAfter int64 // pairs of a register and a completed write of it before its last read
	list            []blamed
	open            map[blameKey]int // the last of each key in list
	more            [blameKinds]int64
}

// blame notes a violation. Lines come in ascending order, so that it continues
// the last of its key if it is adjacent.
func (c *collected) blame(v blamed) {
	if i, ok := c.open[v.blameKey]; ok && c.list[i].hi == v.lo {
		c.list[i].hi = v.hi
		return
	}
	if len(c.list) >= maxBlamed {
		c.more[v.kind]++
		return
	}
	if c.open == nil {
		c.open = map[blameKey]int{}
	}
	c.open[v.blameKey] = len(c.list)
	c.list = append(c.list, v)
}

// merge adds what another region has found.
func (c *collected) merge(o *collected) {
	c.reads += o.reads
	c.writesReadAfter += o.writesReadAfter
	c.list = append(c.list, o.list...)
	for k, n := range o.more {
		c.more[k] += n
	}
}

// joinAdjacent joins violations that a border between regions has cut.
func (c *collected) joinAdjacent() {
	slices.SortFunc(c.list, func(a, b blamed) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y),
			cmp.Compare(a.read, b.read), cmp.Compare(a.lo, b.lo))
	})
	joined := c.list[:0]
	for _, v := range c.list {
		if n := len(joined); n > 0 && joined[n-1].blameKey == v.blameKey && joined[n-1].hi == v.lo {
			joined[n-1].hi = v.hi
			continue
		}
		joined = append(joined, v)
	}
	c.list = joined
}

// tellShort renames the lost writes of which the lines before the lost ones
// were seen, and none after them: they were short. It needs the whole history,
// and does nothing when the time is over.
func (s *storage) tellShort() {
	c := &s.regions.found
	type lines struct{ lost, seen int64 } // the first lost, the last seen
	byWrite := map[traces.RequestID]*lines{}
	for _, v := range c.list {
		if v.kind != lostWrite {
			continue
		}
		if l := byWrite[v.y]; l == nil {
			byWrite[v.y] = &lines{v.lo, -1}
		} else {
			l.lost = min(l.lost, v.lo)
		}
	}
	if len(byWrite) == 0 {
		return
	}
	if !s.eachRead(func(d *traces.Data, _, hi int64) {
		if l := byWrite[d.Writer]; l != nil {
			l.seen = max(l.seen, hi)
		}
	}) {
		return
	}
	for i := range c.list {
		if v := &c.list[i]; v.kind == lostWrite {
			if l := byWrite[v.y]; l.seen >= 0 && l.seen <= l.lost {
				v.kind = shortWrite
			}
		}
	}
}
