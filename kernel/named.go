package kernel

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// renameatInfo is struct renameat_info of thread-based AIO (patch 13 of 11
// January 2016, and 9 of kernel/patches), which aio_buf of a RENAMEAT points to.
type renameatInfo struct {
	oldDir  int64
	oldPath uint64
	newDir  int64
	newPath uint64
	flags   uint64
}

// namePlace says how a step gets to a name: a descriptor and a path that ends
// with a zero byte.
type namePlace struct {
	dir  int
	path []byte
}

// named is memory of a request on names that the kernel reads.
type named struct {
	dir, newDir int
	path, other []byte // of the name and of the new name
	info        *renameatInfo
}

// layNames prepares the paths of the round's names and the memory of the
// requests on them. In base are the round's directories.
func (r *round) layNames(base string) error {
	p := r.program
	if len(p.Names) == 0 {
		return nil
	}
	longest := 0
	r.places = make([][3]namePlace, len(p.Names))
	for n := range p.Names {
		name, directory := nameText(n)+"\x00", int(p.Names[n].Directory)
		whole := directoryOf(base, directory) + "/" + name
		if p.Identity != nil && p.Identity.Root != 0 {
			whole = "/" + name
		}
		r.places[n] = [...]namePlace{
			traces.ViaDescriptor: {r.files[directory].ends[0], []byte(name)},
			traces.ViaCwd:        {unix.AT_FDCWD, []byte(name)},
			traces.ViaRoot:       {unix.AT_FDCWD, []byte(whole)},
		}
		longest = max(longest, len(whole), len(name))
	}
	longest = (longest + 7) &^ 7
	const info = int(unsafe.Sizeof(renameatInfo{}))
	n := len(p.Names) * longest
	for i := range p.Requests {
		if p.Requests[i].Opcode.Names() {
			n += 2*longest + info
		}
	}
	var err error
	r.text, err = unix.Mmap(-1, 0, int(pageRound(int64(n))), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("map %d bytes for the names of round %d: %w", n, p.Round, err)
	}
	rest := r.text
	take := func(bytes int) []byte {
		piece := rest[:bytes:bytes]
		rest = rest[bytes:]
		return piece
	}
	// The paths that stats use must not move either.
	for i := range r.places {
		place := &r.places[i][traces.ViaDescriptor]
		path := take(longest)
		place.path = path[:copy(path, place.path)]
	}
	r.named = make([]named, len(p.Requests))
	for i := range p.Requests {
		if decl := &p.Requests[i]; decl.Opcode.Names() {
			q := &r.named[i]
			q.path, q.other, q.info = take(longest), take(longest), (*renameatInfo)(unsafe.Pointer(&take(info)[0]))
			q.aim(r, decl, decl.Name, decl.NewName)
		}
	}
	return r.openNamed(base)
}

// aim writes the paths of names into the request's memory.
func (q *named) aim(r *round, decl *traces.RequestDecl, name, newName uint16) {
	from, to := &r.places[name][decl.Via], &r.places[newName][decl.Via]
	copy(q.path, from.path)
	copy(q.other, to.path)
	q.dir, q.newDir = from.dir, to.dir
	*q.info = renameatInfo{oldDir: int64(q.dir), oldPath: address(q.path), newDir: int64(q.newDir), newPath: address(q.other), flags: uint64(decl.Flags)}
}

// openNamed opens the files of names that requests transfer data of.
func (r *round) openNamed(base string) error {
	p := r.program
	for i := range p.Requests {
		decl := &p.Requests[i]
		if p.Files[decl.File].Kind != traces.Directory || decl.Opcode.Names() {
			continue
		}
		if r.opened == nil {
			r.opened = make(map[uint16]int)
		}
		if _, done := r.opened[decl.Name]; done {
			continue
		}
		fd, err := unix.Openat(r.files[decl.File].ends[0], nameText(int(decl.Name)), unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open name %d of round %d: %w", decl.Name, p.Round, err)
		}
		r.opened[decl.Name] = fd
	}
	return nil
}

// descriptor is what a transfer, an fsync, a POLL or a READAHEAD is on.
func (r *round) descriptor(decl *traces.RequestDecl) int {
	if f := &r.files[decl.File]; f.kind != traces.Directory {
		return f.end(decl)
	}
	return r.opened[decl.Name]
}

// prepareNamed writes what the iocb of a request on names says.
func (q *named) prepare(cb *iocb, decl *traces.RequestDecl) {
	cb.fd, cb.buf, cb.offset = uint32(q.dir), address(q.path), int64(decl.Flags)
	switch decl.Opcode {
	case model.OpenAt:
		cb.offset |= int64(decl.Mode) << 32
	case model.RenameAt:
		// The descriptors are in the structure: this one is no open file.
		cb.fd, cb.offset = ^uint32(0), 0
		cb.buf, cb.nbytes = uint64(uintptr(unsafe.Pointer(q.info))), uint64(unsafe.Sizeof(renameatInfo{}))
	}
}

// nameRecord describes a request on names.
func (r *round) nameRecord(context uint32, id traces.RequestID, decl *traces.RequestDecl, data, obj uint64) traces.Record {
	return traces.RequestRecord(0, context, id, decl.Opcode, decl.File, decl.Eventfd, int64(decl.Flags)|int64(decl.Mode)<<32,
		uint32(decl.Name)|uint32(decl.NewName)<<16, uint32(decl.Via), data, obj)
}

// operate is an operation on a name by the thread itself.
func (t *thread) operate(i int) {
	decl, q := &t.program.Requests[i], &t.named[i]
	record := t.requests[i].record
	record.Thread = t.number
	t.rec.Record(record)
	path := uintptr(address(q.path))
	kind, trap, args := traces.CallUnlinkAt, uintptr(unix.SYS_UNLINKAT), [...]uintptr{uintptr(decl.Flags), 0, 0}
	switch decl.Opcode {
	case model.OpenAt:
		kind, trap, args = traces.CallOpenAt, unix.SYS_OPENAT, [...]uintptr{uintptr(decl.Flags), uintptr(decl.Mode), 0}
	case model.RenameAt:
		kind, trap, args = traces.CallRenameAt, unix.SYS_RENAMEAT2, [...]uintptr{uintptr(q.newDir), uintptr(address(q.other)), uintptr(decl.Flags)}
	}
	t.invoke(traces.NoContext, kind, record.Request, decl.File, 0, 0, 0)
	ret := call(trap, uintptr(q.dir), path, args[0], args[1], args[2], 0)
	t.returned(t.now(), ret, 0, 0)
	if decl.Opcode == model.OpenAt && ret >= 0 {
		t.opens(record.Request, int(ret))
	}
}

// opens records which file an open has found. The descriptor stays open until
// the round is over, so that no inode number is used twice; where there may be
// only so many, something else keeps the file. An Inode of zeros says that
// there is no such descriptor.
func (t *thread) opens(id traces.RequestID, fd int) {
	found, ret := t.statx(fd, t.area.empty, unix.AT_EMPTY_PATH)
	flags := model.Result(0)
	if ret == 0 {
		flags = call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0, 0, 0, 0)
	}
	t.rec.Record(traces.FoundRecord(t.number, id, found, int32(fd), uint32(flags)))
	if ret == 0 && t.area.keeper[0] >= 0 {
		t.keep(fd)
	}
}

// stat looks which file a name is bound to.
func (t *thread) stat(n uint16) {
	place := &t.places[n][traces.ViaDescriptor]
	t.invoke(traces.NoContext, traces.CallStat, 0, t.program.Names[n].Directory, int64(n), 0, 0)
	found, ret := t.statx(place.dir, place.path, unix.AT_SYMLINK_NOFOLLOW)
	t.returned(t.now(), ret, 0, 0)
	if ret == 0 {
		t.rec.Record(traces.FoundRecord(t.number, 0, found, 0, 0))
	}
}

func (t *thread) statx(dir int, path []byte, flags uintptr) (traces.Inode, model.Result) {
	st := t.area.statx
	ret := call(unix.SYS_STATX, uintptr(dir), uintptr(address(path)), flags, unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(st)), 0)
	if ret != 0 {
		return traces.Inode{}, ret
	}
	return inodeOf(st), 0
}

func (t *thread) chdir(f uint16) {
	t.invoke(traces.NoContext, traces.CallChdir, 0, f, 0, 0, 0)
	ret := call(unix.SYS_FCHDIR, uintptr(t.files[f].ends[0]), 0, 0, 0, 0, 0)
	t.returned(t.now(), ret, 0, 0)
}

// reuse overwrites what request i was submitted with, as a program may once
// io_submit has returned: with the name n in place of its own, and where there
// is no name with what nothing works with.
func (t *thread) reuse(i int, n uint16) {
	decl, cb := &t.program.Requests[i], t.cb(i)
	id := t.program.First + traces.RequestID(i)
	f, x := decl.File, int64(0)
	if decl.Opcode.Names() {
		f, x = t.program.Names[n].Directory, int64(n)
	}
	t.invoke(traces.NoContext, traces.CallReuse, id, f, x, 0, 0)
	cb.offset, cb.resfd, cb.fd = 0, ^uint32(0), ^uint32(0)
	if decl.Opcode.Names() {
		q := &t.named[i]
		q.aim(t.round, decl, n, decl.NewName)
		if decl.Opcode != model.RenameAt {
			cb.fd = uint32(q.dir)
		}
	} else {
		cb.buf, cb.nbytes = 0, 0
		clear(t.requests[i].iovecs)
	}
	t.returned(t.now(), 0, 0, 0)
}
