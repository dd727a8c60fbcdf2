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
	Requests []RequestDecl `json:"requests"`
	Threads  [][]Step      `json:"threads"`
	End      End           `json:"end"`
}

// ContextDecl declares a context, set up before the threads start.
type ContextDecl struct {
	Slots uint32 `json:"slots"` // nr_events of io_setup
}

// FileDecl declares a file of the round.
type FileDecl struct {
	Kind     FileKind `json:"kind"`
	Nonblock bool     `json:"nonblock,omitempty"`
	// Bytes is the size of the storage; 0 for other kinds.
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
	// Plain marks a transfer made by a Read or Write step instead of io_submit.
	Plain bool `json:"plain,omitempty"`
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
)

// Step is one call of a thread.
type Step struct {
	Do      Do        `json:"do"`
	Context uint16    `json:"context,omitempty"`
	File    uint16    `json:"file,omitempty"`
	Request RequestID `json:"request,omitempty"` // position in Program.Requests
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
