package kernel

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// program makes a round of one context and of a pipe, a pair of sockets and
// an eventfd besides the storage.
func program(end traces.End, requests []traces.RequestDecl, threads ...[]traces.Step) *traces.Program {
	return &traces.Program{
		Round: 1, First: 1, End: end,
		Contexts: []traces.ContextDecl{{Slots: 1}},
		Files: []traces.FileDecl{{Kind: traces.Storage, Bytes: testBytes},
			{Kind: traces.Pipe}, {Kind: traces.Socket}, {Kind: traces.Eventfd}},
		Requests: requests,
		Threads:  threads,
	}
}

// The files of program.
const (
	pipeFile = 1 + iota
	socketFile
	eventFile
)

const forEver = -time.Nanosecond

// told is what a thread's calls gave, in order, with the events and the data
// that they brought: "io_submit 1", "event 1 4096", "data 1 written 0+64 by 2".
// Of a POLL's result only the bits that were asked for are told: a wake-up's
// others come along (fs/aio.c, aio_poll_wake).
func told(records collected, thread uint16) []string {
	var lines []string
	asked := map[uint32]uint64{}
	for _, r := range records {
		if r.Kind == traces.KindRequest && model.Opcode(r.Code) == model.Poll {
			asked[r.Request] = r.A
		}
	}
	var kind traces.CallKind
	for _, r := range records {
		if r.Thread != thread {
			continue
		}
		switch r.Kind {
		case traces.KindInvoke:
			kind = traces.CallKind(r.Code)
		case traces.KindReturn:
			line := fmt.Sprintf("%v %v", kind, model.Result(r.B))
			if kind == traces.CallReadEventfd && int64(r.B) > 0 {
				line += fmt.Sprintf(" value %d", r.C)
			}
			lines = append(lines, line)
		case traces.KindEvent:
			res := model.Result(r.C)
			if mask, ok := asked[uint32(r.A)]; ok && res > 0 {
				res &= model.Result(mask)
			}
			lines = append(lines, fmt.Sprintf("event %d %v", uint32(r.A), res))
		case traces.KindData:
			lines = append(lines, fmt.Sprintf("data %d %v %d+%d by %d", r.Request, traces.DataClass(r.Code), r.A, r.B, r.C))
		}
	}
	return lines
}

// TestSteps runs small programs and looks at what each thread was told. The
// closing sequence of a drained round is left out.
func TestSteps(t *testing.T) {
	submit := func(first, n int) traces.Step {
		return traces.Step{Do: traces.DoSubmit, Request: traces.RequestID(first), Count: uint32(n)}
	}
	get := func(n int) traces.Step {
		return traces.Step{Do: traces.DoGetEvents, Min: int32(n), Max: int32(n), Timeout: forEver}
	}
	cancel := func(i int) traces.Step { return traces.Step{Do: traces.DoCancel, Request: traces.RequestID(i)} }
	poll := func(file uint16) traces.RequestDecl {
		return traces.RequestDecl{Opcode: model.Poll, File: file, Offset: unix.POLLIN}
	}
	for _, row := range []struct {
		name     string
		requests []traces.RequestDecl
		steps    []traces.Step
		want     string
	}{
		{"write and read back", []traces.RequestDecl{
			{Opcode: model.PWrite, Offset: 8192, Bytes: 4096}, {Opcode: model.PRead, Offset: 4096, Bytes: 8192},
		}, []traces.Step{submit(0, 1), get(1), submit(1, 1), get(1)}, `
			io_submit 1; io_getevents 1; event 1 4096
			io_submit 1; io_getevents 1; event 2 8192
			data 2 written 4096+4096 by 0; data 2 written 8192+4096 by 1`},
		{"vectors", []traces.RequestDecl{
			{Opcode: model.PWriteV, Offset: 0, Bytes: 12288, Segments: 3}, {Opcode: model.PReadV, Offset: 0, Bytes: 16384, Segments: 4},
		}, []traces.Step{submit(0, 1), get(1), submit(1, 1), get(1)}, `
			io_submit 1; io_getevents 1; event 1 12288
			io_submit 1; io_getevents 1; event 2 16384
			data 2 written 0+12288 by 1; data 2 written 12288+4096 by 0`},
		{"sync", []traces.RequestDecl{{Opcode: model.FSync}, {Opcode: model.FDSync}},
			[]traces.Step{submit(0, 1), get(1), submit(1, 1), get(1)},
			`io_submit 1; io_getevents 1; event 1 0; io_submit 1; io_getevents 1; event 2 0`},
		{"cancelled poll", []traces.RequestDecl{poll(pipeFile)},
			[]traces.Step{submit(0, 1), cancel(0), cancel(0), get(1), cancel(0)},
			`io_submit 1; io_cancel -EINPROGRESS; io_cancel -EINVAL; io_getevents 1; event 1 0; io_cancel -EINVAL`},
		{"never submitted", []traces.RequestDecl{poll(pipeFile)}, []traces.Step{cancel(0)}, `io_cancel -EINVAL`},
		{"polls that become ready", []traces.RequestDecl{poll(pipeFile), poll(socketFile), poll(eventFile),
			{Opcode: model.PWrite, File: pipeFile, Bytes: 64, Plain: true}, {Opcode: model.PWrite, File: socketFile, Bytes: 64, Plain: true}},
			[]traces.Step{submit(0, 1), {Do: traces.DoWrite, Request: 3}, get(1), submit(1, 1), {Do: traces.DoWrite, Request: 4}, get(1),
				submit(2, 1), {Do: traces.DoWrite, File: eventFile}, get(1), {Do: traces.DoReadEventfd, File: eventFile}}, `
			io_submit 1; write 64; io_getevents 1; event 1 1; io_submit 1; write 64; io_getevents 1; event 2 1
			io_submit 1; write 8; io_getevents 1; event 3 1; read_eventfd 8 value 1`},
		{"poll for writing", []traces.RequestDecl{{Opcode: model.Poll, File: pipeFile, Offset: unix.POLLOUT}},
			[]traces.Step{submit(0, 1), get(1)}, `io_submit 1; io_getevents 1; event 1 4`},
		{"streams", []traces.RequestDecl{
			{Opcode: model.PWrite, File: pipeFile, Bytes: 256}, {Opcode: model.PRead, File: pipeFile, Bytes: 512},
			{Opcode: model.PWrite, File: socketFile, Bytes: 128, Plain: true}, {Opcode: model.PRead, File: socketFile, Bytes: 128, Plain: true}},
			[]traces.Step{submit(0, 2), get(2), {Do: traces.DoWrite, Request: 2}, {Do: traces.DoRead, Request: 3},
				{Do: traces.DoCloseWrite, File: socketFile}, {Do: traces.DoCloseWrite, File: socketFile}}, `
			io_submit 2; io_getevents 2; event 1 256; event 2 256; data 2 written 0+256 by 1
			write 128; read 128; data 4 written 0+128 by 3; close 0; close -EBADF`},
		{"eventfd of completions", []traces.RequestDecl{
			{Opcode: model.PRead, Bytes: 512, Eventfd: eventFile + 1}, {Opcode: model.PRead, Bytes: 512, Eventfd: eventFile + 1}},
			[]traces.Step{{Do: traces.DoReadEventfd, File: eventFile}, submit(0, 2), get(2), {Do: traces.DoReadEventfd, File: eventFile}}, `
			read_eventfd -EAGAIN; io_submit 2; io_getevents 2; event 1 512; event 2 512
			data 1 written 0+512 by 0; data 2 written 0+512 by 0; read_eventfd 8 value 2`},
		{"ring", []traces.RequestDecl{poll(pipeFile)},
			[]traces.Step{{Do: traces.DoReapRing, Max: 4}, submit(0, 1), cancel(0), get(1), {Do: traces.DoReapRing, Max: 4}},
			`reap_ring 0; io_submit 1; io_cancel -EINPROGRESS; io_getevents 1; event 1 0; reap_ring 0`},
		{"ring with events", []traces.RequestDecl{{Opcode: model.Poll, File: pipeFile, Offset: unix.POLLOUT}, {Opcode: model.Poll, File: pipeFile, Offset: unix.POLLOUT}},
			[]traces.Step{submit(0, 2), {Do: traces.DoReapRing, Max: 1}, {Do: traces.DoReapRing, Max: 4}},
			`io_submit 2; reap_ring 1; event 1 4; reap_ring 1; event 2 4`},
		{"waits", nil, []traces.Step{
			{Do: traces.DoGetEvents, Min: 1, Max: 4, Timeout: time.Millisecond}, {Do: traces.DoPGetEvents, Min: 1, Max: 4, Timeout: time.Millisecond},
			{Do: traces.DoGetEvents, Max: 4}, {Do: traces.DoGetEvents, Min: 2, Max: 1}, {Do: traces.DoGetEvents, Min: -1, Max: 1}},
			`io_getevents 0; io_pgetevents 0; io_getevents 0; io_getevents -EINVAL; io_getevents -EINVAL`},
		{"io_pgetevents", []traces.RequestDecl{{Opcode: model.PRead, Bytes: 512}},
			[]traces.Step{submit(0, 1), {Do: traces.DoPGetEvents, Min: 1, Max: 1, Timeout: forEver}},
			`io_submit 1; io_pgetevents 1; event 1 512; data 1 written 0+512 by 0`},
		{"destroyed", []traces.RequestDecl{poll(pipeFile), poll(pipeFile)},
			[]traces.Step{submit(0, 1), {Do: traces.DoDestroy}, submit(1, 1), cancel(0), get(1), {Do: traces.DoReapRing, Max: 1}, {Do: traces.DoDestroy}},
			`io_submit 1; io_destroy 0; io_submit -EINVAL; io_cancel -EINVAL; io_getevents -EINVAL; reap_ring -EINVAL; io_destroy -EINVAL`},
		{"refused", []traces.RequestDecl{{Opcode: model.PRead, Bytes: 512}, {Opcode: 6}, {Opcode: model.PRead, Bytes: 512}, {Opcode: 4}},
			[]traces.Step{submit(0, 3), submit(3, 1), get(1)},
			`io_submit 1; io_submit -EINVAL; io_getevents 1; event 1 512; data 1 written 0+512 by 0`},
	} {
		t.Run(row.name, func(t *testing.T) {
			records := runOn(t, openTest(t), list(program(traces.EndDrain, row.requests,
				append([]traces.Step{}, row.steps...))))
			history(t, records)
			var want []string
			for line := range strings.Lines(row.want) {
				for part := range strings.SplitSeq(line, ";") {
					if part = strings.TrimSpace(part); part != "" {
						want = append(want, part)
					}
				}
			}
			got := told(records, 0)[1:] // after io_setup
			if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNoSlots fills a context with polls until it refuses one.
func TestNoSlots(t *testing.T) {
	const n = 4096
	requests := make([]traces.RequestDecl, n)
	for i := range requests {
		requests[i] = traces.RequestDecl{Opcode: model.Poll, File: eventFile, Offset: unix.POLLIN}
	}
	var steps []traces.Step
	for i := range n / 64 {
		steps = append(steps, traces.Step{Do: traces.DoSubmit, Request: traces.RequestID(64 * i), Count: 64})
	}
	steps = append(steps, traces.Step{Do: traces.DoWrite, File: eventFile})
	h := history(t, runOn(t, openTest(t), list(program(traces.EndDrain, requests, steps))))
	full, accepted := 0, 0
	for i := range h.Calls {
		if c := &h.Calls[i]; c.Kind == traces.CallSubmit && c.Ret == model.Fail(model.EAGAIN) {
			full++
		} else if c.Kind == traces.CallSubmit {
			accepted += int(c.Ret)
		}
	}
	if full == 0 || accepted != len(h.Events) || accepted >= int(h.Contexts[0].Ring) {
		t.Errorf("%d accepted, %d events, %d calls refused, ring of %d", accepted, len(h.Events), full, h.Contexts[0].Ring)
	}
}

// TestBlockedThreads lets threads block in io_submit, in read and in
// io_getevents until another one moves.
func TestBlockedThreads(t *testing.T) {
	requests := []traces.RequestDecl{
		{Opcode: model.PRead, File: pipeFile, Bytes: 64},
		{Opcode: model.PRead, File: socketFile, Bytes: 64, Plain: true},
		{Opcode: model.PWrite, File: pipeFile, Bytes: 64, Plain: true},
	}
	records := runOn(t, openTest(t), list(program(traces.EndDrain, requests,
		[]traces.Step{{Do: traces.DoSubmit, Count: 1}},
		[]traces.Step{{Do: traces.DoRead, Request: 1}},
		[]traces.Step{{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: forEver}},
		[]traces.Step{{Do: traces.DoAwait, Thread: 1, After: 1}, {Do: traces.DoAwait, Thread: 2, After: 1},
			{Do: traces.DoWrite, Request: 2, Thread: 0, After: 1}, {Do: traces.DoCloseWrite, File: socketFile}},
	)))
	history(t, records)
	for thread, want := range [][]string{
		{"io_setup 0", "io_submit 1"}, {"read 0"}, {"io_getevents 1", "event 1 64", "data 1 written 0+64 by 3"}, {"write 64", "close 0"},
	} {
		got := told(records, uint16(thread))
		if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
			t.Errorf("thread %d: %s", thread, diff)
		}
	}
}
