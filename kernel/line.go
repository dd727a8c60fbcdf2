package kernel

import (
	"encoding/binary"
	"hash/crc32"

	"aiocheck/traces"
)

// LineBytes is the size of a line: the smallest piece of data that says who
// wrote it. Every offset and size of a program is a multiple of it.
const LineBytes = 64

// The layout of a line, little endian. Bytes 24 to 59 are filler: words of a
// generator that starts from the tag, so that two lines with different tags
// differ in every word and a tear inside a line cannot go unseen. The checksum
// is CRC-32C over bytes 0 to 59.
const (
	lineMagic  = 0x4c4f4941 // "AIOL"
	lineFiller = 24
	lineSum    = 60
)

// The patterns that buffers hold when they should hold nothing. They differ,
// so that data taken from a released write buffer is not mistaken for a read
// that left its buffer alone.
const (
	patternUnfilled = 0xa5a5c3c3a5a5c3c3 // a read's buffer before the read
	patternReleased = 0xdeadf1eedeadf1ee // any buffer after its release
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Stamp fills buf, whole lines only, with lines that say that request of run
// wrote them for the place offset and on. Both are in bytes and multiples of
// LineBytes; what is left of a partial line is not touched.
func Stamp(buf []byte, run, request uint32, offset int64) {
	place := uint64(offset) / LineBytes
	for ; len(buf) >= LineBytes; buf = buf[LineBytes:] {
		stampLine((*[LineBytes]byte)(buf), run, request, place)
		place++
	}
}

func stampLine(line *[LineBytes]byte, run, request uint32, place uint64) {
	le := binary.LittleEndian
	le.PutUint32(line[0:], lineMagic)
	le.PutUint32(line[4:], run)
	le.PutUint32(line[8:], request)
	le.PutUint32(line[12:], 0)
	le.PutUint64(line[16:], place)
	word := mix(uint64(run)<<32 | uint64(request) ^ mix(place))
	for i := lineFiller; i < lineSum-4; i += 8 {
		le.PutUint64(line[i:], word)
		word += 0x9e3779b97f4a7c15
	}
	le.PutUint32(line[lineSum-4:], uint32(word))
	le.PutUint32(line[lineSum:], crc32.Update(0, castagnoli, line[:lineSum]))
}

// mix is a bijection of 64-bit words in which every bit of the result depends
// on every bit of x (the finalizer of Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Span is a run of lines that belong together: one class, one writer, and for
// tagged lines consecutive places.
type Span struct {
	Class   traces.DataClass
	Writer  traces.RequestID // of tagged lines: the request in the tag
	Offset  int64            // of the first line, counted from the scanner's base
	Bytes   uint32
	Claimed int64 // of tagged lines: the place in the first tag, in bytes
}

// Scanner turns a buffer into spans without allocating.
type Scanner struct {
	buf    []byte
	offset int64
	run    uint32
	stream bool
	next   Span // the line already read that begins the next span; Bytes 0: none
}

// Scan begins with the whole lines of buf, which were read from offset of the
// storage. With stream set no place is wrong: a tag's place is the position
// in the writer's own data.
func Scan(buf []byte, run uint32, offset int64, stream bool) Scanner {
	return Scanner{buf: buf, offset: offset, run: run, stream: stream}
}

// Next is the next span, or false after the last one.
func (s *Scanner) Next() (Span, bool) {
	span := s.next
	s.next.Bytes = 0
	for len(s.buf) >= LineBytes {
		line := s.line()
		if span.Bytes == 0 {
			span = line
			continue
		}
		if line.Class != span.Class || line.Writer != span.Writer ||
			tagged(span.Class) && line.Claimed != span.Claimed+int64(span.Bytes) {
			s.next = line
			break
		}
		span.Bytes += LineBytes
	}
	return span, span.Bytes != 0
}

func tagged(c traces.DataClass) bool {
	return c == traces.DataWritten || c == traces.DataMisplaced || c == traces.DataForeign
}

// line takes one line from the buffer.
func (s *Scanner) line() Span {
	line := (*[LineBytes]byte)(s.buf)
	span := Span{Offset: s.offset, Bytes: LineBytes}
	s.buf = s.buf[LineBytes:]
	s.offset += LineBytes

	le := binary.LittleEndian
	switch first := le.Uint64(line[0:]); {
	case uint32(first) == lineMagic:
		if crc32.Update(0, castagnoli, line[:lineSum]) != le.Uint32(line[lineSum:]) {
			span.Class = traces.DataCorrupt
			return span
		}
		span.Writer = le.Uint32(line[8:])
		span.Claimed = int64(le.Uint64(line[16:]) * LineBytes)
		switch {
		case uint32(first>>32) != s.run:
			span.Class = traces.DataForeign
		case s.stream || span.Claimed == span.Offset:
			span.Class = traces.DataWritten
		default:
			span.Class = traces.DataMisplaced
		}
	case first == 0 && allWords(line[:], 0):
		span.Class = traces.DataZero
	case first == patternUnfilled && allWords(line[:], patternUnfilled):
		span.Class = traces.DataUnfilled
	default:
		span.Class = traces.DataCorrupt
	}
	return span
}

// allWords reports whether buf, a multiple of 8 bytes, repeats word.
func allWords(buf []byte, word uint64) bool {
	for ; len(buf) >= 8; buf = buf[8:] {
		if binary.LittleEndian.Uint64(buf) != word {
			return false
		}
	}
	return true
}

// fill makes buf, a multiple of 8 bytes, repeat word.
func fill(buf []byte, word uint64) {
	if len(buf) < 8 {
		return
	}
	binary.LittleEndian.PutUint64(buf, word)
	for done := 8; done < len(buf); done *= 2 {
		copy(buf[done:], buf[:done])
	}
}
