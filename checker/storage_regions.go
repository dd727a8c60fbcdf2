package checker

import (
	"aiocheck/traces"
)

// The storage is judged region by region: each is some consecutive lines with
// the writes and the runs of read data that touch them. Regions need nothing
// of each other, so that all processors work on them, and each is small
// enough that its tables stay in the caches.

// Shape of the regions. Cells are the grain in which regions are cut; both
// are whole sectors.
const (
	maxCells    = 1 << 20
	cellLines   = 64       // smallest width of a cell
	regionLines = 1 << 16  // widest region
	regionOps   = 16 << 10 // accesses beginning in a region after which it ends
)

// layout cuts the storage into regions and lists what touches each.
type layout struct {
	shift  uint    // a cell is 1<<shift lines
	region []int32 // by cell: its region
	first  []int64 // by region, and one more: its first line
	writes table   // positions in h.Requests
	runs   table   // positions in h.Data
}

// table lists items by region.
type table struct {
	start []int64 // by region, and one more: where its items begin
	items []uint32
}

func (t *table) of(region int) []uint32 {
	return t.items[t.start[region]:t.start[region+1]]
}

// span gives the lines of item i; lo == hi if it has no place in the layout.
type span func(i int) (lo, hi int64)

// lay makes the layout for so many requests and runs of data, or nil if the
// budget ends first.
func lay(requests, data int, write, run span, b *budget) *layout {
	l := &layout{shift: 6}
	var end int64
	both := func(visit func(lo, hi int64)) bool {
		return each(requests, write, b, func(_ int, lo, hi int64) { visit(lo, hi) }) &&
			each(data, run, b, func(_ int, lo, hi int64) { visit(lo, hi) })
	}
	if !both(func(_, hi int64) { end = max(end, hi) }) {
		return nil
	}
	for end>>l.shift >= maxCells {
		l.shift++
	}
	cells := int(end>>l.shift) + 1
	if !b.take(int64(cells) * 8) {
		return nil
	}
	begins := make([]int32, cells)
	if !both(func(lo, _ int64) { begins[lo>>l.shift]++ }) {
		return nil
	}
	l.cut(begins)
	return l.fill(requests, data, write, run, b)
}

// cut ends a region where enough accesses have begun in it, or it is wide.
// Those that reach over a border count for both sides, but are not counted
// here: cutting where many do would only copy them.
func (l *layout) cut(begins []int32) {
	l.region = make([]int32, len(begins))
	l.first = []int64{0}
	ops := int32(0)
	for cell, n := range begins {
		at := int64(cell) << l.shift
		if wide := at - l.first[len(l.first)-1]; ops >= regionOps || wide >= regionLines {
			l.first = append(l.first, at)
			ops = 0
		}
		l.region[cell] = int32(len(l.first) - 1)
		ops += n
	}
	l.first = append(l.first, int64(len(begins))<<l.shift)
}

func (l *layout) regions() int { return len(l.first) - 1 }

func (l *layout) fill(requests, data int, write, run span, b *budget) *layout {
	ok := l.list(&l.writes, requests, write, b) && l.list(&l.runs, data, run, b)
	if !ok {
		return nil
	}
	return l
}

// list fills t by counting.
func (l *layout) list(t *table, n int, place span, b *budget) bool {
	t.start = make([]int64, l.regions()+2)
	if !each(n, place, b, func(_ int, lo, hi int64) {
		for r := l.region[lo>>l.shift]; r <= l.region[(hi-1)>>l.shift]; r++ {
			t.start[r+2]++
		}
	}) {
		return false
	}
	for r := 2; r < len(t.start); r++ {
		t.start[r] += t.start[r-1]
	}
	if !b.take(t.start[len(t.start)-1] * 4) {
		return false
	}
	t.items = make([]uint32, t.start[len(t.start)-1])
	return each(n, place, b, func(i int, lo, hi int64) {
		for r := l.region[lo>>l.shift]; r <= l.region[(hi-1)>>l.shift]; r++ {
			t.items[t.start[r+1]] = uint32(i)
			t.start[r+1]++
		}
	})
}

// each visits the items that have a place. It reports whether the budget
// lasted to the end.
func each(n int, place span, b *budget, visit func(i int, lo, hi int64)) bool {
	for i := range n {
		if i&0xffff == 0 && b.spent() {
			return false
		}
		if lo, hi := place(i); lo < hi {
			visit(i, lo, hi)
		}
	}
	return true
}

// placeOfWrite is the span of a write to the storage that may have happened.
func placeOfWrite(h *traces.History, table []effect) span {
	return func(i int) (lo, hi int64) {
		r := &h.Requests[i]
		if table[i].does != writes || h.Files[r.File].Kind != traces.Storage {
			return 0, 0
		}
		lo, hi = extent(r)
		return max(lo, 0), min(hi, maxLine)
	}
}
