package sim

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/traces"
)

// nameTarget is a target in a round with the given names in one directory.
func nameTarget(decls []traces.NameDecl) *Target {
	t := New(Config{StorageBytes: testBytes, Threaded: true})
	t.program = &traces.Program{Files: []traces.FileDecl{{Kind: traces.Storage}, {Kind: traces.Directory}}, Names: decls}
	t.layNames()
	t.fs.cwd = 1
	return t
}

// do makes a whole operation on names that does not wait.
func (t *Target) do(rt *rapid.T, d *traces.RequestDecl) (model.Result, *request) {
	r := &request{decl: d}
	t.capture(r, t.fs)
	for range 3 {
		if res, ok := t.nameStep(r); ok {
			return res, r
		}
	}
	rt.Fatalf("%v waits", d.Opcode)
	return 0, nil
}

// Operations on names give what they give on the file system of the machine
// that the test runs on, and leave the same names bound to the same files.
func TestNamesAsOnTheHost(t *testing.T) {
	const names = 4
	umask := uint16(unix.Umask(0o022))
	defer unix.Umask(int(umask))
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "names")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := func(name uint16) string { return filepath.Join(dir, strconv.Itoa(int(name))) }
		decls := make([]traces.NameDecl, names)
		for i := range decls {
			decls[i] = traces.NameDecl{Directory: 1, Mode: 0o644, UID: uint32(os.Geteuid()), Kind: rapid.SampledFrom([]traces.NameKind{traces.Absent, traces.Regular, traces.Fifo}).Draw(rt, "kind")}
			switch decls[i].Kind {
			case traces.Regular:
				err = os.WriteFile(path(uint16(i)), nil, 0o644)
			case traces.Fifo:
				err = unix.Mkfifo(path(uint16(i)), 0o644)
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		target := nameTarget(decls)
		files := map[uint64]*inode{} // of the host, by number
		var held []int
		defer func() {
			for _, fd := range held {
				unix.Close(fd)
			}
		}()
		compare := func() {
			for i := range uint16(names) {
				var st unix.Stat_t
				n, err := target.statName(i), unix.Lstat(path(i), &st)
				if (err == nil) != (n != nil) {
					rt.Fatalf("name %d: %v here, %v there", i, n, err)
				}
				if n == nil {
					continue
				}
				if known := files[st.Ino]; known != nil && known != n {
					rt.Fatalf("name %d is bound to another file", i)
				}
				if files[st.Ino] = n; st.Mode != uint32(n.mode) {
					rt.Fatalf("name %d has the mode %o here, %o there", i, n.mode, st.Mode)
				}
			}
		}
		compare()
		for range rapid.IntRange(1, 12).Draw(rt, "operations") {
			d := drawName(rt, names)
			// A file whose name goes keeps its number for as long as it is open.
			if fd, err := unix.Open(path(d.Name), unix.O_PATH, 0); err == nil {
				held = append(held, fd)
			}
			if fd, err := unix.Open(path(d.NewName), unix.O_PATH, 0); err == nil {
				held = append(held, fd)
			}
			var errno error
			switch d.Opcode {
			case model.OpenAt:
				var fd int
				if fd, errno = unix.Open(path(d.Name), int(d.Flags), uint32(d.Mode)); errno == nil {
					held = append(held, fd)
				}
			case model.UnlinkAt:
				errno = unix.Unlink(path(d.Name))
			default:
				errno = unix.Renameat2(unix.AT_FDCWD, path(d.Name), unix.AT_FDCWD, path(d.NewName), uint(d.Flags))
			}
			res, r := target.do(rt, d)
			var want unix.Errno
			if errors.As(errno, &want); model.Errno(want) != res.Errno() {
				rt.Fatalf("%v of %d to %d with flags %#o: %v here, %v there", d.Opcode, d.Name, d.NewName, d.Flags, res, errno)
			}
			if d.Opcode == model.OpenAt && errno == nil {
				flags, err := unix.FcntlInt(uintptr(held[len(held)-1]), unix.F_GETFL, 0)
				if err != nil || uint32(flags) != target.descriptors[r.fd].flags {
					rt.Fatalf("opened with flags %#o: %#o here, %#o there (%v)", d.Flags, target.descriptors[r.fd].flags, flags, err)
				}
			}
			compare()
		}
	})
}

func drawName(rt *rapid.T, names int) *traces.RequestDecl {
	name := rapid.Uint16Range(0, uint16(names-1))
	d := &traces.RequestDecl{File: 1, Name: name.Draw(rt, "name"), NewName: name.Draw(rt, "new"), Via: rapid.SampledFrom([]traces.Via{traces.ViaDescriptor, traces.ViaCwd, traces.ViaRoot}).Draw(rt, "via")}
	d.Opcode = rapid.SampledFrom([]model.Opcode{model.OpenAt, model.OpenAt, model.UnlinkAt, model.RenameAt}).Draw(rt, "op")
	switch d.Opcode {
	case model.OpenAt:
		d.Flags = oNonblock | rapid.Uint32Range(0, 2).Draw(rt, "access")
		for _, f := range [...]uint32{oCreat, oExcl, oTrunc, oCloexec, oNoctty} {
			if rapid.Bool().Draw(rt, "flag") {
				d.Flags |= f
			}
		}
		d.Mode = rapid.SampledFrom([]uint16{0o666, 0o600, 0o777}).Draw(rt, "mode")
	case model.RenameAt:
		d.Flags = rapid.SampledFrom([]uint32{0, 0, renameNoreplace, renameExchange, renameNoreplace | renameExchange, 8}).Draw(rt, "flags")
	}
	return d
}
