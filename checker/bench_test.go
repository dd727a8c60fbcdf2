package checker

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"aiocheck/traces"
)

// defaultSizes are sectors a request has: like the default mix, each power of
// two from 512 bytes to 16 KiB, and rarely 1 MiB; 16 sectors in the mean.
var defaultSizes = func() (sizes []int) {
	for size := 1; size <= 32; size *= 2 {
		for range 60 {
			sizes = append(sizes, size)
		}
	}
	return append(sizes, 2048)
}()

// benchShapes are the histories of the benchmarks, at every contention.
var benchShapes = []struct {
	name string
	shape
}{
	{"mix", shape{flight: 32, lines: 1 << 20, unit: sectorLines, sizes: defaultSizes}},
	{"unaligned", shape{flight: 32, lines: 1 << 20, unit: 1, sizes: []int{8, 11, 19, 64, 130, 256}}},
	{"1024sectors", shape{flight: 16, lines: 1024 * sectorLines, unit: sectorLines, sizes: []int{1}}},
	{"16sectors", shape{flight: 128, lines: 16 * sectorLines, unit: sectorLines, sizes: []int{1}}},
	{"1sector", shape{flight: 128, lines: sectorLines, unit: sectorLines, sizes: []int{1}}},
}

// BenchmarkStorage judges the storage of honest histories. MB is the heap at
// its highest beyond the history, historyMB the history, accountedMB what the
// budget was told.
func BenchmarkStorage(b *testing.B) {
	for _, shape := range benchShapes {
		for _, n := range []int{1e4, 1e5, 1e6} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				s := shape.shape
				s.requests = n
				before := heap()
				m := newSimulated(s, 1)
				history := heap() - before
				var peak, accounted uint64
				for b.Loop() {
					budget := newBudget(Limits{Memory: 1 << 40})
					peak = max(peak, peakHeap(func() {
						if n := violationsOf(judgeStorage(m.History, budget), storageProperties...); n != 0 {
							b.Fatal("an honest history is refused")
						}
					}))
					accounted = uint64(budget.used.Load())
				}
				b.ReportMetric(float64(peak)/1e6, "MB")
				b.ReportMetric(float64(accounted)/1e6, "accountedMB")
				b.ReportMetric(float64(history)/1e6, "historyMB")
			})
		}
	}
}

// BenchmarkPorcupine is the reference on the same histories, line by line, at
// the sizes and contentions where it ends. MB is as in BenchmarkStorage.
func BenchmarkPorcupine(b *testing.B) {
	for _, c := range []struct {
		shape    string
		requests int
	}{{"mix", 1e4}, {"1024sectors", 1e4}, {"1024sectors", 1e5}, {"1sector", 12}} {
		b.Run(fmt.Sprintf("%s/%d", c.shape, c.requests), func(b *testing.B) {
			var s shape
			for _, known := range benchShapes {
				if known.name == c.shape {
					s = known.shape
				}
			}
			s.requests = c.requests
			sectors := sectorAccesses(newSimulated(s, 1).History)
			var peak uint64
			for b.Loop() {
				peak = max(peak, peakHeap(func() {
					for _, accesses := range sectors {
						if porcupine.CheckOperationsTimeout(registerModel.ToModel(), operations(accesses), time.Minute) != porcupine.Ok {
							b.Fatal("porcupine does not find an order")
						}
					}
				}))
			}
			b.ReportMetric(float64(peak)/1e6, "MB")
		})
	}
}

// sectorAccesses is the history of the first line of every sector.
func sectorAccesses(h *traces.History) map[int64][]access {
	sectors := map[int64][]access{}
	for i := range h.Requests {
		if e := effectOf(h, &h.Requests[i]); e.does == writes {
			a := access{request: h.Requests[i].ID, value: h.Requests[i].ID, from: e.from, to: e.to, write: true}
			for at, end := extent(&h.Requests[i]); at < end; at += sectorLines {
				sectors[at] = append(sectors[at], a)
			}
		}
	}
	for _, d := range h.Data {
		e := effectOf(h, &h.Requests[d.Request-1])
		for at := d.Offset / lineBytes; at < (d.Offset+int64(d.Bytes))/lineBytes; at += sectorLines {
			sectors[at] = append(sectors[at], access{request: d.Request, value: d.Writer, from: e.from, to: e.to})
		}
	}
	return sectors
}

var heapSample = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}

// heap is the size of what is alive.
func heap() uint64 {
	runtime.GC()
	metrics.Read(heapSample)
	return heapSample[0].Value.Uint64()
}

// peakHeap is how far f raises the heap, garbage included, looked at every
// millisecond.
func peakHeap(f func()) (peak uint64) {
	before := heap()
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		sample := []metrics.Sample{{Name: heapSample[0].Name}}
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				metrics.Read(sample)
				peak = max(peak, sample[0].Value.Uint64()-min(before, sample[0].Value.Uint64()))
			}
		}
	})
	f()
	close(done)
	wait.Wait()
	return peak
}
