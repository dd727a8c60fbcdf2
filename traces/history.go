package traces

import "aiocheck/model"

// None is the index of nothing.
const None = -1

// NoContext is the context number of calls and requests that need none.
const NoContext = 1<<32 - 1

// History is what was observed of a run. Indexes between tables are positions.
// Rounds, Files and Contexts are in the order of their numbers (the storage
// before the files of rounds); the other tables in the order of the trace's
// frames, in which each thread's records are in their order, but not those of
// different threads. Read and FromLogs make it and guarantee that indexes are
// in range, that calls of one thread do not overlap, and that Invoke <= Return.
type History struct {
	Header   Header
	Rounds   []Round
	Files    []File
	Contexts []Context
	Calls    []Call
	// Requests[id-1] has the ID id. A request that was declared in a program
	// but never submitted has ID 0, the fate Unsubmitted, and None for indexes.
	Requests []Request
	Events   []Event
	Data     []Data
	Names    []Name  // by round, in the order of their numbers
	Found    []Found // in the order of the trace's frames
	Damages  []Damage
	Watched  Watched
	// Cut is set when the trace ends before the run did: it says where and
	// why. The history then ends at Until, the time to which the records of
	// every thread are there; what some thread recorded after it is left out,
	// so that no effect is in the history without its cause.
	Cut   error
	Until Time // Never if the trace was not cut
	// Ending is how the recorder finished; its zero value for a cut trace.
	Ending Ending
}

// Round is one program's run: it has contexts and streams of its own.
type Round struct {
	Number uint64
	Start  Time
	End    End
	// For EndExit and EndKill: when it was asked for and when the process was
	// seen to be gone; Never if it was not.
	ExitBegun, Gone Time
	// Identity is what the threads are, Descriptors RLIMIT_NOFILE; both
	// are zero if the trace does not say.
	Identity    Identity
	Descriptors uint64
}

// Name is a name in a directory of a round.
type Name struct {
	Round     int32
	Number    uint16 // within its round
	Directory int32  // index into Files
	Kind      NameKind
	Inode     Inode // when the round begins; zero if absent
}

// Found is a file that an open or a stat has found.
type Found struct {
	Call    int32     // the stat or openat, or the call that reaped the OPENAT's event
	Request RequestID // of an OPENAT or openat; 0 for a stat
	Inode   Inode
	FD      int32
	Flags   uint32 // fcntl(F_GETFL)
}

// File is a file that requests of the run name. All rounds share one entry
// for the storage; streams and eventfds have one a round.
type File struct {
	Kind     FileKind
	Round    int32 // index into Rounds; None for storage
	Number   uint16
	Direct   bool
	Nonblock bool
	Bytes    int64 // size of the storage under test; 0 for streams
}

// Context is a kioctx of the run.
type Context struct {
	Round   int32
	Number  uint32
	Slots   uint32 // nr_events given to io_setup
	Ring    uint32 // nr in the ring's header: events it holds, plus one; 0 if not set up
	Compat  uint32 // compat_features in the ring's header
	Setup   int32  // index into Calls; None if never called
	Destroy int32  // the io_destroy that returned 0, else None
}

// Call is an operation that a thread invoked. X, Y and Z are the arguments of
// InvokeRecord, Extra1 and Extra2 the further results of ReturnRecord.
type Call struct {
	Kind    CallKind
	Thread  uint16
	Round   int32
	Context int32 // index into Contexts, or None
	File    int32 // index into Files, or None
	Request RequestID
	Invoke  Time
	Return  Time // Never if not seen to return
	X, Y, Z int64
	Ret     model.Result
	Extra1  uint64
	Extra2  uint64
	First   int32 // submit: index into Requests of the first; reaping: into Events; else None
	Count   int32 // how many of them belong to the call
}

// Completed reports whether the call was seen to return.
func (c *Call) Completed() bool { return c.Return != Never }

// Fate is what became of a request at its submission.
type Fate uint8

// The fates. A request is Unsure when its io_submit was not seen to return.
const (
	Accepted Fate = iota
	Rejected
	Unsure
	Unsubmitted
)

// String is the fate in lower case.
func (f Fate) String() string {
	return [...]string{"accepted", "rejected", "unsure", "unsubmitted"}[f&3]
}

// Request is one iocb of an io_submit call; or, with Context None, the
// transfer of a plain read or write, accepted and ended by its own call.
type Request struct {
	ID      RequestID
	Opcode  model.Opcode
	Fate    Fate
	Index   uint16 // position in the batch
	Round   int32
	Context int32 // index into Contexts; None for a plain read or write
	File    int32 // index into Files
	Eventfd int32 // index into Files, or None
	Call    int32 // the io_submit, read or write
	Event   int32 // index into Events of the first event seen, or None
	Bytes   uint32
	RWFlags uint32
	Offset  int64 // POLL: the requested events
	// Of operations on names: the flags are in Offset, the mode of OPENAT in
	// its bits from 32 on. Of other requests on a file of a directory, only Name.
	Name    int32 // index into Names, or None
	NewName int32 // of RENAMEAT, or None
	Via     Via
	Found   int32 // index into Found of what an open has found, or None
	Data    uint64
	Obj     uint64
}

// Event is an io_event that a call reaped. Request is the one whose data it
// carries, else the one of its round whose iocb address it carries, else 0.
type Event struct {
	Call    int32
	Request RequestID
	Data    uint64
	Obj     uint64
	Res     model.Result
	Res2    model.Result
}

// Data is a run of lines in a read's buffer; see DataRecord.
type Data struct {
	Request RequestID
	Writer  RequestID
	Class   DataClass
	Bytes   uint32
	Offset  int64
	Claimed int64
}

// Damage is a released buffer that was written to; see DamageRecord.
type Damage struct {
	Request        RequestID
	Why            Release
	Poisoned, Seen Time
	First, Bytes   uint32
}

// Watched counts the released buffers that were looked at again.
type Watched struct {
	Buffers uint64 `json:"buffers"`
	Bytes   uint64 `json:"bytes"`
}

// Outcome is how a request ended, as far as was seen: its result, and from
// when on its end was known.
func (h *History) Outcome(r *Request) (res model.Result, known Time, ok bool) {
	if r.Call == None {
		return 0, Never, false
	}
	if r.Context == None {
		c := &h.Calls[r.Call]
		return c.Ret, c.Return, c.Completed()
	}
	if r.Event == None {
		return 0, Never, false
	}
	e := &h.Events[r.Event]
	return e.Res, h.Calls[e.Call].Return, true
}
