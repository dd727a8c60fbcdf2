package explore

import (
	"context"
	"math"
	"time"
)

// BitstateOptions say how to search with a few bits for each state.
type BitstateOptions struct {
	Bytes    int64         // of the bits, rounded down to a power of two; 0 means 256 MiB
	MaxDepth int           // length at which a path is given up; 0 means 1,000,000
	MaxTime  time.Duration // 0 means no limit
	Symmetry bool          // takes states that are alike by Model.Canonical for one

	StopAtViolation bool // end with the state that shows one
	Progress        func(Progress)
	ProgressEvery   time.Duration
}

const (
	defaultBits     = 256 << 20
	defaultMaxDepth = 1_000_000
	bitsPerState    = 3 // as Spin's default
	checkEvery      = 4096
)

// SearchBits searches depth-first and remembers of each state only a few bits,
// so that it takes some new states for known ones, with all that follows them.
// Every path that it gives is real, but hardly ever a shortest one.
func SearchBits(ctx context.Context, m Model, o BitstateOptions) (*Partial, error) {
	if err := check(m); err != nil {
		return nil, err
	}
	if o.Bytes <= 0 {
		o.Bytes = defaultBits
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = defaultMaxDepth
	}
	ctx, release := limited(ctx, o.MaxTime)
	defer release()
	b := &bitSearch{sampler: newSampler(m, Bitstate, newBitset(o.Bytes, bitsPerState)), o: o}
	p := b.finish(b.run(ctx))
	p.Missed = math.Pow(p.Fill, bitsPerState)
	return p, nil
}

// bitSearch keeps the successors of all states on its path one behind the
// other; level i of the path still has those from next[i] to last[i]-1 to look at.
type bitSearch struct {
	*sampler
	o          BitstateOptions
	next, last []int
}

func (b *bitSearch) run(ctx context.Context) Stop {
	s := b.m.Initial()
	b.enter(&s)
	for count := 1; len(b.next) > 0; count++ {
		if count%checkEvery == 0 {
			if stop, yes := stopped(ctx); yes {
				return stop
			}
			b.progress(b.o.Progress, b.o.ProgressEvery, len(b.next), len(b.path))
		}
		if b.o.StopAtViolation && len(b.bad) > 0 {
			return StopViolation
		}
		top := len(b.next) - 1
		if b.next[top] == b.last[top] {
			b.leave()
			continue
		}
		t := b.out[b.next[top]]
		b.next[top]++
		b.take(t.Step)
		if !b.enter(&t.State) {
			b.path = b.path[:len(b.path)-1]
		}
	}
	return StopComplete
}

// enter goes into a state, unless it seems known or is too deep.
func (b *bitSearch) enter(s *State) bool {
	key := *s
	if b.o.Symmetry {
		key = b.m.Canonical(s)
	}
	if !b.bits.add(hash(&key, b.m.Words())) {
		return false
	}
	b.visit(s)
	first := len(b.out)
	if b.out = b.m.Successors(s, b.out); len(b.out) == first {
		b.end(s)
	} else {
		b.rest(s, b.out[first:])
		if len(b.path) >= b.o.MaxDepth {
			b.p.Cut++
			b.out = b.out[:first]
		}
	}
	b.next, b.last = append(b.next, first), append(b.last, len(b.out))
	return true
}

func (b *bitSearch) leave() {
	top := len(b.next) - 1
	b.next, b.last = b.next[:top], b.last[:top]
	if top > 0 {
		b.out = b.out[:b.last[top-1]]
		b.path = b.path[:len(b.path)-1]
	}
}
