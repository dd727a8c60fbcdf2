package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// frost is how far the storage's file system is frozen.
type frost uint8

const (
	thawed   frost = iota
	freezing       // no new writer may enter; freeze waits for those inside
	frozen
)

// freeze makes one step of ioctl(FIFREEZE): it keeps new writers out, then
// waits until those inside have left (freeze_super).
func (t *Target) freeze(th *thread) {
	switch {
	case !th.waiting && t.frost != thawed:
		t.returns(th, model.Fail(model.EBUSY))
	case !th.waiting:
		t.frost, th.waiting = freezing, true
	default:
		t.frost = frozen
		t.returns(th, 0)
	}
}

// thaw is ioctl(FITHAW).
func (t *Target) thaw(th *thread) {
	if t.frost != frozen {
		t.returns(th, model.Fail(model.EINVAL))
		return
	}
	t.frost = thawed
	t.returns(th, 0)
}

// holdsFor reports whether r has to wait for a thaw before it begins:
// sb_start_write of writes and of whatever changes a directory.
func (t *Target) holdsFor(r *request) bool {
	if t.frost == thawed {
		return false
	}
	switch op := r.decl.Opcode; {
	case op.Writes():
		return !r.passes && r.file.kind == traces.Storage || r.file.kind == traces.Directory
	case op == model.OpenAt:
		return r.args.flags&(oCreat|oTrunc) != 0
	}
	return r.decl.Opcode.Names()
}
