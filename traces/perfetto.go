package traces

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// The processes that the tracks are shown under.
const (
	perfettoCalls    = 1 // a track for each thread, and one for the rounds
	perfettoRequests = 2 // tracks of requests that do not overlap
)

// WritePerfetto writes a history as JSON in Chrome's trace event format, which
// ui.perfetto.dev opens: a slice for each call on the track of its thread, a
// slice for each request from the beginning of its io_submit until its event
// is known, and an arrow from each io_cancel to its request if that was there.
//
// Requests are slices on as many tracks as are in flight at once, and not
// events of the kind "async": arrows end only at slices of thread tracks.
func WritePerfetto(w io.Writer, h *History) error {
	p := &perfetto{h: h, out: bufio.NewWriterSize(w, 1<<16), lane: make([]int32, len(h.Requests))}
	head, err := json.Marshal(h.Header)
	if err != nil {
		return fmt.Errorf("encode header: %w", err)
	}
	p.raw(`{"displayTimeUnit":"ns","otherData":`, string(head), `,"traceEvents":[`)
	p.roundEnds()
	p.rounds()
	p.calls()
	p.requests()
	p.cancels()
	p.raw("\n]}\n")
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write Perfetto trace: %w", err)
	}
	return nil
}

type perfetto struct {
	h       *History
	out     *bufio.Writer // keeps the first error until Flush
	ends    []Time        // of rounds
	lane    []int32       // track of each request by ID less one, from 1; 0 if it has none
	line    []byte
	written bool
}

func (p *perfetto) raw(parts ...string) {
	for _, part := range parts {
		p.out.WriteString(part) // its error is Flush's
	}
}

// begin starts an event; the caller appends to p.line and calls end.
func (p *perfetto) begin(phase string, pid int, tid int32, name string) {
	p.line = append(p.line[:0], ",\n"...)
	if !p.written {
		p.line = append(p.line[:0], '\n')
		p.written = true
	}
	p.line = append(append(p.line, `{"ph":"`...), phase...)
	p.line = strconv.AppendInt(append(p.line, `","pid":`...), int64(pid), 10)
	p.line = strconv.AppendInt(append(p.line, `,"tid":`...), int64(tid), 10)
	p.line = append(append(append(p.line, `,"name":"`...), name...), '"')
}

// at adds a time or a duration. The format counts microseconds.
func (p *perfetto) at(key string, t Time) {
	p.line = fmt.Appendf(p.line, `,"%s":%d.%03d`, key, t/1000, t%1000)
}

func (p *perfetto) end() {
	p.line = append(p.line, '}')
	p.out.Write(p.line) // its error is Flush's
}

// slice begins a complete slice; a time of Never ends with the round.
func (p *perfetto) slice(pid int, tid int32, name string, from, to Time, round int32) {
	if to == Never {
		to = p.ends[round]
		name += " (no end seen)"
	}
	p.begin("X", pid, tid, name)
	p.at("ts", from)
	p.at("dur", max(0, to-from))
}

func (p *perfetto) name(key string, pid int, tid int32, name string) {
	p.begin("M", pid, tid, key)
	p.line = append(append(append(p.line, `,"args":{"name":"`...), name...), `"}`...)
	p.end()
}

// roundEnds gives each round the time of the last thing seen of it.
func (p *perfetto) roundEnds() {
	p.ends = make([]Time, len(p.h.Rounds))
	for i := range p.h.Rounds {
		r := &p.h.Rounds[i]
		p.ends[i] = r.Start
		for _, t := range [...]Time{r.ExitBegun, r.Gone} {
			if t != Never {
				p.ends[i] = max(p.ends[i], t)
			}
		}
	}
	for i := range p.h.Calls {
		c := &p.h.Calls[i]
		last := c.Invoke
		if c.Completed() {
			last = c.Return
		}
		p.ends[c.Round] = max(p.ends[c.Round], last)
	}
}

func (p *perfetto) rounds() {
	p.name("process_name", perfettoCalls, 0, "calls")
	p.name("thread_name", perfettoCalls, 0, "rounds")
	for i := range p.h.Rounds {
		r := &p.h.Rounds[i]
		p.slice(perfettoCalls, 0, fmt.Sprintf("round %d (%v)", r.Number, r.End), r.Start, p.ends[i], int32(i))
		p.end()
	}
}

// track is the number of a thread's track; 0 is the rounds'.
func track(thread uint16) int32 { return int32(thread) + 1 }

func (p *perfetto) calls() {
	named := map[uint16]bool{}
	for i := range p.h.Calls {
		c := &p.h.Calls[i]
		if !named[c.Thread] {
			named[c.Thread] = true
			name := fmt.Sprintf("thread %d", c.Thread)
			if c.Thread == Controller {
				name = "controller"
			}
			p.name("thread_name", perfettoCalls, track(c.Thread), name)
		}
		p.slice(perfettoCalls, track(c.Thread), c.Kind.String(), c.Invoke, c.Return, c.Round)
		p.callArgs(c)
		p.end()
	}
}

// callArgs shows a call's arguments and results under the names that they
// have in JSON Lines.
func (p *perfetto) callArgs(c *Call) {
	p.line = append(p.line, `,"args":{"round":`...)
	p.line = strconv.AppendUint(p.line, p.h.Rounds[c.Round].Number, 10)
	args := Record{Request: c.Request, B: uint64(c.X), C: uint64(c.Y), D: uint64(c.Z)}
	if c.Context != None {
		args.Context = p.h.Contexts[c.Context].Number
	}
	if c.File != None {
		args.File = p.h.Files[c.File].Number
	}
	p.show(&args, callFields[c.Kind])
	if c.Completed() {
		p.show(&Record{B: uint64(c.Ret), C: c.Extra1, D: c.Extra2}, []field{{"ret", slotB, formResult, nil}})
		p.show(&Record{C: c.Extra1, D: c.Extra2}, returnFields[c.Kind])
	}
	p.line = append(p.line, '}')
}

func (p *perfetto) show(r *Record, fields []field) {
	for i := range fields {
		f := &fields[i]
		if f.form == formPlusOne && r.get(f.slot) == 0 {
			continue
		}
		p.line = append(append(append(p.line, `,"`...), f.name...), `":`...)
		p.line = f.append(p.line, r.get(f.slot))
	}
}

// span is when a request was in flight, as far as was seen.
func (p *perfetto) span(r *Request) (from, to Time) {
	_, known, ended := p.h.Outcome(r)
	if !ended {
		known = Never
	}
	return p.h.Calls[r.Call].Invoke, known
}

// requests puts each request on the first track that is free.
func (p *perfetto) requests() {
	h := p.h
	order := make([]int32, 0, len(h.Requests))
	for i := range h.Requests {
		if r := &h.Requests[i]; r.Context != None && r.Fate != Rejected {
			order = append(order, int32(i))
		}
	}
	slices.SortStableFunc(order, func(i, j int32) int {
		return cmp.Compare(h.Calls[h.Requests[i].Call].Invoke, h.Calls[h.Requests[j].Call].Invoke)
	})
	p.name("process_name", perfettoRequests, 0, "requests in flight")
	var free []Time // when each track is free again
	for _, i := range order {
		r := &h.Requests[i]
		from, to := p.span(r)
		until := to
		if to == Never {
			until = p.ends[r.Round]
		}
		lane := slices.IndexFunc(free, func(t Time) bool { return t <= from })
		if lane < 0 {
			lane = len(free)
			free = append(free, 0)
			p.name("thread_name", perfettoRequests, int32(lane)+1, fmt.Sprintf("request track %d", lane+1))
		}
		free[lane] = until
		p.lane[i] = int32(lane) + 1
		p.slice(perfettoRequests, p.lane[i], fmt.Sprintf("%v %d", r.Opcode, r.ID), from, to, r.Round)
		p.requestArgs(r)
		p.end()
	}
}

func (p *perfetto) requestArgs(r *Request) {
	rec := RequestRecord(0, p.h.Contexts[r.Context].Number, r.ID, r.Opcode, p.h.Files[r.File].Number, 0,
		r.Offset, r.Bytes, r.RWFlags, r.Data, r.Obj)
	p.line = append(p.line, `,"args":{"fate":"`...)
	p.line = append(append(p.line, r.Fate.String()...), '"')
	if r.Eventfd != None {
		rec.Eventfd = p.h.Files[r.Eventfd].Number + 1
	}
	list, more := rec.fields(0)
	p.show(&rec, list)
	p.show(&rec, more)
	if res, _, ended := p.h.Outcome(r); ended {
		p.show(&Record{B: uint64(res)}, []field{{"res", slotB, formResult, nil}})
	}
	if r.Found != None {
		f := &p.h.Found[r.Found]
		found := FoundRecord(0, r.ID, f.Inode, f.FD, f.Flags)
		p.show(&found, inodeFields[:1])
		p.show(&found, openFields)
	}
	p.line = append(p.line, '}')
}

// cancels draws an arrow from each io_cancel to its request, if the request
// was in flight at some time of the call.
func (p *perfetto) cancels() {
	for i := range p.h.Calls {
		c := &p.h.Calls[i]
		if c.Kind != CallCancel || p.lane[c.Request-1] == 0 {
			continue
		}
		from, to := p.span(&p.h.Requests[c.Request-1])
		if c.Return < from || c.Invoke >= to {
			continue
		}
		for _, end := range [...]struct {
			phase string
			pid   int
			tid   int32
			at    Time
		}{
			{"s", perfettoCalls, track(c.Thread), c.Invoke},
			{"f", perfettoRequests, p.lane[c.Request-1], max(c.Invoke, from)},
		} {
			p.begin(end.phase, end.pid, end.tid, "cancel")
			p.line = strconv.AppendInt(append(p.line, `,"cat":"cancel","id":`...), int64(i), 10)
			p.at("ts", end.at)
			if end.phase == "f" {
				p.line = append(p.line, `,"bp":"e"`...) // to the slice that is there, not the next
			}
			p.end()
		}
	}
}
