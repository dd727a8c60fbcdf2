package machine

import "aiocheck/model/design"

// Where a poll on a wait queue is (fs/aio.c of 6.1: work_scheduled, the entry
// on the wait queue, and what its work is doing).
const (
	pollOff     = iota
	pollWaiting // on the wait queue, no work scheduled
	pollWork    // work scheduled
	pollNothing // the work has sampled the file: not ready
	pollMask    // the work has sampled the file: ready
	pollStopped // the work has found the request cancelled: it did not sample
)

// armPoll is the submission of a poll: its end if the file is ready, else its
// entry on the wait queue and the list.
func (m *Machine) armPoll(t *State, i int) {
	r := &m.reqs[i]
	r.ph.set(t, phArmed)
	if m.ready(t, r) {
		r.res.set(t, resReady)
		return
	}
	r.kc.set(t, kcEarly)
	m.link(t, i)
	r.waitq.set(t, pollWaiting)
}

// ready reports whether a poll of the file would return a mask.
func (m *Machine) ready(s *State, r *request) bool {
	f := &m.files[r.File]
	return f.content.is(s) || f.closed.is(s)
}

// wakePolls is the wake-up of a file's wait queue: aio_poll_wake. It posts at
// once if it gets the context's lock without waiting. Polls are woken newest
// first, since add_wait_queue puts them at the head; requests are numbered in
// the order in which they are armed, unless several threads submit.
func (m *Machine) wakePolls(t *State, file int) {
	for i := len(m.reqs) - 1; i >= 0; i-- {
		r := &m.reqs[i]
		if int(r.File) != file || r.retried {
			continue
		}
		switch r.waitq.get(t) {
		case pollWaiting:
			if m.ctxs[r.ctx].lock.is(t) {
				r.waitq.set(t, pollWork)
				continue
			}
			m.postPoll(t, i, resReady)
		case pollNothing, pollMask, pollStopped:
			if !m.d.Has(design.PollRearmLost) {
				r.again.set(t, 1)
			}
		}
	}
}

// cancelPoll is aio_poll_cancel, under the context's lock.
func (m *Machine) cancelPoll(t *State, i int) {
	r := &m.reqs[i]
	if r.waitq.get(t) == pollWaiting {
		r.waitq.set(t, pollWork)
	}
}

// postPoll takes a poll off list and wait queue and posts its event.
func (m *Machine) postPoll(t *State, i int, res uint64) {
	r := &m.reqs[i]
	m.unlink(t, i)
	r.waitq.set(t, pollOff)
	r.again.set(t, 0)
	r.res.set(t, res)
	m.complete(t, i)
}

// pollSteps is the work item of a poll: aio_poll_complete_work.
func (m *Machine) pollSteps(s *State, i int, out []Successor) []Successor {
	r := &m.reqs[i]
	actor := m.deviceActor()
	t := *s
	switch at := r.waitq.get(s); at {
	case pollWork:
		sampled := uint64(pollNothing)
		switch {
		case r.kc.get(s) == kcCancelled:
			sampled = pollStopped
		case m.ready(s, r):
			sampled = pollMask
		}
		r.waitq.set(&t, sampled)
		return add(out, P1, actor, i, &t)
	case pollNothing, pollMask, pollStopped:
		if m.ctxs[r.ctx].lock.is(s) {
			return out
		}
		switch {
		case at == pollMask:
			m.postPoll(&t, i, resReady)
		case at == pollStopped || r.kc.get(s) == kcCancelled:
			m.postPoll(&t, i, resCount)
		case r.again.is(s):
			r.again.set(&t, 0)
			r.waitq.set(&t, pollWork)
		default:
			r.waitq.set(&t, pollWaiting)
		}
		return add(out, P2, actor, i, &t)
	}
	return out
}
