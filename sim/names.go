package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// Flags of openat(2) and renameat2(2), as on x86-64, and bits of st_mode.
const (
	oAccess    = 0o3
	oWrOnly    = 0o1
	oCreat     = 0o100
	oExcl      = 0o200
	oNoctty    = 0o400
	oTrunc     = 0o1000
	oNonblock  = 0o4000
	oLargefile = 0o100000
	oDirectory = 0o200000
	oCloexec   = 0o2000000
	oTmpfile   = 0o20000000

	renameNoreplace = 1
	renameExchange  = 2

	sIFREG = 0o100000
	sIFIFO = 0o010000
	sISUID = 0o004000
)

// nameDevice is the st_dev of the round's directories.
const nameDevice = 0xfe00

// inode is a file of the name space.
type inode struct {
	number uint64
	mode   uint16 // type and permissions
	uid    uint32
	// Of a FIFO: how many have it open at each end, and how many ever have.
	readers, writers int
	reads, writes    int
	lines            []tag // contents, 64 bytes each
}

func (n *inode) fifo() bool { return n.mode&0o170000 == sIFIFO }

func (n *inode) stat() traces.Inode {
	return traces.Inode{Number: n.number, Device: nameDevice, Mode: n.mode, UID: n.uid}
}

// descriptor is an entry of the table of open files.
type descriptor struct {
	inode *inode // nil: reserved by an open that has not ended
	flags uint32 // F_GETFL
	used  bool
}

// firstDescriptor is the lowest that is free when a round begins.
const firstDescriptor = 32

// operands are the arguments of an operation on names: io_submit captures
// them, with the directories that names start at and the submitter's identity.
type operands struct {
	dir, newDir int // directories by number
	name        uint16
	newName     uint16
	flags       uint32
	mode        uint16
	fs          fsState
	async       bool // on a thread
	limit       int  // RLIMIT_NOFILE
}

// layNames makes the name space of a round.
func (t *Target) layNames() {
	p := t.program
	t.inodes = 1000 * (p.Round + 1)
	// One more directory stands for wherever no name of the round is.
	t.entries = resize(t.entries, (len(p.Files)+1)*len(p.Names))
	clear(t.entries)
	if t.bug != 0 {
		t.formers, t.leaks = resize(t.formers, len(t.entries)), 0
		clear(t.formers)
	}
	t.held = resize(t.held, len(p.Names))
	clear(t.held)
	t.descriptors = t.descriptors[:0]
	t.frost, t.writers = thawed, 0
	for i := range p.Names {
		d := &p.Names[i]
		var found traces.Inode
		if d.Kind != traces.Absent {
			n := t.newInode(d.Mode, d.UID, d.Kind == traces.Fifo)
			*t.entry(int(d.Directory), uint16(i)), t.held[i] = n, n
			found = n.stat()
		}
		t.control.Record(traces.NameRecord(uint16(i), d.Directory, d.Kind, found))
	}
	t.fs, t.fileLimit = fsState{umask: defaultUmask, cwd: elsewhere, root: elsewhere}, maxDescriptors
	var id traces.Identity
	if p.Identity != nil {
		id = *p.Identity
		t.fs = fsState{uid: id.UID, umask: id.Umask, cwd: int(id.Cwd) - 1, root: int(id.Root) - 1}
		if id.Descriptors > 0 {
			t.fileLimit = firstDescriptor + int(id.Descriptors)
		}
	}
	if p.Identity != nil || len(p.Names) > 0 {
		id.Umask = t.fs.umask
		t.control.Record(traces.IdentityRecord(id, uint64(t.fileLimit)))
	}
}

func (t *Target) newInode(mode uint16, uid uint32, fifo bool) *inode {
	t.inodes++
	n := &inode{number: t.inodes, mode: mode | sIFREG, uid: uid}
	if fifo {
		n.mode = mode | sIFIFO
	}
	return n
}

// entry is what a name is bound to in a directory.
func (t *Target) entry(dir int, name uint16) **inode {
	if dir < 0 {
		dir = len(t.program.Files)
	}
	return &t.entries[dir*len(t.program.Names)+int(name)]
}

// may reports whether fs may open n for reading, for writing: the owner's
// bits for the owner, those of others for others. No one but the owner is in
// the file's group.
func (fs *fsState) may(n *inode, read, write bool) bool {
	if fs.uid == 0 {
		return true
	}
	bits := n.mode
	if fs.uid == n.uid {
		bits >>= 6
	}
	return (!read || bits&4 != 0) && (!write || bits&2 != 0)
}

// nameStep makes one step of an operation on names, on a thread or in a call.
func (t *Target) nameStep(r *request) (model.Result, bool) {
	if r.decl.Opcode == model.OpenAt {
		return t.openStep(r)
	}
	if t.bug != 0 {
		if res, done, ok := t.misname(r); ok {
			return res, done
		}
	}
	if r.decl.Opcode == model.UnlinkAt {
		return t.unlinkName(&r.args), true
	}
	return t.renameName(&r.args), true
}

// unlinkName is unlinkat(2) without flags.
func (t *Target) unlinkName(a *operands) model.Result {
	at := t.entry(a.dir, a.name)
	if *at == nil {
		return model.Fail(model.ENOENT)
	}
	t.unbind(at)
	return 0
}

// renameName is renameat2(2), in one step.
func (t *Target) renameName(a *operands) model.Result {
	from, to := t.entry(a.dir, a.name), t.entry(a.newDir, a.newName)
	switch {
	case a.flags&^(renameNoreplace|renameExchange) != 0, a.flags == renameNoreplace|renameExchange:
		return model.Fail(model.EINVAL)
	case *from == nil:
		return model.Fail(model.ENOENT)
	case a.flags == renameNoreplace && *to != nil:
		return model.Fail(model.EEXIST)
	case a.flags == renameExchange && *to == nil:
		return model.Fail(model.ENOENT)
	case a.flags == renameExchange:
		*from, *to = *to, *from
	case from != to:
		*to = *from
		t.unbind(from)
	}
	return 0
}

// statName is statx(2) of a name in its own directory.
func (t *Target) statName(name uint16) *inode {
	return *t.entry(int(t.program.Names[name].Directory), name)
}

// readNamesBack is the controller's look at every name as the round ends.
func (t *Target) readNamesBack() {
	for i := range t.program.Names {
		name := uint16(i)
		t.control.Record(traces.InvokeRecord(traces.Controller, traces.NoContext, traces.CallStat, 0, t.program.Names[i].Directory, t.tick(), int64(i), 0, 0))
		n := t.statName(name)
		t.control.Record(traces.ReturnRecord(traces.Controller, t.tick(), statResult(n), 0, 0))
		if n != nil {
			t.control.Record(traces.FoundRecord(traces.Controller, 0, n.stat(), 0, 0))
		}
	}
}

func statResult(n *inode) model.Result {
	if n == nil {
		return model.Fail(model.ENOENT)
	}
	return 0
}
