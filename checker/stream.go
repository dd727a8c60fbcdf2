package checker

import (
	"cmp"
	"slices"

	"aiocheck/traces"
)

// A pipe or socket is no register: what is read from it is gone. Each line of
// a write comes out at most once, and the lines of one write in their order:
// within a read, and from one read to another that begins after it has ended.

// delivery is a run of lines that a read took from a stream.
type delivery struct {
	writer, read traces.RequestID
	lo, hi       int64 // lines of the writer's own data
	data         int   // position in History.Data
}

// judgeStreams judges what was read from pipes and sockets.
func (s *storage) judgeStreams() bool {
	h := s.history
	askew := s.askew()
	var list []delivery
	for i := range h.Data {
		if i&0xffff == 0 && s.budget.spent() {
			return false
		}
		d := &h.Data[i]
		if s.effects[d.Request-1].does != reads || s.onStorage(int(d.Request-1)) {
			continue
		}
		f, lo, hi := inspect(h, s.effects, d)
		switch {
		case f == silent || f == suspect && askew[h.Requests[d.Request-1].File]:
			continue
		case f == sound:
			if len(list) == cap(list) && !s.budget.take(int64(len(list)+1)*40) {
				return false
			}
			list = append(list, delivery{d.Writer, d.Request, d.Claimed / lineBytes, d.Claimed/lineBytes + hi - lo, i})
		default:
			s.flaw(f, true, i)
		}
		s.stream++
	}
	slices.SortFunc(list, func(a, b delivery) int {
		return cmp.Or(cmp.Compare(a.writer, b.writer), cmp.Compare(a.lo, b.lo), cmp.Compare(a.data, b.data))
	})
	for i := 0; i < len(list); {
		end := i + 1
		for ; end < len(list) && list[end].writer == list[i].writer; end++ {
		}
		s.judgeDeliveries(list[i:end])
		i = end
	}
	return true
}

// askew finds the streams of which some transfer did not end at the end of a
// line: what comes after it cannot be told apart by lines.
func (s *storage) askew() map[int32]bool {
	found := map[int32]bool{}
	for i := range s.effects {
		r := &s.history.Requests[i]
		if s.effects[i].does == doesNothing || s.onStorage(i) {
			continue
		}
		if res, _, ok := s.history.Outcome(r); ok && res > 0 && res%lineBytes != 0 {
			found[r.File] = true
		}
	}
	return found
}

// judgeDeliveries judges the lines of one writer, in the order in which it
// wrote them.
func (s *storage) judgeDeliveries(list []delivery) {
	earliest := traces.Never // the first end of a read of later lines
	for i := len(list) - 1; i >= 0; i-- {
		e := &s.effects[list[i].read-1]
		if earliest < e.from {
			s.flaw(disordered, true, list[i].data)
		}
		earliest = min(earliest, e.to)
	}
	delivered := int64(0)
	place := map[traces.RequestID]int64{} // by read: where in its buffer the line before was
	for _, d := range list {
		offset := s.history.Data[d.data].Offset
		if before, ok := place[d.read]; ok && offset < before {
			s.flaw(disordered, true, d.data)
		}
		place[d.read] = offset
		if d.lo < delivered {
			s.flaw(repeated, true, d.data)
		}
		delivered = max(delivered, d.hi)
	}
}
