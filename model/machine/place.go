package machine

import (
	"math/bits"
	"slices"

	"aiocheck/model"
	"aiocheck/model/design"
)

// Phases of a request.
const (
	phIdle       = iota // io_submit has not looked at it
	phRefused           // io_submit did not accept it
	phSubmitting        // between S1 and S6
	phArmed             // accepted, not yet taken by a worker
	phStarted           // a worker, the submitter or a device executes it
	phPosted            // its event is in the ring
	phReaped            // its event was taken
)

// The cancel slot, ki_cancel.
const (
	kcNull = iota
	kcEarly
	kcLate
	kcCancelled
)

// Results of a request. Those of simple requests have the smallest numbers, so
// that few bits are enough for them.
const (
	resNone        = iota
	resInterrupted // -EINTR
	resCount       // a count of 0, 1, 2 or 3 units
	_
	_
	_
	resRestart
	resCanceled
	resBrokenPipe
	resReady
	resInvalid
)

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

// request is what the machine knows of a request: its declaration, what New
// found out, and the places of what changes.
type request struct {
	Request
	ctx, thread int
	queue       int // which queue a worker takes it from
	exec        design.Executor
	behaviour   design.Behaviour
	execArgs    bool  // the executing thread reads the arguments again
	foreign     uint8 // parts of the worker's own context that it is run with
	shared      bool  // its fs is the submitter's live one
	listed      bool  // it goes onto the list that io_cancel searches
	next        [numPCs]uint8
	twins       bool   // another request has its address
	threaded    bool   // a worker may execute it
	retried     bool   // what would block waits for readiness, and is tried again by the kernel
	noMethod    bool   // the file cannot do it
	number      uint64 // 1 plus its index: how it signs data
	stale       uint8  // parts of a reused thread's old context that it may be run with

	all                                                               field // of the fields below
	ph, kc, onl, lpos, qpos, free, res, eff, early, by, arg, as, used field
	waitq, again                                                      field   // of a poll on a wait queue
	data                                                              []field // of a read: who wrote each unit
	follows                                                           []int   // writes that an fsync is promised to follow
	covers                                                            field   // of an fsync: how many writes to its file had taken effect
}

// worker is an executing thread.
type worker struct {
	queue     int
	pooled    bool // it takes further requests
	all       field
	pc, req   field
	made      field // 0 no request yet, else 1 or 2: before or after the context changed
	sig, deaf field // a signal is pending; no further one is heard
}

// thread is a caller.
type thread struct {
	Thread
	all                               field
	call, pc, cur, cnt, n, head, wake field
	ans                               []field
}

// context is a kioctx.
type context struct {
	Context
	lock, ring   field
	kill, target field
	gone         field // io_destroy has returned
	tail, head   field
	log          []field
	avail, comp  field
	efd          field
	slots        int
}

// file is an open file.
type file struct {
	File
	content, closed field
	cells           []field // of a file with offsets: who wrote each unit
	log             []field // of a stream: who wrote each unit that was ever in it
	end             field   // how many these are
}

// Parts of a task's context, bits of request.foreign.
const (
	partCred = 1 << iota
	partFs
	partFiles
	partLimits
)

// Sticky violations, bits of Machine.bad.
const (
	badMemory   = 1 << iota // touched freed memory
	badTwice                // a second event for one request
	badFree                 // freed twice
	badAnswer               // io_cancel's answer is none that the design allows
	badTarget               // a cancel hit another request with the same address
	badBuffer               // executed after the event was posted
	badSlot                 // EAGAIN though a slot was free
	badOverflow             // an event overwrote an unreaped one
	badDestroy              // two io_destroy calls succeeded
	badFile                 // the file or the freeze protection was not held
	badSync                 // an fsync ran before a write that it follows
	badBits     = iota
)

// declare finds out who executes each request and what it is run with.
func (m *Machine) declare() {
	for _, f := range m.sc.Files {
		if f.Capacity == 0 {
			f.Capacity = 3
		}
		if f.Atomic == 0 {
			f.Atomic = 1
		}
		m.files = append(m.files, file{File: f})
	}
	for i, spec := range m.sc.Requests {
		f := &m.files[spec.File]
		r := request{Request: spec, exec: m.d.ExecutorOf(spec.Opcode, f.Kind)}
		if m.d.Has(design.SharedQueue) && r.exec == design.Growing {
			r.exec = design.Pool
		}
		r.behaviour = design.BehaviourOf(spec.Opcode, f.Kind, spec.Units, f.Atomic)
		r.execArgs = m.d.ExecArguments.Has(spec.Opcode) || m.d.Has(design.ArgsReadAgain)
		r.foreign = m.foreignParts(spec.Opcode)
		r.shared = m.d.Task.Shared.Has(spec.Opcode)
		r.ctx, r.thread = m.submitter(i)
		r.number = uint64(i + 1)
		r.noMethod = spec.Opcode.Syncs() && f.Kind.Stream()
		r.retried = r.exec == design.AttemptPool && f.Kind.Stream()
		r.threaded = r.exec.Threaded() && !r.retried
		r.queue = m.queueOf(i, &r)
		if m.d.Task.Stale {
			r.stale = partCred
		}
		r.listed = r.retried || r.threaded && (m.d.Queued == design.QueuedMark || m.d.Running != design.RunningNone) || r.exec == design.WaitQueue
		for j, o := range m.sc.Requests {
			r.twins = r.twins || j != i && spec.Address != 0 && o.Address == spec.Address
		}
		m.reqs = append(m.reqs, r)
	}
	m.follow()
	for _, t := range m.sc.Threads {
		m.threads = append(m.threads, thread{Thread: t})
	}
	for _, c := range m.sc.Contexts {
		m.ctxs = append(m.ctxs, context{Context: c})
	}
	m.hire()
}

// count is how many requests are so.
func (m *Machine) count(so func(*request) bool) (n int) {
	for i := range m.reqs {
		if so(&m.reqs[i]) {
			n++
		}
	}
	return n
}

// follow finds the writes that each fsync is promised to cover: those to its
// file that the same thread submits before it.
func (m *Machine) follow() {
	var order []int
	for _, t := range m.sc.Threads {
		for _, c := range t.Calls {
			for _, i := range c.Requests {
				r := &m.reqs[i]
				if c.Kind != Submit {
					continue
				}
				for _, j := range order {
					w := &m.reqs[j]
					if m.d.SyncFollowsWrites && r.Opcode.Syncs() && w.Opcode.Writes() && w.File == r.File && w.thread == r.thread {
						r.follows = append(r.follows, j)
					}
				}
				order = append(order, int(i))
			}
		}
	}
}

// submitter is the context that request i is submitted to, and the thread.
func (m *Machine) submitter(i int) (ctx, thread int) {
	for t, th := range m.sc.Threads {
		for _, c := range th.Calls {
			if c.Kind == Submit && slices.Contains(c.Requests, uint8(i)) {
				return int(c.Context), t
			}
		}
	}
	return 0, 0
}

// foreignParts are the parts of the executing thread's own context that an
// opcode is executed with although it depends on them (thread-aio.md 1.2).
func (m *Machine) foreignParts(op model.Opcode) (parts uint8) {
	byName := op == model.OpenAt || op == model.UnlinkAt || op == model.RenameAt
	limited := op.Writes() || op == model.OpenAt
	t := &m.d.Task
	if !t.Cred.Has(op) || m.d.Has(design.CredNotCaptured) || m.d.Has(design.FsyncAsWorker) && op.Syncs() {
		parts |= partCred
	}
	if byName && (!t.Fs.Has(op) || m.d.Has(design.FsNotCaptured)) {
		parts |= partFs
	}
	if byName && (!t.Files.Has(op) || m.d.Has(design.FilesNotCaptured)) {
		parts |= partFiles
	}
	if limited && (!t.Limits.Has(op) || m.d.Has(design.LimitsNotCaptured)) {
		parts |= partLimits
	}
	return parts
}

// queueOf numbers queues: those of the CPUs' bounded pools first, then the one
// of the growing pool, then one for each file, then one for each request.
func (m *Machine) queueOf(i int, r *request) int {
	cpu := 0
	if cpus := max(m.sc.CPUs, 1); len(m.sc.Threads) > 0 {
		cpu = int(m.sc.Threads[r.thread].CPU) % cpus
	}
	growing := max(m.sc.CPUs, 1)
	perFile := growing + 1
	perRequest := perFile + len(m.sc.Files)
	switch {
	case r.exec == design.PerFile && !m.d.Has(design.FsyncOvertakes):
		return perFile + int(r.File)
	case r.exec == design.Pool, r.exec == design.AttemptPool && !m.files[r.File].Kind.Stream():
		return cpu
	case r.exec == design.Growing:
		return growing
	case m.d.Order == design.OrderChain:
		return perRequest + m.chain(r.thread, i)
	}
	return perRequest + i
}

// chain is the first request of the batch that request i is submitted in.
func (m *Machine) chain(thread, i int) int {
	for _, c := range m.sc.Threads[thread].Calls {
		if c.Kind == Submit && slices.Contains(c.Requests, uint8(i)) {
			return int(c.Requests[0])
		}
	}
	return i
}

// hire makes the workers: M for each CPU's pool that is used, one for each
// file and each request that has a thread of its own.
func (m *Machine) hire() {
	hired := map[int]bool{}
	for i := range m.reqs {
		r := &m.reqs[i]
		if !r.threaded || hired[r.queue] {
			continue
		}
		hired[r.queue] = true
		n := 1
		switch {
		case r.queue < max(m.sc.CPUs, 1):
			n = max(m.sc.Workers, 1)
		case r.exec == design.Growing: // as many as there can be requests at once
			n = m.count(func(o *request) bool { return o.exec == design.Growing })
		}
		for range n {
			m.workers = append(m.workers, worker{queue: r.queue, pooled: r.exec != design.PerRequest && r.exec != design.Handoff})
		}
	}
	slices.SortStableFunc(m.workers, func(a, b worker) int { return a.queue - b.queue })
}

// uses reports whether any thread makes such a call.
func (m *Machine) uses(kinds ...CallKind) bool {
	for _, t := range m.sc.Threads {
		for _, c := range t.Calls {
			if slices.Contains(kinds, c.Kind) {
				return true
			}
		}
	}
	return false
}

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
