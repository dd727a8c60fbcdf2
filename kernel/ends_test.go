package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// inFlight are requests that nobody ends: polls and a blocked read. Its last
// is a write to the storage.
func inFlight() []traces.RequestDecl {
	return []traces.RequestDecl{
		{Opcode: model.Poll, File: pipeFile, Offset: unix.POLLIN},
		{Opcode: model.PRead, File: pipeFile, Bytes: 4096},
		{Opcode: model.PWrite, Offset: 4096, Bytes: 4096},
		{Opcode: model.PRead, Offset: 0, Bytes: 4096},
	}
}

func submitting(first, n int) traces.Step {
	return traces.Step{Do: traces.DoSubmit, Request: traces.RequestID(first), Count: uint32(n)}
}

// TestEndByDestroy leaves requests in flight, one round after the other.
func TestEndByDestroy(t *testing.T) {
	first := program(traces.EndDestroy, inFlight(), []traces.Step{submitting(2, 2), submitting(0, 1)})
	second := program(traces.EndDestroy, inFlight(), []traces.Step{submitting(2, 2)})
	second.Round, second.First = 2, 5
	h := history(t, runOn(t, openTest(t), list(first, second)))
	destroyed := 0
	for i := range h.Contexts {
		if h.Contexts[i].Destroy != traces.None {
			destroyed++
		}
	}
	if destroyed != 2 || len(h.Events) != 0 || len(h.Damages) != 0 || h.Watched.Buffers != 4 {
		t.Errorf("%d contexts destroyed, %d events, %d damages, %d buffers watched", destroyed, len(h.Events), len(h.Damages), h.Watched.Buffers)
	}
}

// TestEndByExitAndKill ends the process with a thread blocked in io_submit,
// and goes on with the next round.
func TestEndByExitAndKill(t *testing.T) {
	wait := traces.Step{Do: traces.DoAwait, Thread: 1, After: 1}
	blocked := []traces.Step{submitting(1, 1)}
	exit := program(traces.EndExit, inFlight(), []traces.Step{submitting(2, 2), submitting(0, 1), wait, {Do: traces.DoExit}}, blocked)
	fall := program(traces.EndExit, inFlight(), []traces.Step{submitting(2, 2)})
	kill := program(traces.EndKill, inFlight(), []traces.Step{submitting(2, 2), submitting(0, 1), wait}, blocked)
	wedged := program(traces.EndKill, inFlight(), []traces.Step{{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: forEver}})
	drain := program(traces.EndDrain, inFlight(), []traces.Step{submitting(2, 2)})
	programs := []*traces.Program{exit, fall, kill, wedged, drain}
	for i, p := range programs {
		p.Round, p.First = uint64(i+1), traces.RequestID(4*i+1)
	}
	records := runOn(t, openTest(t), list(programs...))
	h := history(t, records)
	for i := range h.Rounds {
		r := &h.Rounds[i]
		if ended := r.End != traces.EndDrain; ended != (r.Gone != traces.Never) || ended && (r.ExitBegun < r.Start || r.Gone < r.ExitBegun) {
			t.Errorf("round %d: %+v", i, *r)
		}
	}
	if len(h.Damages) != 0 || h.Watched.Buffers < 8 {
		t.Errorf("%d damages, %d buffers watched", len(h.Damages), h.Watched.Buffers)
	}
	for i := range h.Calls {
		c := &h.Calls[i]
		if blocked := c.Thread == 1; blocked && c.Completed() {
			t.Errorf("%v of thread 1 returned %v", c.Kind, c.Ret)
		}
	}
	var exits []traces.End
	for _, r := range records {
		if r.Kind == traces.KindExit {
			exits = append(exits, traces.End(r.Code))
		}
	}
	if got, want := fmt.Sprint(exits), fmt.Sprint([]traces.End{traces.EndExit, traces.EndExit, traces.EndKill, traces.EndKill}); got != want {
		t.Errorf("exits %v, want %v", got, want)
	}
}

// TestCancelledRun cancels the context while a thread waits for ever.
func TestCancelledRun(t *testing.T) {
	storage := openTest(t)
	h, err := NewHost(storage, Options{Run: testRun, Threads: 1, Records: 1 << 10, Finish: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var records collected
	sink := onRecord{&records, func(r traces.Record) {
		if r.Kind == traces.KindInvoke && traces.CallKind(r.Code) == traces.CallGetEvents {
			cancel()
		}
	}}
	p := program(traces.EndDrain, inFlight(), []traces.Step{submitting(0, 1), {Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: forEver}})
	if err := h.Run(ctx, list(p, p), sink); err != nil {
		t.Fatal(err)
	}
	if history := history(t, records); len(history.Rounds) != 1 || history.Rounds[0].Gone == traces.Never {
		t.Errorf("%+v", history.Rounds)
	}
}

// onRecord is a sink that also shows each record to a function.
type onRecord struct {
	Sink
	see func(traces.Record)
}

func (o onRecord) Append(records []traces.Record) error {
	for _, r := range records {
		o.see(r)
	}
	return o.Sink.Append(records)
}

// TestHungRound waits for ever without anybody who ends it.
func TestHungRound(t *testing.T) {
	storage := openTest(t)
	h, err := NewHost(storage, Options{Run: testRun, Threads: 1, Records: 1 << 10, Grace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p := program(traces.EndDrain, nil, []traces.Step{{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: forEver}})
	var records collected
	if err := h.Run(context.Background(), list(p), &records); !errors.Is(err, ErrHung) {
		t.Errorf("error %v", err)
	}
	if h := history(t, records); len(h.Calls) < 3 || h.Calls[1].Completed() || h.Rounds[0].Gone == traces.Never || h.Calls[2].Thread != traces.Controller {
		t.Errorf("calls %+v, rounds %+v", h.Calls, h.Rounds)
	}
}

// TestFailingSink stops a run whose records cannot be written.
func TestFailingSink(t *testing.T) {
	failed := errors.New("no space left")
	p := program(traces.EndDrain, inFlight(), []traces.Step{submitting(2, 2)})
	seen := 0
	err := newTestHost(t, openTest(t)).Run(context.Background(), list(p), sinkFunc(func([]traces.Record) error {
		if seen++; seen > 1 {
			return failed
		}
		return nil
	}))
	if !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
}

type sinkFunc func([]traces.Record) error

func (f sinkFunc) Append(r []traces.Record) error { return f(r) }

// TestNoRunnerStays looks for the runner after its host was closed.
func TestNoRunnerStays(t *testing.T) {
	h, err := NewHost(openTest(t), Options{Run: testRun, Threads: 1, Records: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	pid := h.child.process.Pid
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || !strings.Contains(string(stat), fmt.Sprintf(" %d %d ", os.Getpid(), pid)) {
		t.Errorf("the runner is not a child of this process in a group of its own: %s, %v", stat, err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
}

// TestDamageIsSeen writes to released buffers as a kernel must not.
func TestDamageIsSeen(t *testing.T) {
	h := newTestHost(t, openTest(t))
	first := program(traces.EndDrain, inFlight(), []traces.Step{submitting(2, 2), {Do: traces.DoGetEvents, Min: 2, Max: 2, Timeout: forEver}})
	second := program(traces.EndDrain, inFlight(), []traces.Step{submitting(2, 2)})
	second.Round, second.First = 2, 5
	rounds := 0
	next := func() (*traces.Program, bool) {
		switch rounds++; rounds {
		case 1:
			return first, true
		case 2:
			h.watches[0].arena.buffers[2][100]++
			h.watches[0].arena.buffers[2][300]++
			return second, true
		}
		return nil, false
	}
	var records collected
	if err := h.Run(context.Background(), next, &records); err != nil {
		t.Fatal(err)
	}
	got := history(t, records)
	if len(got.Damages) != 1 {
		t.Fatalf("%d damages", len(got.Damages))
	}
	if d := got.Damages[0]; d.Request != 3 || d.Why != traces.AfterEvent || d.First != 100 || d.Bytes != 2 || d.Seen <= d.Poisoned {
		t.Errorf("%+v", d)
	}
}

func TestCheckRefuses(t *testing.T) {
	h := newTestHost(t, openTest(t))
	good := func() *traces.Program {
		return program(traces.EndDrain, inFlight(), []traces.Step{submitting(2, 2)}, []traces.Step{})
	}
	if err := h.check(good()); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		want  string
		spoil func(*traces.Program)
	}{
		{"threads", func(p *traces.Program) { p.Threads = nil }},
		{"not the storage", func(p *traces.Program) { p.Files[0].Kind = traces.Pipe }},
		{"was used before", func(p *traces.Program) { p.First = 0 }},
		{"no file 9", func(p *traces.Program) { p.Requests[0].File = 9 }},
		{"not an eventfd", func(p *traces.Program) { p.Requests[0].Eventfd = 1 }},
		{"whole lines", func(p *traces.Program) { p.Requests[2].Bytes = 100 }},
		{"bytes tested", func(p *traces.Program) { p.Requests[2].Offset = testBytes }},
		{"bytes tested", func(p *traces.Program) { p.Requests[2].Offset = -4096 }},
		{"no segments", func(p *traces.Program) { p.Requests[2].Opcode = model.PWriteV }},
		{"bytes of buffers", func(p *traces.Program) { p.Requests[1].Bytes = 1 << 30 }},
		{"submitted twice", func(p *traces.Program) { p.Threads[1] = []traces.Step{submitting(3, 1)} }},
		{"no 1 requests", func(p *traces.Program) { p.Threads[1] = []traces.Step{{Do: traces.DoCancel, Request: 4}} }},
		{"no context 1", func(p *traces.Program) { p.Threads[1] = []traces.Step{{Do: traces.DoDestroy, Context: 1}} }},
		{"to wait for", func(p *traces.Program) { p.Threads[1] = []traces.Step{{Do: traces.DoAwait, After: 2}} }},
		{"not right for it", func(p *traces.Program) { p.Threads[1] = []traces.Step{{Do: traces.DoCloseRead}} }},
		{"it exits", func(p *traces.Program) { p.Threads[1] = []traces.Step{{Do: traces.DoExit}} }},
		{"unknown step", func(p *traces.Program) { p.Threads[1] = []traces.Step{{}} }},
		{"different threads", func(p *traces.Program) {
			p.Threads[0] = []traces.Step{{Do: traces.DoReapRing}}
			p.Threads[1] = []traces.Step{{Do: traces.DoGetEvents}}
		}},
	} {
		p := good()
		row.spoil(p)
		if err := h.check(p); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: %v", row.want, err)
		}
	}
}
