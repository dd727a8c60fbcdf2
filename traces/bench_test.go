package traces

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// benchSizes are the numbers of requests that issue-sized runs have.
var benchSizes = []int{100_000, 1_000_000}

// synthFile writes a synthetic run as a recorder would, in batches of each
// thread's records in turn.
func synthFile(t testing.TB, w io.Writer, logs []Log) *Writer {
	t.Helper()
	out, err := NewWriter(w, synthHeader(len(logs)-1))
	if err != nil {
		t.Fatal(err)
	}
	const batch = 10_000
	for first := 0; ; first += batch {
		more := false
		for _, log := range logs {
			if first < len(log) {
				more = true
				if err := out.Append(log[first:min(first+batch, len(log))]); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !more {
			break
		}
	}
	if err := out.Close(FinishComplete, ""); err != nil {
		t.Fatal(err)
	}
	return out
}

func count(logs []Log) (n int) {
	for _, log := range logs {
		n += len(log)
	}
	return n
}

// rate reports how many records of a run were handled a second.
func rate(b *testing.B, records int) {
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkWriter(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("requests=%d", n), func(b *testing.B) {
			logs := synthLogs(1, 4, n/1000, n)
			b.ReportAllocs()
			for b.Loop() {
				out := synthFile(b, io.Discard, logs)
				b.ReportMetric(float64(out.Bytes())/float64(out.Records()), "bytes/record")
			}
			rate(b, count(logs))
		})
	}
}

func BenchmarkReader(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("requests=%d", n), func(b *testing.B) {
			logs := synthLogs(1, 4, n/1000, n)
			var file bytes.Buffer
			synthFile(b, &file, logs)
			b.ReportAllocs()
			for b.Loop() {
				r, err := NewReader(bytes.NewReader(file.Bytes()), "bench")
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = r.Next()
				}
				if err != io.EOF {
					b.Fatal(err)
				}
				r.Close()
			}
			rate(b, count(logs))
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("requests=%d", n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "bench.aiot")
			file, err := os.Create(path)
			if err != nil {
				b.Fatal(err)
			}
			records := int(synthFile(b, file, synthLogs(1, 4, n/1000, n)).Records())
			file.Close()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(path); err != nil {
					b.Fatal(err)
				}
			}
			rate(b, records)
		})
	}
}

func BenchmarkFromLogs(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("requests=%d", n), func(b *testing.B) {
			logs := synthLogs(1, 4, n/1000, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := FromLogs(synthHeader(4), logs...); err != nil {
					b.Fatal(err)
				}
			}
			rate(b, count(logs))
		})
	}
}

func BenchmarkSummarize(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("requests=%d", n), func(b *testing.B) {
			logs := synthLogs(1, 4, n/1000, n)
			h, err := FromLogs(synthHeader(4), logs...)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				Summarize(h)
			}
			rate(b, count(logs))
		})
	}
}
