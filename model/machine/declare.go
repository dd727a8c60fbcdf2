package machine

import (
	"slices"

	"aiocheck/model"
	"aiocheck/model/design"
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
		r.behaviour = m.d.BehaviourOf(spec.Opcode, f.Kind, spec.Units, f.Atomic)
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
