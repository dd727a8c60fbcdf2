package explore

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// WalkOptions say how to walk. Without a limit, walks are taken until the
// context is cancelled.
type WalkOptions struct {
	Seed     uint64        // the same seed gives the same walks
	Walks    int64         // how many; 0 means no limit
	MaxSteps int           // length at which a walk is given up; 0 means 10,000
	MaxTime  time.Duration // 0 means no limit

	StopAtViolation bool // end with the walk that found one
	Progress        func(Progress)
	ProgressEvery   time.Duration
}

const (
	defaultMaxSteps = 10_000
	walkSetBytes    = 16 << 20 // counts some hundred million states well
)

// Walk takes random behaviours, one after another: in each state every
// successor is equally likely.
func Walk(ctx context.Context, m Model, o WalkOptions) (*Partial, error) {
	if err := check(m); err != nil {
		return nil, err
	}
	if o.MaxSteps <= 0 {
		o.MaxSteps = defaultMaxSteps
	}
	if o.Walks <= 0 {
		o.Walks = math.MaxInt64
	}
	ctx, release := limited(ctx, o.MaxTime)
	defer release()
	w := &walker{sampler: newSampler(m, RandomWalk, newBitset(walkSetBytes, 1)), o: o}
	for w.p.Walks < o.Walks {
		if stop, yes := stopped(ctx); yes {
			return w.finish(stop), nil
		}
		w.walk()
		w.progress(o.Progress, o.ProgressEvery, 0, len(w.path))
		if o.StopAtViolation && len(w.bad) > 0 {
			return w.finish(StopViolation), nil
		}
	}
	return w.finish(StopComplete), nil
}

// walker takes walks, and counts the states that were new since the number of
// walks was last a power of two, and in the half before that.
type walker struct {
	*sampler
	o           WalkOptions
	now, before struct{ steps, fresh int64 }
}

func (w *walker) walk() {
	if w.p.Walks&(w.p.Walks-1) == 0 {
		w.before, w.now.steps, w.now.fresh = w.now, 0, 0
	}
	rng := rand.New(rand.NewPCG(w.o.Seed, uint64(w.p.Walks)))
	s := w.m.Initial()
	w.path = w.path[:0]
	for {
		w.now.steps++
		if w.bits.add(hash(&s, w.m.Words())) {
			w.now.fresh++
		}
		w.visit(&s)
		if w.out = w.m.Successors(&s, w.out[:0]); len(w.out) == 0 {
			w.end(&s)
			break
		}
		w.rest(&s, w.out)
		if len(w.path) == w.o.MaxSteps {
			w.p.Cut++
			break
		}
		next := &w.out[rng.IntN(len(w.out))]
		w.take(next.Step)
		s = next.State
	}
	w.p.Walks++
}

func (w *walker) finish(stop Stop) *Partial {
	p := w.sampler.finish(stop)
	p.Missed = float64(w.now.fresh+w.before.fresh) / float64(max(w.now.steps+w.before.steps, 1))
	return p
}
