package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

var update = flag.Bool("update", false, "write the golden files")

func render(t *testing.T, h *traces.History, j *checker.Judgement) string {
	t.Helper()
	var page bytes.Buffer
	if err := Write(&page, h, j); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

var dataBlock = regexp.MustCompile(`<script type="application/octet-stream" id="data">([^<]*)</script>`)

// TestTinyPage shows all that the scripts get of a run of five requests.
func TestTinyPage(t *testing.T) {
	h := tinyHistory()
	match := dataBlock.FindStringSubmatch(render(t, h, fakeJudgement(h)))
	if match == nil {
		t.Fatal("the page has no data block")
	}
	dir, tables, err := decodeBlock([]byte(match[1]))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	fmt.Fprintf(&got, "%d lanes from %d to %d\n", dir.Meta.Lanes, dir.Meta.From, dir.Meta.To)
	for _, name := range tableNames {
		for _, column := range slices.Sorted(maps.Keys(tables[name])) {
			fmt.Fprintf(&got, "%s.%s: %v\n", name, column, tables[name][column])
		}
	}
	const golden = "testdata/tiny.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the page's data (-want +got):\n%s", diff)
	}
}

// tinyHistory: thread 0 submits a write, a poll and a bad request; thread 1
// cancels the poll, thread 0 reaps both; a plain read is never seen to return,
// and request 5 is never submitted.
func tinyHistory() *traces.History {
	none := int32(traces.None)
	return &traces.History{
		Header:   traces.Header{Run: 5, Contract: model.Contract{Name: "test"}},
		Rounds:   []traces.Round{{Number: 1, Start: 10, Gone: traces.Never}},
		Files:    []traces.File{{Kind: traces.Storage, Round: none, Bytes: 4096}, {Kind: traces.Pipe, Number: 1}},
		Contexts: []traces.Context{{Slots: 4, Ring: 5, Setup: 0, Destroy: none}},
		Calls: []traces.Call{
			{Kind: traces.CallSetup, Invoke: 20, Return: 30, File: none, X: 4, First: none},
			{Kind: traces.CallSubmit, Invoke: 40, Return: 60, File: none, X: 3, Ret: 2, First: 0, Count: 3},
			{Kind: traces.CallCancel, Thread: 1, Invoke: 70, Return: 75, File: none, Request: 2, Ret: model.Fail(model.EINPROGRESS), First: none},
			{Kind: traces.CallGetEvents, Invoke: 80, Return: 90, File: none, X: 2, Y: 2, Z: -1, Ret: 2, First: 0, Count: 2},
			{Kind: traces.CallRead, Thread: 1, Invoke: 85, Return: traces.Never, Context: none, Request: 4, X: 512, First: none},
		},
		Requests: []traces.Request{
			{ID: 1, Opcode: model.PWrite, Eventfd: none, Call: 1, Event: 1, Bytes: 1024, Data: 5<<32 | 1, Obj: 64},
			{ID: 2, Opcode: model.Poll, Index: 1, Eventfd: none, File: 1, Call: 1, Event: 0, Offset: 1, Data: 5<<32 | 2, Obj: 128},
			{ID: 3, Opcode: model.PRead, Index: 2, Fate: traces.Rejected, Eventfd: none, Call: 1, Event: none, Bytes: 512, Offset: -1, Data: 5<<32 | 3, Obj: 192},
			{ID: 4, Opcode: model.PRead, Context: none, Eventfd: none, Call: 4, Event: none, Bytes: 512},
			{},
		},
		Events: []traces.Event{
			{Call: 3, Request: 2, Data: 5<<32 | 2, Obj: 128, Res: model.Fail(model.EINTR)},
			{Call: 3, Request: 1, Data: 5<<32 | 1, Obj: 64 + 1, Res: 512},
		},
	}
}

const attack = `</script></title></style>--><img src=x onerror="attacked=1"><script>attacked=1</script>'"{{.}}` + "\u2028`${attacked=1}"

func hostileHistory() *traces.History {
	h := tinyHistory()
	h.Header = traces.Header{Tool: attack, Target: attack, Started: attack, Clock: attack, Misbehaviour: attack,
		Kernel: traces.Kernel{Release: attack, Version: attack, Machine: attack}, Contract: model.Contract{Name: attack},
		Device: traces.Device{Path: attack, Kind: attack, FileSystem: attack, Source: attack}, Workload: traces.Workload{Mix: attack}}
	h.Cut = errors.New(attack)
	// Numbers that a double does not hold, and results that no kernel gives.
	h.Requests[0].Data, h.Requests[0].Obj, h.Requests[0].Offset = 0xfedcba9876543210, math.MaxUint64, math.MaxInt64
	h.Events[1].Data, h.Events[1].Obj, h.Events[1].Res = 0xfedcba9876543211, math.MaxUint64, math.MinInt64
	return h
}

func hostileJudgement(h *traces.History) *checker.Judgement {
	j := fakeJudgement(h, model.OneEvent)
	for i := range j.Verdicts {
		v := &j.Verdicts[i]
		v.Property.Name, v.Property.Sentence, v.Why = attack, attack, attack
		for k := range v.Findings {
			f := &v.Findings[k]
			f.Property, f.Summary, f.Expected = attack, attack, attack
			f.Requests, f.Calls = append(f.Requests, 9999), append(f.Calls, 9999)
			for s := range f.Steps {
				f.Steps[s].Text = attack
			}
		}
	}
	return j
}

func TestHostileStringsAreEscaped(t *testing.T) {
	h := hostileHistory()
	page := render(t, h, hostileJudgement(h))
	for _, part := range []string{"<img", "<script>attacked", "{{.}}</", "onerror=\""} {
		if strings.Contains(page, part) {
			t.Errorf("the page contains %q", part)
		}
	}
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("the page has %d scripts, want its data and its own", n)
	}
}

// TestNothingIsLoaded looks for everything that would make a browser ask for
// something else.
func TestNothingIsLoaded(t *testing.T) {
	h := tinyHistory()
	page := render(t, h, fakeJudgement(h))
	for _, part := range []string{"http:", "https:", "src=", "@import", "url(", "//cdn"} {
		if strings.Contains(page, part) {
			t.Errorf("the page contains %q", part)
		}
	}
	if !strings.Contains(page, "default-src &#39;none&#39;") {
		t.Error("the page has no policy")
	}
}

// TestEmptyHistory: a trace that was cut before its first call.
func TestEmptyHistory(t *testing.T) {
	h := &traces.History{Cut: errors.New("frame 1 at byte 40: unexpected end of file")}
	page := render(t, h, &checker.Judgement{Outcome: checker.Undecided})
	if !strings.Contains(page, "unexpected end of file") {
		t.Error("the page does not say where the trace ends")
	}
}

func TestOutcomes(t *testing.T) {
	h := tinyHistory()
	got := gather(h).outcome
	if want := []outcome{short, cancelled, rejected, unreaped, unsubmitted}; !slices.Equal(got, want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
}

// TestLinearizationPoints: points lie in their steps, in the order given.
func TestLinearizationPoints(t *testing.T) {
	steps := []checker.Step{{From: 0, To: 90, Order: 3}, {From: 10, To: 40, Order: 1}, {From: 20, To: 30, Order: 0}, {From: 25, To: traces.Never, Order: 2}}
	c := drawSteps(steps)
	at := func(i int) float64 { return c.Bars[i].PointX }
	if !(at(1) < at(3) && at(3) < at(0)) {
		t.Errorf("points at %g, %g, %g are not in the order 1, 2, 3", at(1), at(3), at(0))
	}
	for i, b := range c.Bars {
		if at(i) < b.X || at(i) > b.X+b.Width {
			t.Errorf("the point of step %d at %g is outside of %g to %g", i, at(i), b.X, b.X+b.Width)
		}
	}
	if !c.Bars[3].Open || c.Bars[2].Open {
		t.Error("only the step that was not seen to end is open")
	}
}

func TestDuration(t *testing.T) {
	for ns, want := range map[traces.Time]string{0: "0 ns", 999: "999 ns", 1500: "1.5 µs", 12_345_678: "12.35 ms", 2e9: "2 s", -5000: "-5 µs"} {
		if got := duration(ns); got != want {
			t.Errorf("duration(%d) is %q, want %q", ns, got, want)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	h := fakeHistory(3, 100_000, 8, 32)
	j := fakeJudgement(h, model.FreshReads)
	b.ReportAllocs()
	for b.Loop() {
		var page bytes.Buffer
		if err := Write(&page, h, j); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(page.Len()), "bytes/page")
	}
}
