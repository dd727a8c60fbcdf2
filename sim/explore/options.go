package explore

import "time"

// Options say how to search. The zero value searches everything, unreduced,
// without a limit, on all processors.
type Options struct {
	// Workers is the number of goroutines; 0 means one for each processor
	// that the runtime may use. It changes nothing in the result but its cost.
	Workers int
	// Symmetry stores one state for all that are alike by Model.Canonical.
	Symmetry bool
	// PartialOrder expands only the successors that Model.Ample selects.
	PartialOrder bool
	// Liveness also looks for fair cycles in which a promise stays pending. If
	// the graph has cycles it takes 8 bytes more for each state, and some for
	// each state on the path that it follows, which MaxBytes does not bound.
	Liveness bool
	// StopAtViolation ends the search with the round that found one.
	StopAtViolation bool

	// MaxStates, MaxBytes and MaxTime end the search; 0 means no limit.
	// MaxBytes is about what the search stores, not the whole process.
	MaxStates int64
	MaxBytes  int64
	MaxTime   time.Duration

	// Progress, if not nil, is called by the goroutine that called Run, at
	// most once per ProgressEvery.
	Progress      func(Progress)
	ProgressEvery time.Duration
}

// Progress is how far a search has come.
type Progress struct {
	States      int64         // states found
	Frontier    int64         // states found but not yet expanded
	Transitions int64         // steps taken
	Depth       int           // level being expanded
	InCycles    int64         // states that fair cycles were sought from, after the search; 0 during it
	Elapsed     time.Duration // since the beginning
	Rate        float64       // states found per second, since the beginning
}
