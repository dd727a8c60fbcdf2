package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// plan is whether a misbehaving kernel has chosen a transfer.
type plan uint8

const (
	planNone   plan = iota
	planBroken      // the bug strikes at piece cut
	planDone        // it has struck
)

// span is when a request was invoked and when its end was known.
type span struct{ invoked, ended traces.Time }

// expect makes room for the spans of requests up to last. By the spans a bug
// finds data that can no longer be read honestly.
func (s *storage) expect(last traces.RequestID) {
	for int(last) >= len(s.spans) {
		s.spans = append(s.spans, span{0, traces.Never})
	}
}

// follows reports whether request a was invoked after the end of b was known.
func (s *storage) follows(a, b traces.RequestID) bool {
	return b == 0 || s.spans[b].ended < s.spans[a].invoked
}

// planTransfer chooses whether the bug strikes, and where.
func (t *Target) planTransfer(r *request) {
	if t.bug == 0 || r.pieces == 0 || t.exiting {
		return
	}
	switch t.bug {
	case lostWrite, partialWrite, tornSector, misplacedWrite:
		if !r.decl.Opcode.Writes() || t.bug == partialWrite && r.pieces < 2 {
			return
		}
	case staleRead, misplacedRead, zeroRead, corruptRead, unfilledRead, unsubmittedRead:
		if !r.decl.Opcode.Reads() {
			return
		}
	default:
		return
	}
	if t.rolls() {
		r.plan, r.cut = planBroken, int(t.below(uint32(r.pieces)))
		if t.bug == partialWrite {
			r.cut = max(r.cut, 1)
		}
	}
}

// strikes notes that the bug has struck r.
func (t *Target) strikes(r *request) {
	if r.plan == planBroken {
		t.fired++
	}
	r.plan = planDone
}

// missector moves the lines from to to of r, piece k, in the way of the bug;
// it reports false if the piece is to be moved honestly.
func (t *Target) missector(r *request, k, from, to int) bool {
	if r.plan == planNone {
		return false
	}
	lines := t.storage.lines
	hit := k == r.cut
	switch t.bug {
	case lostWrite:
		t.strikes(r)
		return true
	case partialWrite:
		if k >= r.cut {
			t.strikes(r)
		}
		return k >= r.cut
	case tornSector:
		half := (from + to) / 2
		if !hit || half == from {
			return false
		}
		for at := from; at < half; at++ {
			t.storage.write(at, r.id)
		}
		t.strikes(r)
		return true
	case misplacedWrite:
		beside := from + sectorLines
		if !hit || beside+(to-from) > len(lines) {
			return false
		}
		for at := from; at < to; at++ {
			lines[at+sectorLines] = tag{r.id, int32(at)}
		}
		t.strikes(r)
		return true
	}
	buf := r.buf[from-r.first : to-r.first]
	switch t.bug {
	case unfilledRead:
		if k >= r.cut {
			t.strikes(r)
		}
		return k >= r.cut
	case staleRead:
		return t.readStale(r, buf, from)
	}
	if !hit {
		return false
	}
	switch t.bug {
	case misplacedRead:
		other := (from + sectorLines*(1+int(t.below(7)))) % len(lines)
		if other+len(buf) > len(lines) || other == from {
			return false
		}
		copy(buf, lines[other:])
	case zeroRead:
		fill(buf, tag{0, placeZero})
	case corruptRead:
		fill(buf, tag{0, placeCorrupt})
	case unsubmittedRead:
		w := t.laterWrite(r)
		if w == 0 {
			return false
		}
		for i := range buf {
			buf[i] = tag{w, int32(from + i)}
		}
	default:
		return false
	}
	t.strikes(r)
	return true
}

func fill(buf []tag, l tag) {
	for i := range buf {
		buf[i] = l
	}
}

// readStale fills buf with what was there before the last write, if that
// write and the one before it were over when they had to be.
func (t *Target) readStale(r *request, buf []tag, from int) bool {
	s := &t.storage
	for i := range buf {
		now, old := s.lines[from+i], s.before[from+i]
		if now.writer == 0 || now == old || old.place != int32(from+i) || !s.follows(now.writer, old.writer) || !s.follows(r.id, now.writer) {
			return false
		}
	}
	copy(buf, s.before[from:])
	t.strikes(r)
	return true
}

// laterWrite is a write of the program that has not been submitted yet and
// covers r; 0 if there is none.
func (t *Target) laterWrite(r *request) traces.RequestID {
	for i := range t.requests {
		w := &t.requests[i]
		if w.decl.Opcode.Writes() && w.decl.File == 0 && t.storage.spans[w.id].invoked == 0 {
			if first, n := t.storage.span(w.decl); first <= r.first && first+n >= r.first+r.lines {
				return w.id
			}
		}
	}
	return 0
}

// undo puts back what the ended write r replaced, where its data still is.
func (t *Target) undo(r *request) {
	if !r.reaped || !r.decl.Opcode.Writes() || r.file.kind != traces.Storage || r.plan != planNone || !t.rolls() {
		return
	}
	s := &t.storage
	for at := r.first; at < r.first+r.lines; at++ {
		if s.lines[at].writer == r.id && s.before[at].writer != r.id {
			s.lines[at] = s.before[at]
			r.plan = planBroken
		}
	}
	if r.plan == planBroken {
		t.strikes(r)
	}
}

// haunt lets the kernel write to the buffer of a reaped read again.
func (t *Target) haunt(r *request) {
	if len(r.buf) > 0 && r.job == jobNone && t.fires() {
		t.startJob(r, jobLate)
	}
}

// late does what a misbehaving kernel has put off.
func (t *Target) late(r *request) {
	t.endJob(r)
	if t.bug == eventfdEarly {
		r.ctx.push(event{t.dataOf(r.id), r.obj, r.lateRes, r})
		r.ctx.inFlight--
		return
	}
	t.touched(r, 0, min(len(r.buf), sectorLines))
}

// misorder breaks the order of the n lines about to be read from f.
func (t *Target) misorder(f *file, n int) {
	if t.bug == pipeReordered && n > 1 && t.fires() {
		i := f.taken + int(t.below(uint32(n-1)))
		f.queue[i], f.queue[i+1] = f.queue[i+1], f.queue[i]
	}
}

// duplicate leaves the last line read from f to be read again. It has gone
// wrong only when somebody reads it.
func (t *Target) duplicate(f *file) {
	if f.again {
		t.fired++
	}
	if f.again = t.rolls(); f.again {
		f.taken--
	}
}

// anyReadLeft reports whether the device still has to fill a buffer of the
// context's, or, of nil, of any context's.
func (t *Target) anyReadLeft(c *context) bool {
	for _, r := range t.jobs {
		if (r.job == jobDirect || r.job == jobWorker && r.stage > 0) && r.decl.Opcode.Reads() && r.moved < r.pieces && (c == nil || r.ctx == c) {
			return true
		}
	}
	return false
}

// leaveEarly is whether an io_destroy that should wait returns now.
func (t *Target) leaveEarly(c *context) bool { return t.anyReadLeft(c) && t.fires() }

// canBeShort reports whether a result counts bytes of a read from storage.
func canBeShort(r *request, res model.Result) bool {
	return r.decl.Opcode.Reads() && r.file.kind == traces.Storage && res > 512
}
