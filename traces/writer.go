package traces

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Writer writes a trace as a run goes on: every Append ends in whole frames
// that have been given to the underlying writer, so that a crash keeps them.
// It is for one goroutine.
type Writer struct {
	w      io.Writer
	zip    *zstd.Encoder
	raw    []byte // a frame's records, encoded
	frame  []byte // a frame's header and payload, as written
	safe   int64  // bytes of whole parts of the file written
	totals Totals
	err    error // the first write error; nothing is written after it
	closed bool
	kernel []string // what Close writes of the kernel's reports
}

// WriteError is a failed write of a trace, on a full disk for example. What
// was written before is a trace that was cut.
type WriteError struct {
	Safe int64 // bytes of the file that are safely written and can be read again
	Err  error
}

// Error says how much is safe, and what failed.
func (e *WriteError) Error() string {
	return fmt.Sprintf("write trace after byte %d: %v", e.Safe, e.Err)
}

// Unwrap gives what failed.
func (e *WriteError) Unwrap() error { return e.Err }

// NewWriter begins a trace on w by writing its header.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	head, err := encodeHead(h)
	if err != nil {
		return nil, err
	}
	// One goroutine and the fastest level: the recorder shares the machine
	// with the workload that it records.
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false)) // frames have a checksum of their own
	if err != nil {
		return nil, fmt.Errorf("start compression: %w", err)
	}
	t := &Writer{w: w, zip: zip}
	return t, t.write(head)
}

// Append writes records in their order. A frame holds records of one thread,
// at most 16,384 of them, and every call ends its last frame: small batches
// make a large file.
func (t *Writer) Append(recs []Record) error {
	for len(recs) > 0 {
		n := 1
		for n < len(recs) && n < maxFrameRecords && recs[n].Thread == recs[0].Thread {
			n++
		}
		if err := t.appendFrame(recs[:n]); err != nil {
			return err
		}
		recs = recs[n:]
	}
	return t.err
}

func (t *Writer) appendFrame(recs []Record) error {
	t.raw = t.raw[:0]
	for i := range recs {
		t.raw = AppendRecord(t.raw, recs[i])
	}
	// The payload is made behind room for the header, which needs its length.
	var room [frameHeadSize]byte
	t.frame = t.zip.EncodeAll(t.raw, append(t.frame[:0], room[:]...))
	payload := t.frame[frameHeadSize:]
	head := frameHead{kind: frameRecords, thread: recs[0].Thread, records: uint32(len(recs)), raw: uint32(len(t.raw)),
		stored: uint32(len(payload)), sum: Checksum(payload), number: uint32(t.totals.Frames)}
	head.append(t.frame[:0])
	if err := t.write(t.frame); err != nil {
		return err
	}
	t.totals.add(recs)
	return nil
}

// KernelReport notes a line of a guest's console that says what its kernel
// found wrong with itself, for the end frame. The first few are kept.
func (t *Writer) KernelReport(line string) {
	if len(t.kernel) < maxReports {
		t.kernel = append(t.kernel, strings.ToValidUTF8(line[:min(len(line), maxReport)], ""))
	}
}

// Close writes the end frame: how the run finished, and why unless it is
// complete. It does not close the underlying writer.
func (t *Writer) Close(finish Finish, text string) error {
	if len(text) > maxEndingText {
		text = strings.ToValidUTF8(text[:maxEndingText], "")
	}
	payload, err := json.Marshal(Ending{Finish: finish, Text: text, Kernel: t.kernel, Totals: t.totals})
	if err != nil {
		return fmt.Errorf("encode end of trace: %w", err)
	}
	payload = append(payload, '\n')
	head := frameHead{kind: frameEnd, raw: uint32(len(payload)), stored: uint32(len(payload)),
		sum: Checksum(payload), number: uint32(t.totals.Frames)}
	err = t.write(append(head.append(nil), payload...))
	t.closed = true
	return err
}

// Bytes is how many bytes of the file are safely written.
func (t *Writer) Bytes() int64 { return t.safe }

// Records is how many records they hold.
func (t *Writer) Records() int64 { return t.totals.Records }

func (t *Writer) write(b []byte) error {
	if t.closed {
		return fmt.Errorf("write trace: it is closed")
	}
	if t.err != nil {
		return t.err
	}
	if _, err := t.w.Write(b); err != nil {
		t.err = &WriteError{Safe: t.safe, Err: err}
		return t.err
	}
	t.safe += int64(len(b))
	return nil
}
