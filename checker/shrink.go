package checker

import (
	"slices"
)

// extremes are the reads of one value that decide where its cluster can
// stand: the one that ended first, and the one that began last.
type extremes struct {
	seen         bool
	ended, began access
}

// add takes another read into account.
func (x *extremes) add(a access) {
	if !x.seen || a.to < x.ended.to {
		x.ended = a
	}
	if !x.seen || a.from > x.began.from {
		x.began = a
	}
	x.seen = true
}

// reads lists them.
func (x *extremes) reads() []access {
	switch {
	case !x.seen:
		return nil
	case x.ended == x.began:
		return []access{x.ended}
	}
	return []access{x.ended, x.began}
}

// shrink leaves out accesses as long as the rest still violates, a write only
// together with the reads of it. The result violates, and no access of it can
// be left out. It is meant for few accesses: each step judges what is left.
func shrink(accesses []access) []access {
	if registerHolds(accesses) {
		return accesses
	}
	for i := 0; i < len(accesses); {
		out := accesses[i]
		rest := slices.DeleteFunc(slices.Clone(accesses), func(a access) bool {
			return a == out || out.write && a.value == out.value
		})
		if registerHolds(rest) {
			i++
			continue
		}
		accesses, i = rest, 0
	}
	return accesses
}
