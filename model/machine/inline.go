package machine

import "aiocheck/model/design"

// inlineSteps is a submitter that executes the operation itself.
func (m *Machine) inlineSteps(s *State, ti int, call *Call, i int, out []Successor) []Successor {
	th, r := &m.threads[ti], &m.reqs[i]
	t := *s
	r.ph.set(&t, phStarted)
	m.dress(&t, r, false)
	k := SI
	switch m.operate(&t, i, m.exiting.is(s)) {
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

// deviceSteps are ends of requests that a device executes.
func (m *Machine) deviceSteps(s *State, out []Successor) []Successor {
	for i := range m.reqs {
		r := &m.reqs[i]
		if r.exec == design.WaitQueue {
			out = m.pollSteps(s, i, out)
			continue
		}
		if r.exec != design.Device || r.ph.get(s) != phStarted {
			continue
		}
		t := *s
		if m.operate(&t, i, false) == blocked {
			continue
		}
		m.post(&t, i)
		m.release(&t, i)
		m.wake(&t, r.ctx)
		if r.Eventfd {
			m.signalEventfd(&t, r.ctx)
		}
		out = add(out, D1, m.deviceActor(), i, &t)
	}
	return out
}
