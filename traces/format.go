package traces

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// The layout of a file; FORMAT.md has it byte by byte. Lengths are in bytes.
const (
	headLine      = "AIOT 1 %08x %08x\n" // version, length and CRC-32C of the header's JSON
	headLineSize  = 25
	frameMagic    = "AIOF"
	frameHeadSize = 32
	frameRecords  = 1 // kind of a frame that holds records
	frameEnd      = 2 // kind of the last frame: JSON of an Ending
)

// Limits of what a reader takes, so that a damaged or hostile file cannot make
// it allocate more than a few megabytes at a time.
const (
	maxHeader       = 1 << 20
	maxFrameRecords = 1 << 14 // what the writer puts into a frame at most
	maxFrameStored  = maxFrameRecords*RecordSize + 1<<16
	maxEnding       = 4096
	maxEndingText   = 1024
	maxReports      = 4   // of a kernel, that an end frame has room for
	maxReport       = 120 // bytes of each
	// minStored is how many bytes of a file a record is taken to need at least
	// when room is made before reading; 5 and more have been seen.
	minStored = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC-32C (Castagnoli) that frames and line tags carry.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// FormatError says where a file stops being a trace, and why.
type FormatError struct {
	File   string
	Offset int64 // of the byte at which the part that cannot be read begins
	Reason string
}

// Error names the file, the byte and the reason.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: byte %d: %s", e.File, e.Offset, e.Reason)
}

// Finish is how a run ended, as its recorder saw it.
type Finish uint8

// The ways in which a run finishes.
const (
	FinishComplete    Finish = iota // it ran all that it was asked to run
	FinishInterrupted               // it was asked to stop early
	FinishFailed                    // it could not go on
)

var finishNames = [...]string{"complete", "interrupted", "failed"}

// String is "complete", "interrupted" or "failed".
func (f Finish) String() string {
	if int(f) < len(finishNames) {
		return finishNames[f]
	}
	return "finish?"
}

// MarshalText gives the finish its name in JSON.
func (f Finish) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (f *Finish) UnmarshalText(text []byte) error {
	for i, name := range finishNames {
		if name == string(text) {
			*f = Finish(i)
			return nil
		}
	}
	return fmt.Errorf("unknown finish %q", text)
}

// Ending is the content of a trace's last frame. A trace without one was cut:
// its recorder was killed, or could not write.
type Ending struct {
	Finish Finish `json:"finish"`
	Text   string `json:"text,omitempty"` // why, unless complete; at most 1024 bytes
	// Kernel is what the console of a guest says that its kernel found wrong
	// with itself: a line for each of the first few reports, cut to 120 bytes.
	Kernel []string `json:"kernel,omitempty"`
	Totals Totals   `json:"totals"`
}

// Totals counts what a file holds before its end frame.
type Totals struct {
	Frames   int64 `json:"frames"`
	Records  int64 `json:"records"`
	Requests int64 `json:"requests"` // records of kind request
	Calls    int64 `json:"calls"`    // of kind invoke
	Events   int64 `json:"events"`   // of kind event
	Data     int64 `json:"data"`     // of kind data
}

// add counts the records of a frame.
func (t *Totals) add(recs []Record) {
	t.Frames++
	t.Records += int64(len(recs))
	for i := range recs {
		switch recs[i].Kind {
		case KindRequest:
			t.Requests++
		case KindInvoke:
			t.Calls++
		case KindEvent:
			t.Events++
		case KindData:
			t.Data++
		}
	}
}

// frameHead is the fixed header before each frame's payload.
type frameHead struct {
	kind    uint8
	thread  uint16
	records uint32
	raw     uint32 // length of the payload before compression
	stored  uint32 // length of the payload in the file
	sum     uint32 // CRC-32C of the payload as stored
	number  uint32 // of the frame in the file, from 0
}

// append encodes the header, with the CRC-32C of its first 28 bytes as the last 4.
func (f *frameHead) append(b []byte) []byte {
	le := binary.LittleEndian
	at := len(b)
	b = append(b, frameMagic...)
	b = append(b, f.kind, 0)
	b = le.AppendUint16(b, f.thread)
	b = le.AppendUint32(b, f.records)
	b = le.AppendUint32(b, f.raw)
	b = le.AppendUint32(b, f.stored)
	b = le.AppendUint32(b, f.sum)
	b = le.AppendUint32(b, f.number)
	return le.AppendUint32(b, Checksum(b[at:]))
}

// parseFrameHead decodes and checks a frame's header; reason is empty if it is
// sound.
func parseFrameHead(b *[frameHeadSize]byte) (f frameHead, reason string) {
	le := binary.LittleEndian
	if string(b[:4]) != frameMagic {
		return f, fmt.Sprintf("no frame begins here: %q instead of %q", b[:4], frameMagic)
	}
	if sum := Checksum(b[:28]); sum != le.Uint32(b[28:]) {
		return f, fmt.Sprintf("frame header has checksum %08x, not %08x as it says", sum, le.Uint32(b[28:]))
	}
	f = frameHead{kind: b[4], thread: le.Uint16(b[6:]), records: le.Uint32(b[8:]), raw: le.Uint32(b[12:]),
		stored: le.Uint32(b[16:]), sum: le.Uint32(b[20:]), number: le.Uint32(b[24:])}
	switch {
	case b[5] != 0:
		reason = "frame header's byte 5 is not 0"
	case f.kind == frameRecords && (f.records == 0 || f.records > maxFrameRecords):
		reason = fmt.Sprintf("frame of %d records; 1 to %d can be", f.records, maxFrameRecords)
	case f.kind == frameRecords && f.raw != f.records*RecordSize:
		reason = fmt.Sprintf("frame of %d records in %d bytes", f.records, f.raw)
	case f.kind == frameRecords && f.stored > maxFrameStored:
		reason = fmt.Sprintf("frame stored in %d bytes; at most %d can be", f.stored, maxFrameStored)
	case f.kind == frameEnd && (f.records != 0 || f.raw != f.stored || f.stored > maxEnding):
		reason = "end frame with impossible lengths"
	case f.kind != frameRecords && f.kind != frameEnd:
		reason = fmt.Sprintf("unknown kind of frame %d", f.kind)
	}
	return f, reason
}

// encodeHead is the head of a file: the head line and the header's JSON.
func encodeHead(h Header) ([]byte, error) {
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	text = append(text, '\n')
	if len(text) > maxHeader {
		return nil, fmt.Errorf("encode header: %d bytes; at most %d can be", len(text), maxHeader)
	}
	return append(fmt.Appendf(nil, headLine, len(text), Checksum(text)), text...), nil
}

// parseHeadLine gives the length and the checksum of the header's JSON.
func parseHeadLine(b []byte) (length, sum uint32, reason string) {
	if !bytes.HasPrefix(b, []byte("AIOT ")) {
		return 0, 0, "not a trace: it does not begin with \"AIOT \""
	}
	var version int
	if n, err := fmt.Sscanf(string(b), "AIOT %d ", &version); n == 1 && err == nil && version != 1 {
		return 0, 0, fmt.Sprintf("trace of version %d; only version 1 can be read", version)
	}
	if n, err := fmt.Sscanf(string(b), headLine, &length, &sum); n != 2 || err != nil ||
		fmt.Sprintf(headLine, length, sum) != string(b) {
		return 0, 0, "damaged head line"
	}
	if length > maxHeader {
		return 0, 0, fmt.Sprintf("header of %d bytes; at most %d can be", length, maxHeader)
	}
	return length, sum, ""
}

// findEnding looks for an end frame that ends with the last byte of tail.
func findEnding(tail []byte) (Ending, bool) {
	at := bytes.LastIndex(tail, []byte(frameMagic))
	if at < 0 || len(tail)-at < frameHeadSize {
		return Ending{}, false
	}
	head, reason := parseFrameHead((*[frameHeadSize]byte)(tail[at:]))
	payload := tail[at+frameHeadSize:]
	if reason != "" || head.kind != frameEnd || int(head.stored) != len(payload) || head.sum != Checksum(payload) {
		return Ending{}, false
	}
	var ending Ending
	if err := json.Unmarshal(payload, &ending); err != nil {
		return Ending{}, false
	}
	return ending, true
}
