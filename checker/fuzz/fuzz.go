// Package fuzz looks for executions that violate a property and that no test
// names: it generates small programs, runs them on a target, judges what they
// show, and shrinks, classifies and keeps what it finds. Targets are given to
// it; it makes no system calls of its own but for the files that it keeps.
package fuzz

import (
	"context"

	"aiocheck/traces"
)

// Target runs programs. It is used by one goroutine at a time.
type Target interface {
	// Open prepares a run. The seed is for what the target itself chooses.
	Open(ctx context.Context, seed uint64) (Session, error)
	// Batch is how many programs one run takes best.
	Batch() int
	// Patience is how many times a program is run before it counts as one that
	// does not violate a property: more where a run costs little.
	Patience() int
	Close() error
}

// Session is a run that is prepared.
type Session interface {
	// Header is that of the run's trace: it says what the target is able to do.
	Header() traces.Header
	// Do runs programs as rounds, one after the other, and ends the run. An
	// error is one that the target does not recover from: what goes wrong with
	// a program is told by what was recorded.
	Do(ctx context.Context, programs []*traces.Program) (*Recorded, error)
}

// Recorded is what a run has shown.
type Recorded struct {
	Header traces.Header
	Logs   []traces.Log
	// Hung says where nothing happened any more, or that the target was lost;
	// the records end there.
	Hung string
	// Leaked says what the last round has left behind; the records end there.
	Leaked  string
	Console string   // what the kernel of a guest has printed meanwhile
	Reports []Report // what it said is wrong with itself
	// Ran is how many of the programs were begun.
	Ran int
}

// Report is a report of a kernel about itself: an oops, a warning, a finding of
// a sanitizer.
type Report struct {
	Kind    string `json:"kind"`
	Summary string `json:"summary"`
	Text    string `json:"text"`
}

// place is where the program of a number is to run in a run of its own window
// of the storage.
func place(h *traces.Header, round int, first traces.RequestID) Place {
	window := WindowBytes(h.Device.Align)
	at := int64(0)
	if n := h.Device.Bytes / window; n > 0 {
		at = int64(round) % n * window
	}
	return Place{Round: uint64(round), First: first, Able: h.Abilities, Align: h.Device.Align, Window: at, Bytes: h.Device.Bytes, CPUs: h.Kernel.CPUs}
}

// Programs compiles drafts as the rounds of one run.
func Programs(h *traces.Header, drafts []*Draft) []*traces.Program {
	programs := make([]*traces.Program, len(drafts))
	first := traces.RequestID(1)
	for i, d := range drafts {
		programs[i] = d.Compile(place(h, i, first))
		first += traces.RequestID(len(programs[i].Requests))
	}
	return programs
}
