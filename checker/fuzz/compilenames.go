package fuzz

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// Flags of open and rename, as on x86-64.
const (
	oWrOnly   = 0o1
	oRdWr     = 0o2
	oCreat    = 0o100
	oExcl     = 0o200
	oTrunc    = 0o1000
	oNonblock = 0o4000

	noReplace = 1
	exchange  = 2
)

// namedRequest makes sense of an operation on names. It is false if the target
// cannot have it, or if it would take away a FIFO that others wait on.
func (c *compiler) namedRequest(d *traces.RequestDecl) bool {
	if !c.at.Able.Threaded || int(d.Name) >= len(c.p.Names) || int(d.NewName) >= len(c.p.Names) {
		return false
	}
	d.File = c.p.Names[d.Name].Directory
	d.Offset, d.Bytes, d.Segments = 0, 0, 0
	fifo := c.p.Names[d.Name].Kind == traces.Fifo
	switch d.Opcode {
	case model.OpenAt:
		d.NewName = 0
		if fifo {
			d.Flags &= oWrOnly | oNonblock
			d.Mode = 0
		}
	case model.UnlinkAt:
		d.NewName, d.Flags, d.Mode = 0, 0, 0
		if fifo {
			return false
		}
	default:
		d.Flags, d.Mode = d.Flags&(noReplace|exchange), 0
		if d.Flags == noReplace|exchange {
			d.Flags = 0
		}
		if fifo || c.p.Names[d.NewName].Kind == traces.Fifo {
			return false
		}
	}
	if !c.leads(d) {
		d.Via = traces.ViaDescriptor
	}
	return true
}

// leads reports whether a way leads to the names of a request.
func (c *compiler) leads(d *traces.RequestDecl) bool {
	id := c.p.Identity
	same := func(dir uint16) bool {
		return c.p.Names[d.Name].Directory == dir && (d.Opcode != model.RenameAt || c.p.Names[d.NewName].Directory == dir)
	}
	switch d.Via {
	case traces.ViaCwd:
		return id != nil && id.Cwd != 0 && same(id.Cwd-1)
	case traces.ViaRoot:
		return id == nil || id.Root == 0 || same(id.Root-1)
	}
	return d.Via == traces.ViaDescriptor
}

// onNames compiles the acts that are about names.
func (c *compiler) onNames(a *Act, holds bool) {
	if !c.at.Able.Threaded || len(c.p.Names) == 0 {
		return
	}
	t := c.thread(a)
	switch a.Do {
	case Named:
		if len(a.Requests) == 0 || holds {
			return
		}
		d, ok := c.request(&a.Requests[0])
		if !ok || !d.Opcode.Names() {
			return
		}
		if d.Plain, d.Eventfd = true, 0; d.Opcode == model.OpenAt {
			d.Flags |= oNonblock
		}
		if d.Via == traces.ViaCwd && c.away[t] {
			d.Via = traces.ViaDescriptor
		}
		c.add(a, traces.Step{Do: traces.DoNamed, Request: traces.RequestID(len(c.p.Requests))})
		c.p.Requests = append(c.p.Requests, d)
	case Stat:
		c.add(a, traces.Step{Do: traces.DoStat, Name: a.Name % uint16(len(c.p.Names))})
	case Reuse:
		s := c.submitted[reference{a.Of, a.Nth}]
		if s == nil || s.thread != t || !s.decl.Opcode.Names() || s.reused {
			return
		}
		c.add(a, traces.Step{Do: traces.DoReuse, Request: s.id, Name: a.Name % uint16(len(c.p.Names))})
	case Chdir:
		if id := c.p.Identity; id == nil || id.Cwd == 0 || c.kind(a.File) != traces.Directory || int(a.File) >= len(c.p.Files) {
			return
		}
		c.away[t] = a.File+1 != c.p.Identity.Cwd
		c.add(a, traces.Step{Do: traces.DoChdir, File: a.File})
	}
}
