package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// maxDescriptors is RLIMIT_NOFILE where a program does not set it.
const maxDescriptors = 1 << 16

// The stages of an open.
const (
	openBegins   = iota // no descriptor yet
	openReserved        // a descriptor, no file yet
	openWaits           // a FIFO is open at this end, the other one awaited
)

// openStep makes one step of openat(2), as do_sys_openat2: it reserves the
// lowest free descriptor, finds or makes the file, waits for the other end of
// a FIFO, and installs the file.
func (t *Target) openStep(r *request) (model.Result, bool) {
	switch r.stage {
	case openBegins:
		r.fd = t.reserve(r.args.limit)
		if t.bug != 0 {
			r.fd = t.mislimit(r, r.fd)
		}
		if r.fd < 0 {
			return model.Fail(model.EMFILE), true
		}
		r.stage = openReserved
		return 0, false
	case openReserved:
		n, e := t.lookUp(&r.args)
		if e == 0 && n.fifo() {
			e = t.openFifo(r, n)
			if r.stage == openWaits {
				return 0, false
			}
		}
		if e != 0 {
			t.putBack(r)
			return model.Fail(e), true
		}
		r.node = n
	default:
		if !t.partnerCame(r) {
			t.leaveFifo(r)
			t.putBack(r)
			return model.Fail(model.EINTR), r.killed
		}
	}
	return t.install(r), true
}

// reserve is get_unused_fd_flags under a limit; -1 if there is none.
func (t *Target) reserve(limit int) int {
	for i := range t.descriptors {
		if !t.descriptors[i].used && firstDescriptor+i < limit {
			t.descriptors[i] = descriptor{used: true}
			return i
		}
	}
	if firstDescriptor+len(t.descriptors) >= limit {
		return -1
	}
	t.descriptors = append(t.descriptors, descriptor{used: true})
	return len(t.descriptors) - 1
}

// install is fd_install; F_GETFL tells neither how the file was made nor that
// the descriptor is closed on exec.
func (t *Target) install(r *request) model.Result {
	flags := r.args.flags &^ (oCreat | oExcl | oNoctty | oTrunc | oCloexec)
	if flags |= oLargefile; t.bug == noLargefile && r.ctx != nil && t.fires() {
		flags &^= oLargefile
	}
	t.descriptors[r.fd].inode, t.descriptors[r.fd].flags = r.node, flags
	return model.Result(firstDescriptor + r.fd)
}

// lookUp finds the file that openat is about, or makes it.
func (t *Target) lookUp(a *operands) (*inode, model.Errno) {
	at := t.entry(a.dir, a.name)
	if t.bug != 0 {
		if n, found := t.mislookUp(a, at); found {
			return n, 0
		}
	}
	n := *at
	if n == nil {
		if a.flags&oCreat == 0 {
			return nil, model.ENOENT
		}
		n = t.newInode(a.mode&0o7777&^a.fs.umask, a.fs.uid, false)
		if t.bug != 0 {
			t.miscreate(a, n)
		}
		*at = n
		return n, 0
	}
	access := a.flags & oAccess
	switch {
	case a.flags&(oCreat|oExcl) == oCreat|oExcl:
		return nil, model.EEXIST
	case a.flags&oDirectory != 0:
		return nil, model.ENOTDIR
	case !a.fs.may(n, access != oWrOnly, access != 0 || a.flags&oTrunc != 0):
		return nil, model.EACCES
	}
	// A truncation takes the set-user-ID bit from a file whose truncater has
	// not CAP_FSETID (dentry_needs_remove_privs).
	if a.flags&oTrunc != 0 && !n.fifo() && a.fs.uid != 0 && !(a.async && t.keepsSuid(n)) {
		n.mode &^= sISUID
	}
	return n, 0
}

// openFifo is fifo_open up to its wait.
func (t *Target) openFifo(r *request, n *inode) model.Errno {
	access, nonblock := r.args.flags&oAccess, r.args.flags&oNonblock != 0
	alone := access == 0 && n.writers == 0 || access == oWrOnly && n.readers == 0
	if alone && nonblock && access == oWrOnly {
		return model.ENXIO
	}
	r.node, r.partners = n, n.reads
	if access != oWrOnly {
		n.readers++
		n.reads++
		r.partners = n.writes
	}
	if access != 0 {
		n.writers++
		n.writes++
	}
	if alone && !nonblock {
		r.stage = openWaits
	}
	return 0
}

// partnerCame reports whether the other end was opened since r began to wait,
// whether or not it still is (wait_for_partner).
func (t *Target) partnerCame(r *request) bool {
	if r.args.flags&oAccess == oWrOnly {
		return r.node.reads != r.partners
	}
	return r.node.writes != r.partners
}

// leaveFifo takes back an end that a signal has ended the wait of.
func (t *Target) leaveFifo(r *request) {
	if r.args.flags&oAccess == oWrOnly {
		r.node.writers--
	} else {
		r.node.readers--
	}
}

// canOpen reports whether the next step of an open would not have to wait.
func (t *Target) canOpen(r *request) bool { return r.stage != openWaits || t.partnerCame(r) }

// opened records which file a descriptor is open on. Where their number is
// limited, the descriptor is closed at once; the recorder holds on to the file
// by another one, beyond the limit.
func (t *Target) opened(thread uint16, r *request, fd model.Result) {
	i := int(fd) - firstDescriptor
	if fd < 0 {
		return
	}
	if i < 0 || i >= len(t.descriptors) || t.descriptors[i].inode == nil {
		// No descriptor at all, as fstat(2) finds out.
		t.log(thread).Record(traces.FoundRecord(thread, r.id, traces.Inode{}, int32(fd), 0))
		return
	}
	d := &t.descriptors[i]
	t.log(thread).Record(traces.FoundRecord(thread, r.id, d.inode.stat(), int32(fd), d.flags))
	if t.fileLimit != maxDescriptors {
		*d = descriptor{}
	}
}
