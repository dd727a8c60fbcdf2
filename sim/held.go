package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// heldBy is the file that a transfer through a descriptor of a name is about:
// what the name was bound to when the round began. nil for other requests.
func (t *Target) heldBy(d *traces.RequestDecl) *inode {
	if t.files[d.File].kind != traces.Directory || int(d.Name) >= len(t.held) {
		return nil
	}
	return t.held[d.Name]
}

// moveHeld reads or writes such a file, in one step.
func (t *Target) moveHeld(r *request) model.Result {
	if r.killed {
		return model.Fail(model.EINTR)
	}
	n, first, lines := t.heldBy(r.decl), int(r.decl.Offset/lineBytes), int(r.decl.Bytes/lineBytes)
	if r.decl.Opcode.Reads() {
		moved := copy(r.buf, n.lines[min(first, len(n.lines)):])
		return model.Result(moved * lineBytes)
	}
	for len(n.lines) < first+lines {
		n.lines = append(n.lines, tag{0, placeZero}) // a hole, unless written below
	}
	for i := range lines {
		n.lines[first+i] = tag{r.id, int32(first + i)}
	}
	if r.args.fs.uid != 0 && !t.keepsSuid(n) {
		n.mode &^= sISUID // file_remove_privs: its owner has not CAP_FSETID
	}
	return model.Result(lines * lineBytes)
}
