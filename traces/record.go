// Package traces holds programs, histories and transitions as values and as
// files. It runs nothing and judges nothing.
package traces

import (
	"math"

	"aiocheck/model"
)

// Time is nanoseconds of CLOCK_MONOTONIC since the start of the run.
type Time = int64

// Never is the return time of a call that was not seen to return.
const Never Time = math.MaxInt64

// RequestID names a request within a run. IDs are dense and start at 1; 0 is
// no request, and as a writer the contents that the file began with.
type RequestID = uint32

// Controller is the thread number of the process that starts and ends rounds
// and reads the file back; program threads count from 0.
const Controller = math.MaxUint16

// Kind is what a record says.
type Kind uint8

// The kinds of record. Which field means what is told by the functions of
// this file that make them, and byte by byte in traces/FORMAT.md.
const (
	KindRound      Kind = iota + 1 // a thread enters a round
	KindFile                       // a file of the round
	KindContext                    // a context of the round, as declared
	KindRequest                    // a request about to be submitted
	KindInvoke                     // a call begins
	KindReturn                     // a call ends
	KindEvent                      // an event that the call just ended has reaped
	KindData                       // what a read's buffer holds, run by run
	KindDamage                     // a released buffer was written to
	KindExit                       // the process that owned the contexts is gone
	KindWatched                    // how many released buffers were looked at again
	KindName                       // a name of the round, as declared
	KindIdentity                   // what the threads of the round are
	KindFound                      // which file an open or a stat has found
	KindTransition                 // a step inside a patched kernel
	KindMove                       // a move of a script
	kindEnd
)

// Record is one fixed-width entry of a trace, 48 bytes. The meaning of Code
// and A to D depends on Kind.
type Record struct {
	Kind    Kind
	Code    uint8
	Thread  uint16
	Context uint32 // number of the context within its round
	Request RequestID
	File    uint16 // number of the file within its round
	Eventfd uint16 // number of the eventfd within its round plus one; 0 none
	A       uint64
	B       uint64
	C       uint64
	D       uint64
}

// A Recorder takes the records of one thread in order. Record neither
// allocates nor locks.
type Recorder interface{ Record(Record) }

// Log is a Recorder in memory, for simulated targets and tests.
type Log []Record

// Record appends r.
func (l *Log) Record(r Record) { *l = append(*l, r) }

// CallKind is what a call does.
type CallKind uint8

// The calls of a history. The first group takes a context.
const (
	CallSetup      CallKind = iota + 1 // io_setup
	CallSubmit                         // io_submit
	CallCancel                         // io_cancel
	CallGetEvents                      // io_getevents
	CallPGetEvents                     // io_pgetevents
	CallReapRing                       // reaping from the mapped ring in user space
	CallDestroy                        // io_destroy

	CallReadEventfd // read(2) of an eventfd: the value is the result's Extra
	CallRead        // read(2) or pread(2) of a file of the round
	CallWrite       // write(2) to a file of the round
	CallClose       // close(2) of one end of a file of the round
	CallOpenAt      // openat(2)
	CallUnlinkAt    // unlinkat(2)
	CallRenameAt    // renameat2(2)
	CallStat        // statx(2) of a name
	CallReuse       // the memory that a request's iocb names is overwritten
	CallChdir       // chdir(2)
	CallFreeze      // ioctl(FIFREEZE): once it returns, the file system does not change
	CallThaw        // ioctl(FITHAW)
	callEnd
)

var callNames = [...]string{
	CallSetup: "io_setup", CallSubmit: "io_submit", CallCancel: "io_cancel",
	CallGetEvents: "io_getevents", CallPGetEvents: "io_pgetevents", CallReapRing: "reap_ring",
	CallDestroy: "io_destroy", CallReadEventfd: "read_eventfd", CallRead: "read",
	CallWrite: "write", CallClose: "close", CallOpenAt: "openat", CallUnlinkAt: "unlinkat",
	CallRenameAt: "renameat", CallStat: "stat", CallReuse: "reuse", CallChdir: "chdir",
	CallFreeze: "freeze", CallThaw: "thaw",
}

// String is the call's name in the kernel, or reap_ring and read_eventfd.
func (k CallKind) String() string {
	if int(k) < len(callNames) && callNames[k] != "" {
		return callNames[k]
	}
	return "call?"
}

// Reaps reports whether the call takes events from the ring.
func (k CallKind) Reaps() bool {
	return k == CallGetEvents || k == CallPGetEvents || k == CallReapRing
}

// names reports whether the call is an operation on a name.
func (k CallKind) names() bool { return k == CallOpenAt || k == CallUnlinkAt || k == CallRenameAt }

// carries reports whether the call carries a request out by itself.
func (k CallKind) carries() bool { return k == CallRead || k == CallWrite || k.names() }

// FileKind is what a file of a program is.
type FileKind uint8

// The kinds of file. Storage is a regular file or a block device and lasts
// for the run; the others belong to one round.
const (
	Storage FileKind = iota
	Pipe             // a pipe: reads take from it, writes put into it
	Socket           // a pair of connected AF_UNIX stream sockets, used one way
	Eventfd          // an eventfd(2) with the initial value 0
	// Directory is a directory of the round's own, with the names that the
	// program declares in it.
	Directory
	fileKindEnd
)

// String is "storage", "pipe", "socket", "eventfd" or "directory".
func (k FileKind) String() string {
	if k >= fileKindEnd {
		return "file?"
	}
	return [...]string{"storage", "pipe", "socket", "eventfd", "directory"}[k]
}

// DataClass is what a run of 64-byte lines in a read's buffer turned out to be.
type DataClass uint8

// The classes of data. Line tags are described in traces/FORMAT.md.
const (
	DataWritten   DataClass = iota // written by request Writer (0: initial contents), at this place
	DataMisplaced                  // written by Writer, but for the place Claimed
	DataZero                       // zeros
	DataUnfilled                   // the pattern that the buffer held before the read
	DataForeign                    // a line of another run
	DataCorrupt                    // none of these: the checksum is wrong
	dataEnd
)

// String is the class in lower case.
func (c DataClass) String() string {
	if c >= dataEnd {
		return "data?"
	}
	return [...]string{"written", "misplaced", "zero", "unfilled", "foreign", "corrupt"}[c]
}

// End is how a round ends for its contexts.
type End uint8

// The ends of a round.
const (
	EndDrain   End = iota // every event is reaped, then each context destroyed
	EndDestroy            // contexts are destroyed with requests in flight
	EndExit               // the process exits with requests in flight
	EndKill               // the process is killed with requests in flight
)

// String is "drain", "destroy", "exit" or "kill".
func (e End) String() string { return [...]string{"drain", "destroy", "exit", "kill"}[e&3] }

// RoundRecord says that a thread enters a round; each thread of the round and
// the controller write one before anything else of the round.
func RoundRecord(thread uint16, at Time, round uint64, end End) Record {
	return Record{Kind: KindRound, Code: uint8(end), Thread: thread, A: uint64(at), B: round}
}

// FileRecord says what a file of the round is. Flag bits: 1 O_DIRECT, 2
// nonblocking. Only the controller writes it.
func FileRecord(file uint16, kind FileKind, flags, bytes uint64) Record {
	return Record{Kind: KindFile, Code: uint8(kind), Thread: Controller, File: file, A: flags, B: bytes}
}

// The flags of a FileRecord.
const (
	FileDirect   = 1
	FileNonblock = 2
)

// ContextRecord declares a context of the round: its number and the nr_events
// that io_setup is to be called with. Only the controller writes it.
func ContextRecord(context uint32, slots uint32) Record {
	return Record{Kind: KindContext, Thread: Controller, Context: context, A: uint64(slots)}
}

// RequestRecord describes an iocb just before the io_submit that carries it.
// rw is iocb.aio_rw_flags; for POLL offset is the requested event mask. For
// operations on names offset is the flags, with the mode of OPENAT from bit
// 32 on, bytes is the name with the new name from bit 16 on, and rw is Via. For
// other requests on a file of a Directory, rw is the number of its name plus one.
func RequestRecord(thread uint16, context uint32, id RequestID, op model.Opcode, file, eventfd uint16,
	offset int64, bytes uint32, rw uint32, data, obj uint64) Record {
	return Record{Kind: KindRequest, Code: uint8(op), Thread: thread, Context: context, Request: id, File: file,
		Eventfd: eventfd, A: uint64(offset), B: uint64(bytes) | uint64(rw)<<32, C: data, D: obj}
}

// NameRecord describes a name of the round: its number, its directory, and
// which file it is bound to, Absent for none. Only the controller writes it.
func NameRecord(name, directory uint16, kind NameKind, found Inode) Record {
	r := found.record(KindName)
	r.Code, r.Thread, r.File, r.Context = uint8(kind), Controller, directory, uint32(name)
	return r
}

// IdentityRecord says what the threads of the round are: the identity that
// requests have to be executed with. limit is RLIMIT_NOFILE. Only the
// controller writes it; the program's numbers are resolved.
func IdentityRecord(id Identity, limit uint64) Record {
	return Record{Kind: KindIdentity, Thread: Controller, A: uint64(id.UID) | uint64(id.Umask)<<32,
		B: uint64(id.Cwd) | uint64(id.Root)<<16 | uint64(id.Descriptors)<<32, C: limit}
}

// Inode is what tells a file from every other one, and what was seen of it.
type Inode struct {
	Number uint64 // inode number; the recorder keeps files open until the round ends, so that none is used twice
	Device uint32 // major and minor number, as in struct stat
	Mode   uint16 // type and permissions
	UID    uint32 // owner
}

func (n Inode) record(kind Kind) Record {
	return Record{Kind: kind, A: n.Number, B: uint64(n.Device) | uint64(n.Mode)<<32, C: uint64(n.UID)}
}

// inode is the inverse of record.
func (r Record) inode() Inode {
	return Inode{Number: r.A, Device: uint32(r.B), Mode: uint16(r.B >> 32), UID: uint32(r.C)}
}

// FoundRecord says which file a successful OPENAT, openat or stat has found.
// It follows the Return of the stat or openat, or the Event of the OPENAT
// after all events of its call. request is 0 for a stat; fd and flags (fcntl
// F_GETFL) are those of an open.
func FoundRecord(thread uint16, request RequestID, found Inode, fd int32, flags uint32) Record {
	r := found.record(KindFound)
	r.Thread, r.Request, r.D = thread, request, uint64(uint32(fd))|uint64(flags)<<32
	return r
}

// InvokeRecord is the beginning of a call. The meaning of x, y, z by call:
// io_setup nr_events; io_submit nr; io_getevents and io_pgetevents min_nr, nr
// and the timeout in nanoseconds (-1 none); reap_ring 0 and the most events
// to take; read and write bytes, and offset (-1: the stream); close which end
// (0 read, 1 write); stat and reuse the number of a name; openat, unlinkat and
// renameat nothing, since their request says all. file is the name's directory
// of calls with a name, and the storage of freeze and thaw. request is that of
// io_cancel and reuse; for read, write, openat, unlinkat and renameat the
// RequestID under which the operation is judged.
func InvokeRecord(thread uint16, context uint32, call CallKind, request RequestID, file uint16, at Time, x, y, z int64) Record {
	return Record{Kind: KindInvoke, Code: uint8(call), Thread: thread, Context: context, Request: request, File: file,
		A: uint64(at), B: uint64(x), C: uint64(y), D: uint64(z)}
}

// ReturnRecord is the end of the thread's open call. x and y by call:
// io_setup the aio_context_t and the ring's nr with its compat flags in the
// high half; reap_ring head before and tail as seen; read_eventfd the value.
func ReturnRecord(thread uint16, at Time, ret model.Result, x, y uint64) Record {
	return Record{Kind: KindReturn, Thread: thread, A: uint64(at), B: uint64(ret), C: x, D: y}
}

// EventRecord is an event reaped by the call that has just returned, in the
// order of the ring.
func EventRecord(thread uint16, data, obj uint64, res, res2 model.Result) Record {
	return Record{Kind: KindEvent, Thread: thread, A: data, B: obj, C: uint64(res), D: uint64(res2)}
}

// DataRecord says what bytes bytes at offset (of the file; for streams of the
// buffer) hold after a read. writer and claimed are the tag's request and
// place. Only whole 64-byte lines are described.
func DataRecord(thread uint16, request RequestID, class DataClass, offset int64, bytes uint32, writer RequestID, claimed int64) Record {
	return Record{Kind: KindData, Code: uint8(class), Thread: thread, Request: request,
		A: uint64(offset), B: uint64(bytes), C: uint64(writer), D: uint64(claimed)}
}

// Release is after what a buffer must not be written to any more.
type Release uint8

// The releases of a buffer.
const (
	AfterEvent   Release = iota // its event was reaped
	AfterDestroy                // io_destroy of its context returned
	AfterExit                   // the process that submitted it is gone
)

// String names the release.
func (r Release) String() string { return [...]string{"event", "destroy", "exit", "?"}[r&3] }

// DamageRecord says that a buffer, filled with a pattern at the time poisoned
// after its release, held something else when looked at again: bytes bytes,
// the first at position first.
func DamageRecord(thread uint16, request RequestID, why Release, poisoned, seen Time, first, bytes uint32) Record {
	return Record{Kind: KindDamage, Code: uint8(why), Thread: thread, Request: request,
		A: uint64(poisoned), B: uint64(seen), C: uint64(first), D: uint64(bytes)}
}

// ExitRecord says that the process that ran the round is gone: its contexts,
// and every request in flight, with it. begun is when the exit was asked for
// or the kill sent, gone when wait4 returned.
func ExitRecord(end End, begun, gone Time) Record {
	return Record{Kind: KindExit, Code: uint8(end), Thread: Controller, A: uint64(begun), B: uint64(gone)}
}

// WatchedRecord counts the released buffers of the round that were looked at
// again, and their bytes.
func WatchedRecord(thread uint16, buffers, bytes uint64) Record {
	return Record{Kind: KindWatched, Thread: thread, A: buffers, B: bytes}
}
