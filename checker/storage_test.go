package checker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aiocheck/model"
	"aiocheck/traces"
)

// tape builds a history transfer by transfer. Places and sizes are in lines
// of the storage, file 0; file 1 is a pipe.
type tape struct{ *traces.History }

func newTape() tape {
	return tape{&traces.History{
		Rounds:   []traces.Round{{Number: 1, ExitBegun: traces.Never, Gone: traces.Never}},
		Files:    []traces.File{{Kind: traces.Storage, Round: traces.None, Bytes: 1 << 20}, {Kind: traces.Pipe, Number: 1}},
		Contexts: []traces.Context{{Slots: 8, Setup: traces.None, Destroy: traces.None}},
		Until:    traces.Never,
	}}
}

// submit adds a request that nobody has reaped.
func (t tape) submit(op model.Opcode, file int32, from traces.Time, first, lines int) traces.RequestID {
	id := traces.RequestID(len(t.Requests) + 1)
	t.Requests = append(t.Requests, traces.Request{ID: id, Opcode: op, File: file, Eventfd: traces.None, Event: traces.None,
		Call: int32(len(t.Calls)), Offset: int64(first) * lineBytes, Bytes: uint32(lines * lineBytes)})
	t.Calls = append(t.Calls, traces.Call{Kind: traces.CallSubmit, Thread: uint16(id), File: traces.None, Invoke: from, Return: from, Ret: 1})
	return id
}

// reap adds the event of a request.
func (t tape) reap(id traces.RequestID, to traces.Time, res model.Result) {
	t.Requests[id-1].Event = int32(len(t.Events))
	t.Events = append(t.Events, traces.Event{Call: int32(len(t.Calls)), Request: id, Res: res})
	t.Calls = append(t.Calls, traces.Call{Kind: traces.CallGetEvents, Thread: uint16(id), File: traces.None, Invoke: to, Return: to, Ret: 1})
}

func (t tape) write(from, to traces.Time, first, lines int) traces.RequestID {
	id := t.submit(model.PWrite, 0, from, first, lines)
	t.reap(id, to, model.Result(lines*lineBytes))
	return id
}

// run is some lines that a read returned.
type run struct {
	lines  int
	writer traces.RequestID
	class  traces.DataClass
}

func (t tape) read(from, to traces.Time, first int, runs ...run) traces.RequestID {
	lines := 0
	for _, r := range runs {
		lines += r.lines
	}
	id := t.submit(model.PRead, 0, from, first, lines)
	t.reap(id, to, model.Result(lines*lineBytes))
	at := int64(first) * lineBytes
	for _, r := range runs {
		t.Data = append(t.Data, traces.Data{Request: id, Writer: r.writer, Class: r.class, Bytes: uint32(r.lines * lineBytes), Offset: at, Claimed: at})
		at += int64(r.lines * lineBytes)
	}
	return id
}

// readStream reads lines of writers, each from a place in its own data.
func (t tape) readStream(from, to traces.Time, writers ...[3]int) traces.RequestID {
	id := t.submit(model.PRead, 1, from, 0, 64)
	at := 0
	for _, w := range writers {
		t.Data = append(t.Data, traces.Data{Request: id, Writer: traces.RequestID(w[0]), Claimed: int64(w[1] * lineBytes),
			Bytes: uint32(w[2] * lineBytes), Offset: int64(at)})
		at += w[2] * lineBytes
	}
	t.reap(id, to, model.Result(at))
	return id
}

func (t tape) writeStream(from, to traces.Time, lines int, res model.Result) traces.RequestID {
	id := t.submit(model.PWrite, 1, from, 0, lines)
	t.reap(id, to, res)
	return id
}

// destroy ends the context.
func (t tape) destroy(at traces.Time) {
	t.Contexts[0].Destroy = int32(len(t.Calls))
	t.Calls = append(t.Calls, traces.Call{Kind: traces.CallDestroy, File: traces.None, Invoke: at, Return: at})
}

// gone ends the process.
func (t tape) gone(at traces.Time) {
	t.Rounds[0].End, t.Rounds[0].ExitBegun, t.Rounds[0].Gone = traces.EndKill, at, at
}

// violated lists the properties that do not hold, with how often.
func violated(vs []Verdict) string {
	var list []string
	for _, v := range vs {
		if v.Outcome == Violated {
			list = append(list, fmt.Sprintf("%s %d", v.Property.Name, v.Violations))
		}
	}
	return strings.Join(list, ", ")
}

func old(n int) run                        { return run{lines: n} }
func by(id traces.RequestID, n int) run    { return run{lines: n, writer: id} }
func class(c traces.DataClass, n int) run  { return run{lines: n, class: c} }
func wrong(n int, id traces.RequestID) run { return run{n, id, traces.DataMisplaced} }

// TestNaming is the table of what is violated by what, and of what is allowed.
func TestNaming(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(t tape)
		want  string
		steps int // of the first finding
	}{
		{"the write is read", func(t tape) { t.read(30, 40, 0, by(t.write(10, 20, 0, 8), 8)) }, "", 0},
		{"read beside the write", func(t tape) { t.write(10, 30, 0, 8); t.read(20, 40, 0, old(8)) }, "", 0},
		{"read at the moment when the write ends", func(t tape) { t.write(10, 30, 0, 8); t.read(30, 40, 0, old(8)) }, "", 0},
		{"lost", func(t tape) { t.write(10, 20, 0, 8); t.read(30, 40, 0, old(8)) }, "no-lost-write 1", 2},
		{"lost in the middle of many", func(t tape) {
			a := t.write(1, 2, 0, 8)
			t.read(3, 4, 0, by(a, 8))
			t.write(10, 20, 0, 16)
			t.read(30, 40, 0, by(a, 8))
			t.read(50, 60, 0, by(a, 8))
		}, "no-lost-write 1", 3},
		{"short", func(t tape) { t.read(30, 40, 0, by(t.write(10, 20, 0, 16), 8), old(8)) }, "result-matches-effect 1", 2},
		{"short, and its result says so", func(t tape) {
			w := t.submit(model.PWrite, 0, 10, 0, 16)
			t.reap(w, 20, 512)
			t.read(30, 40, 0, by(w, 8), old(8))
		}, "", 0},
		{"short, and the rest comes later", func(t tape) {
			w := t.submit(model.PWrite, 0, 10, 0, 16)
			t.reap(w, 20, 512)
			t.read(30, 40, 0, by(w, 8), old(8))
			t.read(50, 60, 0, by(w, 16))
		}, "", 0},
		{"stale", func(t tape) {
			w := t.write(10, 20, 0, 8)
			t.read(30, 40, 0, by(w, 8))
			t.read(50, 60, 0, old(8))
		}, "fresh-reads 1", 2},
		{"backwards beside the write", func(t tape) {
			w := t.write(10, 100, 0, 8)
			t.read(30, 40, 0, by(w, 8))
			t.read(50, 60, 0, old(8))
			t.read(200, 210, 0, by(w, 8))
		}, "fresh-reads 1", 3},
		{"stale in two places", func(t tape) {
			w := t.write(10, 20, 0, 32)
			t.read(30, 40, 0, by(w, 32))
			t.read(50, 60, 0, old(8), by(w, 16), old(8))
		}, "fresh-reads 2", 2},
		{"failed writes do what they want", func(t tape) {
			w := t.submit(model.PWrite, 0, 10, 0, 16)
			t.reap(w, 20, model.Fail(model.EIO))
			t.read(30, 40, 0, old(16))
			t.read(50, 60, 0, by(w, 3), old(13))
		}, "", 0},
		{"but do not come and go", func(t tape) {
			w := t.submit(model.PWrite, 0, 10, 0, 8)
			t.reap(w, 20, model.Fail(model.EIO))
			t.read(30, 40, 0, by(w, 8))
			t.read(50, 60, 0, old(8))
		}, "fresh-reads 1", 3},
		{"zeros", func(t tape) { t.read(30, 40, 0, old(8), class(traces.DataZero, 8)) }, "no-thin-air 1", 1},
		{"foreign", func(t tape) { t.read(30, 40, 0, class(traces.DataForeign, 8)) }, "no-thin-air 1", 1},
		{"corrupt", func(t tape) { t.read(30, 40, 0, class(traces.DataCorrupt, 1), old(7)) }, "no-thin-air 1", 1},
		{"corrupt beside a write", func(t tape) { t.write(10, 35, 0, 8); t.read(30, 40, 0, class(traces.DataCorrupt, 1), old(7)) }, "", 0},
		{"writer unknown", func(t tape) { t.read(30, 40, 0, by(77, 8)) }, "no-thin-air 1", 1},
		{"writer elsewhere", func(t tape) { t.read(30, 40, 0, by(t.write(10, 20, 8, 8), 8)) }, "no-thin-air 1", 2},
		{"writer a read", func(t tape) { t.read(30, 40, 0, by(t.read(10, 20, 0, old(8)), 8)) }, "no-thin-air 1", 2},
		{"writer rejected", func(t tape) {
			w := t.submit(model.PWrite, 0, 10, 0, 8)
			t.Requests[w-1].Fate = traces.Rejected
			t.read(30, 40, 0, by(w, 8))
		}, "no-thin-air 1", 2},
		{"writer later", func(t tape) { t.read(1, 2, 0, by(t.write(10, 20, 0, 8), 8)) }, "no-thin-air 1", 2},
		{"misplaced", func(t tape) { t.read(30, 40, 0, wrong(8, t.write(10, 20, 8, 8))) }, "data-in-place 1", 2},
		{"unfilled", func(t tape) { t.read(30, 40, 0, old(8), class(traces.DataUnfilled, 8)) }, "result-matches-effect 1", 1},
		{"more than its result says", func(t tape) {
			r := t.read(30, 40, 0, old(8), old(8))
			t.Events[t.Requests[r-1].Event].Res = 512
		}, "result-matches-effect 1", 1},
		{"torn", func(t tape) { t.read(30, 40, 0, by(t.write(10, 20, 0, 8), 4), old(4)) }, "whole-sectors 1", 2},
		{"torn between sectors", func(t tape) { t.write(10, 50, 0, 16); t.read(30, 40, 0, by(1, 8), old(8)) }, "", 0},
		{"torn beside a write", func(t tape) { t.read(15, 40, 0, by(t.write(10, 20, 0, 8), 4), old(4)) }, "", 0},
		{"part of a sector written", func(t tape) { t.read(30, 40, 0, by(t.write(10, 20, 0, 4), 4), old(4)) }, "", 0},
		{"after destroy", func(t tape) {
			w := t.submit(model.PWrite, 0, 10, 0, 8)
			t.destroy(20)
			t.read(30, 40, 0, old(8))
			t.read(50, 60, 0, by(w, 8))
		}, "destroy-waits 1", 4},
		{"until destroy", func(t tape) {
			w := t.submit(model.PWrite, 0, 10, 0, 8)
			t.destroy(40)
			t.read(30, 40, 0, old(8))
			t.read(50, 60, 0, by(w, 8))
		}, "", 0},
		{"after exit", func(t tape) {
			w := t.submit(model.PWrite, 0, 10, 0, 8)
			t.gone(20)
			t.read(30, 40, 0, old(8))
			t.read(50, 60, 0, by(w, 8))
		}, "exit-waits 1", 3},
		{"never reaped, later", func(t tape) {
			w := t.submit(model.PWrite, 0, 10, 0, 8)
			t.read(30, 40, 0, old(8))
			t.read(50, 60, 0, by(w, 8))
		}, "", 0},
		{"stream", func(t tape) {
			w := int(t.writeStream(10, 20, 8, 512))
			t.readStream(30, 40, [3]int{w, 0, 2})
			t.readStream(50, 60, [3]int{w, 2, 6})
		}, "", 0},
		{"stream, reads beside each other", func(t tape) {
			w := int(t.writeStream(10, 20, 8, 512))
			t.readStream(30, 60, [3]int{w, 2, 6})
			t.readStream(30, 60, [3]int{w, 0, 2})
		}, "", 0},
		{"stream, swapped", func(t tape) {
			w := int(t.writeStream(10, 20, 8, 512))
			t.readStream(30, 40, [3]int{w, 2, 6})
			t.readStream(50, 60, [3]int{w, 0, 2})
		}, "stream-order 1", 2},
		{"stream, swapped within", func(t tape) {
			w := int(t.writeStream(10, 20, 8, 512))
			t.readStream(30, 40, [3]int{w, 2, 6}, [3]int{w, 0, 2})
		}, "stream-order 1", 2},
		{"stream, twice", func(t tape) {
			w := int(t.writeStream(10, 20, 8, 512))
			t.readStream(30, 40, [3]int{w, 0, 4})
			t.readStream(35, 60, [3]int{w, 3, 1})
		}, "stream-order 1", 2},
		{"stream, more than written", func(t tape) { t.readStream(30, 40, [3]int{int(t.writeStream(10, 20, 8, 256)), 0, 5}) }, "stream-order 1", 2},
		{"stream, before it was written", func(t tape) { t.readStream(1, 2, [3]int{int(t.writeStream(10, 20, 8, 512)), 0, 8}) }, "stream-order 1", 2},
		{"stream, of the storage", func(t tape) { t.readStream(30, 40, [3]int{int(t.write(10, 20, 0, 8)), 0, 8}) }, "stream-order 1", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			tape := newTape()
			c.build(tape)
			vs := judgeStorage(tape.History, newBudget(Limits{}))
			if got := violated(vs); got != c.want {
				t.Fatalf("violated: %q, want %q", got, c.want)
			}
			for _, v := range vs {
				if v.Outcome == Violated && v.Instances < 1 {
					t.Errorf("%s is violated without an instance", v.Property.Name)
				}
				for _, f := range v.Findings {
					checkFinding(t, tape.History, f, c.steps)
				}
			}
		})
	}
}

// checkFinding looks at what every finding has.
func checkFinding(t *testing.T, h *traces.History, f Finding, steps int) {
	t.Helper()
	t.Log(f.Summary)
	if f.Property == "" || f.Summary == "" || f.Expected == "" || f.Bytes <= 0 || f.Bytes%lineBytes != 0 {
		t.Errorf("incomplete: %+v", f)
	}
	if len(f.Steps) != steps {
		t.Errorf("%d steps, want %d: %+v", len(f.Steps), steps, f.Steps)
	}
	if !slices.IsSortedFunc(f.Steps, func(a, b Step) int { return int(a.From - b.From) }) {
		t.Errorf("steps are not in order of time: %+v", f.Steps)
	}
	if !slices.IsSortedFunc(f.Calls, func(a, b int32) int { return int(h.Calls[a].Invoke - h.Calls[b].Invoke) }) {
		t.Errorf("calls are not in order: %v", f.Calls)
	}
}

// TestPlaces: findings of adjacent lines are one, whatever segments and
// regions they were judged in.
func TestPlaces(t *testing.T) {
	tape := newTape()
	const lines = 3 * regionLines
	w := tape.write(10, 20, 5, lines)
	r := tape.read(30, 40, 0, old(5+lines))
	tape.read(50, 60, 1000, run{lines: 1, writer: w})
	vs := judgeStorage(tape.History, newBudget(Limits{}))
	if got := violated(vs); got != "fresh-reads 1, no-lost-write 2" {
		t.Fatal(got)
	}
	for _, v := range vs {
		for _, f := range v.Findings {
			if !slices.Contains(f.Requests, r) || f.At != 40 {
				t.Errorf("%+v", f)
			}
			t.Log(f.Offset/lineBytes, f.Bytes/lineBytes)
		}
	}
}

// TestLimits: a budget that does not last gives undecided and says why, and
// what was found before still counts.
func TestLimits(t *testing.T) {
	tape := newTape()
	tape.write(10, 20, 0, 8)
	tape.read(30, 40, 0, class(traces.DataZero, 8))
	tape.read(30, 40, 0, old(8))
	for _, c := range []struct {
		limits Limits
		why    string
	}{
		{Limits{Time: time.Hour}, "the time limit of 1h0m0s was reached while finding the effect of each request"},
		{Limits{Memory: 10}, "the memory limit of 10 bytes was reached: 72 more were needed while finding the effect of each request"},
		{Limits{Memory: 1 << 20}, "the memory limit of 1048576 bytes was reached: "},
	} {
		b := newBudget(c.limits)
		b.deadline = time.Now() // it is over at once
		for _, v := range judgeStorage(tape.History, b) {
			switch {
			case v.Outcome == Violated:
			case v.Outcome != Undecided || !strings.HasPrefix(v.Why, c.why):
				t.Errorf("%v: %s is %v because %q", c.limits, v.Property.Name, v.Outcome, v.Why)
			}
			if strings.Contains(v.Why, "judging regions") && !strings.HasSuffix(v.Why, ": 0 of 1 were done") {
				t.Errorf("%q does not say what was left", v.Why)
			}
		}
	}
}

// TestSameVerdictAgain: chance has no part in what is found, counted and
// explained, however regions fall to processors.
func TestSameVerdictAgain(t *testing.T) {
	m := newSimulated(shape{requests: 40000, flight: 16, lines: 1 << 14, unit: 1, sizes: []int{8, 24, 65}}, 3)
	rng := rand.New(rand.NewPCG(3, 3))
	for range 300 {
		spoilData(rng, m.History)
	}
	first := judgeStorage(m.History, newBudget(Limits{}))
	if violated(first) == "" {
		t.Fatal("nothing is broken")
	}
	for range 3 {
		if diff := cmp.Diff(first, judgeStorage(m.History, newBudget(Limits{}))); diff != "" {
			t.Fatal(diff)
		}
	}
}
