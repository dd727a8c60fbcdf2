package traces

import (
	"time"

	"aiocheck/model"
)

// Program is what a target runs: threads of calls on contexts and files of
// its own, and on the storage under test. It is a pure value: the same
// program gives the same calls with the same arguments in each thread, and
// only the kernel decides what comes of them.
type Program struct {
	Round    uint64        `json:"round"`
	First    RequestID     `json:"first"` // ID of Requests[0]; the others follow
	Contexts []ContextDecl `json:"contexts"`
	Files    []FileDecl    `json:"files"` // Files[0] is the storage
	Names    []NameDecl    `json:"names,omitempty"`
	Requests []RequestDecl `json:"requests"`
	Threads  [][]Step      `json:"threads"`
	End      End           `json:"end"`
	// Identity is what the program's threads are; nil: as the target itself.
	Identity *Identity `json:"identity,omitempty"`
	// Processors says by thread to which processor it keeps: its number plus
	// one, 0 for any. Threads beyond the end of the slice keep to none. Targets
	// without processors ignore it.
	Processors []uint16 `json:"processors,omitempty"`
	// Script forces the order of the round; nil: it goes as it goes.
	Script *Script `json:"script,omitempty"`
}

// Identity is what a request has to find as it was at io_submit, whoever
// executes it. It needs a target that runs as root.
type Identity struct {
	UID   uint32 `json:"uid,omitempty"`   // of the file system, user and group (setfsuid(2)); 0 as the target
	Umask uint16 `json:"umask,omitempty"` // umask(2)
	Cwd   uint16 `json:"cwd,omitempty"`   // number plus one of the Directory that is the working directory; 0 as the target
	Root  uint16 `json:"root,omitempty"`  // number plus one of the Directory that is the root directory; 0 as the target
	// Descriptors is how many more may be opened than are open as the round
	// begins, by RLIMIT_NOFILE; 0 for as many as the target allows.
	Descriptors uint32 `json:"descriptors,omitempty"`
}

// NameDecl declares a name in a directory of the round. The directory begins
// with the names that exist and no others.
type NameDecl struct {
	Directory uint16   `json:"directory"` // a file of the round, of kind Directory
	Kind      NameKind `json:"kind,omitempty"`
	Mode      uint16   `json:"mode,omitempty"` // permissions, with S_ISUID
	UID       uint32   `json:"uid,omitempty"`  // owner, user and group
}

// NameKind is what a name is bound to when the round begins.
type NameKind uint8

// The kinds of name.
const (
	Absent  NameKind = iota // nothing
	Regular                 // an empty file
	Fifo                    // a FIFO, whose open waits for the other end
	nameKindEnd
)

// String is "absent", "regular" or "fifo".
func (k NameKind) String() string {
	if k >= nameKindEnd {
		return "name?"
	}
	return [...]string{"absent", "regular", "fifo"}[k]
}

// Via is how an operation says in which directory its name is.
type Via uint8

// The ways to a name.
const (
	ViaDescriptor Via = iota // a descriptor of the directory and a relative name
	ViaCwd                   // AT_FDCWD and a relative name
	ViaRoot                  // an absolute name
	viaEnd
)

// String is "descriptor", "cwd" or "root".
func (v Via) String() string {
	if v >= viaEnd {
		return "via?"
	}
	return [...]string{"descriptor", "cwd", "root"}[v]
}

// ContextDecl declares a context, set up before the threads start.
type ContextDecl struct {
	Slots uint32 `json:"slots"` // nr_events of io_setup
}

// FileDecl declares a file of the round.
type FileDecl struct {
	Kind     FileKind `json:"kind"`
	Nonblock bool     `json:"nonblock,omitempty"`
	// Bytes is the size of the storage, or what a pipe holds at most, in whole
	// pages (fcntl F_SETPIPE_SZ); 0 for the kernel's default and other kinds.
	Bytes int64 `json:"bytes,omitempty"`
}

// RequestDecl declares a request: an iocb at an address of its own, ready
// before the threads start, whether or not a step submits it. Of a stream, a
// read and a POLL whose mask has POLLIN take the reading end, a write and any
// other POLL the writing end.
type RequestDecl struct {
	Opcode  model.Opcode `json:"op"`
	File    uint16       `json:"file"`
	Eventfd uint16       `json:"eventfd,omitempty"` // file number plus one; 0 none
	Offset  int64        `json:"offset,omitempty"`  // POLL: event mask
	Bytes   uint32       `json:"bytes,omitempty"`
	// Segments is how many iovecs a PREADV or PWRITEV splits Bytes into.
	Segments uint8 `json:"segments,omitempty"`
	// Skew is added to the buffer's address, which is otherwise page aligned.
	Skew uint16 `json:"skew,omitempty"`
	// Plain marks a transfer made by a Read or Write step, or an operation on
	// a name made by a Named step, instead of io_submit.
	Plain bool `json:"plain,omitempty"`
	// Reuse is the position plus one of an earlier request into whose iocb this
	// one is written, just before its own io_submit: both have one address. From
	// then on a program cancels only this one; 0 for an iocb of its own.
	Reuse RequestID `json:"reuse,omitempty"`
	// Of OPENAT, UNLINKAT and RENAMEAT: positions in Program.Names, the flags
	// of openat(2) or renameat2(2), and the mode of a file that is made. File
	// is the name's directory; a RENAMEAT goes from Name to NewName. Of a
	// transfer, an fsync and a READAHEAD whose File is a Directory: Name is a
	// Regular file, and they are on what it was bound to when the round began,
	// through a descriptor that was opened then, by the target itself.
	Name    uint16 `json:"name,omitempty"`
	NewName uint16 `json:"new_name,omitempty"`
	Flags   uint32 `json:"flags,omitempty"`
	Mode    uint16 `json:"mode,omitempty"`
	Via     Via    `json:"via,omitempty"`
}

// Do is what a step does.
type Do uint8

// The steps.
const (
	DoSubmit      Do = iota + 1 // io_submit of Count requests from Request on
	DoCancel                    // io_cancel of Request
	DoGetEvents                 // io_getevents(Min, Max, Timeout)
	DoPGetEvents                // io_pgetevents(Min, Max, Timeout)
	DoReapRing                  // take up to Max events from the mapped ring
	DoDestroy                   // io_destroy
	DoReadEventfd               // read File (nonblocking)
	DoRead                      // read(2) into the plain request Request
	DoWrite                     // write(2) from the plain request Request
	DoCloseRead                 // close the reading end of File
	DoCloseWrite                // close the writing end of File
	DoExit                      // exit_group(2): only in a program that ends by EndExit
	DoAwait                     // nothing but the wait that every step can have
	DoNamed                     // openat(2), unlinkat(2) or renameat2(2): the plain request Request
	DoStat                      // statx(2) of Name: which file it is bound to
	// DoReuse overwrites what the iocb of Request says and points to, but for
	// aio_data and the buffers, with what names Name in its place: a program
	// may do so once io_submit has returned.
	DoReuse
	DoChdir  // chdir(2) to the directory File
	DoFreeze // ioctl(FIFREEZE) of the storage's file system
	DoThaw   // ioctl(FITHAW)
)

// Step is one call of a thread.
type Step struct {
	Do      Do        `json:"do"`
	Context uint16    `json:"context,omitempty"`
	File    uint16    `json:"file,omitempty"`
	Request RequestID `json:"request,omitempty"` // position in Program.Requests
	Name    uint16    `json:"name,omitempty"`    // position in Program.Names
	Count   uint32    `json:"count,omitempty"`
	Min     int32     `json:"min,omitempty"`
	Max     int32     `json:"max,omitempty"`
	// Timeout of a reaping call: negative for none (wait for ever).
	Timeout time.Duration `json:"timeout,omitempty"`
	// The step waits until Thread has begun (not ended) its step After-1;
	// After 0 does not wait. Programs wait only for steps that come earlier in
	// one order over all threads, so that they cannot wait in a circle.
	Thread uint16 `json:"thread,omitempty"`
	After  uint32 `json:"after,omitempty"`
	// Spin is how many turns of an empty loop to make before the call.
	Spin uint32 `json:"spin,omitempty"`
}
