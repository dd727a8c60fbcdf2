package sim

import "aiocheck/traces"

// fsState is what an operation on names finds of the thread that asks for it:
// file system user, umask, working and root directory. A request captures it
// at io_submit.
type fsState struct {
	uid       uint32
	umask     uint16
	cwd, root int // directories by number, or elsewhere
}

// elsewhere is a directory outside of the round: the target's own, and the
// root of a kernel thread.
const elsewhere = -1

// defaultUmask is the target's own.
const defaultUmask = 0o022

// capture takes what an operation on names has to find as it is now.
func (t *Target) capture(r *request, fs fsState) {
	d := r.decl
	r.args = operands{name: d.Name, newName: d.NewName, flags: d.Flags, mode: d.Mode, fs: fs, async: r.ctx != nil, limit: t.fileLimit}
	r.args.dir = t.base(d.Via, &fs, d.Name)
	r.args.newDir = t.base(d.Via, &fs, d.NewName)
	if t.bug != 0 && r.args.async {
		t.miscapture(r)
	}
}

// base is the directory that a name is looked for in.
func (t *Target) base(via traces.Via, fs *fsState, name uint16) int {
	switch {
	case int(name) >= len(t.program.Names):
		return elsewhere
	case via == traces.ViaCwd:
		return fs.cwd
	case via == traces.ViaRoot && fs.root != elsewhere:
		return fs.root
	}
	return int(t.program.Names[name].Directory)
}
