package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// watch looks after the released buffers of one arena.
type watch struct {
	arena *arena
	first traces.RequestID
	fresh bool // not looked at since its round
}

// begin lays the arena out for p, as the runner will.
func (w *watch) begin(p *traces.Program) {
	w.arena.lay(p)
	for i := range w.arena.states {
		w.arena.states[i].Store(stateInUse)
	}
	w.first, w.fresh = p.First, true
}

// look looks at the released buffers and records what it finds. Buffers that
// are looked at twice are counted once.
func (w *watch) look(h *Host, sink Sink) error {
	var records []traces.Record
	buffers, bytes := w.arena.look(func(i int, why traces.Release, poisoned traces.Time, first, n uint32) {
		records = append(records, traces.DamageRecord(traces.Controller, w.first+traces.RequestID(i), why,
			poisoned, h.latest(), first, n))
	})
	if w.fresh && buffers > 0 {
		records = append(records, traces.WatchedRecord(traces.Controller, buffers, bytes))
	}
	w.fresh = false
	if len(records) == 0 {
		return nil
	}
	return sink.Append(records)
}

// chunkBytes is the size of the transfers that fill the storage and read it back.
const chunkBytes = 1 << 20

// readBack reads the whole storage with plain reads, as requests that follow
// the last one of the programs. They belong to the last round.
func (h *Host) readBack(sink Sink) error {
	if h.rounds == 0 {
		return nil
	}
	buf, err := unix.Mmap(-1, 0, chunkBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("map a buffer to read the storage back: %w", err)
	}
	defer unix.Munmap(buf)
	var records []traces.Record
	for at := int64(0); at < h.storage.Device.Bytes; at += chunkBytes {
		piece := buf[:min(chunkBytes, h.storage.Device.Bytes-at)]
		fill(piece, patternUnfilled)
		id := h.next
		h.next++
		begun := h.controllerCalls()
		n, err := unix.Pread(int(h.storage.file.Fd()), piece, at)
		h.called = h.latest()
		if err != nil {
			return fmt.Errorf("read %s back: %d bytes at %d: %w", h.storage.Device.Path, len(piece), at, err)
		}
		records = append(records[:0],
			traces.RequestRecord(traces.Controller, traces.NoContext, id, 0, 0, 0, at, uint32(len(piece)), 0, 0, 0),
			traces.InvokeRecord(traces.Controller, traces.NoContext, traces.CallRead, id, 0, begun, int64(len(piece)), at, 0),
			traces.ReturnRecord(traces.Controller, h.called, 0, 0, 0))
		records[2].B = uint64(n)
		scan := Scan(piece[:n], h.opts.Run, at, false)
		for span, ok := scan.Next(); ok; span, ok = scan.Next() {
			records = append(records, traces.DataRecord(traces.Controller, id, span.Class, span.Offset, span.Bytes, span.Writer, span.Claimed))
		}
		if err := sink.Append(records); err != nil {
			return fmt.Errorf("write records: %w", err)
		}
	}
	return nil
}
