package traces

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// anyRecord draws records of every content, those that make no sense included.
func anyRecord() *rapid.Generator[Record] {
	return rapid.Custom(func(t *rapid.T) Record {
		word := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 300), rapid.Just(uint64(1<<63-1)),
			rapid.Map(rapid.Int64Range(-600, 0), func(v int64) uint64 { return uint64(v) }))
		return Record{
			Kind: Kind(rapid.Uint8Range(0, uint8(kindEnd)+1).Draw(t, "kind")), Code: rapid.Uint8().Draw(t, "code"),
			Thread: rapid.SampledFrom([]uint16{0, 1, 2, Controller}).Draw(t, "thread"), Context: rapid.Uint32().Draw(t, "context"),
			Request: rapid.Uint32().Draw(t, "request"), File: rapid.Uint16().Draw(t, "file"), Eventfd: rapid.Uint16().Draw(t, "eventfd"),
			A: word.Draw(t, "a"), B: word.Draw(t, "b"), C: word.Draw(t, "c"), D: word.Draw(t, "d"),
		}
	})
}

func TestRecordEncoding(t *testing.T) {
	r := Record{Kind: 1, Code: 2, Thread: 0x0403, Context: 0x08070605, Request: 0x0c0b0a09, File: 0x0e0d, Eventfd: 0x100f,
		A: 0x1817161514131211, B: 0x201f1e1d1c1b1a19, C: 0x2827262524232221, D: 0x302f2e2d2c2b2a29}
	b := AppendRecord(nil, r)
	for i := range b {
		if int(b[i]) != i+1 {
			t.Fatalf("byte %d is %#x: %x", i, b[i], b)
		}
	}
	if len(b) != RecordSize {
		t.Errorf("%d bytes", len(b))
	}
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord().Draw(t, "record")
		if got := DecodeRecord((*[RecordSize]byte)(AppendRecord(nil, r))); got != r {
			t.Errorf("%+v became %+v", r, got)
		}
	})
}

// readAll gives all records of a trace and what ended reading.
func readAll(data []byte) (recs []Record, ending *Ending, err error) {
	r, err := NewReader(bytes.NewReader(data), "test.aiot")
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for {
		f, err := r.Next()
		if err != nil {
			return recs, r.Ending(), err
		}
		recs = append(recs, f.Records...)
	}
}

func TestFilesKeepRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(anyRecord(), 0, 50).Draw(t, "records")
		var file bytes.Buffer
		w, err := NewWriter(&file, synthHeader(2))
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(want)).Draw(t, "batch")
		if err := errors.Join(w.Append(want[:cut]), w.Append(want[cut:]), w.Close(FinishInterrupted, "stopped")); err != nil {
			t.Fatal(err)
		}
		got, ending, err := readAll(file.Bytes())
		if err != io.EOF || ending.Finish != FinishInterrupted || ending.Text != "stopped" || len(got) != len(want) {
			t.Fatalf("%d records of %d, %+v, %v", len(got), len(want), ending, err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("record %d: %+v, not %+v", i, got[i], want[i])
			}
		}
		if w.Bytes() != int64(file.Len()) || w.Records() != int64(len(want)) {
			t.Errorf("writer counts %d bytes and %d records", w.Bytes(), w.Records())
		}
	})
}

func TestLongBatchesAreSplit(t *testing.T) {
	want := make(Log, 2*maxFrameRecords+1)
	for i := range want {
		want[i] = InvokeRecord(3, 0, CallSubmit, 0, 0, Time(i), 1, 2, 3)
	}
	var file bytes.Buffer
	w, err := NewWriter(&file, Header{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Append(want), w.Close(FinishComplete, "")); err != nil {
		t.Fatal(err)
	}
	got, ending, err := readAll(file.Bytes())
	if err != io.EOF || len(got) != len(want) || ending.Totals.Frames != 3 || got[len(got)-1] != want[len(want)-1] {
		t.Errorf("%d records in %+v: %v", len(got), ending, err)
	}
}

// TestDamageIsNoticed changes each byte of a file in turn: reading ends with a
// FormatError that names a place no later than the damage, and what was read
// before is as it was.
func TestDamageIsNoticed(t *testing.T) {
	var file bytes.Buffer
	synthFile(t, &file, synthLogs(6, 2, 2, 30))
	want, _, err := readAll(file.Bytes())
	if err != io.EOF {
		t.Fatal(err)
	}
	for at := range file.Len() {
		data := bytes.Clone(file.Bytes())
		data[at] ^= 0x20
		got, _, err := readAll(data)
		var damage *FormatError
		if !errors.As(err, &damage) || damage.Offset > int64(at) {
			t.Errorf("byte %d changed: %v", at, err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("byte %d changed: record %d is %+v", at, i, got[i])
			}
		}
	}
}

func TestReasonsOfDamage(t *testing.T) {
	var file bytes.Buffer
	synthFile(t, &file, synthLogs(6, 2, 2, 30))
	whole := file.Bytes()
	head := int64(bytes.Index(whole, []byte(frameMagic)))
	end := int64(bytes.LastIndex(whole, []byte(frameMagic)))
	for _, test := range []struct {
		name   string
		data   []byte
		offset int64
		reason string
	}{
		{"empty", nil, 0, "ends after 0 of 25 bytes of the head line"},
		{"not a trace", bytes.Repeat([]byte("hello "), 10), 0, "not a trace"},
		{"another version", append([]byte("AIOT 2"), whole[6:]...), 0, "trace of version 2; only version 1"},
		{"huge header", []byte("AIOT 1 7fffffff 00000000\n"), 0, "header of 2147483647 bytes"},
		{"no end", whole[:end], end, "without an end frame"},
		{"end cut", whole[:len(whole)-1], end, "of a frame"},
		{"more after the end", append(bytes.Clone(whole), 'x'), int64(len(whole)), "more after the end frame"},
		{"a frame missing", append(bytes.Clone(whole[:head]), whole[end:]...), head, "where frame 0 belongs"},
	} {
		_, _, err := readAll(test.data)
		var damage *FormatError
		if !errors.As(err, &damage) || damage.Offset != test.offset || !strings.Contains(damage.Reason, test.reason) {
			t.Errorf("%s: got %v, want byte %d: …%s…", test.name, err, test.offset, test.reason)
		}
	}
}

// TestSmallFramesStaySmall: a frame that would decompress to more than it
// says is refused, not decompressed.
func TestSmallFramesStaySmall(t *testing.T) {
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := encodeHead(Header{})
	if err != nil {
		t.Fatal(err)
	}
	at := int64(len(file))
	for _, size := range []int{0, 96, 1 << 28} {
		payload := zip.EncodeAll(make([]byte, size), nil)
		head := frameHead{kind: frameRecords, records: 1, raw: RecordSize, stored: uint32(len(payload)), sum: Checksum(payload)}
		_, _, err := readAll(append(head.append(bytes.Clone(file)), payload...))
		var damage *FormatError
		if !errors.As(err, &damage) || damage.Offset != at || !strings.Contains(damage.Reason, "decompress") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// fullDisk takes so many bytes and no more.
type fullDisk struct {
	bytes.Buffer
	room int
}

func (d *fullDisk) Write(b []byte) (int, error) {
	n, _ := d.Buffer.Write(b[:min(len(b), d.room-d.Len())])
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func TestFullDiskKeepsWhatWasWritten(t *testing.T) {
	logs := synthLogs(6, 2, 2, 30)
	disk := &fullDisk{room: 2500}
	w, err := NewWriter(disk, synthHeader(2))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = w.Append(logs[0][:20])
	}
	var failed *WriteError
	if !errors.As(err, &failed) || !errors.Is(err, syscall.ENOSPC) || failed.Safe != w.Bytes() || failed.Safe == 0 {
		t.Fatalf("%v after %d bytes", err, w.Bytes())
	}
	if err := w.Close(FinishFailed, "disk full"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("close: %v", err)
	}
	var damage *FormatError
	recs, _, err := readAll(disk.Bytes())
	if !errors.As(err, &damage) || damage.Offset != failed.Safe || int64(len(recs)) != w.Records() || len(recs) == 0 {
		t.Errorf("%d records, %d written safely: %v", len(recs), w.Records(), err)
	}
}

func TestOpenMissingFile(t *testing.T) {
	if _, err := Read(t.TempDir() + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Reports of a guest's kernel come back from the end frame: the first few, cut
// to a length that always fits.
func TestKernelReports(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, Header{Run: 1})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("<", 1000) // six bytes each in JSON
	for range 10 {
		w.KernelReport(long)
	}
	if err := w.Close(FinishComplete, ""); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&file, "trace")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
	if got := r.Ending().Kernel; len(got) != maxReports || got[0] != long[:maxReport] {
		t.Errorf("%d reports: %q", len(got), got)
	}
}
