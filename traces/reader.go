package traces

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// Frame is a run of records of one thread, as one frame of the file or one
// part of a Log holds them.
type Frame struct {
	Offset  int64 // of the frame in the file
	Thread  uint16
	Records []Record // valid until the next call of Next
}

// Reader reads a trace frame by frame. It is for one goroutine.
type Reader struct {
	Header Header

	name    string
	in      *bufio.Reader
	file    *os.File // nil if the reader was not opened by Open
	unzip   *zstd.Decoder
	offset  int64
	stored  []byte
	raw     []byte
	records []Record
	totals  Totals
	ending  *Ending
	err     error // what ended reading
}

// Open opens a trace and reads its header. An unreadable header is a
// FormatError.
func Open(path string) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open trace: %w", err)
	}
	r, err := NewReader(file, path)
	if err != nil {
		file.Close()
		return nil, err
	}
	r.file = file
	return r, nil
}

// NewReader reads a trace's header from in; name is what errors call the file.
func NewReader(in io.Reader, name string) (*Reader, error) {
	unzip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrameRecords*RecordSize))
	if err != nil {
		return nil, fmt.Errorf("start decompression: %w", err)
	}
	r := &Reader{name: name, in: bufio.NewReaderSize(in, 1<<18), unzip: unzip}
	if err := r.readHead(); err != nil {
		unzip.Close()
		return nil, err
	}
	return r, nil
}

// Close releases what the reader holds, and the file if Open opened it.
func (r *Reader) Close() error {
	r.unzip.Close()
	if r.file == nil {
		return nil
	}
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("close trace: %w", err)
	}
	return nil
}

// Name is what errors call the file.
func (r *Reader) Name() string { return r.name }

// Offset is how many bytes of the file have been read and found sound.
func (r *Reader) Offset() int64 { return r.offset }

// Ending is the end frame, nil before Next has come to it.
func (r *Reader) Ending() *Ending { return r.ending }

func (r *Reader) fail(reason string) error {
	return &FormatError{File: r.name, Offset: r.offset, Reason: reason}
}

// full fills b. A FormatError says that the file ends before the thing of that
// name does; other errors are those of the underlying reader.
func (r *Reader) full(b []byte, name string) error {
	n, err := io.ReadFull(r.in, b)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return r.fail(fmt.Sprintf("the file ends after %d of %d bytes of %s", n, len(b), name))
	default:
		return fmt.Errorf("read trace %s at byte %d: %w", r.name, r.offset, err)
	}
}

func (r *Reader) readHead() error {
	var line [headLineSize]byte
	if err := r.full(line[:], "the head line"); err != nil {
		return err
	}
	length, sum, reason := parseHeadLine(line[:])
	if reason != "" {
		return r.fail(reason)
	}
	r.offset = headLineSize
	text := make([]byte, length)
	if err := r.full(text, "the header"); err != nil {
		return err
	}
	if got := Checksum(text); got != sum {
		return r.fail(fmt.Sprintf("header has checksum %08x, not %08x as the head line says", got, sum))
	}
	if err := json.Unmarshal(text, &r.Header); err != nil {
		return r.fail(fmt.Sprintf("header is no JSON of a header: %v", err))
	}
	r.offset += int64(length)
	return nil
}

// Next gives the next frame. It returns io.EOF after the end frame, and a
// FormatError where the trace is truncated or damaged; nothing after that
// place is read. The frame is valid until the next call.
func (r *Reader) Next() (Frame, error) {
	if r.err != nil {
		return Frame{}, r.err
	}
	frame, err := r.next()
	if err != nil {
		r.err = err
		return Frame{}, err
	}
	return frame, nil
}

func (r *Reader) next() (Frame, error) {
	var b [frameHeadSize]byte
	if _, err := r.in.Peek(1); err == io.EOF {
		return Frame{}, r.fail("the file ends without an end frame")
	}
	if err := r.full(b[:], "a frame header"); err != nil {
		return Frame{}, err
	}
	head, reason := parseFrameHead(&b)
	if reason == "" && int64(head.number) != r.totals.Frames&0xffffffff {
		reason = fmt.Sprintf("frame %d where frame %d belongs", head.number, r.totals.Frames)
	}
	if reason != "" {
		return Frame{}, r.fail(reason)
	}
	r.stored = grown(r.stored, int(head.stored))
	if err := r.full(r.stored, "a frame"); err != nil {
		return Frame{}, err
	}
	if sum := Checksum(r.stored); sum != head.sum {
		return Frame{}, r.fail(fmt.Sprintf("frame has checksum %08x, not %08x as its header says", sum, head.sum))
	}
	if head.kind == frameEnd {
		return Frame{}, r.readEnding()
	}
	if err := r.decode(head); err != nil {
		return Frame{}, err
	}
	frame := Frame{Offset: r.offset, Thread: head.thread, Records: r.records}
	r.offset += frameHeadSize + int64(head.stored)
	r.totals.add(r.records)
	return frame, nil
}

// decode unpacks r.stored into r.records.
func (r *Reader) decode(head frameHead) error {
	raw, err := r.unzip.DecodeAll(r.stored, grown(r.raw, int(head.raw))[:0])
	if err != nil {
		return r.fail(fmt.Sprintf("frame cannot be decompressed: %v", err))
	}
	if len(raw) != int(head.raw) {
		return r.fail(fmt.Sprintf("frame decompresses to %d bytes, not %d as its header says", len(raw), head.raw))
	}
	r.raw = raw
	r.records = grown(r.records, int(head.records))
	for i := range r.records {
		r.records[i] = DecodeRecord((*[RecordSize]byte)(raw[i*RecordSize:]))
		if r.records[i].Thread != head.thread {
			return r.fail(fmt.Sprintf("frame of thread %d holds a record of thread %d", head.thread, r.records[i].Thread))
		}
	}
	return nil
}

// readEnding decodes the end frame in r.stored; a sound one gives io.EOF.
func (r *Reader) readEnding() error {
	var ending Ending
	if err := json.Unmarshal(r.stored, &ending); err != nil {
		return r.fail(fmt.Sprintf("end frame is no JSON of an ending: %v", err))
	}
	if ending.Totals != r.totals {
		return r.fail(fmt.Sprintf("end frame counts %+v, but the file holds %+v", ending.Totals, r.totals))
	}
	r.offset += frameHeadSize + int64(len(r.stored))
	r.ending = &ending
	if _, err := r.in.Peek(1); err == nil {
		return r.fail("there is more after the end frame")
	}
	return io.EOF
}

// grown gives s the length n; its contents are lost when it has to grow.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
