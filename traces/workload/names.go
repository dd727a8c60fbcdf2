package workload

import (
	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// names are those of a round, and what its threads are.
type names struct {
	directories []uint16
	list        []traces.NameDecl
	cwd         []int // by thread: its working directory, position in directories, or -1
	// groups are the names by position, two or three each, that renames connect,
	// and used how many operations each has had.
	groups [][]int
	used   []int
	// private is a set-user-ID program that only one story touches, None if there is none.
	private int
}

// groupOperations is about how many operations a group of names has in a round:
// few enough that every order of them can be tried, and that all files that
// they open can be held until the round ends.
const groupOperations = 22

// layNames declares two or three directories with a few names, so that they
// collide. The identity is completed with numbers of directories: a Cwd of 1
// stands for some directory.
func (b *builder) layNames(id *traces.Identity) names {
	n := names{private: traces.None}
	for range 2 + b.rng.IntN(2) {
		n.directories = append(n.directories, b.addFile(traces.FileDecl{Kind: traces.Directory}))
	}
	some := func() uint16 { return n.directories[b.rng.IntN(len(n.directories))] }
	uid := uint32(0)
	if id != nil {
		uid = id.UID
		b.p.Identity = id
	}
	for range 2 + b.rng.IntN(2) {
		var group []int
		for range 2 + b.rng.IntN(2) {
			group = append(group, len(n.list)+len(group))
		}
		for range group {
			n.list = append(n.list, b.name(some(), uid))
		}
		n.groups = append(n.groups, group)
	}
	n.used = make([]int, len(n.groups))
	if uid != 0 {
		n.private = len(n.list)
		n.list = append(n.list, traces.NameDecl{Directory: some(), Kind: traces.Regular, Mode: 0o4755, UID: uid})
	}
	b.p.Names = n.list
	n.cwd = make([]int, len(b.p.Threads))
	at := -1
	if id != nil && id.Cwd != 0 {
		at = b.rng.IntN(len(n.directories))
		id.Cwd = n.directories[at] + 1
	}
	for t := range n.cwd {
		n.cwd[t] = at
	}
	return n
}

// name declares one that may be there already, of the user or of another.
func (b *builder) name(directory uint16, uid uint32) traces.NameDecl {
	d := traces.NameDecl{Directory: directory}
	switch b.rng.IntN(8) {
	case 0, 1, 2, 3:
		d.Kind = traces.Regular
	case 4:
		d.Kind = traces.Fifo
	default:
		return d
	}
	d.Mode = [...]uint16{0o644, 0o600, 0o666, 0o444, 0o755, 0o4755}[b.rng.IntN(6)]
	d.UID = [...]uint32{0, uid, uid, otherUser}[b.rng.IntN(4)]
	return d
}

// The users of identities and of files; neither is the target's.
const (
	aUser     = 12345
	otherUser = 54321
)

// layIdentity chooses what the threads of a round are.
func (b *builder) layIdentity() *traces.Identity {
	if !b.g.able.Identity || b.rng.IntN(5) == 0 {
		return nil
	}
	id := &traces.Identity{Cwd: 1, Umask: [...]uint16{0, 0o22, 0o77, 0o137}[b.rng.IntN(4)]}
	if b.rng.IntN(3) != 0 {
		id.UID = aUser
	}
	if b.rng.IntN(6) == 0 {
		id.Descriptors = uint32(2 + b.rng.IntN(6))
	}
	return id
}

// names is about opens, unlinks and renames: by io_submit and by system calls,
// of few names, in all the ways in which a name can be told; with the memory
// that told it used for another name as soon as io_submit has returned.
func (b *builder) names() {
	id := b.layIdentity()
	n := b.layNames(id)
	if id != nil && b.rng.IntN(2) == 0 {
		id.Root = n.directories[b.rng.IntN(len(n.directories))] + 1
	}
	var own []uint16 // contexts, by thread
	for range b.g.load.Threads {
		own = append(own, b.story(64))
	}
	if n.private >= 0 {
		b.private(n, b.rng.IntN(b.g.load.Threads))
	}
	var opens []submitted // that may wait
	for !n.usedUp() {
		t := b.rng.IntN(b.g.load.Threads)
		switch b.rng.IntN(8) {
		case 0:
			group := b.group(n)
			b.add(t, b.stat(n, group[b.rng.IntN(len(group))]))
		case 1:
			b.plainName(n, t)
		case 2:
			if id != nil {
				b.changeDirectory(&n, t)
			}
		case 3:
			b.add(t, traces.Step{Do: traces.DoGetEvents, Context: own[t], Min: int32(b.rng.IntN(3)), Max: 8, Timeout: b.timeout()})
		default:
			sent := b.sendNames(n, t, own[t], 1+b.rng.IntN(3))
			for _, at := range sent {
				if b.g.mix.happens(b.rng, "cancel") {
					b.cancelBeside([]int{t, b.canceller}[b.rng.IntN(2)], at)
				}
			}
			opens = append(opens, sent...)
			if id != nil && b.rng.IntN(4) == 0 {
				b.changeDirectory(&n, t)
			}
			// Few are in flight at a time.
			b.add(t, traces.Step{Do: traces.DoGetEvents, Context: own[t], Min: int32(len(sent)), Max: 8, Timeout: settling})
		}
	}
	if id != nil && id.Descriptors > 0 {
		opens = append(opens, b.manyOpens(n, b.rng.IntN(b.g.load.Threads), int(id.Descriptors))...)
	}
	b.part()
	if b.p.End == traces.EndDrain {
		b.await()
		b.endOpens(opens)
		b.statAll(n, b.peer)
	}
}

// endOpens ends the opens that may wait for the other end of a FIFO.
func (b *builder) endOpens(opens []submitted) {
	for _, at := range opens {
		if r := b.p.Requests[at.request]; r.Opcode == model.OpenAt && r.Flags&unix.O_NONBLOCK == 0 {
			b.add(b.peer, traces.Step{Do: traces.DoCancel, Context: at.context, Request: at.request})
		}
	}
}

// sendNames submits a batch of operations on names; most often the memory
// that says the last one's name is then used for another.
func (b *builder) sendNames(n names, t int, c uint16, count int) []submitted {
	list := make([]traces.RequestDecl, count)
	for i := range list {
		if list[i] = b.onName(n, t); b.rng.IntN(4) == 0 {
			list[i].Eventfd = b.streams.completion + 1
		}
	}
	sent := b.send(t, c, list...)
	if b.rng.IntN(3) != 0 {
		b.reuse(n, t, sent[count-1])
	}
	return sent
}

// reuse overwrites what a submitted request says and points to.
func (b *builder) reuse(n names, t int, at submitted) {
	other := b.rng.IntN(len(n.list))
	if other == n.private {
		other = 0
	}
	b.add(t, traces.Step{Do: traces.DoReuse, Request: at.request, Name: uint16(other)})
}

// onName is an operation on some names, as thread t may tell them.
func (b *builder) onName(n names, t int) traces.RequestDecl {
	group := b.group(n)
	name := group[b.rng.IntN(len(group))]
	r := traces.RequestDecl{File: n.list[name].Directory, Name: uint16(name)}
	switch b.rng.IntN(9) {
	case 0, 1:
		r.Opcode = model.UnlinkAt
	case 2, 3:
		r.Opcode = model.RenameAt
		r.NewName = uint16(group[b.rng.IntN(len(group))])
		r.Flags = [...]uint32{0, 0, unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE}[b.rng.IntN(4)]
	default:
		r.Opcode = model.OpenAt
		r.Flags, r.Mode = b.openFlags()
	}
	r.Via = b.via(n, t, r)
	return r
}

// group is one of those that have been used least, for one more operation.
func (b *builder) group(n names) []int {
	g := b.rng.IntN(len(n.groups))
	for i := range n.used {
		if n.used[i]+4 < n.used[g] {
			g = i
		}
	}
	n.used[g]++
	return n.groups[g]
}

// usedUp reports whether some group has had its operations.
func (n names) usedUp() bool {
	for _, used := range n.used {
		if used >= groupOperations {
			return true
		}
	}
	return false
}

// openFlags chooses the flags and the mode of an open. With O_DIRECTORY no
// file is made: what O_CREAT does then has changed from release to release.
func (b *builder) openFlags() (flags uint32, mode uint16) {
	flags = [...]uint32{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR}[b.rng.IntN(3)]
	if b.rng.IntN(5) < 3 {
		flags |= unix.O_CREAT
		mode = [...]uint16{0o600, 0o644, 0o666, 0o777, 0o400, 0o4755}[b.rng.IntN(6)]
		if b.rng.IntN(3) == 0 {
			flags |= unix.O_EXCL
		}
	} else if b.rng.IntN(12) == 0 {
		flags |= unix.O_DIRECTORY
	}
	if flags&unix.O_ACCMODE != unix.O_RDONLY && b.rng.IntN(6) == 0 {
		flags |= unix.O_TRUNC
	}
	for _, f := range [...]uint32{unix.O_NONBLOCK, unix.O_APPEND, unix.O_NOFOLLOW, unix.O_CLOEXEC} {
		if b.rng.IntN(4) == 0 {
			flags |= f
		}
	}
	return flags, mode
}

// via is a way in which thread t can tell the names of the request: by the
// working directory if they are in it, from the root if they are below it. The
// path to a directory is the target's, so another user takes it only in a root
// of his own.
func (b *builder) via(n names, t int, r traces.RequestDecl) traces.Via {
	in := func(directory uint16) bool {
		return n.list[r.Name].Directory == directory &&
			(r.Opcode != model.RenameAt || n.list[r.NewName].Directory == directory)
	}
	ways := []traces.Via{traces.ViaDescriptor}
	if at := n.cwd[t]; at >= 0 && in(n.directories[at]) {
		ways = append(ways, traces.ViaCwd, traces.ViaCwd, traces.ViaCwd)
	}
	switch id := b.p.Identity; {
	case id != nil && id.Root != 0:
		if in(id.Root - 1) {
			ways = append(ways, traces.ViaRoot, traces.ViaRoot, traces.ViaRoot)
		}
	case id == nil || id.UID == 0:
		ways = append(ways, traces.ViaRoot)
	}
	return ways[b.rng.IntN(len(ways))]
}

// plainName makes an operation by a system call. It may not wait: sometimes it
// is what an open of a FIFO waits for.
func (b *builder) plainName(n names, t int) {
	r := b.onName(n, t)
	r.Plain = true
	if r.Opcode == model.OpenAt {
		r.Flags |= unix.O_NONBLOCK
	}
	b.add(t, traces.Step{Do: traces.DoNamed, File: r.File, Request: b.declare(r)})
}

// stat looks at a name.
func (b *builder) stat(n names, name int) traces.Step {
	return traces.Step{Do: traces.DoStat, File: n.list[name].Directory, Name: uint16(name)}
}

func (b *builder) statAll(n names, t int) {
	for i := range n.list {
		b.add(t, b.stat(n, i))
	}
}

// changeDirectory moves a thread, at once after it has submitted something
// that is told by the directory it was in.
func (b *builder) changeDirectory(n *names, t int) {
	n.cwd[t] = b.rng.IntN(len(n.directories))
	b.add(t, traces.Step{Do: traces.DoChdir, File: n.directories[n.cwd[t]]})
}

// private writes to a set-user-ID program as another than root: the bit goes.
// Nobody else touches it.
func (b *builder) private(n names, t int) {
	c, name := b.story(1), n.list[n.private]
	b.add(t, b.stat(n, n.private))
	b.send(t, c, traces.RequestDecl{Opcode: model.PWrite, File: name.Directory, Name: uint16(n.private), Bytes: line})
	b.collect(t, c, 1)
	b.add(t, b.stat(n, n.private))
}

// manyOpens opens more files at once than the threads may have descriptors.
func (b *builder) manyOpens(n names, t, limit int) []submitted {
	list := make([]traces.RequestDecl, limit+1+b.rng.IntN(4))
	for i := range list {
		group := b.group(n)
		name := group[b.rng.IntN(len(group))]
		list[i] = traces.RequestDecl{Opcode: model.OpenAt, File: n.list[name].Directory, Name: uint16(name),
			Flags: unix.O_RDONLY | unix.O_CREAT | unix.O_NONBLOCK, Mode: 0o666}
	}
	return b.send(t, b.story(len(list)), list...)
}

// queuedNames submits unlinks and renames behind requests that fill all
// threads, uses the memory that tells their names for others, and moves on.
func (b *builder) queuedNames(n names, t int, c uint16) {
	for range 4 + b.rng.IntN(4) {
		r := b.onName(n, t)
		if r.Opcode == model.OpenAt {
			r = traces.RequestDecl{Opcode: model.UnlinkAt, File: r.File, Name: r.Name}
			r.Via = b.via(n, t, r)
		}
		b.reuse(n, t, b.send(t, c, r)[0])
		if b.rng.IntN(2) == 0 {
			b.changeDirectory(&n, t)
		}
	}
}
