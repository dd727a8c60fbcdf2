package checker

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// flaw is what is wrong with a run of lines that a read returned, whatever
// the order of the accesses.
type flaw uint8

const (
	sound        flaw = iota
	silent            // the run says nothing: its read failed, or ended unseen
	suspect           // no line of any run: only a running write could excuse it
	zeroed            // zeros, which nobody wrote
	foreign           // a line of another run
	unknown           // a writer that was never submitted
	noWriter          // a writer that is no write to this file
	outside           // a writer that did not write this place
	refused           // a writer that io_submit rejected
	early             // a writer submitted after the read had ended
	misplaced         // the data of another place
	unfilled          // within the result, but the buffer was not written to
	undercounted      // beyond the result, but the buffer was written to
	disordered        // streams: later than its writer's next bytes
	repeated          // streams: delivered before
	interrupted       // a write whose event says -EINTR
	dequeued          // a write that was cancelled before it began
	overcounted       // streams: beyond what the write's event says was written
	flaws
)

// flawOf says which property each flaw violates, and what was seen.
var flawOf = [flaws]struct {
	property model.Property
	seen     string
}{
	suspect:      {model.NoThinAir, "no valid line, and no write was running that could have left a mixture"},
	zeroed:       {model.NoThinAir, "zeros, which nobody wrote: the data was lost or never written"},
	foreign:      {model.NoThinAir, "a line of another run"},
	unknown:      {model.NoThinAir, "a line of a request that was never submitted"},
	noWriter:     {model.NoThinAir, "a line of a request that is no write to this file"},
	outside:      {model.NoThinAir, "a line of a request that did not write this place"},
	refused:      {model.NoThinAir, "the data of a request that io_submit rejected"},
	early:        {model.NoThinAir, "the data of a request that was submitted only after the read had ended"},
	misplaced:    {model.DataInPlace, "the data of another place"},
	unfilled:     {model.ResultMatchesEffect, "what the buffer held before: fewer bytes were moved than the result says"},
	undercounted: {model.ResultMatchesEffect, "data beyond the result: more bytes were moved than it says"},
	disordered:   {model.StreamOrder, "bytes later than the ones that their writer wrote after them"},
	repeated:     {model.StreamOrder, "bytes that had been delivered before"},
	interrupted:  {model.ResultMatchesEffect, "the data of a write that was cancelled, and whose event says -EINTR: nothing was written"},
	dequeued:     {model.CancelledNoEffect, "the data of a write that was cancelled while it was queued"},
	overcounted:  {model.StreamOrder, "bytes beyond those that the write's event says were written"},
}

// property is what a flaw violates. All that is wrong with the data of a
// stream, but for its amount, is a matter of stream-order.
func (f flaw) property(stream bool) model.Property {
	if p := flawOf[f].property; !stream || p == model.ResultMatchesEffect || p == model.CancelledNoEffect {
		return p
	}
	return model.StreamOrder
}

// inspect judges the class and the writer of a run of data by itself.
// lo and hi are its lines within the read's result, counted from the start of
// the file, or of the buffer for a stream.
func inspect(h *traces.History, table []effect, d *traces.Data) (f flaw, lo, hi int64) {
	read, e := &h.Requests[d.Request-1], &table[d.Request-1]
	if e.does != reads || e.ended != endEvent {
		return silent, 0, 0
	}
	first, _ := extent(read)
	if h.Files[read.File].Kind != traces.Storage {
		first = 0
	}
	end := first + int64(e.sure)
	lo, hi = d.Offset/lineBytes, (d.Offset+int64(d.Bytes))/lineBytes
	if lo < max(first, 0) || hi <= lo || hi > maxLine {
		return silent, 0, 0
	}
	if lo >= end {
		if res, _, _ := h.Outcome(read); res >= 0 && (d.Class == traces.DataWritten || d.Class == traces.DataMisplaced) {
			return undercounted, lo, hi
		}
		return silent, 0, 0
	}
	hi = min(hi, end)
	switch d.Class {
	case traces.DataZero:
		return zeroed, lo, hi
	case traces.DataUnfilled:
		return unfilled, lo, hi
	case traces.DataForeign:
		return foreign, lo, hi
	case traces.DataCorrupt:
		return suspect, lo, hi
	}
	return inspectWriter(h, table, d, e, lo, hi), lo, hi
}

// returned is the lines of a run of the storage that inspect has let pass,
// without judging it again.
func returned(h *traces.History, table []effect, d *traces.Data) (lo, hi int64) {
	first, _ := extent(&h.Requests[d.Request-1])
	return d.Offset / lineBytes, min((d.Offset+int64(d.Bytes))/lineBytes, first+int64(table[d.Request-1].sure))
}

// inspectWriter judges whether the writer named by a run's tags can have
// written it.
func inspectWriter(h *traces.History, table []effect, d *traces.Data, read *effect, lo, hi int64) flaw {
	stream := h.Files[h.Requests[d.Request-1].File].Kind != traces.Storage
	switch {
	case int64(d.Writer) > int64(len(h.Requests)):
		return unknown
	case d.Writer == 0 && stream:
		return noWriter
	case d.Class == traces.DataMisplaced && !stream:
		return misplaced
	case d.Writer == 0:
		return sound
	}
	writer, e := &h.Requests[d.Writer-1], &table[d.Writer-1]
	if writer.Call == traces.None {
		return unknown
	}
	if writer.Opcode.Writes() && writer.File == h.Requests[d.Request-1].File && writer.Fate == traces.Rejected {
		return refused
	}
	if e.does != writes || writer.File != h.Requests[d.Request-1].File {
		return noWriter
	}
	first, end := extent(writer)
	if stream {
		first, end = 0, end-first
		lo, hi = d.Claimed/lineBytes, d.Claimed/lineBytes+hi-lo
	}
	switch {
	case lo < first || hi > end:
		return outside
	case e.from > read.to:
		return early
	case e.none == notBegun:
		return dequeued
	case e.none == notDone:
		return interrupted
	case stream && e.ended == endEvent && hi > int64(e.sure) && !failed(h, writer):
		return overcounted
	}
	return sound
}

// failed reports whether a request that has ended did so with an error.
func failed(h *traces.History, r *traces.Request) bool {
	res, _, ok := h.Outcome(r)
	return ok && res < 0
}
