package sim

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// Bits of a poll mask, as in include/uapi/linux/eventpoll.h.
const (
	pollIn     = 0x001
	pollOut    = 0x004
	pollErr    = 0x008
	pollHup    = 0x010
	pollRdNorm = 0x040
	pollWrNorm = 0x100
)

// The ends of a stream.
const (
	readEnd  = 0
	writeEnd = 1
)

// What a pipe and a socket hold, in lines: 16 pages, and something like the
// default send buffer. pipeBufLines is PIPE_BUF.
const (
	pipeLines    = 1024
	socketLines  = 2048
	pipeBufLines = 64
)

// file is an open file of the round; a stream has two ends.
type file struct {
	number   uint16
	kind     traces.FileKind
	nonblock bool
	lines    int     // what a stream holds at most
	open     [2]bool // the descriptor is open
	refs     [2]int  // requests and calls that hold the end
	queue    []tag   // what is in the stream; queue[taken:] is left
	taken    int
	count    uint64 // of an eventfd
	again    bool   // misbehaviour: the first line has been read before
	pollers  []*request
}

func (f *file) setUp(number uint16, d traces.FileDecl) {
	queue, pollers := f.queue, f.pollers
	*f = file{number: number, kind: d.Kind, nonblock: d.Nonblock, open: [2]bool{true, true}}
	f.queue, f.pollers = queue[:0], pollers[:0]
	f.lines = socketLines
	if d.Kind == traces.Pipe {
		f.lines = pipeLines
		if d.Bytes > 0 {
			f.lines = int(d.Bytes / lineBytes)
		}
	}
}

// stream reports whether the file is a pipe or socket.
func (f *file) stream() bool { return f.kind == traces.Pipe || f.kind == traces.Socket }

// dead reports whether nothing holds the end any more: close(2) alone is not
// enough while a request has a reference to the file.
func (f *file) dead(end int) bool { return !f.open[end] && f.refs[end] == 0 }

// held is how many lines wait to be read, room how many can be written.
func (f *file) held() int { return len(f.queue) - f.taken }

func (f *file) room() int {
	return f.lines - f.held()
}

// endOf is the end of a file that a request takes.
func endOf(f *file, d *traces.RequestDecl) int {
	if f.stream() && (d.Opcode.Writes() || d.Opcode == model.Poll && d.Offset&pollIn == 0) {
		return writeEnd
	}
	return readEnd
}

// getEnd and putEnd are fget and fput.
func (f *file) getEnd(end int) { f.refs[end]++ }

func (t *Target) putEnd(f *file, end int) {
	f.refs[end]--
	if f.dead(end) {
		t.wake(f)
	}
}

// closeEnd is close(2).
func (t *Target) closeEnd(f *file, end int) model.Result {
	if !f.open[end] {
		return model.Fail(model.EBADF)
	}
	f.open[end] = false
	if f.dead(end) {
		t.wake(f)
	}
	return 0
}

// mask is what vfs_poll says of an end: pipe_poll, unix_poll, eventfd_poll.
func (f *file) mask(end int) (m model.Result) {
	switch {
	case f.kind == traces.Storage:
		m = pollIn | pollOut | pollRdNorm | pollWrNorm // DEFAULT_POLLMASK
	case f.kind == traces.Eventfd:
		if f.count > 0 {
			m = pollIn
		}
		m |= pollOut
	case end == readEnd:
		if f.held() > 0 {
			m = pollIn | pollRdNorm
		}
		if f.dead(writeEnd) {
			m |= pollHup
			if f.kind == traces.Socket {
				m |= pollIn | pollRdNorm
			}
		}
	default:
		if f.room() > 0 {
			m = pollOut | pollWrNorm
		}
		if f.dead(readEnd) {
			m |= pollErr
			if f.kind == traces.Socket {
				m |= pollHup | pollIn | pollRdNorm
			}
		}
	}
	return m
}

// readiness is what a POLL would end with now; 0 if it has to wait.
func (t *Target) readiness(r *request) model.Result {
	m := r.file.mask(r.end) & (model.Result(uint16(r.decl.Offset)) | pollErr | pollHup)
	if t.bug == maskIgnored && r.deaf && m&^(pollErr|pollHup) != 0 {
		if r.plan == planNone {
			t.fired, r.plan = t.fired+1, planDone
		}
		m &= pollErr | pollHup
	}
	return m
}

// arm is aio_poll: it ends at once if the file is ready, else it waits.
func (t *Target) arm(r *request) {
	if m := t.readiness(r); m != 0 {
		t.complete(r, m)
		return
	}
	r.active = true
	r.file.pollers = append(r.file.pollers, r)
	r.ctx.active = append(r.ctx.active, r)
	if t.bug == pollForNobody && t.oneIn(4) && t.fires() {
		t.endPoll(r, model.Result(r.decl.Offset&0xffff))
	}
}

// wake is aio_poll_wake for every POLL whose mask matches: it ends there and
// then, or, when locks are in the way, by a work item.
func (t *Target) wake(f *file) {
	for i := len(f.pollers) - 1; i >= 0; i-- {
		if i >= len(f.pollers) {
			continue // ending one has ended others
		}
		r := f.pollers[i]
		if r.job != jobNone {
			r.again = true // aio_poll_wake: work_need_resched
			continue
		}
		m := t.readiness(r)
		if m == 0 || r.deaf {
			continue
		}
		if t.bug == pollMissed && t.fires() {
			r.deaf = true
			continue
		}
		if t.oneIn(2) {
			t.endPoll(r, m)
		} else {
			t.startJob(r, jobPoll)
		}
	}
}

// forget takes a POLL off the file's wait queue.
func (f *file) forget(r *request) {
	for i, p := range f.pollers {
		if p == r {
			f.pollers = append(f.pollers[:i], f.pollers[i+1:]...)
			return
		}
	}
}

// endPoll takes an armed POLL off the lists and posts its event, in one step.
func (t *Target) endPoll(r *request, res model.Result) {
	r.file.forget(r)
	if r.active {
		r.ctx.remove(r)
	}
	t.complete(r, res)
}

// readStream makes the one step of a read: it takes what is there, up to what
// was asked for. ok is false while it has to wait.
func (t *Target) readStream(r *request) (res model.Result, ok bool) {
	f := r.file
	want := int(r.decl.Bytes) / lineBytes
	if f.kind == traces.Eventfd {
		return t.readCount(r)
	}
	switch n := min(want, f.held()); {
	case n > 0:
		if t.bug != 0 {
			t.misorder(f, n)
		}
		copy(r.buf, f.queue[f.taken:f.taken+n])
		f.taken += n
		if t.bug == pipeDuplicated {
			t.duplicate(f)
		}
		f.compact()
		t.wake(f)
		return model.Result(n * lineBytes), true
	case want == 0 || f.dead(writeEnd):
		return 0, true
	case f.nonblock:
		return model.Fail(model.EAGAIN), true
	}
	return 0, false
}

// compact drops what has been read from the front of the queue.
func (f *file) compact() {
	if f.taken == len(f.queue) || f.taken > socketLines {
		n := copy(f.queue, f.queue[f.taken:])
		f.queue, f.taken = f.queue[:n], 0
	}
}

// readCount is eventfd_read by a request; eventfds do not block.
func (t *Target) readCount(r *request) (model.Result, bool) {
	switch {
	case r.decl.Bytes < 8:
		return model.Fail(model.EINVAL), true
	case r.file.count == 0:
		return model.Fail(model.EAGAIN), true
	}
	r.file.count = 0
	return 8, true
}

// writeStream makes a step of a write: a pipe takes what fits at once, a
// socket piece by piece, and others may write in between. ok is false while
// there is more to do; wait says that it has to wait for room.
func (t *Target) writeStream(r *request) (res model.Result, ok, wait bool) {
	f := r.file
	total := int(r.decl.Bytes) / lineBytes
	done := model.Result(r.moved * lineBytes)
	switch {
	case f.kind == traces.Eventfd:
		return model.Fail(model.EINVAL), true, false
	case total == 0:
		return 0, true, false
	case f.dead(readEnd):
		if done > 0 {
			return done, true, false
		}
		return model.Fail(model.EPIPE), true, false
	}
	n := min(total-r.moved, f.room())
	if f.kind == traces.Socket && n > 1 {
		n = 1 + int(t.below(uint32(n)))
	}
	if f.kind == traces.Pipe && total <= pipeBufLines && n < total {
		n = 0 // PIPE_BUF: whole or not at all
	}
	if n == 0 {
		if !f.nonblock {
			return 0, false, true
		}
		if done > 0 {
			return done, true, false
		}
		return model.Fail(model.EAGAIN), true, false
	}
	for range n {
		f.queue = append(f.queue, tag{r.id, int32(r.moved)})
		r.moved++
	}
	t.wake(f)
	return model.Result(total * lineBytes), r.moved == total, false
}
