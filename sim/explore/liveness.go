package explore

import (
	"context"
	"math/bits"
)

// A promise is broken without a deadlock by a fair cycle: one that can be gone
// round for ever, in all of whose states the promise is pending, and which no
// weakly fair actor would leave, as each that can take a fair step either does
// so within the cycle or is without one at some point of it. All fair cycles
// are found by looking at the strongly connected components of the part of the
// graph in which the promise is pending: a component has a fair cycle if and
// only if a walk through all of it is one.
//
// Under symmetry the stored graph is the one of canonical states, in which an
// actor changes its name from state to state. Every cycle has its image there,
// so components without a cycle need no second look; the others are unfolded
// into real states, component by component. Starting from one real state for
// each canonical one is enough, as whatever else there is, is the same under
// other names.

// cycle is a fair cycle in which a promise stays pending.
type cycle struct {
	start State
	at    uint64 // key of the start's canonical state
	steps []Step
	size  int64 // states in its component
}

// liveness looks for the first fair cycle of each promise. It gives back nil,
// false when ctx ended before.
func (x *search) liveness(ctx context.Context) (map[int]cycle, bool) {
	cycles := map[int]cycle{}
	if !x.store.loops() {
		return cycles, true
	}
	l := x.newLasso(cycles)
	seen, cancelled := 0, false
	keep := func(v uint32) bool {
		// Once cancelled, letting no vertex in ends the search quickly.
		if seen++; seen%checkEvery == 0 {
			cancelled = cancelled || ctx.Err() != nil
			x.progress()
		}
		return !cancelled && l.keep(v)
	}
	components(int(x.states), keep, l.successors, func(component []uint32) {
		if ctx.Err() == nil {
			l.judge(component)
		}
	})
	if ctx.Err() != nil {
		return nil, false
	}
	return cycles, true
}

// lasso numbers the stored states densely and walks them.
type lasso struct {
	*search
	first  [shardCount + 1]uint32 // number of each shard's first state
	out    []Successor
	cycles map[int]cycle
}

func (x *search) newLasso(cycles map[int]cycle) *lasso {
	l := &lasso{search: x, cycles: cycles}
	for i := range x.store.shards {
		l.first[i+1] = l.first[i] + uint32(x.store.shards[i].count)
	}
	return l
}

func (l *lasso) number(r ref) uint32 { return l.first[r.shard()] + uint32(r.local()) }

func (l *lasso) ref(v uint32) ref {
	low, high := 0, shardCount
	for high-low > 1 {
		if mid := (low + high) / 2; l.first[mid] <= v {
			low = mid
		} else {
			high = mid
		}
	}
	return makeRef(low, int(v-l.first[low]))
}

func (l *lasso) state(v uint32) State { return l.store.state(l.ref(v)) }

func (l *lasso) keep(v uint32) bool {
	s := l.state(v)
	return l.model.Stuck(&s) != 0
}

func (l *lasso) successors(v uint32, out []uint32) []uint32 {
	l.inCycles++
	s := l.state(v)
	l.out = l.model.Successors(&s, l.out[:0])
	for i := range l.out {
		t := l.canonical(&l.out[i].State)
		if r, found := l.store.find(&t); found {
			out = append(out, l.number(r))
		}
	}
	return out
}

// judge looks for fair cycles in one component of the stored graph.
func (l *lasso) judge(component []uint32) {
	inside := make(map[State]bool, len(component))
	promises := uint64(0)
	for _, v := range component {
		s := l.state(v)
		inside[s] = true
		promises |= l.model.Stuck(&s)
	}
	for ; promises != 0; promises &= promises - 1 {
		promise := bits.TrailingZeros64(promises)
		u := &unfolding{lasso: l, promise: promise, inside: inside, numbers: map[State]uint32{}, covered: map[State]bool{}}
		for _, v := range component {
			u.from(l.state(v))
		}
		all := func(uint32) bool { return true }
		next := func(v uint32, out []uint32) []uint32 {
			for _, e := range u.edges[v] {
				out = append(out, e.to)
			}
			return out
		}
		components(len(u.states), all, next, u.judge)
	}
}

// keyOf finds where a real state's canonical one was stored.
func (l *lasso) keyOf(s *State) uint64 {
	c := l.canonical(s)
	r, found := l.store.find(&c)
	if !found {
		panic("explore: broken invariant: a state of a component is not stored")
	}
	return key(l.store.level(r), r)
}
