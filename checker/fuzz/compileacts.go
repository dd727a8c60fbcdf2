package fuzz

import (
	"slices"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// add appends a step of an act to its thread.
func (c *compiler) add(a *Act, s traces.Step) {
	t := c.thread(a)
	if at, ok := c.steps[a.Beside]; ok && at.thread != t && !(c.frozen && int(t) == c.freezer) {
		s.Thread, s.After = uint16(at.thread), uint32(at.step+1)
	}
	s.Spin = min(a.Spin, 1<<16)
	c.p.Threads[t] = append(c.p.Threads[t], s)
	c.steps[a.ID] = position{t, len(c.p.Threads[t]) - 1}
}

// act compiles one act, or leaves it out.
func (c *compiler) act(a *Act) {
	t := c.thread(a)
	context := c.context(a.Context)
	// While it has frozen the file system, a thread must not wait for others,
	// nor write: who should thaw it then?
	holds := c.frozen && int(t) == c.freezer
	switch a.Do {
	case Submit:
		c.submit(a, context)
	case Cancel:
		c.cancel(a, context)
	case Glance, ReapRing:
		c.glance(a, context, holds)
	case Collect:
		if !holds {
			c.collect(a, context)
		}
	case Destroy:
		if !holds {
			c.add(a, traces.Step{Do: traces.DoDestroy, Context: context})
		}
	case Feed, Take:
		c.plain(a)
	case ReadEventfd:
		c.add(a, traces.Step{Do: traces.DoReadEventfd, File: fileComplete})
	case CloseRead, CloseWrite:
		c.close(a)
	case Exit:
		if c.p.End == traces.EndExit {
			c.add(a, traces.Step{Do: traces.DoExit})
		}
	case Pause:
		if c.idle == 0 {
			c.p.Contexts = append(c.p.Contexts, traces.ContextDecl{Slots: 1})
			c.idle = len(c.p.Contexts)
		}
		c.add(a, traces.Step{Do: traces.DoGetEvents, Context: uint16(c.idle - 1), Min: 1, Max: 1, Timeout: clamp(a.Timeout)})
	case Mark:
		c.add(a, traces.Step{Do: traces.DoAwait})
	case Freeze, Thaw:
		c.freeze(a)
	default:
		c.onNames(a, holds)
	}
}

// clamp keeps a timeout so short that it costs little.
func clamp(d time.Duration) time.Duration { return max(0, min(d, 5*time.Millisecond)) }

// freeze is for one thread of programs after which somebody is left to thaw.
func (c *compiler) freeze(a *Act) {
	able := c.at.Able
	if !able.Threaded || !able.Freeze || c.p.Identity != nil || c.p.End == traces.EndExit || c.p.End == traces.EndKill {
		return
	}
	t := int(c.thread(a))
	switch {
	case a.Do == Thaw:
		if c.frozen && t == c.freezer {
			c.add(a, traces.Step{Do: traces.DoThaw})
			c.frozen = false
		}
	case c.freezer < 0 || c.freezer == t && !c.frozen:
		c.freezer, c.frozen = t, true
		c.add(a, traces.Step{Do: traces.DoFreeze})
	}
}

// submit declares the act's requests and submits them as one batch.
func (c *compiler) submit(a *Act, context uint16) {
	t := c.thread(a)
	first := traces.RequestID(len(c.p.Requests))
	doubtful := false
	for k := range a.Requests {
		decl, ok := c.request(&a.Requests[k])
		if !ok {
			continue
		}
		if decl.Opcode.Names() && decl.Via == traces.ViaCwd && c.away[t] {
			decl.Via = traces.ViaDescriptor
		}
		if old := c.submitted[reference{a.Of, a.Nth}]; k == 0 && old != nil && old.thread == t && !old.reused {
			decl.Reuse, old.reused = old.id+1, true
		}
		doubtful = doubtful || c.refused(&decl) || c.facts.closes[decl.File]
		s := &sent{id: traces.RequestID(len(c.p.Requests)), thread: t, context: context, doubtful: doubtful}
		c.p.Requests = append(c.p.Requests, decl)
		s.decl = &decl
		c.submitted[reference{a.ID, uint8(k)}] = s
		c.order = append(c.order, s)
	}
	n := uint32(len(c.p.Requests)) - first
	if n == 0 {
		return
	}
	c.filled[context] += int(n)
	c.add(a, traces.Step{Do: traces.DoSubmit, Context: context, Request: first, Count: n})
}

// request makes sense of a request, in the program's tables. It is false for
// one that the target cannot have.
func (c *compiler) request(r *traces.RequestDecl) (traces.RequestDecl, bool) {
	d := *r
	d.Plain, d.Reuse = false, 0
	if int(d.File) >= len(c.p.Files) {
		d.File = fileStorage
	}
	if d.File == fileComplete {
		d.File = fileAwaited
	}
	if d.Eventfd != 0 {
		d.Eventfd = fileComplete + 1
	}
	d.Bytes = min(d.Bytes, maxBytes)
	op := d.Opcode
	kind := c.kind(d.File)
	switch {
	case op.Names():
		return d, c.namedRequest(&d)
	case kind == traces.Directory:
		if int(d.Name) >= len(c.p.Names) || c.p.Names[d.Name].Kind != traces.Regular || c.p.Names[d.Name].Directory != d.File || op == model.Poll {
			return d, false
		}
		d.Bytes = min(d.Bytes, 4096)
		d.Segments = uint8(max(1, min(d.Segments, 8)))
		return d, true
	case op == model.Poll:
		d.Bytes = 0
		if kind == traces.Storage && c.at.Able.Threaded {
			return d, false // always ready, and of no interest
		}
	case op == model.ReadAhead && !c.at.Able.Threaded:
		return d, false
	case op.Transfers() && kind == traces.Eventfd:
		return d, false
	}
	if op == model.PReadV || op == model.PWriteV {
		d.Segments = uint8(max(1, min(uint32(d.Segments), 8, d.Bytes/line)))
	} else {
		d.Segments = 0
	}
	d.Name, d.NewName, d.Flags, d.Mode, d.Via = 0, 0, 0, 0, 0
	if kind == traces.Storage && (op.Transfers() || op == model.ReadAhead) {
		scale := int64(c.at.Align / sector)
		d.Offset = max(0, d.Offset) % (windowSectors * sector)
		d.Bytes = uint32(min(int64(d.Bytes), windowSectors*sector-d.Offset) * scale)
		d.Offset = c.at.Window + d.Offset*scale
	}
	return d, true
}

// refused reports whether io_submit may refuse a request.
func (c *compiler) refused(d *traces.RequestDecl) bool {
	switch op := d.Opcode; {
	case op.Syncs():
		k := c.kind(d.File)
		return k != traces.Storage && k != traces.Directory
	case op.Transfers(), op == model.Poll, op.Names(), op == model.ReadAhead:
		return false
	}
	return true
}

// cancel compiles a cancel of a request that may not be there.
func (c *compiler) cancel(a *Act, context uint16) {
	s := c.submitted[reference{a.Of, a.Nth}]
	switch {
	case a.Of == 0:
		if c.spare == 0 {
			c.p.Requests = append(c.p.Requests, traces.RequestDecl{Opcode: model.Poll, File: fileAwaited, Offset: pollIn})
			c.spare = len(c.p.Requests)
		}
		c.add(a, traces.Step{Do: traces.DoCancel, Context: context, Request: traces.RequestID(c.spare - 1)})
		return
	case s == nil:
		return
	case c.facts.reuses[reference{a.Of, a.Nth}] && (s.reused || s.thread != c.thread(a)):
		return // by now it could name the other request with its iocb
	}
	s.cancelled = s.cancelled || s.thread == c.thread(a) && context == s.context
	c.add(a, traces.Step{Do: traces.DoCancel, Context: context, Request: s.id})
}

// glance takes what is there; in user space, if any act does so there.
func (c *compiler) glance(a *Act, context uint16, holds bool) {
	s := traces.Step{Do: traces.DoGetEvents, Context: context, Max: max(1, min(a.Max, 64))}
	s.Min = max(0, min(a.Min, s.Max+1)) // one too many is refused
	s.Timeout = clamp(a.Timeout)
	if a.Timeout > time.Second && !holds && c.destroyed(a, context) { // to be woken
		s.Timeout = patience
	}
	if a.Nth == 1 {
		s.Do = traces.DoPGetEvents
	}
	if c.facts.mapped[context] {
		s.Do, s.Min, s.Timeout = traces.DoReapRing, 0, 0
	}
	if s.Min <= s.Max {
		c.reaped[context] += int(s.Max)
	}
	c.add(a, s)
}

// destroyed reports whether another thread destroys a context after an act in
// the order of the acts, without waiting for what the act's own thread does
// after it.
func (c *compiler) destroyed(act *Act, context uint16) bool {
	var after []uint16 // acts of the thread
	var held [MaxThreads]bool
	found := false
	for i := range c.d.Acts {
		a := &c.d.Acts[i]
		switch t := c.thread(a); {
		case a.ID == act.ID:
			found = true
		case !found:
		case t == c.thread(act):
			after = append(after, a.ID)
		case slices.Contains(after, a.Beside):
			held[t] = true
		case a.Do == Destroy && c.context(a.Context) == context && !held[t]:
			return true
		}
	}
	return false
}

// plain is a read or write of a stream by a call of its own. It never blocks.
func (c *compiler) plain(a *Act) {
	file := a.File
	if file == fileComplete || int(file) >= len(c.p.Files) {
		return
	}
	if c.kind(file) == traces.Eventfd {
		if a.Do == Feed {
			c.add(a, traces.Step{Do: traces.DoWrite, File: file})
		}
		return
	}
	s := c.streams[file]
	if s == nil || len(a.Requests) == 0 {
		return
	}
	d := traces.RequestDecl{Opcode: model.PRead, File: file, Plain: true, Bytes: max(line, min(a.Requests[0].Bytes, maxBytes)/line*line)}
	step := traces.Step{Do: traces.DoRead, File: file}
	blocks := !c.p.Files[file].Nonblock
	t := c.thread(a)
	if a.Do == Feed {
		d.Opcode, step.Do = model.PWrite, traces.DoWrite
		if blocks {
			d.Bytes = min(d.Bytes, smallBytes)
			if c.facts.big[file] || s.sends >= smallSends {
				return
			}
		}
	} else if blocks && (!s.closed || s.closedBy != t || c.facts.pollOut[file]) {
		return // nobody would end it
	}
	step.Request = traces.RequestID(len(c.p.Requests))
	c.p.Requests = append(c.p.Requests, d)
	if a.Do == Feed {
		s.sends++
		if !c.facts.closes[file] {
			s.fed += int(d.Bytes)
		}
	}
	c.add(a, step)
}

func (c *compiler) close(a *Act) {
	if int(a.File) >= len(c.streams) || c.streams[a.File] == nil {
		return
	}
	s := traces.Step{Do: traces.DoCloseRead, File: a.File}
	if a.Do == CloseWrite {
		s.Do = traces.DoCloseWrite
		if st := c.streams[a.File]; !st.closed {
			st.closed, st.closedBy = true, c.thread(a)
		}
	}
	c.add(a, s)
}

// finish adds what ends all that still waits, once every thread has begun its
// last step. Contexts with threads need it only when they are drained.
func (c *compiler) finish() {
	p := c.p
	if c.frozen {
		c.add(&Act{Thread: uint8(c.freezer)}, traces.Step{Do: traces.DoThaw})
	}
	if p.End == traces.EndExit {
		c.add(&Act{}, traces.Step{Do: traces.DoExit})
	}
	if c.at.Able.Threaded && p.End != traces.EndDrain {
		return
	}
	var last []traces.Step
	for t, steps := range p.Threads {
		if len(steps) > 0 {
			last = append(last, traces.Step{Do: traces.DoAwait, Thread: uint16(t), After: uint32(len(steps))})
		}
	}
	for f := range p.Files {
		switch f := uint16(f); c.kind(f) {
		case traces.Eventfd:
			if f != fileComplete {
				last = append(last, traces.Step{Do: traces.DoWrite, File: f})
			}
		case traces.Pipe, traces.Socket:
			last = append(last, traces.Step{Do: traces.DoCloseWrite, File: f}, traces.Step{Do: traces.DoCloseRead, File: f})
		}
	}
	for n := range p.Names {
		if p.Names[n].Kind == traces.Fifo {
			last = append(last, traces.Step{Do: traces.DoNamed, Request: traces.RequestID(len(p.Requests))})
			p.Requests = append(p.Requests, traces.RequestDecl{Opcode: model.OpenAt, File: p.Names[n].Directory, Name: uint16(n), Flags: oRdWr | oNonblock, Plain: true})
		}
	}
	p.Threads = append(p.Threads, last)
}
