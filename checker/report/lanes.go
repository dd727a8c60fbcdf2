package report

import (
	"cmp"
	"math/bits"
	"slices"

	"aiocheck/traces"
)

// span is a closed interval of time.
type span struct{ from, to traces.Time }

// noLane is the lane of a span that is not drawn.
const noLane = -1

// packLanes gives each span with from <= to a lane, so that two spans of one
// lane never share an instant, and returns the number of lanes: as many as
// the most spans that hold one instant. Spans with from > to get noLane.
// order lists the spans that have a lane by their beginning. A span takes the
// lowest lane that is free, so that the picture is densest at its top.
func packLanes(spans []span) (lane []int32, order []int32, lanes int) {
	lane = make([]int32, len(spans))
	for i, s := range spans {
		if s.from <= s.to {
			order = append(order, int32(i))
		} else {
			lane[i] = noLane
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(spans[a].from, spans[b].from), cmp.Compare(a, b))
	})
	byEnd := slices.Clone(order)
	slices.SortFunc(byEnd, func(a, b int32) int { return cmp.Compare(spans[a].to, spans[b].to) })
	var free laneSet
	for _, i := range order {
		// Spans that end before this one begins also began before it: they
		// have their lanes already.
		for spans[byEnd[0]].to < spans[i].from {
			free.add(lane[byEnd[0]])
			byEnd = byEnd[1:]
		}
		if lane[i] = free.takeLowest(); lane[i] == noLane {
			lane[i] = int32(lanes)
			lanes++
		}
	}
	return lane, order, lanes
}

// laneSet is a set of lanes, one bit each.
type laneSet []uint64

func (s *laneSet) add(lane int32) {
	for int(lane/64) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[lane/64] |= 1 << (lane % 64)
}

// takeLowest removes the lowest lane and returns it, or noLane.
func (s laneSet) takeLowest() int32 {
	for i, word := range s {
		if word != 0 {
			s[i] = word & (word - 1)
			return int32(i*64 + bits.TrailingZeros64(word))
		}
	}
	return noLane
}
