package machine

import "aiocheck/model/design"

// inlineSteps is a submitter that executes the operation itself.
func (m *Machine) inlineSteps(s *State, ti int, call *Call, i int, out []Successor) []Successor {
	th, r := &m.threads[ti], &m.reqs[i]
	t := *s
	if m.mayBlock(r) && !r.eff.is(s) { // what it needs is not cached: a choice of the environment
		u := t
		m.goOn(&u, th, r, call, pcOp)
		out = append(out, Successor{Step{SIh, uint8(ti), uint8(i), 1}, u})
	}
	r.ph.set(&t, phStarted)
	m.dress(&t, r, false)
	k := SI
	did := blocked
	if !m.chained(s, i) {
		did = m.operate(&t, i, m.exiting.is(s))
	}
	switch did {
	case blocked:
		if !m.tries(r) {
			return out
		}
		t = *s
		k = SIh
		m.goOn(&t, th, r, call, pcOp)
	case went:
	case returned:
		k = SI
		m.goOn(&t, th, r, call, pcOp)
	case interrupted:
		k = SIi
		m.goOn(&t, th, r, call, pcOp)
	}
	return add(out, k, uint8(ti), i, &t)
}

// mayBlock reports whether a first attempt at an operation that waits for
// nobody can fail all the same, because pages or names are not in memory.
func (m *Machine) mayBlock(r *request) bool {
	if !m.tries(r) {
		return false
	}
	switch r.behaviour {
	case design.Whole, design.TwoStepWhole, design.Pieces, design.Remote, design.Daemon:
		return true
	}
	return false
}

// chained reports whether an earlier request of the batch has not ended, and
// request i has to follow it.
func (m *Machine) chained(s *State, i int) bool {
	if m.d.Order != design.OrderChain {
		return false
	}
	for j := range i {
		if ph := m.reqs[j].ph.get(s); m.reqs[j].queue == m.reqs[i].queue && (ph == phArmed || ph == phStarted) {
			return true
		}
	}
	return false
}

// retry is the kernel's next attempt at an operation whose file has become
// ready (io_uring's poll arming and task work).
func (m *Machine) retry(s *State, i int, out []Successor) []Successor {
	r := &m.reqs[i]
	t := *s
	switch m.operate(&t, i, false) {
	case blocked:
		return out
	case returned, interrupted:
		m.unlink(&t, i)
		r.waitq.set(&t, pollOff)
		m.complete(&t, i)
	}
	return add(out, D1, m.deviceActor(), i, &t)
}

// deviceSteps are ends of requests that a device executes.
func (m *Machine) deviceSteps(s *State, out []Successor) []Successor {
	for i := range m.reqs {
		r := &m.reqs[i]
		if r.exec == design.WaitQueue {
			out = m.pollSteps(s, i, out)
			continue
		}
		if r.retried && r.waitq.is(s) {
			out = m.retry(s, i, out)
			continue
		}
		if r.exec != design.Device || r.ph.get(s) != phStarted {
			continue
		}
		t := *s
		if m.operate(&t, i, false) == blocked {
			continue
		}
		m.complete(&t, i)
		out = add(out, D1, m.deviceActor(), i, &t)
	}
	return out
}
