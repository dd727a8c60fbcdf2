package checker

import (
	"slices"

	"aiocheck/traces"
)

// witness reduces the accesses of two clusters to those that decide where the
// clusters can stand: the writes, and of the reads of each the one that ended
// first and the one that began last.
func witness(accesses []access) []access {
	ends, begins := map[traces.RequestID]int{}, map[traces.RequestID]int{}
	for i, a := range accesses {
		if a.write {
			continue
		}
		if j, ok := ends[a.value]; !ok || a.to < accesses[j].to {
			ends[a.value] = i
		}
		if j, ok := begins[a.value]; !ok || a.from > accesses[j].from {
			begins[a.value] = i
		}
	}
	var kept []access
	for i, a := range accesses {
		if a.write || ends[a.value] == i || begins[a.value] == i {
			kept = append(kept, a)
		}
	}
	return kept
}

// shrink leaves out accesses as long as the rest still violates, a write only
// together with the reads of it. The result violates, and no access of it can
// be left out. It is meant for a witness: each step judges what is left.
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
