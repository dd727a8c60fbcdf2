package traces

import (
	"math"

	"aiocheck/model"
)

// Requests may have IDs that no record of the file describes: they were
// declared but not submitted. So that a hostile file cannot make the table of
// requests large with few records, IDs are bounded by the records seen.
const (
	spareIDs     = 1 << 20
	idsPerRecord = 8
)

// mention takes note of an ID that something refers to.
func (b *builder) mention(id RequestID) error {
	if id == 0 || uint64(id) > spareIDs+idsPerRecord*uint64(b.requests) {
		return b.malformed("request %d is out of range after %d requests", id, b.requests)
	}
	b.highest = max(b.highest, id)
	return nil
}

// request keeps the description of an iocb until the call that submits it.
func (b *builder) request(t *thread, r *Record) error {
	if t.open != None {
		return b.malformed("a request within a call")
	}
	b.requests++
	if err := b.mention(r.Request); err != nil {
		return err
	}
	if n := len(t.pending); n > 0 && t.pending[n-1].Request+1 != r.Request {
		return b.malformed("request %d follows request %d in a batch", r.Request, t.pending[n-1].Request)
	}
	if len(t.pending) >= 1<<16 {
		return b.malformed("more than 65536 requests in a batch")
	}
	t.pending = append(t.pending, *r)
	return nil
}

func (b *builder) invoke(t *thread, r *Record) error {
	kind := CallKind(r.Code)
	at, err := b.time(t, r.A)
	if err != nil || t.stopped {
		return err
	}
	switch {
	case t.reaping:
		return b.malformed("%v begins before all events of the call before it are there", kind)
	case t.open != None:
		return b.malformed("%v begins within %v", kind, b.h.Calls[t.open].Kind)
	case at < t.ended:
		return b.malformed("%v begins at %d, before the call before it returned at %d", kind, at, t.ended)
	}
	c := Call{Kind: kind, Thread: r.Thread, Round: t.round, Context: None, File: None, Request: r.Request,
		Invoke: at, Return: Never, X: int64(r.B), Y: int64(r.C), Z: int64(r.D), First: None}
	if r.Request != 0 && kind != CallCancel && kind != CallReuse && !kind.carries() {
		return b.malformed("%v names request %d", kind, r.Request)
	}
	if kind <= CallDestroy {
		c.Context = b.contextIndex(t.round, r.Context)
	} else {
		c.File = b.fileIndex(t.round, r.File)
	}
	i := int32(len(b.h.Calls))
	switch kind {
	case CallSetup:
		if x := &b.h.Contexts[c.Context]; x.Setup == None {
			x.Setup = i
		}
	case CallCancel, CallReuse:
		if err := b.mention(r.Request); err != nil {
			return err
		}
	case CallStat:
		if c.X < 0 || c.X > math.MaxUint16 {
			return b.malformed("stat of name %d", c.X)
		}
		b.nameIndex(t.round, uint16(c.X))
	}
	if err := b.submit(t, &c, i); err != nil {
		return err
	}
	t.open = i
	b.h.Calls = append(b.h.Calls, c)
	return nil
}

// submit gives the pending requests to the call i that submits them.
func (b *builder) submit(t *thread, c *Call, i int32) error {
	n := len(t.pending)
	switch {
	case c.Kind == CallSubmit && int64(n) != max(c.X, 0):
		return b.malformed("io_submit of %d after %d requests", c.X, n)
	case c.Kind.names() && c.Request == 0:
		return b.malformed("%v without a request", c.Kind)
	case c.Kind.carries() && c.Request != 0 && (n != 1 || t.pending[0].Request != c.Request):
		return b.malformed("%v for request %d after %d others", c.Kind, c.Request, n)
	case c.Kind != CallSubmit && n > 0 && (c.Request == 0 || !c.Kind.carries()):
		return b.malformed("%v after %d requests that it does not submit", c.Kind, n)
	case n == 0:
		return nil
	}
	if c.Kind == CallSubmit {
		c.First, c.Count = int32(t.pending[0].Request-1), int32(n)
	}
	for j := range t.pending {
		r := &t.pending[j]
		q := Request{ID: r.Request, Opcode: model.Opcode(r.Code), Fate: Unsure, Index: uint16(j), Round: t.round, Context: None,
			File: b.fileIndex(t.round, r.File), Eventfd: None, Call: i, Event: None, Name: None, NewName: None, Found: None,
			Bytes: uint32(r.B), RWFlags: uint32(r.B >> 32), Offset: int64(r.A), Data: r.C, Obj: r.D}
		if r.Eventfd != 0 {
			q.Eventfd = b.fileIndex(t.round, r.Eventfd-1)
		}
		if err := b.requestNames(t, &q); err != nil {
			return err
		}
		if c.Kind == CallSubmit {
			q.Context = b.contextIndex(t.round, r.Context)
			if q.Context != c.Context {
				return b.malformed("request %d is of context %d, but submitted to context %d",
					q.ID, r.Context, b.h.Contexts[c.Context].Number)
			}
		} else {
			q.Fate = Accepted
		}
		b.extend(q.ID)
		if b.h.Requests[q.ID-1].ID != 0 {
			return b.malformed("request %d is submitted twice", q.ID)
		}
		b.h.Requests[q.ID-1] = q
	}
	t.pending = t.pending[:0]
	return nil
}

// extend makes the table of requests reach to id.
func (b *builder) extend(id RequestID) {
	for len(b.h.Requests) < int(id) {
		b.h.Requests = append(b.h.Requests, Request{Fate: Unsubmitted, Round: None, Context: None, File: None,
			Eventfd: None, Call: None, Event: None, Name: None, NewName: None, Found: None})
	}
}

// giveBack takes a ReturnRecord. A reaping call returns once its events are
// all there.
func (b *builder) giveBack(t *thread, r *Record) error {
	if t.open == None || t.reaping {
		return b.malformed("a return without a call")
	}
	at, err := b.time(t, r.A)
	if err != nil || t.stopped {
		return err
	}
	c := &b.h.Calls[t.open]
	if at < c.Invoke {
		return b.malformed("%v returns at %d, before it began at %d", c.Kind, at, c.Invoke)
	}
	if c.Kind.Reaps() && model.Result(r.B) > 0 {
		t.reaping, t.returned, t.returnedAt = true, *r, b.at
		return nil
	}
	b.end(t, r)
	return nil
}

func (b *builder) event(t *thread, r *Record) error {
	if !t.reaping {
		return b.malformed("an event that no call has reaped")
	}
	t.events = append(t.events, Event{Call: t.open, Data: r.A, Obj: r.B, Res: model.Result(r.C), Res2: model.Result(r.D)})
	if int64(len(t.events)) < int64(t.returned.B) {
		return nil
	}
	// Another thread's events may have come in between: a call's own are
	// together in the table because they enter it at once.
	c := &b.h.Calls[t.open]
	c.First, c.Count = int32(len(b.h.Events)), int32(len(t.events))
	b.h.Events = append(b.h.Events, t.events...)
	b.end(t, &t.returned)
	t.reaping, t.events = false, t.events[:0]
	return nil
}

// end completes the thread's open call as its ReturnRecord says.
func (b *builder) end(t *thread, r *Record) {
	c := &b.h.Calls[t.open]
	c.Return, c.Ret, c.Extra1, c.Extra2 = Time(r.A), model.Result(r.B), r.C, r.D
	switch c.Kind {
	case CallSetup:
		if x := &b.h.Contexts[c.Context]; c.Ret == 0 && x.Ring == 0 {
			x.Ring, x.Compat = uint32(r.D), uint32(r.D>>32)
		}
	case CallDestroy:
		if x := &b.h.Contexts[c.Context]; c.Ret == 0 && x.Destroy == None {
			x.Destroy = t.open
		}
	case CallSubmit:
		for j := range c.Count {
			q := &b.h.Requests[c.First+j]
			q.Fate = Rejected
			if model.Result(j) < c.Ret {
				q.Fate = Accepted
			}
		}
	}
	t.ended = c.Return
	t.open, t.closed = None, t.open
}
