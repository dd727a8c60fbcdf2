package kernel

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// benchRequests is how many requests a round of a benchmark makes.
const benchRequests = 1024

// nowhere is a Recorder that records nothing.
type nowhere struct{}

func (nowhere) Record(traces.Record) {}

// inProcess makes a thread that runs in this process: reads and writes of
// random pages, submitted and reaped depth at a time. Its work can be done
// many times over.
func inProcess(tb testing.TB, buffered bool, depth int) *thread {
	tb.Helper()
	storage, err := OpenStorage(StorageOptions{Path: tb.TempDir(), Bytes: 16 << 20, Run: testRun, Buffered: buffered})
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	requests := make([]traces.RequestDecl, benchRequests)
	for i := range requests {
		requests[i] = traces.RequestDecl{Opcode: model.Opcode(rng.IntN(2)), Offset: rng.Int64N(16<<20/4096) * 4096, Bytes: 4096}
	}
	var steps []traces.Step
	for i := 0; i < benchRequests; i += depth {
		steps = append(steps, submitting(i, depth),
			traces.Step{Do: traces.DoGetEvents, Min: int32(depth), Max: int32(depth), Timeout: forEver})
	}
	p := program(traces.EndDrain, requests, steps)
	p.Contexts[0].Slots = 128
	words := make([]uint64, arenaBytes(p)/8+pageBytes/8)
	memory := bytesOf(words)
	// Direct I/O wants pages.
	memory = memory[(pageBytes-address(memory)%pageBytes)%pageBytes:]
	r, err := newRound(p, testRun, &arena{memory: memory}, int(storage.file.Fd()), "")
	if err != nil {
		tb.Fatal(err)
	}
	c, err := newClock(0)
	if err != nil {
		tb.Fatal(err)
	}
	t := &thread{round: r, area: &r.areas[0], rec: nowhere{}, clock: &c, shared: &control{}}
	if err := t.setup(0); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		t.destroy(0)
		r.close()
		if err := storage.Close(); err != nil {
			tb.Error(err)
		}
	})
	return t
}

// again makes the buffers ready for another time.
func (t *thread) again() {
	for i := range t.requests {
		if t.arena.states[i].Swap(stateInUse) == stateInUse {
			continue
		}
		decl := &t.program.Requests[i]
		if decl.Opcode.Writes() {
			Stamp(t.arena.buffers[i], t.run, t.program.First+traces.RequestID(i), decl.Offset)
		} else {
			fill(t.arena.buffers[i], patternUnfilled)
		}
	}
}

func TestStepsDoNotAllocate(t *testing.T) {
	thread := inProcess(t, false, 16)
	words := make([]uint64, ringBytes(1<<13)/8)
	ring := newRing(bytesOf(words), 1<<13)
	thread.rec = ring
	nothing := func([]traces.Record) error { return nil }
	if n := testing.AllocsPerRun(5, func() {
		thread.again()
		thread.work()
		if _, err := ring.Drain(nothing); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRecorder runs the same requests without recording, with it, and
// with the looking into buffers besides, by turns, so that what else the
// machine does strikes all alike. It reports nanoseconds per request of each,
// medians over the turns, and the cost of recording in percent. Requests on the page cache, which end
// within io_submit, are the fastest there are and so the worst case.
func BenchmarkRecorder(b *testing.B) {
	for _, buffered := range []bool{false, true} {
		for _, depth := range []int{1, 16, 64} {
			name := "direct"
			if buffered {
				name = "buffered"
			}
			b.Run(fmt.Sprintf("%s/depth=%d", name, depth), func(b *testing.B) { benchmarkRecorder(b, buffered, depth) })
		}
	}
}

func benchmarkRecorder(b *testing.B, buffered bool, depth int) {
	// As in a runner: no collection, a thread of its own.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t := inProcess(b, buffered, depth)
	words := make([]uint64, ringBytes(1<<14)/8)
	ring := newRing(bytesOf(words), 1<<14)
	nothing := func([]traces.Record) error { return nil }

	var spent [3][]float64 // nanoseconds per request of each turn
	variants := [...]func(){
		func() { t.rec, t.quiet, t.blind = nowhere{}, true, true },
		func() { t.rec, t.quiet, t.blind = ring, false, true },
		func() { t.rec, t.quiet, t.blind = ring, false, false },
	}
	t.blind = true
	t.work() // into the page cache, and the iocbs into the processor's
	for n := 0; b.Loop(); n++ {
		for i := range variants {
			v := (i + n) % len(variants) // no variant always follows the same one
			variants[v]()
			t.again()
			begin := time.Now()
			t.work()
			spent[v] = append(spent[v], float64(time.Since(begin))/benchRequests)
			if _, err := ring.Drain(nothing); err != nil {
				b.Fatal(err)
			}
		}
	}
	for i := range spent {
		slices.Sort(spent[i])
	}
	median := func(v int) float64 { return spent[v][len(spent[v])/2] }
	b.ReportMetric(0, "ns/op") // of all three together: it says nothing
	b.ReportMetric(median(0), "off-ns/req")
	b.ReportMetric(median(1), "on-ns/req")
	b.ReportMetric(median(2), "on+look-ns/req")
	b.ReportMetric(100*(median(1)/median(0)-1), "recording-%")
}

func BenchmarkRing(b *testing.B) {
	words := make([]uint64, ringBytes(1<<14)/8)
	ring := newRing(bytesOf(words), 1<<14)
	nothing := func([]traces.Record) error { return nil }
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		ring.Record(traces.Record{A: uint64(n)})
		if n&(1<<13-1) == 0 {
			if _, err := ring.Drain(nothing); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkClock(b *testing.B) {
	c, err := newClock(0)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c.now()
	}
}

func BenchmarkLines(b *testing.B) {
	buf := make([]byte, 64<<10)
	bench := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	bench("stamp", func() { Stamp(buf, 1, 2, 0) })
	bench("scan", func() {
		scan := Scan(buf, 1, 0, false)
		for _, ok := scan.Next(); ok; _, ok = scan.Next() {
		}
	})
	bench("fill", func() { fill(buf, patternReleased) })
	bench("look", func() { allWords(buf, patternReleased) })
}
