package explore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var errTimeLimit = errors.New("limit of time reached")

// Run searches breadth-first from the initial state until everything is found
// or a limit is reached; cancelling ctx ends it at once, with what it has.
//
// A partial order keeps violations, deadlocks and outcomes, but not cycles: for
// liveness a second search without it follows, under the same limits.
func Run(ctx context.Context, m Model, opts Options) (*Result, error) {
	if err := check(m); err != nil {
		return nil, err
	}
	ctx, release := limited(ctx, opts.MaxTime)
	defer release()
	first := opts
	first.Liveness = opts.Liveness && !opts.PartialOrder
	r, err := searchOnce(ctx, m, first)
	if err != nil || first.Liveness == opts.Liveness {
		return r, err
	}
	r.Liveness = LivenessUndecided
	if !r.Complete() {
		return r, nil
	}
	opts.PartialOrder = false
	full, err := searchOnce(ctx, m, opts)
	if err != nil {
		return nil, err
	}
	r.addLiveness(full)
	return r, nil
}

// check refuses models that cannot be stored.
func check(m Model) error {
	if w := m.Words(); w < 1 || w > StateWords {
		return fmt.Errorf("explore: a state of %d words, not 1 to %d", w, StateWords)
	}
	if n := len(m.Properties()); n > deadlockBit {
		return fmt.Errorf("explore: %d properties, more than %d", n, deadlockBit)
	}
	return nil
}

// limited puts a limit of time on ctx.
func limited(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	if most <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, most, errTimeLimit)
}

func searchOnce(ctx context.Context, m Model, opts Options) (*Result, error) {
	x := newSearch(m, opts)
	stop := x.run(ctx)
	r, err := x.result(stop)
	if err != nil || !opts.Liveness {
		return r, err
	}
	r.Liveness = LivenessUndecided
	if stop == StopComplete {
		return r, x.checkLiveness(ctx, r)
	}
	return r, nil
}

// stopped says whether ctx has ended the search, and why.
func stopped(ctx context.Context) (Stop, bool) {
	switch {
	case ctx.Err() == nil:
		return StopComplete, false
	case errors.Is(context.Cause(ctx), errTimeLimit):
		return StopTime, true
	}
	return StopCancelled, true
}
