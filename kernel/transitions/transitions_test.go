package transitions

import (
	"encoding/binary"
	"strings"
	"testing"
	"unsafe"

	"aiocheck/kernel/patches"
	"aiocheck/traces"
)

// series is all that our patches for Linux 6.1 add, as text.
func series(t *testing.T) string {
	t.Helper()
	list, err := patches.Series("6.1")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range list {
		for line := range strings.Lines(string(p.Text)) {
			if text, added := strings.CutPrefix(line, "+"); added {
				all.WriteString(text)
			}
		}
	}
	return all.String()
}

// between is the text after the first begin up to the next end.
func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, after, ok := strings.Cut(text, begin)
	inside, _, closed := strings.Cut(after, end)
	if !ok || !closed {
		t.Fatalf("the patches have no %q … %q", begin, end)
	}
	return inside
}

// TestPointsAreThoseOfTheKernel: enum aio_point of the patches and the points
// of traces are the same, in the same order.
func TestPointsAreThoseOfTheKernel(t *testing.T) {
	next := traces.AtEnd + 1
	for line := range strings.Lines(between(t, series(t), "enum aio_point {\n", "};")) {
		name, isPoint := strings.CutPrefix(strings.TrimSpace(line), "AIO_")
		name, _, ended := strings.Cut(name, ",")
		name, _, _ = strings.Cut(name, " = ")
		if !isPoint || !ended {
			continue
		}
		if want := strings.ToUpper(next.String()); name != want {
			t.Fatalf("point %d is AIO_%s in the kernel, %s here", next, name, want)
		}
		next++
	}
	if next != traces.NumPoints {
		t.Errorf("the kernel has %d points, traces %d", next-1, traces.NumPoints-1)
	}
}

// TestLayoutIsTheKernels: the fields of struct aio_transition, in their order
// and with their sizes, are what decode takes.
func TestLayoutIsTheKernels(t *testing.T) {
	var got []string
	size := 0
	for line := range strings.Lines(between(t, series(t), "struct aio_transition {\n", "};")) {
		kind, rest, ok := strings.Cut(strings.TrimSpace(line), "\t")
		name, _, _ := strings.Cut(rest, ";")
		bytes := map[string]int{"__u64": 8, "__s64": 8, "__u32": 4, "__u16": 2}[kind]
		if !ok || bytes == 0 {
			t.Fatalf("cannot read %q", line)
		}
		got = append(got, name)
		size += bytes
	}
	if want := "number time context request task other value point cpu seen reserved"; strings.Join(got, " ") != want || size != entrySize {
		t.Errorf("%d bytes: %v", size, got)
	}
	if unsafe.Sizeof(status{}) != 32 {
		t.Error("struct aio_trace_status is another")
	}
}

func TestDecode(t *testing.T) {
	le := binary.LittleEndian
	var raw []byte
	raw = le.AppendUint64(raw, 5)
	raw = le.AppendUint64(raw, 1500)
	for _, v := range []uint32{1, 2, 33, 34} {
		raw = le.AppendUint32(raw, v)
	}
	value := int64(-4)
	raw = le.AppendUint64(raw, uint64(value))
	for _, v := range []uint16{uint16(traces.AtPosted), 1, 3, 0} {
		raw = le.AppendUint16(raw, v)
	}
	records, err := decode(nil, raw, 1000)
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	want := traces.Transition{Number: 5, Time: 500, Context: 1, Request: 2, Task: 33, Other: 34, Value: value, Point: traces.AtPosted, CPU: 1, Seen: 3}
	if got := records[0].Transition(); got != want {
		t.Errorf("%+v", got)
	}
	for _, point := range []uint16{0, uint16(traces.NumPoints)} {
		le.PutUint16(raw[40:], point)
		if _, err := decode(nil, raw, 0); err == nil || !strings.Contains(err.Error(), "unknown point") {
			t.Errorf("point %d: %v", point, err)
		}
	}
}
