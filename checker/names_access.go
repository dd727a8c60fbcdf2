package checker

import (
	"fmt"

	"aiocheck/model"
	"aiocheck/traces"
)

// permission is whether an identity may open a file.
type permission uint8

const (
	granted permission = iota
	denied
	unclear // by what the trace says, either may be right
)

// Bits of modes and flags (include/uapi/linux/stat.h, asm-generic/fcntl.h).
const (
	setUID       = 0o4000
	permissions  = 0o777
	accessMode   = 0o3        // O_ACCMODE
	onlyWrite    = 0o1        // O_WRONLY
	readAndWrite = 0o2        // O_RDWR
	truncate     = 0o1000     // O_TRUNC
	pathOnly     = 0o10000000 // O_PATH
)

// access is what inode_permission (fs/namei.c) says of an open. The owner is
// told from others by the user; groups are those of the same number. A file of
// root's group is unclear: the target keeps its supplementary groups.
func (r *nameRound) access(n *traces.Inode, flags uint32) permission {
	id := &r.round.Identity
	switch {
	case flags&pathOnly != 0:
		return granted
	case id.UID == 0 && r.h.Header.Abilities.Identity:
		return granted // root
	case id.UID == 0:
		return unclear // whoever the target is
	}
	want := uint16(0)
	if flags&accessMode != onlyWrite {
		want |= 4
	}
	if mode := flags & accessMode; mode == onlyWrite || mode == readAndWrite || flags&truncate != 0 {
		want |= 2
	}
	may := func(shift int) bool { return n.Mode>>shift&want == want }
	switch {
	case n.UID == id.UID:
		if may(6) {
			return granted
		}
		return denied
	case may(0) && may(3):
		return granted
	case !may(0) && !may(3):
		return denied
	case n.UID == 0:
		return unclear
	case may(0):
		return granted
	}
	return denied
}

// judgePrivileges judges whether writes have taken the set-uid bit from files,
// as file_remove_privs (fs/inode.c) does for whoever may not set it.
func (r *nameRound) judgePrivileges() {
	if r.round.Identity.UID == 0 || !r.h.Header.Abilities.Identity {
		return
	}
	h := r.h
	for _, i := range r.requests.of(r.number) {
		w := &h.Requests[i]
		res, known, ok := h.Outcome(w)
		if !w.Opcode.Writes() || !ok || res <= 0 || h.Names[w.Name].Inode.Mode&setUID == 0 {
			continue
		}
		r.put(model.CredCaptured, 1)
		for k := range r.ops {
			o := &r.ops[k]
			if o.found == traces.None || o.from <= known || h.Found[o.found].Inode.Mode&setUID == 0 ||
				keyOf(h.Found[o.found].Inode) != keyOf(h.Names[w.Name].Inode) {
				continue
			}
			r.violate(model.CredCaptured, func() Finding {
				return r.finding(fmt.Sprintf("%s has the set-uid bit, although request %d of user %d had written to it", r.fileText(h.Found[o.found].Inode), w.ID, r.round.Identity.UID),
					"no set-uid bit: a write by somebody who may not set it takes it away (fs/inode.c, file_remove_privs)",
					o.interval.to, r.writeStep(w), r.step(o, 0))
			})
			break
		}
	}
}
