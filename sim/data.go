package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// bufferOf makes the buffer of a read, filled with the pattern that says that
// nobody has read into it.
func (t *Target) bufferOf(d *traces.RequestDecl) []tag {
	n := int(d.Bytes) / lineBytes
	if len(t.arena)+n > cap(t.arena) {
		t.arena = make([]tag, 0, max(2*cap(t.arena), n, 4096))
	}
	buf := t.arena[len(t.arena) : len(t.arena)+n : len(t.arena)+n]
	t.arena = t.arena[:len(t.arena)+n]
	for i := range buf {
		buf[i] = tag{0, placeUnfilled}
	}
	return buf
}

// recordData describes a buffer run by run. at is its place in the storage.
func (t *Target) recordData(log *traces.Log, thread uint16, id traces.RequestID, buf []tag, at int64, kind traces.FileKind) {
	for i := 0; i < len(buf); {
		class := classify(buf[i], at, i, kind)
		n := 1
		for i+n < len(buf) && buf[i+n].writer == buf[i].writer && classify(buf[i+n], at, i+n, kind) == class &&
			(buf[i+n].place == buf[i].place+int32(n) || buf[i].place < 0) {
			n++
		}
		offset := at + int64(i*lineBytes)
		claimed := int64(0)
		if buf[i].place >= 0 {
			claimed = int64(buf[i].place) * lineBytes
		}
		log.Record(traces.DataRecord(thread, id, class, offset, uint32(n*lineBytes), buf[i].writer, claimed))
		i += n
	}
}

// classify tells what the i-th line of a buffer read from offset at is.
func classify(l tag, at int64, i int, kind traces.FileKind) traces.DataClass {
	switch l.place {
	case placeUnfilled:
		return traces.DataUnfilled
	case placeZero:
		return traces.DataZero
	case placeCorrupt:
		return traces.DataCorrupt
	}
	if kind == traces.Storage && int64(l.place) != at/lineBytes+int64(i) {
		return traces.DataMisplaced
	}
	return traces.DataWritten
}

// recordRead describes what a read that moved res bytes left in its buffer.
// Of the lines beyond the result only those are told that should still hold
// the pattern and do not.
func (t *Target) recordRead(thread uint16, r *request, res model.Result) {
	at := r.decl.Offset
	if r.file.stream() || r.file.kind == traces.Eventfd {
		at = 0
	}
	done := min(int(res)/lineBytes, len(r.buf))
	log := t.log(thread)
	t.recordData(log, thread, r.id, r.buf[:done], at, r.file.kind)
	for i := done; i < len(r.buf); i++ {
		if r.buf[i].place != placeUnfilled {
			t.recordData(log, thread, r.id, r.buf[i:i+1], at+int64(i*lineBytes), r.file.kind)
		}
	}
}

// watch looks at the released buffers of the round again.
func (t *Target) watch(thread uint16) {
	log := t.log(thread)
	var buffers, bytes uint64
	at := t.tick()
	for i := range t.requests {
		r := &t.requests[i]
		if r.buf == nil || r.released == 0 {
			continue
		}
		buffers++
		bytes += uint64(r.decl.Bytes)
		if r.damage > 0 {
			log.Record(traces.DamageRecord(thread, r.id, traces.Release(r.released-1), r.releasedAt, at, r.damageAt, r.damage))
		}
	}
	log.Record(traces.WatchedRecord(thread, buffers, bytes))
}

// log is the log of a thread or of the controller.
func (t *Target) log(thread uint16) *traces.Log {
	if thread == traces.Controller {
		return &t.control
	}
	for int(thread) >= len(t.logs) {
		t.logs = append(t.logs, new(traces.Log))
	}
	return t.logs[thread]
}
