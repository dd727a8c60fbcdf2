package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// miscapture lets the bug change what an operation on a thread finds of its
// submitter.
func (t *Target) miscapture(r *request) {
	a, via := &r.args, r.decl.Via
	switch {
	case t.bug == workerCwd && via == traces.ViaCwd && a.fs.cwd != elsewhere,
		t.bug == workerRoot && via == traces.ViaRoot && a.fs.root != elsewhere:
		if r.decl.Opcode.Names() && t.fires() {
			a.dir, a.newDir = elsewhere, elsewhere
		}
	}
}

// misreuse lets what user space does to its iocb after io_submit count.
func (t *Target) misreuse(r *request, name uint16) {
	if t.bug == argsReread && t.unbegun(r) && t.fires() {
		r.args.name = name
		r.args.dir = t.base(r.decl.Via, &r.args.fs, name)
	}
}

// mischdir lets a thread's chdir count for what it has submitted before.
func (t *Target) mischdir(th *thread, dir int) {
	if t.bug != chdirCounts {
		return
	}
	for i := range t.requests {
		if r := &t.requests[i]; r.by == th && r.decl.Via == traces.ViaCwd && t.unbegun(r) && r.args.dir != dir && t.fires() {
			r.args.dir, r.args.newDir = dir, dir
		}
	}
}

// unbegun reports whether r is an operation on names that no thread has begun.
func (t *Target) unbegun(r *request) bool {
	return r.decl.Opcode.Names() && r.submitted && (r.job == jobQueued || r.job == jobWorker && r.stage == openBegins)
}

// mislimit is the descriptor that an open gets against its limit, or whether
// it is refused one below it.
func (t *Target) mislimit(r *request, fd int) int {
	switch t.bug {
	case limitIgnored:
		if fd < 0 && r.ctx != nil && t.fires() {
			return t.reserve(maxDescriptors)
		}
	case limitOfWorker:
		if fd >= 0 && r.ctx != nil && t.fires() {
			t.descriptors[fd].used = false
			return -1
		}
	case descriptorLeaked:
		if fd < 0 && t.leaks > 0 {
			t.fired++
		}
	}
	return fd
}

// putBack gives back the descriptor of an open that failed.
func (t *Target) putBack(r *request) {
	if t.bug == descriptorLeaked && r.cancelled && t.rolls() {
		t.leaks++
		return
	}
	t.descriptors[r.fd].used = false
}

// mislookUp lets the bug find another file than openat is about.
func (t *Target) mislookUp(a *operands, at **inode) (n *inode, found bool) {
	n = *at
	exists := n != nil
	switch t.bug {
	case exclIgnored:
		return n, exists && a.flags&(oCreat|oExcl) == oCreat|oExcl && t.fires()
	case creatReplaces:
		if exists && a.flags&(oCreat|oExcl) == oCreat && t.fires() {
			*at = t.newInode(a.mode&0o7777&^a.fs.umask, a.fs.uid, false)
			return *at, true
		}
	case permissionIgnored:
		access := a.flags & oAccess
		return n, exists && a.async && a.flags&oExcl == 0 && !a.fs.may(n, access != oWrOnly, access != 0 || a.flags&oTrunc != 0) && t.fires()
	case openWrong:
		for _, o := range t.entries {
			if exists && a.async && o != nil && o != n && !o.fifo() && !n.fifo() && a.flags&oExcl == 0 && t.fires() {
				return o, true
			}
		}
	case staleName:
		if old := t.former(at); !exists && old != nil && a.flags&oCreat == 0 && t.fires() {
			return old, true
		}
	}
	return nil, false
}

// miscreate lets the bug make a file otherwise than it should.
func (t *Target) miscreate(a *operands, n *inode) {
	if !a.async {
		return
	}
	switch {
	case t.bug == workerUmask && a.mode&a.fs.umask != 0 && t.fires():
		n.mode |= a.mode & 0o7777
	case t.bug == workerOwner && a.fs.uid != 0 && t.fires():
		n.uid = 0
	case t.bug == modeIgnored && a.mode&0o111 == 0 && t.fires():
		n.mode |= 0o111
	}
}

// keepsSuid is whether a set-user-ID bit stays that should go.
func (t *Target) keepsSuid(n *inode) bool {
	return t.bug == suidKept && n.mode&sISUID != 0 && t.fires()
}

// misname lets the bug do an unlink or a rename wrongly; ok says that it has.
func (t *Target) misname(r *request) (res model.Result, done, ok bool) {
	a := &r.args
	from := t.entry(a.dir, a.name)
	unlink := r.decl.Opcode == model.UnlinkAt
	switch {
	case r.stage > 0:
		return t.secondHalf(r), true, true
	case unlink && t.bug == unlinkTwice && *from == nil && t.former(from) != nil && t.fires():
		return 0, true, true
	case unlink && t.bug == unlinkNothing && *from != nil && t.fires():
		return 0, true, true
	case *from == nil || r.ctx == nil:
		return 0, false, false
	case t.bug == effectLate && r.decl.Eventfd == 0 && a.flags == 0 && !r.killed && t.fires():
		// The event first; what it tells of a moment later.
		r.stage, r.forgotten = 1, true
		if r.active {
			r.ctx.remove(r)
		}
		t.complete(r, 0)
		t.linger(r)
		return 0, false, true
	case unlink:
		return 0, false, false
	}
	to := t.entry(a.newDir, a.newName)
	switch {
	case t.bug == noreplaceReplaces && a.flags == renameNoreplace && *to != nil && from != to && t.fires():
		*to, *from = *from, nil
		return 0, true, true
	case t.bug == exchangeHalf && a.flags == renameExchange && *to != nil && from != to && t.fires():
		*to = *from
		return 0, true, true
	case a.flags != 0 || from == to:
		return 0, false, false
	case t.bug == renameLost && t.fires():
		*from, *to = nil, nil
		return 0, true, true
	case t.bug == renameBoth && t.fires():
		r.stage = 1
		*to = *from
		t.linger(r)
		return 0, false, true
	case t.bug == renameNone && t.fires():
		r.stage, r.node = 1, *from
		*from = nil
		t.linger(r)
		return 0, false, true
	}
	return 0, false, false
}

// secondHalf ends what misname has begun.
func (t *Target) secondHalf(r *request) model.Result {
	a := &r.args
	switch t.bug {
	case renameBoth:
		*t.entry(a.dir, a.name) = nil
	case renameNone:
		*t.entry(a.newDir, a.newName) = r.node
	case effectLate:
		if r.decl.Opcode == model.UnlinkAt {
			return t.unlinkName(a)
		}
		return t.renameName(a)
	}
	return 0
}

// former is what a name was bound to before it was unlinked or renamed.
func (t *Target) former(at **inode) *inode {
	for i := range t.entries {
		if &t.entries[i] == at && i < len(t.formers) {
			return t.formers[i]
		}
	}
	return nil
}

// unbind takes a name off its file.
func (t *Target) unbind(at **inode) {
	if t.bug == staleName || t.bug == unlinkTwice {
		for i := range t.entries {
			if &t.entries[i] == at {
				t.formers[i] = *at
			}
		}
	}
	*at = nil
}
