package checker

import (
	"math/rand/v2"

	"aiocheck/model"
	"aiocheck/traces"
)

// shape is what histories of the simulated storage look like.
type shape struct {
	requests int
	flight   int   // how many are in flight at once
	lines    int   // size of the storage
	unit     int   // of offsets and sizes, in lines
	sizes    []int // in units: one is drawn
	halves   bool  // transfers take effect in two parts, at different times
	ties     bool  // time often stands still
	failures bool  // some writes fail, are short, or are never reaped
}

// simulated is a linearizable history of the storage: every transfer has its
// effect at one moment, or two, within its time. Each request is submitted
// and reaped by calls of its own, and in the end everything is read back.
type simulated struct {
	shape
	*traces.History
	rng     *rand.Rand
	now     traces.Time
	content []traces.RequestID
}

func newSimulated(s shape, seed uint64) *simulated {
	m := &simulated{shape: s, rng: rand.New(rand.NewPCG(seed, 1)), content: make([]traces.RequestID, s.lines), History: &traces.History{
		Rounds:   []traces.Round{{Number: 1, End: traces.EndDrain, ExitBegun: traces.Never, Gone: traces.Never}},
		Files:    []traces.File{{Kind: traces.Storage, Round: traces.None, Direct: true, Bytes: int64(s.lines) * lineBytes}},
		Contexts: []traces.Context{{Slots: 128, Setup: traces.None, Destroy: traces.None}},
		Until:    traces.Never,
		Calls:    make([]traces.Call, 0, 2*s.requests+2),
		Requests: make([]traces.Request, 0, s.requests+1),
		Events:   make([]traces.Event, 0, s.requests+1),
	}}
	m.run()
	return m
}

// run keeps flight requests in flight; each turn moves one of them on.
func (m *simulated) run() {
	type flying struct {
		id      traces.RequestID
		effects int
	}
	slots := make([]flying, m.flight)
	for live := true; live; {
		slot := m.rng.IntN(len(slots))
		f := &slots[slot]
		if !m.ties || m.rng.IntN(3) > 0 {
			m.now++
		}
		switch {
		case f.id == 0 && len(m.Requests) < m.requests:
			f.id, f.effects = m.submit(uint16(slot)), 0
		case f.id == 0:
			live = false
			for _, other := range slots {
				live = live || other.id != 0
			}
		case f.effects < m.parts():
			m.effect(f.id, f.effects)
			f.effects++
		default:
			m.end(f.id, uint16(slot))
			f.id = 0
		}
	}
	m.now++
	m.readBack()
}

func (m *simulated) parts() int {
	if m.halves {
		return 2
	}
	return 1
}

func (m *simulated) submit(thread uint16) traces.RequestID {
	size := min(m.sizes[m.rng.IntN(len(m.sizes))]*m.unit, m.lines)
	first := m.rng.IntN((m.lines-size)/m.unit+1) * m.unit
	op := model.PRead
	if m.rng.IntN(2) == 0 {
		op = model.PWrite
	}
	return m.request(thread, op, first, size)
}

func (m *simulated) request(thread uint16, op model.Opcode, first, size int) traces.RequestID {
	id := traces.RequestID(len(m.Requests) + 1)
	call := int32(len(m.Calls))
	m.Calls = append(m.Calls, traces.Call{Kind: traces.CallSubmit, Thread: thread, File: traces.None, Invoke: m.now, Return: m.now, Ret: 1, First: int32(id - 1), Count: 1})
	m.Requests = append(m.Requests, traces.Request{ID: id, Opcode: op, Eventfd: traces.None, Call: call, Event: traces.None,
		Offset: int64(first) * lineBytes, Bytes: uint32(size * lineBytes)})
	return id
}

// effect is the part-th of a transfer.
func (m *simulated) effect(id traces.RequestID, part int) {
	r := &m.Requests[id-1]
	first, end := extent(r)
	mid := end
	if m.halves {
		mid = max(first, (first+end)/2/sectorLines*sectorLines) // sectors stay whole
	}
	if part == 1 {
		first, mid = mid, end
	}
	span := m.content[first:mid]
	if r.Opcode.Writes() {
		if m.failures && m.rng.IntN(8) == 0 {
			return // some parts never happen: end takes care of the result
		}
		for i := range span {
			span[i] = id
		}
		return
	}
	m.data(id, first, span)
}

// data records what a read saw from a line on.
func (m *simulated) data(id traces.RequestID, first int64, lines []traces.RequestID) {
	for i := 0; i < len(lines); {
		end := i + 1
		for end < len(lines) && lines[end] == lines[i] {
			end++
		}
		at := (first + int64(i)) * lineBytes
		m.Data = append(m.Data, traces.Data{Request: id, Writer: lines[i], Bytes: uint32(end-i) * lineBytes, Offset: at, Claimed: at})
		i = end
	}
}

// end reaps the event. With failures, the result of a write says no more than
// what happened for certain.
func (m *simulated) end(id traces.RequestID, thread uint16) {
	r := &m.Requests[id-1]
	res := model.Result(r.Bytes)
	if m.failures && r.Opcode.Writes() {
		res = m.claim(id, r)
		if res < 0 && m.rng.IntN(2) == 0 {
			return // never reaped
		}
	}
	m.reap(id, thread, res)
}

// claim is a result that is true of the content as it is now, or was when the
// write took effect: a count only up to lines that have not been missed.
func (m *simulated) claim(id traces.RequestID, r *traces.Request) model.Result {
	first, end := extent(r)
	line := first
	for line < end && m.content[line] == id {
		line++
	}
	if line == first {
		return model.Fail(model.EIO)
	}
	return model.Result(line-first) * lineBytes
}

func (m *simulated) reap(id traces.RequestID, thread uint16, res model.Result) {
	m.Requests[id-1].Event = int32(len(m.Events))
	m.Events = append(m.Events, traces.Event{Call: int32(len(m.Calls)), Request: id, Res: res})
	m.Calls = append(m.Calls, traces.Call{Kind: traces.CallGetEvents, Thread: thread, File: traces.None, Invoke: m.now, Return: m.now, Ret: 1,
		First: m.Requests[id-1].Event, Count: 1})
}

// readBack reads the whole storage, as the controller does in the end.
func (m *simulated) readBack() {
	id := m.request(traces.Controller, model.PRead, 0, m.lines)
	m.Calls[len(m.Calls)-1].Kind = traces.CallRead
	m.data(id, 0, m.content)
	m.now++
	m.reap(id, traces.Controller, model.Result(m.lines*lineBytes))
}
