package kernel

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// bindings are which file each name is bound to: a name space in which one
// thread does one thing after the other.
type bindings map[uint16]uint64

// after is what a request does to the bindings: its error, and the file that
// an open finds, 0 for a new one.
func (b bindings) after(r *traces.RequestDecl) (fails model.Errno, found uint64) {
	from, to := b[r.Name], b[r.NewName]
	switch r.Opcode {
	case model.OpenAt:
		switch {
		case from == 0 && r.Flags&unix.O_CREAT == 0:
			return model.ENOENT, 0
		case from != 0 && r.Flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL:
			return model.EEXIST, 0
		}
		return 0, from
	case model.UnlinkAt:
		if from == 0 {
			return model.ENOENT, 0
		}
		delete(b, r.Name)
		return 0, 0
	}
	switch {
	case from == 0, r.Flags == unix.RENAME_EXCHANGE && to == 0:
		return model.ENOENT, 0
	case r.Flags == unix.RENAME_NOREPLACE && to != 0:
		return model.EEXIST, 0
	case r.Flags == unix.RENAME_EXCHANGE:
		b[r.Name], b[r.NewName] = to, from
	case r.Name != r.NewName:
		delete(b, r.Name)
		b[r.NewName] = from
	}
	return 0, 0
}

// drawNamed draws an operation on the names of namedProgram.
func drawNamed(rng *rand.Rand) traces.RequestDecl {
	directories := [...]uint16{firstDir, firstDir, firstDir, secondDir, secondDir}
	name := uint16(rng.IntN(len(directories)))
	r := traces.RequestDecl{Opcode: model.UnlinkAt, File: directories[name], Name: name, Plain: true}
	if rng.IntN(2) == 0 {
		r.Via = traces.ViaRoot
	}
	switch rng.IntN(5) {
	case 0, 1:
		r.Opcode, r.Mode = model.OpenAt, 0o666
		r.Flags = unix.O_RDWR | unix.O_NONBLOCK | [...]uint32{0, unix.O_CREAT, unix.O_CREAT | unix.O_EXCL}[rng.IntN(3)]
	case 2, 3:
		r.Opcode, r.NewName = model.RenameAt, uint16(rng.IntN(len(directories)))
		r.Flags = [...]uint32{0, unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE}[rng.IntN(3)]
	}
	return r
}

// TestNamesLikeAMap: what is recorded of one thread's operations on names is
// what a map would do.
func TestNamesLikeAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var requests []traces.RequestDecl
	var steps []traces.Step
	for i := range 400 {
		requests = append(requests, drawNamed(rng))
		steps = append(steps, step(traces.DoNamed, i), statOf(uint16(rng.IntN(5))))
	}
	h := history(t, runOn(t, openTest(t), list(namedProgram(traces.EndDrain, requests, steps))))
	want := bindings{}
	for i := range h.Names {
		if n := &h.Names[i]; n.Kind != traces.Absent {
			want[n.Number] = n.Inode.Number
		}
	}
	found := map[int32]*traces.Found{} // by call
	for i := range h.Found {
		found[h.Found[i].Call] = &h.Found[i]
	}
	made := 0
	for i := range h.Calls {
		c, f := &h.Calls[i], found[int32(i)]
		switch c.Kind {
		case traces.CallStat:
			if file := want[uint16(c.X)]; (f != nil) != (file != 0) || f != nil && f.Inode.Number != file {
				t.Fatalf("call %d: name %d is file %d: %v, %+v", i, c.X, file, c.Ret, f)
			}
		case traces.CallOpenAt, traces.CallUnlinkAt, traces.CallRenameAt:
			r := &requests[c.Request-1]
			fails, file := want.after(r)
			if c.Ret.Errno() != fails || (f != nil) != (r.Opcode == model.OpenAt && fails == 0) || file != 0 && f.Inode.Number != file {
				t.Fatalf("call %d: %+v ends with %v and finds %+v, not %v and %d", i, *r, c.Ret, f, fails, file)
			}
			if f != nil && file == 0 {
				want[r.Name] = f.Inode.Number
				made++
			}
		}
	}
	if made < 20 {
		t.Errorf("%d files were made", made)
	}
}
