package kernel

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/traces"
)

// spans scans a buffer to the end.
func spans(buf []byte, run uint32, offset int64, stream bool) []Span {
	var all []Span
	scan := Scan(buf, run, offset, stream)
	for span, ok := scan.Next(); ok; span, ok = scan.Next() {
		all = append(all, span)
	}
	return all
}

// lines draws the tag of some stamped lines, and the lines.
func lines(t *rapid.T) (buf []byte, run, request uint32, offset int64) {
	run = rapid.Uint32().Draw(t, "run")
	request = rapid.Uint32().Draw(t, "request")
	offset = rapid.Int64Range(0, 1<<50).Draw(t, "line") * LineBytes
	buf = make([]byte, LineBytes*rapid.IntRange(1, 24).Draw(t, "lines"))
	Stamp(buf, run, request, offset)
	return buf, run, request, offset
}

func TestStampedLinesAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		buf, run, request, offset := lines(t)
		want := []Span{{traces.DataWritten, request, offset, uint32(len(buf)), offset}}
		if diff := cmp.Diff(want, spans(buf, run, offset, false)); diff != "" {
			t.Error(diff)
		}
		// Elsewhere in the storage it is misplaced, in a stream it is not.
		want[0].Offset = offset + 4096
		if diff := cmp.Diff(want, spans(buf, run, offset+4096, true)); diff != "" {
			t.Error(diff)
		}
		want[0].Class = traces.DataMisplaced
		if diff := cmp.Diff(want, spans(buf, run, offset+4096, false)); diff != "" {
			t.Error(diff)
		}
		want[0].Class, want[0].Offset = traces.DataForeign, offset
		if diff := cmp.Diff(want, spans(buf, run+1, offset, false)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEveryFlippedBitIsCorrupt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		buf, run, _, offset := lines(t)
		buf = buf[:LineBytes]
		want := []Span{{Class: traces.DataCorrupt, Offset: offset, Bytes: LineBytes}}
		for bit := range 8 * LineBytes {
			buf[bit/8] ^= 1 << (bit % 8)
			if diff := cmp.Diff(want, spans(buf, run, offset, false)); diff != "" {
				t.Fatalf("bit %d: %s", bit, diff)
			}
			buf[bit/8] ^= 1 << (bit % 8)
		}
	})
}

// TestMixtureOfTwoLinesIsCorrupt tears lines of two writers at any byte.
func TestMixtureOfTwoLinesIsCorrupt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, run, request, offset := lines(t)
		other := rapid.Uint32().Filter(func(r uint32) bool { return r != request }).Draw(t, "other")
		b := make([]byte, LineBytes)
		Stamp(b, run, other, offset)
		cut := rapid.IntRange(1, LineBytes-1).Draw(t, "cut")
		whole := bytes.Clone(b)
		copy(b, a[:cut])
		if bytes.Equal(b, a[:LineBytes]) || bytes.Equal(b, whole) {
			return // the two differ on one side of the cut only
		}
		got := spans(b, run, offset, false)
		if len(got) != 1 || got[0].Class != traces.DataCorrupt {
			t.Errorf("torn at %d: %+v", cut, got)
		}
	})
}

// TestSpans scans a buffer with something of everything.
func TestSpans(t *testing.T) {
	const base = 1 << 20
	buf := make([]byte, 14*LineBytes+10)
	at := func(line, n int) []byte { return buf[line*LineBytes : (line+n)*LineBytes] }
	Stamp(at(0, 4), 7, 5, base)               // a torn sector: four lines of one writer,
	Stamp(at(4, 4), 7, 6, base+4*LineBytes)   // four of another
	fill(at(9, 2), patternUnfilled)           // after a line of zeros
	Stamp(at(11, 1), 7, 6, base+12*LineBytes) // misplaced
	Stamp(at(12, 1), 8, 6, base+12*LineBytes) // of another run
	fill(at(13, 1), patternReleased)          // not to be seen on storage
	want := []Span{
		{traces.DataWritten, 5, base, 4 * LineBytes, base},
		{traces.DataWritten, 6, base + 4*LineBytes, 4 * LineBytes, base + 4*LineBytes},
		{traces.DataZero, 0, base + 8*LineBytes, LineBytes, 0},
		{traces.DataUnfilled, 0, base + 9*LineBytes, 2 * LineBytes, 0},
		{traces.DataMisplaced, 6, base + 11*LineBytes, LineBytes, base + 12*LineBytes},
		{traces.DataForeign, 6, base + 12*LineBytes, LineBytes, base + 12*LineBytes},
		{traces.DataCorrupt, 0, base + 13*LineBytes, LineBytes, 0},
	}
	if diff := cmp.Diff(want, spans(buf, 7, base, false)); diff != "" {
		t.Error(diff)
	}
}

// TestSpansCoverTheBuffer scans arbitrary lines: the spans follow one another
// without gaps, and neighbours differ.
func TestSpansCoverTheBuffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "lines")
		buf := make([]byte, n*LineBytes)
		for i := range n {
			line := buf[i*LineBytes : (i+1)*LineBytes]
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				Stamp(line, 7, rapid.Uint32Range(0, 2).Draw(t, "request"), int64(i*LineBytes))
			case 1:
				Stamp(line, 7, 1, int64(rapid.IntRange(0, n).Draw(t, "place")*LineBytes))
			case 2:
				fill(line, patternUnfilled)
			case 3:
				line[rapid.IntRange(0, LineBytes-1).Draw(t, "byte")] = 1
			}
		}
		var end int64
		var last Span
		for _, s := range spans(buf, 7, 0, false) {
			if s.Offset != end || s.Bytes == 0 {
				t.Fatalf("%+v does not follow %+v", s, last)
			}
			if s.Class == last.Class && s.Writer == last.Writer && last.Bytes != 0 && !tagged(s.Class) {
				t.Fatalf("%+v and %+v are one", last, s)
			}
			end, last = s.Offset+int64(s.Bytes), s
		}
		if end != int64(len(buf)) {
			t.Fatalf("spans end at %d of %d", end, len(buf))
		}
	})
}

func TestDifference(t *testing.T) {
	buf := make([]byte, 4096)
	fill(buf, patternReleased)
	if !allWords(buf, patternReleased) {
		t.Fatal("a filled buffer is not full")
	}
	buf[1000] ^= 1
	buf[4095] ^= 128
	if allWords(buf, patternReleased) {
		t.Error("a change was not seen")
	}
	if first, n := difference(buf, patternReleased); first != 1000 || n != 2 {
		t.Errorf("%d bytes from %d on differ", n, first)
	}
}
