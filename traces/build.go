package traces

import (
	"fmt"

	"aiocheck/model"
)

// MalformedError says which record of a trace makes no sense, and why. The
// bytes of the trace are sound, so whatever recorded it is at fault.
type MalformedError struct {
	File   string // empty for logs in memory
	Offset int64  // of the frame in the file; 0 for logs
	Thread uint16
	Record int // position in the frame or the log, from 0
	Reason string
}

// Error names the place and the reason.
func (e *MalformedError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("record %d of the log of thread %d: %s", e.Record, e.Thread, e.Reason)
	}
	return fmt.Sprintf("%s: byte %d: record %d of the frame of thread %d: %s", e.File, e.Offset, e.Record, e.Thread, e.Reason)
}

// place is where a record is, for errors that are found later.
type place struct {
	offset int64
	record int
	thread uint16
}

// builder makes a History in one pass over a trace's frames. Frames of
// different threads come in any order, so a thread may speak of a round,
// context or file before the frame in which the controller declares it: they
// get provisional indexes here, and their final ones in finish.
type builder struct {
	h     *History
	name  string
	until Time // what is recorded at this time or later is left out
	at    place

	rounds      map[uint64]int32 // by round number
	declared    []bool           // rounds that the controller has entered
	files       map[uint64]int32 // by provisional round and number
	fileInfo    []declaration
	contexts    map[uint64]int32 // likewise
	contextInfo []declaration
	names       map[uint64]int32 // likewise
	nameInfo    []declaration
	identities  map[int32]place // where a round's identity is told
	threads     map[uint16]*thread
	requests    int       // records of kind request seen
	highest     RequestID // highest ID that anything names
	unreaped    []unreaped
	dataFrames  []dataFrame
	foundAt     []place // of each entry of History.Found
}

// declaration says whether a file or context was declared, and where it was
// first spoken of.
type declaration struct {
	done  bool
	first place
}

// unreaped is a reaping call whose events were not all recorded, which only
// the end of a process explains.
type unreaped struct {
	at   place
	call int32
	last bool // nothing of the thread comes after it
	why  string
}

// dataFrame says which frame the entries of History.Data from first on are from.
type dataFrame struct {
	first int
	at    place
}

// thread is how far the records of one thread have come.
type thread struct {
	round   int32 // None before the first RoundRecord
	number  uint64
	ended   Time  // return of the last call
	last    Time  // time of the last record that has one
	open    int32 // index of the call that has not returned, or None
	closed  int32 // index of the call that returned last in the round, or None
	stopped bool  // it has come to until
	pending []Record
	// A reaping call has returned, but not all of its events have come.
	reaping    bool
	returned   Record
	returnedAt place
	events     []Event
}

func newBuilder(h Header, name string, until Time) *builder {
	return &builder{
		h: &History{Header: h, Until: until}, name: name, until: until,
		rounds: map[uint64]int32{}, files: map[uint64]int32{}, contexts: map[uint64]int32{}, names: map[uint64]int32{},
		identities: map[int32]place{}, threads: map[uint16]*thread{},
	}
}

// presize makes room for the tables, so that they need not grow by copying.
// The totals come from the file: they are not believed beyond most records.
func (b *builder) presize(t Totals, most int64) {
	if min(t.Calls, t.Requests, t.Events, t.Data) < 0 || max(t.Calls, t.Requests, t.Events, t.Data) > most {
		return
	}
	b.h.Calls = make([]Call, 0, t.Calls)
	b.h.Requests = make([]Request, 0, t.Requests+t.Requests/16)
	b.h.Events = make([]Event, 0, t.Events)
	b.h.Data = make([]Data, 0, t.Data)
}

// malformed is an error at the current record.
func (b *builder) malformed(format string, args ...any) error {
	return b.malformedAt(b.at, fmt.Sprintf(format, args...))
}

func (b *builder) malformedAt(at place, reason string) error {
	return &MalformedError{File: b.name, Offset: at.offset, Thread: at.thread, Record: at.record, Reason: reason}
}

// add takes the records of a frame; first is the position of its first record
// in what errors count records in.
func (b *builder) add(f Frame, first int) error {
	if f.Thread == KernelThread {
		return b.transitions(f, first)
	}
	t := b.threads[f.Thread]
	if t == nil {
		t = &thread{round: None, open: None, closed: None}
		b.threads[f.Thread] = t
	}
	b.at = place{offset: f.Offset, thread: f.Thread}
	b.dataFrames = append(b.dataFrames, dataFrame{len(b.h.Data), place{f.Offset, first, f.Thread}})
	for i := range f.Records {
		b.at.record = first + i
		if err := b.record(t, &f.Records[i]); err != nil {
			return err
		}
		if t.stopped {
			break
		}
	}
	return nil
}

// transitions are no part of a history, but no other records are the kernel's.
func (b *builder) transitions(f Frame, first int) error {
	b.at = place{offset: f.Offset, thread: f.Thread}
	for i := range f.Records {
		b.at.record = first + i
		if err := f.Records[i].Check(); err != nil {
			return b.malformed("%v", err)
		}
		if k := f.Records[i].Kind; k != KindTransition {
			return b.malformed("a %v record of the kernel", k)
		}
	}
	return nil
}

func (b *builder) record(t *thread, r *Record) error {
	if err := r.Check(); err != nil {
		return b.malformed("%v", err)
	}
	if t.stopped {
		return nil
	}
	if t.round == None && r.Kind != KindRound {
		return b.malformed("a %v record before any round", r.Kind)
	}
	switch r.Kind {
	case KindTransition:
		return b.malformed("a transition of a program thread")
	case KindRound:
		return b.round(t, r)
	case KindFile:
		return b.file(t, r)
	case KindContext:
		return b.context(t, r)
	case KindRequest:
		return b.request(t, r)
	case KindInvoke:
		return b.invoke(t, r)
	case KindReturn:
		return b.giveBack(t, r)
	case KindEvent:
		return b.event(t, r)
	case KindData:
		return b.data(t, r)
	case KindDamage:
		return b.damage(r)
	case KindExit:
		return b.exit(t, r)
	case KindName:
		return b.declareName(t, r)
	case KindIdentity:
		return b.identity(t, r)
	case KindFound:
		return b.found(t, r)
	case KindWatched:
		b.h.Watched.Buffers += r.A
		b.h.Watched.Bytes += r.B
	}
	return nil
}

// time takes a record's time and checks that it is one. It stops the thread
// at the time from which on the history is cut.
func (b *builder) time(t *thread, v uint64) (Time, error) {
	at := Time(v)
	if at < 0 || at == Never {
		return 0, b.malformed("time %d is out of range", at)
	}
	if at >= b.until {
		t.stopped = true
	}
	t.last = max(t.last, at)
	return at, nil
}

func (b *builder) round(t *thread, r *Record) error {
	at, err := b.time(t, r.A)
	if err != nil || t.stopped {
		return err
	}
	if t.round != None && r.B <= t.number {
		return b.malformed("round %d after round %d", r.B, t.number)
	}
	b.leave(t, false)
	i, known := b.rounds[r.B]
	if !known {
		i = int32(len(b.h.Rounds))
		b.rounds[r.B] = i
		b.h.Rounds = append(b.h.Rounds, Round{Number: r.B, Start: at, End: End(r.Code), ExitBegun: Never, Gone: Never})
		b.declared = append(b.declared, false)
	}
	round := &b.h.Rounds[i]
	if round.End != End(r.Code) {
		return b.malformed("round %d is to end by %v here, by %v elsewhere", r.B, End(r.Code), round.End)
	}
	round.Start = min(round.Start, at)
	if r.Thread == Controller {
		b.declared[i] = true
	}
	t.round, t.number = i, r.B
	return nil
}

// leave ends the thread's part in a round. A call that is open stays so, and
// requests that no io_submit followed were not submitted.
func (b *builder) leave(t *thread, last bool) {
	if t.reaping {
		b.unreaped = append(b.unreaped, unreaped{t.returnedAt, t.open, last,
			fmt.Sprintf("%v returned %v but %d events follow", b.h.Calls[t.open].Kind, model.Result(t.returned.B), len(t.events))})
	}
	t.open, t.closed, t.reaping = None, None, false
	t.events = t.events[:0]
	for i := range t.pending {
		b.highest = max(b.highest, t.pending[i].Request)
	}
	t.pending = t.pending[:0]
}

// key joins a round's provisional index and a number within the round.
func key(round int32, number uint32) uint64 { return uint64(round)<<32 | uint64(number) }

// fileIndex is the provisional index of a file of the round.
func (b *builder) fileIndex(round int32, number uint16) int32 {
	k := key(round, uint32(number))
	i, ok := b.files[k]
	if !ok {
		i = int32(len(b.h.Files))
		b.files[k] = i
		b.h.Files = append(b.h.Files, File{Round: round, Number: number})
		b.fileInfo = append(b.fileInfo, declaration{first: b.at})
	}
	return i
}

// contextIndex is the provisional index of a context of the round.
func (b *builder) contextIndex(round int32, number uint32) int32 {
	k := key(round, number)
	i, ok := b.contexts[k]
	if !ok {
		i = int32(len(b.h.Contexts))
		b.contexts[k] = i
		b.h.Contexts = append(b.h.Contexts, Context{Round: round, Number: number, Setup: None, Destroy: None})
		b.contextInfo = append(b.contextInfo, declaration{first: b.at})
	}
	return i
}

func (b *builder) file(t *thread, r *Record) error {
	i := b.fileIndex(t.round, r.File)
	switch {
	case r.Thread != Controller:
		return b.malformed("file %d is declared by a program thread", r.File)
	case b.fileInfo[i].done:
		return b.malformed("file %d is declared twice in a round", r.File)
	case r.A&^(FileDirect|FileNonblock) != 0 || int64(r.B) < 0:
		return b.malformed("file %d has flags %#x and %d bytes", r.File, r.A, int64(r.B))
	}
	b.fileInfo[i].done = true
	f := &b.h.Files[i]
	f.Kind, f.Direct, f.Nonblock, f.Bytes = FileKind(r.Code), r.A&FileDirect != 0, r.A&FileNonblock != 0, int64(r.B)
	return nil
}

func (b *builder) context(t *thread, r *Record) error {
	i := b.contextIndex(t.round, r.Context)
	switch {
	case r.Thread != Controller:
		return b.malformed("context %d is declared by a program thread", r.Context)
	case b.contextInfo[i].done:
		return b.malformed("context %d is declared twice in a round", r.Context)
	case r.A != uint64(uint32(r.A)):
		return b.malformed("context %d has %d slots", r.Context, r.A)
	}
	b.contextInfo[i].done = true
	b.h.Contexts[i].Slots = uint32(r.A)
	return nil
}

func (b *builder) exit(t *thread, r *Record) error {
	round := &b.h.Rounds[t.round]
	begun, gone := Time(r.A), Time(r.B)
	switch {
	case r.Thread != Controller:
		return b.malformed("the end of the process is recorded by a program thread")
	case begun < 0 || gone < begun:
		return b.malformed("the process is gone at %d, but began to end at %d", gone, begun)
	case round.ExitBegun != Never:
		return b.malformed("the process ends twice in a round")
	}
	if begun < b.until {
		round.ExitBegun = begun
	}
	if gone < b.until {
		round.Gone = gone
	}
	return nil
}

func (b *builder) data(t *thread, r *Record) error {
	if t.reaping {
		return b.malformed("data before all events of the call are there")
	}
	if r.Request == 0 || r.B != uint64(uint32(r.B)) || r.C != uint64(RequestID(r.C)) {
		return b.malformed("data of request %d: %d bytes by writer %d", r.Request, r.B, r.C)
	}
	b.h.Data = append(b.h.Data, Data{Request: r.Request, Writer: RequestID(r.C), Class: DataClass(r.Code),
		Bytes: uint32(r.B), Offset: int64(r.A), Claimed: int64(r.D)})
	return nil
}

func (b *builder) damage(r *Record) error {
	if r.C != uint64(uint32(r.C)) || r.D != uint64(uint32(r.D)) {
		return b.malformed("damage of %d bytes at %d", r.D, r.C)
	}
	if err := b.mention(r.Request); err != nil {
		return err
	}
	b.h.Damages = append(b.h.Damages, Damage{Request: r.Request, Why: Release(r.Code), Poisoned: Time(r.A), Seen: Time(r.B),
		First: uint32(r.C), Bytes: uint32(r.D)})
	return nil
}
