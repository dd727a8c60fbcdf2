package checker_test

import (
	"math/rand/v2"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// The programs of this file are for a kernel whose contexts have threads:
// each is a few scenes, played beside each other by two or three threads, that
// make the kernel show what a bug of threads does. They end under any honest
// kernel: calls that are not for a context do not block but for a thaw, which
// the one thread that freezes sees to; waits have timeouts, and whatever is
// certain to come is waited for so long that a kernel that lets it come later
// is wrong.

// patience is how long a thread waits for what is certain to come.
const patience = 10 * time.Second

// The files of such a program, beside those of a rough one up to the eventfd
// that completions signal.
const (
	fileDirectory = files + iota
	fileOther     // another directory
	filePairs     // from here on, blocking pipes of scenes
)

// The names: two files of everybody, one of the user with a set-user-ID bit,
// one of root's only, two that are not there, a FIFO, and one that is absent in
// the other directory.
const (
	nameFirst = iota
	nameSecond
	nameSuid
	nameDenied
	nameAbsent
	nameSpare
	nameFifo
	nameElsewhere
	names
)

// Flags of open and rename, as on x86-64.
const (
	oWrOnly   = 0o1
	oRdWr     = 0o2
	oCreat    = 0o100
	oExcl     = 0o200
	oTrunc    = 0o1000
	oNonblock = 0o4000

	noReplace = 1
	exchange  = 2
)

// user is whom the requests of a program are by, unless by root.
const user = 1000

type threaded struct {
	*rand.Rand
	p       *traces.Program
	freezer bool // a scene freezes the file system
	plain   bool // names are reached by descriptors of their directories only
}

// threadedProgram makes the program of a round from rng. The user bits of the
// scenes are chosen so that few of them are enough for each bug.
func threadedProgram(rng *rand.Rand, round uint64, first traces.RequestID) *traces.Program {
	r := &threaded{Rand: rng, plain: rng.IntN(3) > 0}
	r.p = &traces.Program{Round: round, First: first, Threads: make([][]traces.Step, 2+rng.IntN(2))}
	r.p.End = [...]traces.End{traces.EndDrain, traces.EndDestroy, traces.EndDestroy, traces.EndExit, traces.EndKill}[max(0, rng.IntN(12)-7)]
	r.p.Files = []traces.FileDecl{{Kind: traces.Storage, Bytes: roughBytes}, {Kind: traces.Pipe, Nonblock: true},
		{Kind: traces.Socket, Nonblock: true}, {Kind: traces.Eventfd}, {Kind: traces.Eventfd},
		{Kind: traces.Directory}, {Kind: traces.Directory}}
	r.layNames()
	r.layIdentity()
	scenes := []func(t int){r.storage, r.names, r.names, r.names, r.cancels, r.cancels, r.pool, r.reused, r.address, r.fifo, r.mixed, r.mixed, r.suid, r.ahead, r.halved, r.halved, r.narrow, r.unborn}
	switch {
	case r.p.Identity != nil && r.p.Identity.Descriptors > 0:
		scenes = []func(t int){r.opens}
	case r.p.End == traces.EndDestroy:
		scenes = append(scenes, r.destroys, r.destroys, r.destroys, r.destroys, r.destroys)
	case r.p.End == traces.EndDrain:
		scenes = append(scenes, r.frozen, r.frozen, r.frozen)
	}
	if r.p.Identity != nil && !r.plain {
		scenes = append(scenes, r.chdir)
	}
	for range 2 + rng.IntN(3) {
		scenes[rng.IntN(len(scenes))](rng.IntN(len(r.p.Threads)))
	}
	r.finish()
	return r.p
}

func (r *threaded) layNames() {
	d := func(kind traces.NameKind, mode uint16, uid uint32) traces.NameDecl {
		return traces.NameDecl{Directory: fileDirectory, Kind: kind, Mode: mode, UID: uid}
	}
	r.p.Names = make([]traces.NameDecl, names)
	r.p.Names[nameFirst] = d(traces.Regular, 0o666, 0)
	r.p.Names[nameSecond] = d(traces.Regular, 0o644, user)
	r.p.Names[nameSuid] = d(traces.Regular, 0o4777, user)
	r.p.Names[nameDenied] = d(traces.Regular, 0o600, 0)
	r.p.Names[nameAbsent] = d(traces.Absent, 0, 0)
	r.p.Names[nameSpare] = d(traces.Absent, 0, 0)
	r.p.Names[nameFifo] = d(traces.Fifo, 0o666, 0)
	r.p.Names[nameElsewhere] = traces.NameDecl{Directory: fileOther}
}

func (r *threaded) layIdentity() {
	if r.IntN(3) == 0 {
		return
	}
	id := &traces.Identity{Umask: [...]uint16{0, 0o22, 0o77}[r.IntN(3)], Cwd: fileDirectory + 1}
	if r.IntN(2) == 0 {
		id.UID = user
	}
	if r.IntN(2) == 0 {
		id.Root = fileDirectory + 1
	}
	if r.IntN(6) == 0 {
		id.Descriptors = uint32(1 + r.IntN(4))
	}
	r.p.Identity = id
}

func (r *threaded) add(t int, s traces.Step) {
	if r.IntN(4) == 0 {
		s.Spin = uint32(r.IntN(500))
	}
	r.p.Threads[t] = append(r.p.Threads[t], s)
}

func (r *threaded) declare(d traces.RequestDecl) traces.RequestID {
	r.p.Requests = append(r.p.Requests, d)
	return traces.RequestID(len(r.p.Requests) - 1)
}

// context adds a context with room for n requests.
func (r *threaded) context(n int) uint16 {
	r.p.Contexts = append(r.p.Contexts, traces.ContextDecl{Slots: uint32(n)})
	return uint16(len(r.p.Contexts) - 1)
}

// pipe adds a pipe that blocks.
func (r *threaded) pipe() uint16 {
	r.p.Files = append(r.p.Files, traces.FileDecl{Kind: traces.Pipe})
	return uint16(len(r.p.Files) - 1)
}

// submit declares requests and submits them as one batch.
func (r *threaded) submit(t int, c uint16, ds ...traces.RequestDecl) traces.RequestID {
	first := traces.RequestID(len(r.p.Requests))
	for _, d := range ds {
		r.declare(d)
	}
	r.add(t, traces.Step{Do: traces.DoSubmit, Context: c, Request: first, Count: uint32(len(ds))})
	return first
}

func (r *threaded) cancel(t int, c uint16, id traces.RequestID) {
	r.add(t, traces.Step{Do: traces.DoCancel, Context: c, Request: id})
}

// await waits for n events that are certain to come.
func (r *threaded) await(t int, c uint16, n int) {
	r.add(t, traces.Step{Do: traces.DoGetEvents, Context: c, Min: int32(n), Max: int32(n), Timeout: patience})
}

// glance takes what is there, waiting a moment for it.
func (r *threaded) glance(t int, c uint16, n int) {
	r.add(t, traces.Step{Do: traces.DoGetEvents, Context: c, Min: int32(r.IntN(n + 1)), Max: int32(n),
		Timeout: [...]time.Duration{0, time.Microsecond, 20 * time.Microsecond}[r.IntN(3)]})
}

// other is another thread than t.
func (r *threaded) other(t int) int { return (t + 1 + r.IntN(len(r.p.Threads)-1)) % len(r.p.Threads) }

// sectors is a transfer of one to four sectors of the storage's beginning.
func (r *threaded) sectors(op model.Opcode) traces.RequestDecl {
	n := 1 + r.IntN(4)
	d := traces.RequestDecl{Opcode: op, Bytes: uint32(n) * 512, Offset: int64(r.IntN(8-n+1)) * 512, Segments: 1}
	if r.IntN(4) == 0 {
		d.Eventfd = fileCompleted + 1
	}
	return d
}

// storage writes and reads the same few sectors, and waits for the end.
func (r *threaded) storage(t int) {
	c := r.context(8)
	for range 1 + r.IntN(3) {
		n := 1 + r.IntN(4)
		var ds []traces.RequestDecl
		for range n {
			ds = append(ds, r.sectors([...]model.Opcode{model.PRead, model.PWrite, model.PReadV, model.PWriteV}[r.IntN(4)]))
		}
		r.submit(t, c, ds...)
		r.await(t, c, n)
	}
}

// mixed submits anything to a context, and cancels and reaps some of it.
func (r *threaded) mixed(t int) {
	c := r.context(1 + r.IntN(3))
	var sent []traces.RequestID
	for range 2 + r.IntN(3) {
		ds := make([]traces.RequestDecl, 1+r.IntN(3))
		for i := range ds {
			ds[i] = r.anything()
		}
		first := r.submit(t, c, ds...)
		for i := range ds {
			sent = append(sent, first+traces.RequestID(i))
		}
		for range r.IntN(3) {
			who := t
			if r.IntN(2) == 0 {
				who = r.other(t)
			}
			r.cancel(who, c, sent[len(sent)-1-r.IntN(min(len(sent), 4))])
		}
		r.glance(t, c, 4)
		if r.IntN(3) == 0 {
			r.add(t, traces.Step{Do: traces.DoReadEventfd, File: fileCompleted})
			r.glance(t, c, 8)
		}
	}
}

func (r *threaded) anything() traces.RequestDecl {
	var d traces.RequestDecl
	switch r.IntN(10) {
	case 0, 1:
		d = traces.RequestDecl{Opcode: model.Poll, File: uint16(filePipe + r.IntN(3)), Offset: pollIn}
	case 2:
		d = traces.RequestDecl{Opcode: model.PRead, File: uint16(filePipe + r.IntN(2)), Bytes: 64 * uint32(1+r.IntN(4))}
	case 3:
		d = traces.RequestDecl{Opcode: model.PWrite, File: uint16(filePipe + r.IntN(2)), Bytes: 64 * uint32(1+r.IntN(4))}
	case 4:
		d = traces.RequestDecl{Opcode: model.ReadAhead, Bytes: 4096, Offset: int64(r.IntN(3)) * 4096}
	case 5:
		d = traces.RequestDecl{Opcode: model.FSync}
	case 6, 7:
		d = r.name()
	default:
		d = r.sectors([...]model.Opcode{model.PRead, model.PWrite}[r.IntN(2)])
	}
	if r.IntN(2) == 0 {
		d.Eventfd = fileCompleted + 1
	}
	return d
}

// name is an operation on one of the names.
func (r *threaded) name() traces.RequestDecl {
	d := traces.RequestDecl{Opcode: model.OpenAt, File: fileDirectory, Via: r.via()}
	d.Name = uint16(r.IntN(nameFifo))
	switch r.IntN(8) {
	case 0, 1:
		d.Opcode = model.UnlinkAt
	case 2, 3, 4:
		d.Opcode, d.NewName = model.RenameAt, uint16(r.IntN(nameFifo))
		d.Flags = [...]uint32{0, 0, noReplace, exchange}[r.IntN(4)]
	case 5:
		d.Flags = uint32(r.IntN(3))
	case 6:
		d.Flags, d.Mode = oCreat|oExcl|oRdWr, 0o666
	default:
		d.Flags, d.Mode = oCreat|oWrOnly, [...]uint16{0o666, 0o640, 0o777}[r.IntN(3)]
		if r.IntN(3) == 0 {
			d.Flags |= oTrunc
		}
	}
	return d
}

// via is a way that leads to the names.
func (r *threaded) via() traces.Via {
	switch {
	case r.plain:
		return traces.ViaDescriptor
	case r.p.Identity == nil:
		return [...]traces.Via{traces.ViaDescriptor, traces.ViaRoot}[r.IntN(2)]
	}
	return traces.Via(r.IntN(3))
}

// names lets two threads work on names, by requests and by calls.
func (r *threaded) names(t int) {
	for _, t := range [...]int{t, r.other(t)} {
		c := r.context(4)
		for range 2 + r.IntN(3) {
			if r.IntN(3) == 0 {
				r.named(t)
				continue
			}
			n := 1 + r.IntN(2)
			ds := make([]traces.RequestDecl, n)
			for i := range ds {
				ds[i] = r.name()
			}
			r.submit(t, c, ds...)
			if r.IntN(3) == 0 {
				r.look(t)
			}
			r.await(t, c, n)
			r.look(t)
		}
	}
}

// named is an operation on names by a call of its own.
func (r *threaded) named(t int) {
	d := r.name()
	d.Plain = true
	if d.Opcode == model.OpenAt {
		d.Flags |= oNonblock
	}
	r.add(t, traces.Step{Do: traces.DoNamed, Request: r.declare(d)})
}

// look stats two of the names.
func (r *threaded) look(t int) {
	for range 2 {
		r.add(t, traces.Step{Do: traces.DoStat, Name: uint16(r.IntN(nameFifo))})
	}
}

// cancels cancels reads that wait, one after the other, and then lets one
// read data: all on few threads.
func (r *threaded) cancels(t int) {
	c, f := r.context(4), r.pipe()
	read := traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: 64}
	if r.IntN(3) == 0 {
		read = traces.RequestDecl{Opcode: model.Poll, File: f, Offset: pollIn}
	}
	if r.IntN(4) == 0 {
		read.Eventfd = fileCompleted + 1
	}
	big := traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: 128 << 10} // more than a pipe holds
	full := false
	for range 1 + r.IntN(3) {
		d := read
		if r.IntN(6) == 0 {
			d, full = big, true
		}
		id := r.submit(t, c, d)
		if r.IntN(2) == 0 {
			r.glance(t, c, 1)
		}
		r.cancel(t, c, id)
		if r.IntN(4) == 0 {
			r.cancel(t, c, id)
		}
		if r.IntN(4) == 0 {
			r.glance(t, c, 2)
		} else {
			r.await(t, c, 1)
		}
	}
	r.submit(t, c, read)
	if full {
		r.await(t, c, 1) // there is data
		return
	}
	r.add(t, traces.Step{Do: traces.DoWrite, File: f, Request: r.declare(traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: 64, Plain: true})})
	r.await(t, c, 1)
}

// pool lets more requests wait for another than there are threads for what
// ends by itself, and then submits the other.
func (r *threaded) pool(t int) {
	n := 3 + r.IntN(4)
	c, f := r.context(2*n), r.pipe()
	ds := make([]traces.RequestDecl, n)
	for i := range ds {
		ds[i] = traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: 64}
	}
	r.submit(t, c, ds...)
	r.submit(t, c, r.sectors(model.PRead), traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: 64 * uint32(n)})
	r.await(t, c, n+2)
}

// reused overwrites what an operation on names names after io_submit.
func (r *threaded) reused(t int) {
	c := r.context(4)
	for range 1 + r.IntN(2) {
		d := r.name()
		d.Name = [...]uint16{nameFirst, nameSecond, nameSuid}[r.IntN(3)]
		id := r.submit(t, c, d)
		r.add(t, traces.Step{Do: traces.DoReuse, Request: id, Name: [...]uint16{nameAbsent, nameSpare, nameDenied, nameElsewhere}[r.IntN(4)]})
		r.await(t, c, 1)
		r.look(t)
	}
}

// chdir changes the working directory behind an operation that uses it.
func (r *threaded) chdir(t int) {
	c := r.context(2)
	d := r.name()
	d.Via = traces.ViaCwd
	r.submit(t, c, d)
	r.add(t, traces.Step{Do: traces.DoChdir, File: fileOther})
	r.await(t, c, 1)
	r.add(t, traces.Step{Do: traces.DoChdir, File: fileDirectory})
	r.look(t)
}

// address has two requests in flight that share an iocb, and cancels the
// younger.
func (r *threaded) address(t int) {
	c, f := r.context(4), r.pipe()
	d := traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: 64}
	first := r.submit(t, c, d)
	d.Reuse = first + 1
	if r.IntN(2) == 0 {
		d.Opcode, d.Bytes, d.Offset = model.Poll, 0, pollIn
	}
	id := r.submit(t, c, d)
	r.cancel(t, c, id)
	r.glance(t, c, 2)
}

// fifo opens both ends of a FIFO, or cancels the open of one.
func (r *threaded) fifo(t int) {
	c := r.context(4)
	d := traces.RequestDecl{Opcode: model.OpenAt, File: fileDirectory, Name: nameFifo, Flags: uint32(r.IntN(2)) * oWrOnly}
	id := r.submit(t, c, d)
	if r.IntN(3) > 0 {
		r.cancel(t, c, id)
		r.glance(t, c, 1)
		return
	}
	d.Flags ^= oWrOnly
	r.submit(t, c, d)
	r.await(t, c, 2)
}

// opens opens more files in one batch than there may be descriptors for.
func (r *threaded) opens(t int) {
	n := int(r.p.Identity.Descriptors) + max(0, r.IntN(6)-3)
	c := r.context(n + 1)
	ds := make([]traces.RequestDecl, n)
	for i := range ds {
		ds[i] = traces.RequestDecl{Opcode: model.OpenAt, File: fileDirectory, Name: nameFirst, Flags: oRdWr}
	}
	if r.IntN(4) > 0 {
		id := r.submit(t, c, traces.RequestDecl{Opcode: model.OpenAt, File: fileDirectory, Name: nameFifo})
		r.cancel(t, c, id)
		r.await(t, c, 1)
	}
	r.submit(t, c, ds...)
	r.await(t, c, n)
}

// suid writes to a file with a set-user-ID bit and looks whether it goes.
func (r *threaded) suid(t int) {
	c := r.context(2)
	d := traces.RequestDecl{Opcode: model.PWrite, File: fileDirectory, Name: nameSuid, Bytes: 512}
	if r.IntN(2) == 0 {
		d = traces.RequestDecl{Opcode: model.OpenAt, File: fileDirectory, Name: nameSuid, Flags: oWrOnly | oTrunc}
	}
	r.submit(t, c, d)
	r.await(t, c, 1)
	r.add(t, traces.Step{Do: traces.DoStat, Name: nameSuid})
}

// ahead reads what an event says has been written.
func (r *threaded) ahead(t int) {
	c := r.context(2)
	d := r.sectors(model.PWrite)
	d.Eventfd = 0
	r.submit(t, c, d)
	r.await(t, c, 1)
	d.Opcode = model.PRead
	r.submit(t, c, d)
	r.await(t, c, 1)
}

// unborn cancels opens that make a file and unlinks that take one away.
func (r *threaded) unborn(t int) {
	c := r.context(4)
	for _, name := range [...]uint16{nameAbsent, nameSpare} {
		id := r.submit(t, c, traces.RequestDecl{Opcode: model.OpenAt, File: fileDirectory, Name: name, Flags: oCreat | oRdWr, Mode: 0o644})
		r.cancel(t, c, id)
		r.await(t, c, 1)
		r.add(t, traces.Step{Do: traces.DoStat, Name: name})
	}
	id := r.submit(t, c, traces.RequestDecl{Opcode: model.UnlinkAt, File: fileDirectory, Name: nameDenied})
	r.cancel(t, c, id)
	r.await(t, c, 1)
	r.add(t, traces.Step{Do: traces.DoStat, Name: nameDenied})
}

// halved cancels a write beside it, and reads what it has written.
func (r *threaded) halved(t int) {
	c := r.context(4)
	d := r.sectors(model.PWrite)
	for range 1 + r.IntN(3) {
		d.Offset, d.Bytes = int64(r.IntN(2))*2048, 2048
		id := r.submit(t, c, d)
		r.cancel(t, c, id)
		r.await(t, c, 1)
		back := d
		back.Opcode = model.PRead
		r.submit(t, c, back)
		r.await(t, c, 1)
	}
}

// narrow cancels a read of a pipe as its data comes, and then waits for the
// data of another.
func (r *threaded) narrow(t int) {
	c, f := r.context(4), r.pipe()
	read := traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: 64}
	write := traces.Step{Do: traces.DoWrite, File: f}
	for range 1 + r.IntN(3) {
		id := r.submit(t, c, read)
		write.Request = r.declare(traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: 64, Plain: true})
		r.add(t, write)
		r.cancel(t, c, id)
		r.await(t, c, 1)
	}
	r.submit(t, c, read)
	r.glance(t, c, 1)
	write.Request = r.declare(traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: 64, Plain: true})
	r.add(t, write)
	r.await(t, c, 1)
}

// frozen freezes the file system, submits more writes than there are threads,
// cancels some, reads what they should not have written, and thaws. One thread
// of a round does so.
func (r *threaded) frozen(t int) {
	if r.freezer {
		return
	}
	r.freezer = true
	c, reader := r.context(16), r.context(4)
	n := 2 + r.IntN(5)
	ds := make([]traces.RequestDecl, n)
	for i := range ds {
		ds[i] = r.sectors(model.PWrite)
	}
	r.add(t, traces.Step{Do: traces.DoFreeze})
	first := r.submit(t, c, ds...)
	for i := n - 1 - r.IntN(2); i >= n/2; i-- {
		r.cancel(t, c, first+traces.RequestID(i))
	}
	r.glance(t, c, n)
	read := traces.RequestDecl{Opcode: model.PRead, Bytes: 4096, Segments: 1}
	for range 2 {
		r.submit(t, reader, read)
		r.await(t, reader, 1)
		r.glance(t, c, n)
	}
	r.add(t, traces.Step{Do: traces.DoThaw})
	r.glance(t, c, n)
}

// destroys destroys a context with requests that wait, or that another thread
// waits for.
func (r *threaded) destroys(t int) {
	c, f := r.context(16), r.pipe()
	n := 1 + r.IntN(6)
	ds := make([]traces.RequestDecl, n)
	for i := range ds {
		ds[i] = traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: 64}
		if r.IntN(2) == 0 {
			ds[i] = r.sectors(model.PRead)
		}
	}
	r.submit(t, c, ds...)
	if r.IntN(2) == 0 {
		r.add(r.other(t), traces.Step{Do: traces.DoGetEvents, Context: c, Min: 12, Max: 12, Timeout: patience,
			Thread: uint16(t), After: uint32(len(r.p.Threads[t]))})
	}
	r.add(t, traces.Step{Do: traces.DoDestroy, Context: c})
	r.add(t, traces.Step{Do: traces.DoAwait})
}

// finish adds the thread that ends all waiting, and the exit.
func (r *threaded) finish() {
	if r.p.End == traces.EndExit {
		r.add(r.IntN(len(r.p.Threads)), traces.Step{Do: traces.DoExit})
	}
	if len(r.p.Contexts) == 0 {
		r.context(1)
	}
	var last []traces.Step
	for t, steps := range r.p.Threads {
		last = append(last, traces.Step{Do: traces.DoAwait, Thread: uint16(t), After: uint32(len(steps))})
	}
	last = append(last, traces.Step{Do: traces.DoWrite, File: fileAwaited})
	for f := range r.p.Files {
		if k := r.p.Files[f].Kind; k == traces.Pipe || k == traces.Socket {
			last = append(last, traces.Step{Do: traces.DoCloseWrite, File: uint16(f)}, traces.Step{Do: traces.DoCloseRead, File: uint16(f)})
		}
	}
	last = append(last, traces.Step{Do: traces.DoNamed, Request: r.declare(traces.RequestDecl{
		Opcode: model.OpenAt, File: fileDirectory, Name: nameFifo, Flags: oRdWr | oNonblock, Plain: true})})
	r.p.Threads = append(r.p.Threads, last)
}
