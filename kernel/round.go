package kernel

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// round is one program made ready to run: everything that its steps need lies
// in place before the threads start, outside of Go's heap where the kernel
// reads or writes it.
type round struct {
	program  *traces.Program
	run      uint32
	arena    *arena
	files    []file
	contexts []kioctx
	requests []request
	iocbs    []iocb
	pointers []uintptr // to the iocbs, in order: a batch is a piece of it
	iovecs   []unix.Iovec
	scratch  []byte // the memory of the three above, and of the threads' areas
	areas    []threadArea
	// Of rounds with directories: the ways to each name by traces.Via, the
	// memory of requests on names, all in text, and what is open of the names
	// that data is transferred to.
	places [][3]namePlace
	named  []named
	text   []byte
	opened map[uint16]int
	before map[int]bool // descriptors open as the round began
	frozen atomic.Bool  // a step has frozen the storage's file system
	unkept atomic.Int64 // error of a file that could not be kept open
}

// kioctx is a context of the round at run time.
type kioctx struct {
	id       aioContext
	ring     *aioRing
	gate     atomic.Uint32 // gateOpen, gateHeld or gateShut: who may touch the ring
	accepted atomic.Int64
	reaped   atomic.Int64
	gone     atomic.Bool // an io_destroy returned 0
	requests []int       // those that a step submits to it
}

// The gate of a mapped ring. Reaping in user space is for one thread at a
// time, and not while io_destroy unmaps the ring.
const (
	gateOpen = iota
	gateHeld
	gateShut
)

// request is what a step needs to know of a request.
type request struct {
	context uint32 // where it is submitted, or traces.NoContext
	stream  bool
	record  traces.Record // without the thread
	iovecs  []unix.Iovec
	reuse   bool // its iocb is another request's, too
}

// threadArea is memory of one thread that the kernel reads and writes.
type threadArea struct {
	events  []ioEvent
	timeout *unix.Timespec
	sigset  *aioSigset
	mask    *[sigsetBytes]byte
	result  *ioEvent // of io_cancel
	word    *[8]byte // of eventfds
	statx   *unix.Statx_t
	empty   []byte // a path
	keep    *keeper
	keeper  [2]int // a pair of sockets; -1 if opened files just stay open
}

// file is a file of the round at run time.
type file struct {
	kind   traces.FileKind
	ends   [2]int // descriptors of the reading and the writing end
	closed [2]atomic.Bool
}

// end is the descriptor that a request takes; see traces.RequestDecl.
func (f *file) end(r *traces.RequestDecl) int {
	reads := r.Opcode.Reads() || r.Opcode == model.Poll && r.Offset&unix.POLLIN != 0
	if reads {
		return f.ends[0]
	}
	return f.ends[1]
}

// newRound makes p ready: streams are opened, buffers stamped or filled, iocbs
// written. Contexts are set up later, by thread 0. In base are the directories.
func newRound(p *traces.Program, run uint32, a *arena, storage int, base string) (*round, error) {
	r := &round{program: p, run: run, arena: a}
	a.lay(p)
	if err := r.open(storage, base); err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.contexts = make([]kioctx, len(p.Contexts))
	r.requests = make([]request, len(p.Requests))
	for i := range r.requests {
		r.requests[i].context = traces.NoContext
	}
	for _, steps := range p.Threads {
		for _, s := range steps {
			if s.Do != traces.DoSubmit {
				continue
			}
			c := &r.contexts[s.Context]
			for i := int(s.Request); i < int(s.Request)+int(s.Count); i++ {
				r.requests[i].context = uint32(s.Context)
				c.requests = append(c.requests, i)
			}
		}
	}
	iovecs := r.iovecs
	for i := range p.Requests {
		iovecs = r.prepare(i, iovecs)
	}
	return r, nil
}

func (r *round) open(storage int, base string) error {
	if base != "" || r.program.Identity != nil {
		var err error
		if r.before, err = openDescriptors(); err != nil {
			return err
		}
	}
	if err := r.openFiles(storage, base); err != nil {
		return err
	}
	if err := r.layScratch(); err != nil {
		return err
	}
	if err := r.layNames(base); err != nil {
		return err
	}
	if id := r.program.Identity; id != nil && id.Descriptors != 0 {
		return r.makeKeepers()
	}
	return nil
}

func (r *round) openFiles(storage int, base string) error {
	r.files = make([]file, len(r.program.Files))
	for i := range r.files {
		f, decl := &r.files[i], r.program.Files[i]
		f.kind, f.ends = decl.Kind, [2]int{-1, -1}
		flags := unix.O_CLOEXEC
		if decl.Nonblock {
			flags |= unix.O_NONBLOCK
		}
		var err error
		switch decl.Kind {
		case traces.Storage:
			f.ends = [2]int{storage, storage}
		case traces.Pipe:
			if err = unix.Pipe2(f.ends[:], flags); err == nil && decl.Bytes > 0 {
				_, err = unix.FcntlInt(uintptr(f.ends[0]), unix.F_SETPIPE_SZ, int(decl.Bytes))
			}
		case traces.Socket:
			// SOCK_CLOEXEC and SOCK_NONBLOCK are the O_ flags of the same name.
			f.ends, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|flags, 0)
		case traces.Eventfd:
			var fd int
			fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
			f.ends = [2]int{fd, fd}
		case traces.Directory:
			var fd int
			fd, err = unix.Open(directoryOf(base, i), unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			f.ends = [2]int{fd, fd}
		}
		if err != nil {
			return fmt.Errorf("make %s %d of round %d: %w", decl.Kind, i, r.program.Round, err)
		}
	}
	return nil
}

// layScratch maps memory for the iocbs, the iovecs and the threads' areas.
func (r *round) layScratch() error {
	p := r.program
	iovecs := 0
	for i := range p.Requests {
		iovecs += int(p.Requests[i].Segments)
	}
	events := make([]int, len(p.Threads))
	for t, steps := range p.Threads {
		events[t] = drainBatch
		for _, s := range steps {
			events[t] = max(events[t], int(s.Max))
		}
	}
	const own = 768 // all of a thread's area but the events
	n := len(p.Requests)*int(unsafe.Sizeof(iocb{})+unsafe.Sizeof(uintptr(0))) + iovecs*int(unsafe.Sizeof(unix.Iovec{}))
	for _, e := range events {
		n += own + e*int(unsafe.Sizeof(ioEvent{}))
	}
	var err error
	r.scratch, err = unix.Mmap(-1, 0, int(pageRound(int64(n+1))), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("map %d bytes for the iocbs of round %d: %w", n, p.Round, err)
	}
	at := unsafe.Pointer(&r.scratch[0])
	r.iocbs = unsafe.Slice((*iocb)(at), len(p.Requests))
	at = unsafe.Add(at, len(p.Requests)*int(unsafe.Sizeof(iocb{})))
	r.iovecs = unsafe.Slice((*unix.Iovec)(at), iovecs)
	at = unsafe.Add(at, iovecs*int(unsafe.Sizeof(unix.Iovec{})))
	r.areas = make([]threadArea, len(p.Threads))
	for t := range r.areas {
		r.areas[t] = threadArea{
			timeout: (*unix.Timespec)(at),
			sigset:  (*aioSigset)(unsafe.Add(at, 32)),
			mask:    (*[sigsetBytes]byte)(unsafe.Add(at, 64)),
			word:    (*[8]byte)(unsafe.Add(at, 96)),
			result:  (*ioEvent)(unsafe.Add(at, 128)),
			empty:   unsafe.Slice((*byte)(unsafe.Add(at, 160)), 1),
			keep:    (*keeper)(unsafe.Add(at, 192)),
			keeper:  [2]int{-1, -1},
			statx:   (*unix.Statx_t)(unsafe.Add(at, 384)),
			events:  unsafe.Slice((*ioEvent)(unsafe.Add(at, own)), events[t]),
		}
		at = unsafe.Add(at, own+events[t]*int(unsafe.Sizeof(ioEvent{})))
	}
	r.pointers = unsafe.Slice((*uintptr)(at), len(p.Requests))
	for i := range r.iocbs {
		r.pointers[i] = uintptr(unsafe.Pointer(&r.iocbs[i]))
		if j := p.Requests[i].Reuse; j != 0 {
			r.pointers[i] = r.pointers[j-1] // an earlier one
		}
	}
	return nil
}

// prepare writes request i's iocb, iovecs and buffer. It returns the iovecs
// that are left.
func (r *round) prepare(i int, iovecs []unix.Iovec) []unix.Iovec {
	decl, q, cb, buf := &r.program.Requests[i], &r.requests[i], &r.iocbs[i], r.arena.buffers[i]
	id := r.program.First + traces.RequestID(i)
	kind := r.files[decl.File].kind
	q.stream = kind != traces.Storage && kind != traces.Directory
	q.reuse = decl.Reuse != 0

	*cb = iocb{data: uint64(r.run)<<32 | uint64(id), opcode: uint16(decl.Opcode)}
	if !decl.Opcode.Names() {
		cb.fd = uint32(r.descriptor(decl))
	}
	switch op := decl.Opcode; {
	case op.Names():
		r.named[i].prepare(cb, decl)
	case op == model.ReadAhead:
		cb.offset, cb.nbytes = decl.Offset, uint64(decl.Bytes)
	case op == model.Poll:
		cb.buf = uint64(decl.Offset)
	case op == model.PReadV || op == model.PWriteV:
		n := int(decl.Segments)
		split(buf, iovecs[:n])
		cb.offset = decl.Offset
		cb.nbytes = uint64(n)
		if n > 0 {
			cb.buf = uint64(uintptr(unsafe.Pointer(&iovecs[0])))
		}
		q.iovecs, iovecs = iovecs[:n], iovecs[n:]
	case op.Transfers():
		cb.offset = decl.Offset
		cb.nbytes = uint64(len(buf))
		cb.buf = address(buf)
	}
	if decl.Eventfd != 0 {
		cb.flags |= iocbFlagResfd
		cb.resfd = uint32(r.files[decl.Eventfd-1].ends[0])
	}

	place := decl.Offset
	if q.stream {
		place = 0
	}
	if decl.Opcode.Writes() {
		Stamp(buf, r.run, id, place)
	} else {
		fill(buf, patternUnfilled)
	}
	r.arena.states[i].Store(stateInUse)
	obj := uint64(r.pointers[i])
	var rw uint32
	if kind == traces.Directory {
		rw = uint32(decl.Name) + 1
	}
	if decl.Opcode.Names() {
		q.record = r.nameRecord(q.context, id, decl, cb.data, obj)
	} else {
		q.record = traces.RequestRecord(0, q.context, id, decl.Opcode, decl.File, decl.Eventfd, decl.Offset, decl.Bytes, rw, cb.data, obj)
	}
	return iovecs
}

// cb is the iocb that request i is submitted and cancelled by.
func (r *round) cb(i int) *iocb {
	// Mapped memory does not move; going by way of the pointer's own address
	// is what tells vet so.
	return *(**iocb)(unsafe.Pointer(&r.pointers[i]))
}

func address(buf []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(buf)))) }

// split gives each iovec a piece of buf, the last ones the larger. Pieces are
// multiples of the largest of page, sector and line that allows as many, so
// that O_DIRECT takes them if it takes the whole.
func split(buf []byte, iovecs []unix.Iovec) {
	unit := LineBytes
	for _, u := range [...]int{pageBytes, 512} {
		if len(buf)%u == 0 && len(buf)/u >= len(iovecs) {
			unit = u
			break
		}
	}
	units := len(buf) / unit
	for i := range iovecs {
		from, to := i*units/len(iovecs)*unit, (i+1)*units/len(iovecs)*unit
		iovecs[i].Base = unsafe.SliceData(buf[from:])
		iovecs[i].SetLen(to - from)
	}
}

// close closes the streams, the directories and what programs have opened, and
// unmaps the scratch memory.
func (r *round) close() error {
	for i := range r.files {
		f := &r.files[i]
		if f.kind == traces.Storage {
			continue
		}
		for end, fd := range f.ends {
			if fd >= 0 && !f.closed[end].Swap(true) && (end == 0 || fd != f.ends[0]) {
				unix.Close(fd)
			}
		}
	}
	for _, memory := range [...][]byte{r.scratch, r.text} {
		if memory != nil {
			// It was mapped above, so unmapping it cannot fail.
			_ = unix.Munmap(memory)
		}
	}
	if r.before == nil {
		return nil
	}
	return closeOthers(r.before)
}
