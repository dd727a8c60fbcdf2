package fuzz

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// collect waits for as many events as are certain to come to the thread, for
// so long that a kernel that lets them come later is wrong. Without a certain
// one there is nothing to wait for. What other threads do earlier in the order
// of the acts is certain, too: nothing there waits for what comes later.
func (c *compiler) collect(a *Act, context uint16) {
	t := c.thread(a)
	if c.facts.users[context] != 1<<t || c.facts.mapped[context] || c.filled[context] > int(c.p.Contexts[context].Slots) {
		return
	}
	n, storage := 0, true
	for _, s := range c.order {
		if s.context == context && !s.doubtful && c.ends(s) {
			n++
			storage = storage && c.kind(s.decl.File) == traces.Storage
		}
	}
	n -= c.reaped[context]
	if n <= 0 {
		return
	}
	c.reaped[context] += n
	step := traces.Step{Do: traces.DoGetEvents, Context: context, Min: int32(n), Max: int32(n), Timeout: patience}
	if a.Timeout < 0 && storage {
		step.Timeout = -1
	}
	c.add(a, step)
}

// ends reports whether a request that was accepted is certain to end by what
// was done so far.
func (c *compiler) ends(s *sent) bool {
	f, d := &c.facts, s.decl
	if s.reused || d.Reuse != 0 {
		return false
	}
	kind, op := c.kind(d.File), d.Opcode
	switch {
	case c.opensFifo(d):
		return d.Flags&oNonblock != 0 || s.cancelled || f.opens == [2]int{1, 1} && c.bothOpen(s.thread)
	case op.Names(), kind == traces.Storage, kind == traces.Directory:
		return !f.freezes
	case s.cancelled && (c.at.Able.Threaded || op == model.Poll):
		return true
	case c.p.Files[d.File].Nonblock && op.Transfers():
		return true
	case c.streams[d.File] == nil:
		return false
	case op == model.Poll && d.Offset&pollIn != 0:
		return f.reads[d.File] == 0 && c.written(d.File) > 0
	case op.Reads():
		return c.written(d.File) >= f.reads[d.File]
	}
	return op.Writes() && !f.big[d.File]
}

// bothOpen reports whether a thread has submitted opens of both ends of a FIFO.
func (c *compiler) bothOpen(t uint8) bool {
	n := 0
	for _, s := range c.order {
		n += btoi(s.thread == t && c.opensFifo(s.decl) && !s.doubtful)
	}
	return n == 2
}

// written is how many bytes surely come to a stream, by what was fed and by
// requests that nobody cancels.
func (c *compiler) written(file uint16) int {
	n := c.streams[file].fed
	for ref, s := range c.submitted {
		if d := s.decl; d.File == file && d.Opcode.Writes() && !s.doubtful && !c.facts.cancels[ref] && !c.facts.big[file] {
			n += int(d.Bytes)
		}
	}
	return n
}
