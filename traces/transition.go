package traces

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// KernelThread is the thread number of what a patched kernel says of itself: its
// frames hold transitions, and no part of a history.
const KernelThread = math.MaxUint16 - 1

// Point is a transition of a context with threads, of its requests, its
// threads and its callers: enum aio_point of the patched kernel, which says
// what each means and when its number is taken (include/uapi/linux/aio_thread.h).
type Point uint8

// The points. AtEnd is none of the kernel's: it says that the numbers end.
const (
	AtEnd Point = iota
	AtSetup
	AtSubmit
	AtCancel
	AtGetEvents
	AtDestroy
	AtNoContext
	AtLeave
	AtSlot
	AtNoSlot
	AtCopied
	AtPinned
	AtArmed
	AtRefused
	AtSlotsBack
	AtStarted
	AtBegin
	AtReturn
	AtUnlinked
	AtFlushed
	AtPosted
	AtEventfd
	AtWake
	AtFreed
	AtIdle
	AtNotFound
	AtFoundQueued
	AtFoundRunning
	AtSignal
	AtEndEarly
	AtReaped
	AtDead
	AtDeadAlready
	AtWakeAll
	AtUsersKilled
	AtKill
	AtKilled
	AtDrained
	AtWaited
	AtExit
	AtExited
	AtThreadNew
	AtThreadEnd
	NumPoints
)

var pointNames = [NumPoints]string{
	AtEnd: "end", AtSetup: "setup", AtSubmit: "submit", AtCancel: "cancel", AtGetEvents: "getevents", AtDestroy: "destroy",
	AtNoContext: "no_context", AtLeave: "leave", AtSlot: "slot", AtNoSlot: "no_slot", AtCopied: "copied", AtPinned: "pinned",
	AtArmed: "armed", AtRefused: "refused", AtSlotsBack: "slots_back", AtStarted: "started", AtBegin: "begin", AtReturn: "return",
	AtUnlinked: "unlinked", AtFlushed: "flushed", AtPosted: "posted", AtEventfd: "eventfd", AtWake: "wake", AtFreed: "freed",
	AtIdle: "idle", AtNotFound: "not_found", AtFoundQueued: "found_queued", AtFoundRunning: "found_running", AtSignal: "signal",
	AtEndEarly: "end_early", AtReaped: "reaped", AtDead: "dead", AtDeadAlready: "dead_already", AtWakeAll: "wake_all",
	AtUsersKilled: "users_killed", AtKill: "kill", AtKilled: "killed", AtDrained: "drained", AtWaited: "waited", AtExit: "exit",
	AtExited: "exited", AtThreadNew: "thread_new", AtThreadEnd: "thread_end",
}

// String is the kernel's name of the point, in lower case and without AIO_.
func (p Point) String() string {
	if p >= NumPoints {
		return "point?"
	}
	return pointNames[p]
}

// Signals that a transition has seen pending on a thread.
const (
	SeenKill = 1 << iota // a cancel
	SeenPipe             // SIGPIPE
	SeenXFSZ             // SIGXFSZ
)

// Transition is one step inside the kernel. Numbers are dense within a boot:
// they order all transitions of all processors, and one that is missing was
// lost. Context and Request are serial numbers of the kernel's, 0 for none;
// Task and often Other are thread IDs. Of AtEnd, Number is the first that is
// not in the trace, and Value how many before it the kernel had no room for.
type Transition struct {
	Number  uint64
	Time    Time
	Point   Point
	CPU     uint16
	Seen    uint16
	Context uint32
	Request uint32
	Task    uint32
	Other   uint32
	Value   int64
}

// Record is the transition as a record of the thread KernelThread.
func (t *Transition) Record() Record {
	return Record{Kind: KindTransition, Code: uint8(t.Point), Thread: KernelThread, Context: t.Context, Request: t.Request,
		File: t.CPU, Eventfd: t.Seen, A: t.Number, B: uint64(t.Time), C: uint64(t.Task) | uint64(t.Other)<<32, D: uint64(t.Value)}
}

// Transition is the inverse of Transition.Record.
func (r *Record) Transition() Transition {
	return Transition{Number: r.A, Time: Time(r.B), Point: Point(r.Code), CPU: r.File, Seen: r.Eventfd, Context: r.Context,
		Request: r.Request, Task: uint32(r.C), Other: uint32(r.C >> 32), Value: int64(r.D)}
}

// String is the transition on one line: "1234 posted: context 1, request 7, …".
func (t *Transition) String() string {
	s := fmt.Sprintf("%d %v:", t.Number, t.Point)
	for _, f := range []struct {
		name  string
		value int64
	}{{"context", int64(t.Context)}, {"request", int64(t.Request)}, {"task", int64(t.Task)}, {"other", int64(t.Other)},
		{"seen", int64(t.Seen)}, {"value", t.Value}, {"processor", int64(t.CPU)}} {
		if f.value != 0 {
			s += fmt.Sprintf(" %s %d,", f.name, f.value)
		}
	}
	return s[:len(s)-1]
}

// EachTransition calls f for the transitions of a trace, in their order, as
// they are read: none is kept. A trace that is cut gives those before the
// place where it is. It ends early with f's error.
func EachTransition(path string, f func(*Transition) error) error {
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		frame, err := r.Next()
		var damage *FormatError
		switch {
		case err == io.EOF || errors.As(err, &damage):
			return nil
		case err != nil:
			return err
		case frame.Thread != KernelThread:
			continue
		}
		for i := range frame.Records {
			t := frame.Records[i].Transition()
			if err := f(&t); err != nil {
				return err
			}
		}
	}
}
