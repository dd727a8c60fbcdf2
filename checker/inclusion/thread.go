package inclusion

import (
	"fmt"

	"aiocheck/model/machine"
	"aiocheck/traces"
)

// thread is one of a pool: it has one request at a time, and what was sent to
// it for one does not stay for the next.
type thread struct {
	request *request // nil: idle
	left    bool     // its request is off the list
	flushed bool     // and the signals are forgotten
}

// thread judges what a thread does between two requests.
func (c *Checker) thread(x *context, t *traces.Transition) *Violation {
	id := t.Other
	if t.Point == traces.AtIdle {
		id = t.Task
	}
	h := x.threads[id]
	if t.Point == traces.AtThreadNew {
		if h != nil {
			return &Violation{Why: fmt.Sprintf("thread %d is there already", id), State: x.String()}
		}
		x.threads[id] = &thread{}
		return nil
	}
	if h == nil {
		return &Violation{Why: fmt.Sprintf("there is no thread %d", id), State: x.String()}
	}
	if t.Point == traces.AtThreadEnd {
		if h.request != nil {
			return &Violation{Why: fmt.Sprintf("thread %d has request %d", id, h.request.serial), State: x.stateOf(h.request)}
		}
		delete(x.threads, id)
		return nil
	}
	if h.request == nil || !h.left || !h.flushed {
		return &Violation{Why: fmt.Sprintf("thread %d has not ended its request", id), State: x.stateOf(h.request)}
	}
	// Its submitter may have the last reference, and then posts.
	if r := h.request; !r.posted && !c.held(r) {
		return r.wrong(x, "thread %d is idle, and nobody has posted the event of request %d", id, r.serial)
	}
	h.request.over = true
	*h = thread{}
	c.took(machine.W15)
	return nil
}

// started is W1r: a thread takes the request at the head of its queue.
func (c *Checker) started(x *context, r *request, t *traces.Transition) *Violation {
	h := x.threads[t.Task]
	if h == nil || h.request != nil {
		return &Violation{Of: "thread", Why: fmt.Sprintf("thread %d is not idle", t.Task), State: x.String()}
	}
	q := &x.queue[r.growing]
	if q.first != r {
		return r.wrong(x, "request %d is not the first of its queue", r.serial)
	}
	if v := r.take(c, act{traces.AtStarted, plain}, true); v != nil {
		return v
	}
	q.remove(r)
	if q.length != int(t.Other) {
		return r.undone(x, "%d requests are left in the queue, not %d", q.length, t.Other)
	}
	h.request, r.thread = r, t.Task
	return nil
}

// queue is requests that wait for a thread, oldest first.
type queue struct {
	first, last *request
	length      int
}

func (q *queue) push(r *request) {
	r.prev, r.queued = q.last, true
	if q.last != nil {
		q.last.next = r
	} else {
		q.first = r
	}
	q.last = r
	q.length++
}

func (q *queue) remove(r *request) {
	if !r.queued {
		return
	}
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		q.first = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		q.last = r.prev
	}
	r.prev, r.next, r.queued = nil, nil, false
	q.length--
}
