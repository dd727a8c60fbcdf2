package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// tag is what a line holds: the request that wrote it and the line's place in
// the file, or, for a stream, in the request's own data.
type tag struct {
	writer traces.RequestID
	place  int32
}

// Places that no line has.
const (
	placeUnfilled = -1 // the pattern of a buffer that nobody has read into
	placeZero     = -2
	placeCorrupt  = -3
)

// storage is the file under test. lines is what reads see. before holds, for
// each line, what the last write replaced: only a misbehaving kernel looks.
type storage struct {
	lines  []tag
	before []tag
	spans  []span // by request; nil of an honest kernel
}

func newStorage(bytes int64, keepBefore bool) storage {
	s := storage{lines: make([]tag, bytes/lineBytes)}
	for i := range s.lines {
		s.lines[i].place = int32(i)
	}
	if keepBefore {
		s.before = append([]tag(nil), s.lines...)
		s.spans = []span{{}}
	}
	return s
}

// span clips a transfer to the file: lines from first, n of them.
func (s *storage) span(d *traces.RequestDecl) (first, n int) {
	first = int(d.Offset / lineBytes)
	n = max(0, min(int(d.Bytes)/lineBytes, len(s.lines)-first))
	return first, n
}

// write puts the line of request id at place at.
func (s *storage) write(at int, id traces.RequestID) {
	if s.before != nil {
		s.before[at] = s.lines[at]
	}
	s.lines[at] = tag{id, int32(at)}
}

// startTransfer makes r ready to move lines one sector after the other,
// beginning anywhere: a device may do them in any order.
func (t *Target) startTransfer(r *request) {
	r.first, r.lines = t.storage.span(r.decl)
	r.moved = 0
	// Pieces are cut at sector boundaries of the file.
	r.pieces = 0
	if r.lines > 0 {
		r.pieces = (r.first+r.lines-1)/sectorLines - r.first/sectorLines + 1
		r.turn = int(t.below(uint32(r.pieces)))
	}
	t.planTransfer(r)
}

// moveSome lets some sectors of r take effect, each whole, and reports
// whether all have. Most steps move one; long requests move more, so that
// they end after some tens of steps.
func (t *Target) moveSome(r *request) bool {
	n := 1
	if left := r.pieces - r.moved; left > 8 {
		n += int(t.below(uint32(left / 4)))
	}
	for ; n > 0 && r.moved < r.pieces; n-- {
		t.moveSector(r, (r.turn+r.moved)%r.pieces)
		r.moved++
	}
	return r.moved >= r.pieces
}

// moveSector lets the k-th sector of r take effect.
func (t *Target) moveSector(r *request, k int) {
	from := max(r.first, (r.first/sectorLines+k)*sectorLines)
	to := min(r.first+r.lines, (r.first/sectorLines+k+1)*sectorLines)
	if t.bug != 0 && t.missector(r, k, from, to) {
		return
	}
	if r.decl.Opcode.Writes() {
		for at := from; at < to; at++ {
			t.storage.write(at, r.id)
		}
		return
	}
	copy(r.buf[from-r.first:], t.storage.lines[from:to])
	t.touched(r, from-r.first, to-r.first)
}

// transferred is the result of a transfer of which every piece has moved.
func (t *Target) transferred(r *request) model.Result {
	if r.lines == 0 && r.decl.Opcode.Writes() && r.decl.Bytes > 0 {
		return model.Fail(model.ENOSPC)
	}
	return model.Result(r.lines * lineBytes)
}

// touched notes that the kernel wrote lines of r's buffer: after the buffer's
// release that is damage.
func (t *Target) touched(r *request, from, to int) {
	if r.released == 0 {
		return
	}
	if r.forgotten {
		t.fired++
	}
	if r.damage == 0 || uint32(from) < r.damageAt {
		r.damageAt = uint32(from) * lineBytes
	}
	r.damage += uint32(to-from) * lineBytes
}
