package litmus

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// torn is the writer of a unit whose lines different requests wrote, or that
// nobody can have written.
const torn machine.Writer = -1000

// view is what a program can observe of an outcome, in words: the results of
// calls and events, which call took an event, what reads got, what the storage
// holds, and the order of events where one thread takes them. An event that
// nobody took before its context was destroyed is as if it was not.
func (p *Plan) view(obs *machine.Observation) string {
	t, o := p.Test, &Outcome{Observation: *obs}
	var parts []string
	seen := make([]bool, len(t.Requests))
	for i := range t.Requests {
		r, end := &t.Requests[i], &obs.Requests[i]
		c := contextOf(t, i)
		seen[i] = end.Ended && (end.Thread >= 0 || c >= 0 && !p.destroyed[c])
		if !seen[i] {
			parts = append(parts, r.Name+".res = none")
			continue
		}
		s := fmt.Sprintf("%s.res = %s", r.Name, resultOf(t, r, end))
		if r.Op.Reads() {
			s += p.units(r.Name, end.Data, unit(&t.Files[fileIndex(t, r.File)]))
		}
		if end.Thread >= 0 {
			s += fmt.Sprintf(", %s got %s", t.CallName(end.Thread, end.Call), r.Name)
		}
		parts = append(parts, s)
	}
	parts = append(parts, o.replies(t)...)
	for i := range t.Files {
		if p.cells[i] > 0 {
			parts = append(parts, strings.TrimPrefix(p.units(t.Files[i].Name, obs.Contents[i], unit(&t.Files[i])), ", "))
		}
	}
	for c, ring := range obs.Rings {
		ring = slices.DeleteFunc(slices.Clone(ring), func(r uint8) bool { return !seen[r] })
		for i := 1; i < len(ring) && p.ordered[c]; i++ {
			parts = append(parts, fmt.Sprintf("%s before %s", t.Requests[ring[i-1]].Name, t.Requests[ring[i]].Name))
		}
	}
	return strings.Join(parts, "; ")
}

// units names the writers of units, each of so many bytes of the test.
func (p *Plan) units(name string, writers []machine.Writer, size int64) (text string) {
	for i, w := range writers {
		by := "torn"
		switch {
		case w == machine.Nobody:
			by = "old"
		case w == machine.Program:
			by = "plain"
		case w >= 0:
			by = p.Test.Requests[w].Name
		}
		at := fmt.Sprint(int64(i) * size)
		if k := int64(i) * size / 1024; k > 0 {
			at = fmt.Sprintf("%dK", k)
		}
		text += fmt.Sprintf(", %s[%s] = %s", name, at, by)
	}
	return text
}

// Observed are the outcomes of the rounds of a history, in the form of
// Allowed, where the rounds ran the plan's programs with the same align.
func (p *Plan) Observed(h *traces.History, align int64) ([]string, error) {
	e := &extraction{Plan: p, h: h, align: align, calls: make([][][]int32, len(h.Rounds)), events: make([][]int32, len(h.Rounds))}
	e.gather()
	views := make([]string, len(h.Rounds))
	for round := range h.Rounds {
		obs, err := e.observe(round)
		if err != nil {
			return nil, fmt.Errorf("round %d of test %s: %w", h.Rounds[round].Number, p.Test.Name, err)
		}
		views[round] = p.view(obs)
	}
	return views, nil
}

// extraction reads outcomes out of a history.
type extraction struct {
	*Plan
	h       *traces.History
	align   int64
	calls   [][][]int32                           // by round and thread: the steps' and the closing calls
	events  [][]int32                             // by round
	reads   map[traces.RequestID][]machine.Writer // by request: who wrote each line, in rounds
	storage []traces.RequestID                    // by line: who wrote it in the end
}

// nobodyKnows marks a line of the storage that no request can have written.
const nobodyKnows = ^traces.RequestID(0)

// gather sorts calls, events and data by rounds.
func (e *extraction) gather() {
	h := e.h
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Round < 0 || c.Kind == traces.CallSetup || c.Thread == traces.Controller {
			continue
		}
		threads := &e.calls[c.Round]
		for len(*threads) <= int(c.Thread) {
			*threads = append(*threads, nil)
		}
		(*threads)[c.Thread] = append((*threads)[c.Thread], int32(i))
	}
	for i := range h.Events {
		round := h.Calls[h.Events[i].Call].Round
		e.events[round] = append(e.events[round], int32(i))
	}
	e.storage = make([]traces.RequestID, e.StorageBytes(len(h.Rounds), e.align)/lineBytes)
	e.reads = map[traces.RequestID][]machine.Writer{}
	own := traces.RequestID(len(h.Rounds) * len(e.requests))
	for i := range h.Data {
		d := &h.Data[i]
		writer := d.Writer
		if d.Class != traces.DataWritten {
			writer = nobodyKnows
		}
		for line := range int64(d.Bytes) / lineBytes {
			switch at := d.Offset/lineBytes + line; {
			case d.Request <= own && d.Request > 0:
				e.reads[d.Request] = append(e.reads[d.Request], e.writer(writer))
			case at < int64(len(e.storage)):
				e.storage[at] = writer
			}
		}
	}
}

// lineBytes is how much of storage and streams carries one tag.
const lineBytes = 64

// writer is who a request is in outcomes.
func (e *extraction) writer(id traces.RequestID) machine.Writer {
	switch {
	case id == 0:
		return machine.Nobody
	case id == nobodyKnows:
		return torn
	}
	return e.requests[(int(id)-1)%len(e.requests)].writer
}

// observe is what was observed of a round.
func (e *extraction) observe(round int) (*machine.Observation, error) {
	t, h := e.Test, e.h
	obs := &machine.Observation{
		Requests: make([]machine.RequestEnd, len(t.Requests)), Calls: make([][]machine.Reply, len(t.Threads)),
		Rings: make([][]uint8, len(e.ordered)), Contents: make([][]machine.Writer, len(t.Files)),
	}
	step := map[int32][2]int{} // of calls of the test: thread and call
	for i, th := range t.Threads {
		for c := range th.Calls {
			if i >= len(e.calls[round]) || c >= len(e.calls[round][i]) || !h.Calls[e.calls[round][i][c]].Completed() {
				return nil, fmt.Errorf("%s was not seen to return", t.CallName(i, c))
			}
			k := e.calls[round][i][c]
			step[k] = [2]int{i, c}
			obs.Calls[i] = append(obs.Calls[i], e.reply(&h.Calls[k], i, c))
		}
	}
	for i := range obs.Requests {
		obs.Requests[i].Thread, obs.Requests[i].Call = -1, -1
	}
	first := round * len(e.requests)
	for _, n := range e.events[round] {
		event := &h.Events[n]
		k := int(event.Request) - 1 - first
		if k < 0 || k >= len(e.requests) || e.requests[k].writer < 0 {
			return nil, fmt.Errorf("event %d is of no request of the round", n)
		}
		i := int(e.requests[k].writer)
		end := &obs.Requests[i]
		at, byTest := step[event.Call]
		switch {
		case end.Ended && byTest && [2]int{end.Thread, end.Call} != at:
			// Two that do not lock each other out took it from the ring: it
			// counts for the first, and in what both calls returned.
			continue
		case end.Ended:
			end.Result = "two events"
			continue
		}
		end.Ended, end.Result = true, e.result(k, event.Res)
		end.Data = e.inUnits(e.reads[event.Request], e.requests[k].file)
		if byTest {
			end.Thread, end.Call = at[0], at[1]
		}
		if c := contextOf(t, i); c >= 0 {
			obs.Rings[c] = append(obs.Rings[c], uint8(i))
		}
	}
	for i, cells := range e.cells {
		lines := e.storage[e.base(round, i, e.align)/lineBytes:]
		var writers []machine.Writer
		for _, id := range lines[:int64(cells)*e.align/lineBytes] {
			writers = append(writers, e.writer(id))
		}
		obs.Contents[i] = e.inUnits(writers, i)
	}
	return obs, nil
}

// inUnits joins lines to units.
func (e *extraction) inUnits(lines []machine.Writer, file int) (units []machine.Writer) {
	if len(lines) == 0 { // among others, of an eventfd, which has no lines
		return nil
	}
	for unit := range slices.Chunk(lines, int(e.unitBytes(file, e.align)/lineBytes)) {
		w := unit[0]
		if slices.ContainsFunc(unit, func(other machine.Writer) bool { return other != w }) {
			w = torn
		}
		units = append(units, w)
	}
	return units
}

// result is what an event says, in units.
func (e *extraction) result(k int, res model.Result) string {
	size := model.Result(e.unitBytes(e.requests[k].file, e.align))
	switch {
	case res < 0:
		return res.String()
	case e.requests[k].Opcode == model.Poll && res > 0:
		return "ready"
	case res%size != 0:
		return fmt.Sprintf("parts of a unit (%d bytes)", res)
	}
	return fmt.Sprint(int64(res / size))
}

// reply is what call c of a thread returned.
func (e *extraction) reply(call *traces.Call, thread, c int) machine.Reply {
	r := machine.Reply{Returned: true}
	size := model.Result(1)
	if spec := &e.Test.Threads[thread].Calls[c]; spec.File != "" {
		size = model.Result(e.unitBytes(fileIndex(e.Test, spec.File), e.align))
		if e.Test.Files[fileIndex(e.Test, spec.File)].Kind == design.Eventfd {
			size = 8
		}
	}
	switch {
	case call.Kind == traces.CallReapRing && call.Ret < 0: // the ring is not mapped any more
	case call.Ret < 0:
		r.Answer = call.Ret.String()
	case call.Ret%size != 0:
		r.Answer = fmt.Sprintf("parts of a unit (%d bytes)", call.Ret)
	default:
		r.Count = uint8(call.Ret / size)
	}
	return r
}
