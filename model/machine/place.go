package machine

import (
	"math/bits"
	"slices"

	"aiocheck/model"
	"aiocheck/model/design"
)

// place gives every changing thing its bits. What a scenario does not use has
// no place.
func (m *Machine) place(l *layout) {
	n := len(m.reqs)
	reaps := m.uses(GetEvents, ReapRing)
	m.ringLog = reaps || !m.sc.Anonymous
	small := false
	for _, c := range m.sc.Contexts {
		small = small || c.Slots != 0
	}
	m.slots = small || m.d.Has(design.SlotAtCancel) || m.d.Has(design.SlotAtCompletion) || m.d.Has(design.RefusedKeepsSlot)
	m.slots = m.slots && m.d.Completion == design.ReservedRing
	destroys := m.uses(Destroy, Exit)
	cancels := m.uses(Cancel)
	reapCalls := 0
	for _, t := range m.sc.Threads {
		for _, c := range t.Calls {
			if c.Kind == GetEvents || c.Kind == ReapRing {
				reapCalls++
			}
		}
	}
	m.destroys = destroys
	m.used.get, m.used.close, m.used.change = m.uses(GetEvents), m.uses(Close), m.uses(ChangeContext)
	m.devices = m.count(func(r *request) bool { return r.retried || r.exec == design.Device || r.exec == design.WaitQueue }) > 0
	m.waitQueues = m.count(func(r *request) bool { return r.exec == design.WaitQueue }) > 0
	for i := range m.reqs {
		r := &m.reqs[i]
		r.all = l.chunk(func(l allocator) { m.placeRequest(l, r, cancels || destroys, reapCalls) })
	}
	for i := range m.workers {
		w := &m.workers[i]
		w.all = l.chunk(func(l allocator) {
			w.pc = l.upTo(len(m.program))
			w.req = l.upTo(n - 1)
			w.sig = l.only(cancels || destroys, 1)
			w.made = l.only(m.d.Task.Stale && m.uses(ChangeContext), 2)
			w.deaf = l.only(m.d.Has(design.FatalOnce) || m.d.Running == design.RunningFatalOnce, 1)
		})
	}
	for i := range m.threads {
		th := &m.threads[i]
		th.all = l.chunk(func(l allocator) { m.placeThread(l, th, n) })
	}
	for i := range m.ctxs {
		c := &m.ctxs[i]
		c.slots = int(c.Slots)
		if c.slots == 0 {
			c.slots = n
		}
		c.lock = l.bits(1)
		c.ring = l.only(m.uses(GetEvents), 1)
		if destroys {
			c.kill, c.target, c.gone = l.bits(3), l.upTo(n), l.bits(1)
		}
		if m.ringLog {
			c.tail, c.head = l.upTo(n+1), l.upTo(n+1)
			for range n {
				c.log = append(c.log, l.upTo(n-1))
			}
		}
		if m.slots {
			c.avail, c.comp = l.upTo(c.slots+n), l.upTo(n+1)
		}
		c.efd = l.only(m.eventfds(), bits.Len(uint(2*n)))
	}
	for i := range m.files {
		f := &m.files[i]
		f.content = l.only(f.Kind.Stream(), bits.Len(uint(f.Capacity)))
		f.closed = l.only(m.uses(Close), 1)
		m.placeData(l, i)
	}
	m.bad = l.bits(badBits)
	if m.uses(Exit) {
		m.exiting = l.bits(2)
	}
	m.changed = l.only(m.uses(ChangeContext), 1)
}

// placeData gives a file's contents their bits, if anybody looks at them.
func (m *Machine) placeData(l *layout, file int) {
	f := &m.files[file]
	extent, written := 0, int(f.Content)
	for i := range m.reqs {
		if r := &m.reqs[i]; int(r.File) == file && r.Opcode.Transfers() {
			extent = max(extent, int(r.Offset+r.Units))
			if r.Opcode.Writes() {
				written += int(r.Units)
			}
		}
	}
	for _, t := range m.sc.Threads {
		for _, c := range t.Calls {
			if c.Kind == Write && int(c.File) == file {
				written += int(c.Units)
			}
		}
	}
	switch {
	case m.sc.Anonymous:
	case f.Kind.Stream():
		f.end = l.upTo(written)
		for range written {
			f.log = append(f.log, l.upTo(len(m.reqs)+1))
		}
	default:
		for range extent {
			f.cells = append(f.cells, l.upTo(len(m.reqs)))
		}
	}
}

// placeRequest gives a request its bits. ends says that it may be cancelled,
// by a caller or with its context.
func (m *Machine) placeRequest(l allocator, r *request, ends bool, reapCalls int) {
	n := len(m.reqs)
	r.ph = l.bits(3)
	r.kc = l.only(ends, 2)
	r.onl = l.only(r.listed, 1)
	r.qpos = l.only(r.threaded, bits.Len(uint(n)))
	r.res = l.upTo(m.mostResult(r))
	r.free = l.bits(1)
	r.early = l.only(ends, 1)
	if r.exec == design.WaitQueue || r.retried {
		r.waitq, r.again = l.bits(3), l.bits(1)
	}
	if r.Opcode.Syncs() && !m.sc.Anonymous {
		r.covers = l.upTo(m.count(func(o *request) bool { return o.Opcode.Writes() }))
	}
	r.lpos = l.only(r.listed && (m.twins() || m.destroys), bits.Len(uint(n)))
	r.eff = l.upTo(max(int(r.Units), 1))
	r.by = l.upTo(reapCalls)
	r.arg = l.only(m.uses(ChangeIocb), 1)
	r.used = l.only(m.uses(ChangeIocb) && r.execArgs, 1)
	r.as = l.only(r.foreign != 0 && m.tries(r) || m.uses(ChangeContext), 2)
	r.data = r.data[:0]
	if r.Opcode.Reads() && !m.sc.Anonymous {
		for range r.Units {
			r.data = append(r.data, l.upTo(n+1))
		}
	}
}

func (m *Machine) placeThread(l allocator, t *thread, n int) {
	most := 1
	for _, c := range t.Calls {
		most = max(most, len(c.Requests), n-1)
	}
	t.pc = l.upTo(numPCs - 1)
	t.cur = l.upTo(most)
	if t.Forever {
		return
	}
	t.call = l.upTo(len(t.Calls))
	gets := slices.ContainsFunc(t.Calls, func(c Call) bool { return c.Kind == GetEvents || c.Kind == ReapRing })
	if gets {
		t.cnt, t.n, t.head, t.wake = l.bits(3), l.bits(3), l.upTo(n+1), l.bits(1)
	}
	t.ans = t.ans[:0]
	for range t.Calls {
		t.ans = append(t.ans, l.bits(4))
	}
}

func (m *Machine) twins() bool {
	return slices.ContainsFunc(m.reqs, func(r request) bool { return r.twins })
}

func (m *Machine) eventfds() bool {
	return slices.ContainsFunc(m.reqs, func(r request) bool { return r.Eventfd })
}

// prologue takes the first steps that the first thread can, until its first
// call is over or it waits for others.
func (m *Machine) prologue(s *State) {
	first := &m.threads[0]
	for first.call.get(s) == 0 {
		out := m.threadSteps(s, 0, nil)
		if len(out) == 0 {
			return
		}
		*s = out[0].State
	}
}

// begin makes the initial state.
func (m *Machine) begin() {
	s := &m.initial
	for i := range m.ctxs {
		m.ctxs[i].avail.set(s, uint64(m.ctxs[i].slots))
	}
	for i := range m.files {
		m.files[i].content.set(s, uint64(m.files[i].Content))
		m.files[i].end.set(s, uint64(m.files[i].Content))
	}
	if m.sc.Prologue {
		m.prologue(s)
	}
}

// mostResult is the largest number of a result that a request can have.
func (m *Machine) mostResult(r *request) int {
	most := resCount + int(r.Units)
	if m.d.Has(design.RestartCode) {
		most = max(most, resRestart)
	}
	if m.d.Queued == design.QueuedRemove || r.exec == design.WaitQueue {
		most = max(most, resCanceled)
	}
	if r.Opcode.Writes() && m.files[r.File].Kind.Stream() {
		most = max(most, resBrokenPipe)
	}
	if r.Opcode == model.Poll {
		most = max(most, resReady)
	}
	if r.noMethod {
		most = max(most, resInvalid)
	}
	return most
}
