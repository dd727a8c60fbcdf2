package checker

import (
	"math"
	"slices"

	"aiocheck/traces"
)

// A register holds one value at a time: it is what each 64-byte line of the
// storage has to be. Each value is the request that wrote it, so that no two
// writes write the same one, and a read tells which write it saw. That makes
// linearizability decidable in O(n log n) by zones: P. B. Gibbons and
// E. Korach, Testing shared memories, SIAM J. Comput. 26 (1997), section 4.
//
// A cluster is a write and the reads that return its value. In a
// linearization clusters stand one after the other, whole. Of two clusters X
// must stand before Y if some access of X ended before some access of Y
// began, that is if X.first < Y.last. An order exists unless two clusters
// must each stand before the other: longer circles always contain such a
// pair. Intervals are closed, as in porcupine: what ends at the moment when
// something else begins is concurrent with it.

// zone is what decides where a cluster can stand. It is forward if first <
// last: then it holds the value all the time in between.
type zone struct {
	first traces.Time // the earliest end of an access of the cluster
	last  traces.Time // the latest beginning of one
	index int32       // of the cluster's write in the caller's table
}

// The initial contents were written before everything.
const beginning traces.Time = math.MinInt64

// conflicts reports whether each of two clusters must stand before the other.
func (z zone) conflicts(y zone) bool { return z.first < y.last && y.first < z.last }

// sortZones puts forward zones into the order that findConflict needs.
func sortZones(forward []zone) {
	slices.SortFunc(forward, func(a, b zone) int {
		switch {
		case a.first < b.first:
			return -1
		case a.first > b.first:
			return 1
		}
		return 0
	})
}

// findConflict reports whether any two of the zones conflict. forward is
// sorted by first. Two backward zones never conflict, so that there are two
// cases: forward zones overlap, or a backward zone lies within a forward one.
func findConflict(forward, backward []zone) bool {
	for i := 1; i < len(forward); i++ {
		if forward[i].first < forward[i-1].last {
			return true
		}
	}
	// Now the forward zones are disjoint: only the last one that begins before
	// the backward zone can hold it.
	for _, z := range backward {
		if i := lastBefore(forward, z.last); i >= 0 && z.first < forward[i].last {
			return true
		}
	}
	return false
}

// lastBefore is the position of the last zone whose first is below t, or -1.
func lastBefore(forward []zone, t traces.Time) int {
	lo, hi := 0, len(forward)
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); forward[mid].first < t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// access is a read or a write of one register.
type access struct {
	request  traces.RequestID // who made it
	value    traces.RequestID // the value written or read; 0 is the initial one
	from, to traces.Time      // when it happened, at some moment in between; to may be Never
	write    bool
	optional bool // of a write: it may not have happened at all
}

// registerHolds reports whether the accesses of one register are
// linearizable. It is the plain form of what the regions do in bulk, for
// explanations and as one side of the law that binds both to porcupine.
func registerHolds(accesses []access) bool {
	clusters := map[traces.RequestID]zone{0: {first: beginning, last: beginning}}
	began := map[traces.RequestID]traces.Time{0: beginning}
	unread := map[traces.RequestID]bool{0: true}
	for _, a := range accesses {
		if a.write {
			clusters[a.value] = zone{first: a.to, last: a.from}
			began[a.value] = a.from
			unread[a.value] = a.optional
		}
	}
	for _, a := range accesses {
		if a.write {
			continue
		}
		z, written := clusters[a.value]
		if !written || a.to < began[a.value] {
			return false // out of thin air, or before it was written
		}
		clusters[a.value] = zone{first: min(z.first, a.to), last: max(z.last, a.from)}
		delete(unread, a.value)
	}
	var forward, backward []zone
	for value, z := range clusters {
		switch {
		case unread[value]: // it did not happen, or nobody can tell
		case z.first < z.last:
			forward = append(forward, z)
		default:
			backward = append(backward, z)
		}
	}
	sortZones(forward)
	return !findConflict(forward, backward)
}
