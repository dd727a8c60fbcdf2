package litmus

import (
	"slices"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/traces"
	"aiocheck/traces/litmus"
)

// naming is which names a request works on, and which ones its iocb is
// rewritten with; positions in Plan.names.
type naming struct {
	at, to uint16 // to: of RENAMEAT
	other  uint16
}

// user is whom programs with names run as: whoever executes a request has to
// be this user for it.
const user = 1000

// layOutNames declares the names that requests work on: each has its own. The
// test's directory is the working directory, if the target can have one, so
// that a thread with another one finds nothing. Whatever exists afterwards
// tells whether a request had its effect.
func (p *Plan) layOutNames() {
	t := p.Test
	rewrites := p.does(litmus.Rewrite)
	p.named = make([]naming, len(t.Requests))
	if !slices.ContainsFunc(t.Requests, func(r litmus.Request) bool { return r.Op.Names() || p.setuid(&r) }) && !rewrites && !p.does(litmus.Chdir) {
		return
	}
	first := uint16(p.directory())
	if p.Kernel.Abilities.Identity {
		p.identity = &traces.Identity{UID: user, Umask: 0o027, Cwd: first + 1}
	}
	if p.does(litmus.Chdir) {
		p.declare(traces.FileDecl{Kind: traces.Directory}) // elsewhere
	}
	add := func(kind traces.NameKind, mode uint16) uint16 {
		p.names = append(p.names, traces.NameDecl{Directory: first, Kind: kind, Mode: mode, UID: user})
		return uint16(len(p.names) - 1)
	}
	for i := range t.Requests {
		n := &p.named[i]
		if p.setuid(&t.Requests[i]) {
			n.at = add(traces.Regular, 0o755|unix.S_ISUID)
			continue
		}
		at := traces.Regular // of what is unlinked or renamed
		if op := t.Requests[i].Op; op == model.OpenAt {
			at = traces.Absent
		} else if !op.Names() {
			if rewrites {
				n.other = add(traces.Regular, 0o644)
			}
			continue
		}
		n.at = add(at, 0o644)
		if t.Requests[i].Op == model.RenameAt {
			n.to = add(traces.Absent, 0o644)
		}
		if rewrites {
			n.other = add(at, 0o644)
		}
	}
}

// setuid reports whether a write is to a set-uid file of its own instead of to
// the storage: where a test asks as whom it is executed, and nobody reads it. A
// write strips the bit unless it is by a thread with more rights than the user.
func (p *Plan) setuid(r *litmus.Request) bool {
	t := p.Test
	of := func(o litmus.Request) bool { return o.File == r.File }
	asked := slices.ContainsFunc(t.Conditions, func(c litmus.Condition) bool { return asksTask(t, &c.Expr, r.File) })
	return p.Kernel.Abilities.Names && p.Kernel.Abilities.Identity && t.Files[fileIndex(t, r.File)].Kind == design.Regular && asked &&
		!slices.ContainsFunc(t.Requests, func(o litmus.Request) bool { return of(o) && !o.Op.Writes() }) && !p.does(litmus.Rewrite)
}

// asksTask reports whether an expression asks for the task of a request on a
// file.
func asksTask(t *litmus.Test, e *litmus.Expr, file string) bool {
	if e.Op != litmus.Is {
		return slices.ContainsFunc(e.Args, func(arg litmus.Expr) bool { return asksTask(t, &arg, file) })
	}
	a := &e.Atom
	return a.Kind == litmus.RequestIs && a.Field == litmus.Task && t.Requests[requestIndex(t, a.Name)].File == file
}

// directory is the number of the test's directory, or of one that is made for
// its names.
func (p *Plan) directory() int {
	if i := slices.IndexFunc(p.declared, func(d traces.FileDecl) bool { return d.Kind == traces.Directory }); i >= 0 {
		return i + 1
	}
	return p.declare(traces.FileDecl{Kind: traces.Directory})
}

// elsewhere is the number of the directory that chdir goes to.
func (p *Plan) elsewhere() int {
	for i := len(p.declared) - 1; i >= 0; i-- {
		if p.declared[i].Kind == traces.Directory {
			return i + 1
		}
	}
	panic("litmus: no directory to go to")
}

// does reports whether some thread makes such a call.
func (p *Plan) does(do litmus.Do) bool {
	return slices.ContainsFunc(p.Test.Threads, func(th litmus.Thread) bool {
		return slices.ContainsFunc(th.Calls, func(c litmus.Call) bool { return c.Do == do })
	})
}

// name gives request i its names.
func (p *Plan) name(i int, d *traces.RequestDecl) {
	if !d.Opcode.Names() {
		return
	}
	n := &p.named[i]
	d.Name, d.NewName = n.at, n.to
	if p.identity != nil {
		d.Via = traces.ViaCwd
	}
	if d.Opcode == model.OpenAt {
		d.Flags, d.Mode = unix.O_CREAT|unix.O_RDWR, 0o666
	}
}
