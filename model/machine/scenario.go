package machine

import (
	"aiocheck/model"
	"aiocheck/model/design"
)

// Scenario is a bounded program with its surroundings: what a machine is made
// for. Indices are those of the slices.
type Scenario struct {
	Name     string
	Threads  []Thread
	Requests []Request
	Files    []File
	Contexts []Context
	CPUs     int // 0 means 1
	Workers  int // of each CPU's bounded pool (M, 256 in Linux); 0 means 1
	// Anonymous says that requests with equal declarations need not be told
	// apart in outcomes, and are interchangeable under symmetry.
	Anonymous bool
	// Prologue says that the first thread makes its first call, alone, before
	// anything else happens.
	Prologue bool
}

// Thread is a caller: its calls are made one after the other, on one CPU.
type Thread struct {
	Name  string
	CPU   uint8
	Calls []Call
	// Forever is set when the thread makes its only call, a Cancel of any
	// request, again and again for as long as a request is in flight.
	Forever bool
}

// CallKind is a call of a thread.
type CallKind uint8

// The calls.
const (
	Submit        CallKind = iota // io_submit of Requests on Context
	Cancel                        // io_cancel of Requests[0], or of any of Requests
	GetEvents                     // io_getevents on Context, Min, Nr, Timeout
	ReapRing                      // take one event from the mapped ring, if there is one
	Destroy                       // io_destroy of Context
	Close                         // close File: its descriptor, or the other end of a stream
	Exit                          // the process exits
	ChangeIocb                    // the memory of the iocb of Requests[0] is written over
	ChangeContext                 // the process changes its directory and credentials
	Write                         // put Units into the stream File, waiting for room
	Read                          // take up to Units from the stream File, waiting for data
)

var callNames = [...]string{"io_submit", "io_cancel", "io_getevents", "reap", "io_destroy", "close", "exit", "change-iocb", "change-context", "write", "read"}

// String is the call's name.
func (k CallKind) String() string { return callNames[k] }

// Call is one call of a thread with its arguments.
type Call struct {
	Kind     CallKind
	Context  uint8
	Requests []uint8
	Min, Nr  uint8 // of GetEvents; Nr at most 6
	// Timeout is set when a GetEvents may end without Min events.
	Timeout bool
	// Elsewhere is set when a Cancel names a context that is alive, and that
	// its requests were not submitted to.
	Elsewhere bool
	File      uint8
	Units     uint8
}

// Request is the declaration of a request. Each is submitted by at most one
// call; two requests with one Address reuse the same iocb.
type Request struct {
	Opcode  model.Opcode
	File    uint8
	Units   uint8 // size of a transfer, 1 to 3, so that partial effects are seen
	Offset  uint8 // on a file with offsets, in units
	Address uint8 // of the iocb: 0 means an own one, equal numbers mean the same
	Eventfd bool  // its completion signals an eventfd
	Refused bool  // io_submit refuses it after it has taken a slot
	NoFile  bool  // its aio_fildes is no descriptor (AT_FDCWD, or one that is not used)
}

// File is a file that is open when the program begins.
type File struct {
	Kind     design.FileKind
	Capacity uint8 // of a stream, in units; 0 means 3
	Content  uint8 // units that a stream holds at the beginning
	Atomic   uint8 // a pipe's writes of up to so many units are not split; 0 means 1
	NoWriter bool  // a stream that nobody can write to: reads of it give 0 when it is empty
}

// Context is an AIO context that exists when the program begins.
type Context struct {
	Slots uint8 // of its ring; 0 means enough for every request
}

// CancelScenario is the machine of early and late cancel: all requests, writes
// of one unit to a buffered file, have been submitted by one thread; each
// canceller cancels any of them at any time, again and again until all have
// ended.
func CancelScenario(requests, workers, cancellers int) *Scenario {
	s := &Scenario{
		Name: "cancel", Workers: workers, Anonymous: true, Prologue: true,
		Files: []File{{Kind: design.Regular}}, Contexts: []Context{{}},
	}
	batch := make([]uint8, requests)
	for i := range batch {
		batch[i] = uint8(i)
		s.Requests = append(s.Requests, Request{Opcode: model.PWrite, Units: 1})
	}
	s.Threads = append(s.Threads, Thread{Name: "submitter", Calls: []Call{{Kind: Submit, Requests: batch}}})
	for range cancellers {
		s.Threads = append(s.Threads, Thread{Name: "canceller", Forever: true, Calls: []Call{{Kind: Cancel, Requests: batch}}})
	}
	return s
}
