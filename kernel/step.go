package kernel

import (
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// thread runs the steps of one thread of a round and records them. From the
// first step to the last it neither allocates nor locks.
type thread struct {
	*round
	number uint16
	area   *threadArea
	rec    traces.Recorder
	clock  *clock
	shared *control
	// last is called before the last step, after its wait; may be nil.
	last func()
	// Benchmarks measure what recording costs by leaving it out: quiet is a
	// run without clock readings, blind one that does not look into buffers.
	quiet, blind bool
}

func (t *thread) now() traces.Time {
	if t.quiet {
		return 0
	}
	return t.clock.now()
}

// work does all steps of the thread.
func (t *thread) work() {
	steps := t.program.Threads[t.number]
	for i := range steps {
		s := &steps[i]
		t.await(s)
		t.pass(uint32(i))
		if i == len(steps)-1 && t.last != nil {
			t.last()
		}
		t.shared.begun[t.number].set(uint32(i + 1))
		t.step(s)
		t.passed(uint32(i))
	}
	t.scriptOver()
}

// await waits for what the step waits for.
func (t *thread) await(s *traces.Step) {
	if s.After > 0 {
		t.shared.begun[s.Thread].await(s.After)
	}
	for n := s.Spin; n > 0; n-- {
		spin()
	}
}

// spin is a turn of an empty loop that the compiler may not leave out.
//
//go:noinline
func spin() {}

func (t *thread) step(s *traces.Step) {
	switch s.Do {
	case traces.DoSubmit:
		t.submit(uint32(s.Context), int(s.Request), int(s.Count))
	case traces.DoCancel:
		t.cancel(uint32(s.Context), int(s.Request))
	case traces.DoGetEvents:
		t.getEvents(traces.CallGetEvents, uint32(s.Context), int64(s.Min), int64(s.Max), s.Timeout)
	case traces.DoPGetEvents:
		t.getEvents(traces.CallPGetEvents, uint32(s.Context), int64(s.Min), int64(s.Max), s.Timeout)
	case traces.DoReapRing:
		t.reapRing(uint32(s.Context), int(s.Max))
	case traces.DoDestroy:
		t.destroy(uint32(s.Context))
	case traces.DoReadEventfd:
		t.readEventfd(s.File)
	case traces.DoRead:
		t.transfer(traces.CallRead, int(s.Request))
	case traces.DoWrite:
		if t.files[s.File].kind == traces.Eventfd {
			t.signal(s.File)
		} else {
			t.transfer(traces.CallWrite, int(s.Request))
		}
	case traces.DoCloseRead:
		t.closeEnd(s.File, 0)
	case traces.DoCloseWrite:
		t.closeEnd(s.File, 1)
	case traces.DoExit:
		t.shared.exitBegun.Store(t.clock.now())
		call(unix.SYS_EXIT_GROUP, 0, 0, 0, 0, 0, 0)
	case traces.DoNamed:
		t.operate(int(s.Request))
	case traces.DoStat:
		t.stat(s.Name)
	case traces.DoReuse:
		t.reuse(int(s.Request), s.Name)
	case traces.DoChdir:
		t.chdir(s.File)
	case traces.DoFreeze:
		t.freeze()
	case traces.DoThaw:
		t.thaw()
	}
}

// invoke records the beginning of a call. The time is the last thing that is
// taken before the record and the call itself.
func (t *thread) invoke(c uint32, kind traces.CallKind, id traces.RequestID, f uint16, x, y, z int64) {
	at := t.now()
	t.rec.Record(traces.InvokeRecord(t.number, c, kind, id, f, at, x, y, z))
}

// returned records the end of the call, whose time was taken right after it.
func (t *thread) returned(at traces.Time, ret model.Result, x, y uint64) {
	t.rec.Record(traces.ReturnRecord(t.number, at, ret, x, y))
}

// setup makes context c. It is called by thread 0 before the others start. A
// call that fails is for the checker; a ring that user space cannot read is an
// error.
func (t *thread) setup(c uint32) error {
	ctx, slots := &t.contexts[c], t.program.Contexts[c].Slots
	t.invoke(c, traces.CallSetup, 0, 0, int64(slots), 0, 0)
	ret := ioSetup(slots, &ctx.id)
	at := t.now()
	var features uint64
	if ret == 0 {
		ctx.ring = ctx.id.ring()
		features = uint64(ctx.ring.nr) | uint64(ctx.ring.compatFeatures)<<32
	}
	t.returned(at, ret, uint64(ctx.id), features)
	if ring := ctx.ring; ring != nil && !ring.valid() {
		return fmt.Errorf("read the ring of context %d: magic %#x, incompatible features %#x, header of %d bytes are not known",
			c, ring.magic, ring.incompat, ring.headerLength)
	}
	return nil
}

func (t *thread) submit(c uint32, first, n int) {
	for i := first; i < first+n; i++ {
		q := &t.requests[i]
		if q.reuse {
			*t.cb(i) = t.iocbs[i]
		}
		r := q.record
		r.Thread = t.number
		t.rec.Record(r)
	}
	ctx := &t.contexts[c]
	t.invoke(c, traces.CallSubmit, 0, 0, int64(n), 0, 0)
	ret := ioSubmit(ctx.id, int64(n), unsafe.SliceData(t.pointers[first:first+n]))
	at := t.now()
	if ret > 0 {
		ctx.accepted.Add(int64(ret))
	}
	t.returned(at, ret, 0, 0)
}

func (t *thread) cancel(c uint32, i int) {
	t.invoke(c, traces.CallCancel, t.program.First+traces.RequestID(i), 0, 0, 0, 0)
	ret := ioCancel(t.contexts[c].id, t.cb(i), t.area.result)
	t.returned(t.now(), ret, 0, 0)
}

// getEvents is io_getevents or io_pgetevents; the latter with the mask that
// the thread has anyway, so that the kernel exchanges masks and nothing else
// changes.
func (t *thread) getEvents(kind traces.CallKind, c uint32, minNr, nr int64, timeout time.Duration) {
	ctx, a := &t.contexts[c], t.area
	var ts *unix.Timespec
	limit := int64(-1)
	if timeout >= 0 {
		limit = int64(timeout)
		ts = a.timeout
		*ts = unix.NsecToTimespec(limit)
	}
	events := unsafe.SliceData(a.events)
	t.invoke(c, kind, 0, 0, minNr, nr, limit)
	var ret model.Result
	if kind == traces.CallPGetEvents {
		ret = ioPGetEvents(ctx.id, minNr, nr, events, ts, a.sigset)
	} else {
		ret = ioGetEvents(ctx.id, minNr, nr, events, ts)
	}
	t.returned(t.now(), ret, 0, 0)
	t.reaped(ctx, int(ret))
}

// reapRing takes events in user space. Unlike the kernel's calls it has to
// keep away from the ring once io_destroy unmaps it; it then fails as they do.
func (t *thread) reapRing(c uint32, most int) {
	ctx := &t.contexts[c]
	t.invoke(c, traces.CallReapRing, 0, 0, 0, int64(most), 0)
	if ctx.ring == nil || !ctx.enterRing() {
		t.returned(t.now(), model.Fail(model.EINVAL), 0, 0)
		return
	}
	n, head, tail := ctx.ring.take(t.area.events[:max(most, 0)])
	at := t.now()
	ctx.gate.Store(gateOpen)
	t.returned(at, model.Result(n), uint64(head), uint64(tail))
	t.reaped(ctx, n)
}

// enterRing waits until no other thread is in the ring. It is false if the
// ring is being unmapped.
func (c *kioctx) enterRing() bool {
	for !c.gate.CompareAndSwap(gateOpen, gateHeld) {
		if c.gate.Load() == gateShut {
			return false
		}
		yield()
	}
	return true
}

// shutRing keeps reapers out for good.
func (c *kioctx) shutRing() {
	for !c.gate.CompareAndSwap(gateOpen, gateShut) && c.gate.Load() != gateShut {
		yield()
	}
}

// reaped records the n events in the thread's area, then looks at the buffers
// of the reads among their requests and releases all of their buffers.
func (t *thread) reaped(ctx *kioctx, n int) {
	if n <= 0 {
		return
	}
	ctx.reaped.Add(int64(n))
	for i := range t.area.events[:n] {
		e := &t.area.events[i]
		t.rec.Record(traces.EventRecord(t.number, e.data, e.obj, model.Result(e.res), model.Result(e.res2)))
	}
	if t.blind {
		return
	}
	for i := range t.area.events[:n] {
		e := &t.area.events[i]
		// An event whose data is not one of this round's requests is the
		// checker's business; it releases nothing here.
		id := int64(uint32(e.data)) - int64(t.program.First)
		if uint32(e.data>>32) == t.run && id >= 0 && id < int64(len(t.requests)) {
			t.ended(int(id), model.Result(e.res))
		}
	}
}

// ended looks at the buffer of request i, which moved res bytes, and releases
// it, and at what an OPENAT has found; unless another thread does, as after a
// second event.
func (t *thread) ended(i int, res model.Result) {
	if !t.arena.take(i) {
		return
	}
	decl := &t.program.Requests[i]
	if decl.Opcode.Reads() && res > 0 {
		t.data(i, decl, res)
	}
	t.arena.release(i, traces.AfterEvent, t.clock)
	if decl.Opcode == model.OpenAt && res >= 0 {
		t.opens(t.program.First+traces.RequestID(i), int(res))
	}
}

// data records what the buffer of a successful read holds. Of the bytes beyond
// the result only what the read should not have put there is told.
func (t *thread) data(i int, decl *traces.RequestDecl, res model.Result) {
	id, buf := t.program.First+traces.RequestID(i), t.arena.buffers[i]
	base := decl.Offset
	if t.requests[i].stream {
		base = 0
	}
	done := min(int64(res), int64(len(buf))) / LineBytes * LineBytes
	for _, part := range [...]struct {
		from, to int64
		beyond   bool
	}{{0, done, false}, {done, int64(len(buf)), true}} {
		scan := Scan(buf[part.from:part.to], t.run, base+part.from, t.requests[i].stream)
		for span, ok := scan.Next(); ok; span, ok = scan.Next() {
			if part.beyond && span.Class == traces.DataUnfilled {
				continue
			}
			t.rec.Record(traces.DataRecord(t.number, id, span.Class, span.Offset, span.Bytes, span.Writer, span.Claimed))
		}
	}
}

// destroy is io_destroy. After it has returned 0 no buffer of the context may
// be touched, whether its request was reaped, is lost, or was refused.
func (t *thread) destroy(c uint32) {
	ctx := &t.contexts[c]
	t.invoke(c, traces.CallDestroy, 0, 0, 0, 0, 0)
	ctx.shutRing()
	ret := ioDestroy(ctx.id)
	t.returned(t.now(), ret, 0, 0)
	if ret != 0 {
		return
	}
	ctx.gone.Store(true)
	for _, i := range ctx.requests {
		if !t.blind && t.arena.take(i) {
			t.arena.release(i, traces.AfterDestroy, t.clock)
		}
	}
}

// readEventfd reads the eventfd's value and thereby sets it to 0.
func (t *thread) readEventfd(f uint16) {
	t.invoke(traces.NoContext, traces.CallReadEventfd, 0, f, 0, 0, 0)
	ret := call(unix.SYS_READ, uintptr(t.files[f].ends[0]), uintptr(unsafe.Pointer(t.area.word)), 8, 0, 0, 0)
	at := t.now()
	var value uint64
	if ret == 8 {
		value = binary.NativeEndian.Uint64(t.area.word[:])
	}
	t.returned(at, ret, value, 0)
}

// signal adds 1 to an eventfd.
func (t *thread) signal(f uint16) {
	binary.NativeEndian.PutUint64(t.area.word[:], 1)
	t.invoke(traces.NoContext, traces.CallWrite, 0, f, 8, -1, 0)
	ret := call(unix.SYS_WRITE, uintptr(t.files[f].ends[1]), uintptr(unsafe.Pointer(t.area.word)), 8, 0, 0, 0)
	t.returned(t.now(), ret, 0, 0)
}

// transfer is a plain read or write: of a stream, or at an offset of the
// storage.
func (t *thread) transfer(kind traces.CallKind, i int) {
	decl, q, buf := &t.program.Requests[i], &t.requests[i], t.arena.buffers[i]
	record := q.record
	record.Thread = t.number
	t.rec.Record(record)
	trap, offset := uintptr(unix.SYS_READ), int64(-1)
	if kind == traces.CallWrite {
		trap = unix.SYS_WRITE
	}
	if !q.stream {
		offset = decl.Offset
		trap = unix.SYS_PREAD64
		if kind == traces.CallWrite {
			trap = unix.SYS_PWRITE64
		}
	}
	fd := t.descriptor(decl)
	t.invoke(traces.NoContext, kind, record.Request, decl.File, int64(len(buf)), offset, 0)
	ret := call(trap, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)), uintptr(offset), 0, 0)
	t.returned(t.now(), ret, 0, 0)
	if !t.blind {
		t.ended(i, ret)
	}
}

// closeEnd closes one end of a stream. Closing it twice would close nobody
// knows what, so the second time is answered here as the kernel would.
func (t *thread) closeEnd(f uint16, end int) {
	t.invoke(traces.NoContext, traces.CallClose, 0, f, int64(end), 0, 0)
	ret := model.Fail(model.EBADF)
	if !t.files[f].closed[end].Swap(true) {
		ret = call(unix.SYS_CLOSE, uintptr(t.files[f].ends[end]), 0, 0, 0, 0, 0)
	}
	t.returned(t.now(), ret, 0, 0)
}
