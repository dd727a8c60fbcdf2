package litmus

import (
	"aiocheck/model"
	"aiocheck/model/design"
)

// Unit is how many bytes a model takes for one unit of a transfer: a page,
// which is also PIPE_BUF, so that a pipe's write of one unit is never split.
const Unit = 4096

// EventfdUnit is the size of every read from and write to an eventfd.
const EventfdUnit = 8

// Test is one litmus test. Names of files, contexts, requests and threads are
// distinct.
type Test struct {
	Name    string
	About   []string // what it shows, in prose
	Source  string   // where that is said
	Designs []string // those that conditions without designs speak of; none means DefaultGroup

	CPUs    int // 0 means 1
	Workers int // of each CPU's bounded pool; 0 means 1

	Files      []File
	Contexts   []Context // none means one, with room for every request
	Requests   []Request
	Threads    []Thread
	Conditions []Condition
	Comments   []Comment // by place
}

// File is a file that is open when the program begins.
type File struct {
	Kind     design.FileKind
	Name     string
	Bytes    int64 // capacity of a stream; 0 means the kernel's default
	Holds    int64 // bytes in a stream at the beginning; count of an eventfd
	NoWriter bool  // the writing end of the stream is closed
}

// Context is an AIO context.
type Context struct {
	Name  string
	Slots int // how many of its ring's slots are free
}

// Request is an iocb that is ready before the threads start.
type Request struct {
	Name    string
	Op      model.Opcode
	File    string
	Bytes   int64 // of transfers and READAHEAD
	Offset  int64
	Iocb    string // requests with the same word here use one iocb's memory; "" is memory of its own
	NoFile  bool   // aio_fildes is no descriptor: AT_FDCWD, or one that is not open
	Eventfd bool   // its end signals the context's eventfd (IOCB_FLAG_RESFD)
}

// NoOp is IOCB_CMD_NOOP, which no kernel implements: io_submit refuses it
// after it has taken a slot.
const NoOp model.Opcode = 6

// Thread makes its calls one after the other, on one CPU.
type Thread struct {
	Name  string
	CPU   int
	Calls []Call
}

// Do is what a call does.
type Do uint8

// The calls.
const (
	Submit    Do = iota // io_submit of Requests
	Cancel              // io_cancel of one of Requests
	GetEvents           // io_getevents(Min, Nr), with a timeout that may pass if Timeout
	Reap                // take one event from the mapped ring, if there is one
	Destroy             // io_destroy
	Close               // close File; of a stream, the end that this test's requests do not use
	Exit                // exit_group(2)
	Rewrite             // write over the iocb of Requests[0]
	Chdir               // change directory, root and credentials
	Write               // write(2) of Bytes to a stream
	Read                // read(2) of up to Bytes from a stream
	numCalls
)

var callNames = [numCalls]string{"submit", "cancel", "getevents", "reap", "destroy", "close", "exit", "rewrite", "chdir", "write", "read"}

// String is the call as it is written in a test.
func (d Do) String() string { return callNames[d] }

// onContext reports whether the call names a context.
func (d Do) onContext() bool {
	return d == Submit || d == Cancel || d == GetEvents || d == Reap || d == Destroy
}

// Call is one call of a thread with its arguments.
type Call struct {
	Do       Do
	Context  string // "" is the first, and of Cancel that which the request is submitted to
	Requests []string
	Min, Nr  int
	Timeout  bool
	File     string
	Bytes    int64
}

// Condition says of the outcomes of some designs that one exists, that none
// is, or that all are as an expression says.
type Condition struct {
	Designs    []string // empty: those of the test
	Quantifier Quantifier
	Expr       Expr
}

// Quantifier is which outcomes a condition speaks of.
type Quantifier uint8

// The quantifiers.
const (
	Exists Quantifier = iota
	Forbidden
	Always
)

var quantifierNames = [...]string{"exists", "forbidden", "always"}

// String is the quantifier as it is written in a test.
func (q Quantifier) String() string { return quantifierNames[q] }

// Comment is the text of a line that begins with #, and where it stands.
type Comment struct {
	Before Place
	Text   string
}

// Place is a statement: a part of the test and its index among those alike.
type Place struct {
	Part  Part
	Index int
}

// Part is a kind of statement, in the order of a formatted test.
type Part uint8

// The parts.
const (
	PartName Part = iota
	PartAbout
	PartSource
	PartDesigns
	PartCPUs
	PartWorkers
	PartFile
	PartContext
	PartRequest
	PartThreads
	PartCondition
	PartEnd // after everything
)
