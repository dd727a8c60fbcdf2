package explore

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A round is at most roundBlocks blocks of at most blockStates states. Blocks
// are long so that each shard finds long runs of states in their outboxes,
// which the processor reads ahead; rounds are short enough for limits to be
// kept closely and for outboxes that take little memory.
const (
	roundBlocks = 32
	blockStates = 2048
)

// search is one run. Its fields are changed between the phases of a round only.
type search struct {
	model Model
	opts  Options
	store *store

	workers []*worker
	blocks  []block
	level   int   // distance of the states being expanded
	next    place // the first state of the level that is not yet expanded

	expanded int64
	states   int64
	tally    tally // of all rounds that were finished
	inCycles int64 // states that fair cycles were sought from
	reported time.Time
	began    time.Time
}

// place is a position in a level: states are taken shard by shard, and within
// a shard by number.
type place struct{ shard, local int }

// block is a run of states of one level, and where their successors go.
type block struct {
	from  place
	count int
	boxes [shardCount][]uint64
}

func newSearch(m Model, opts Options) *search {
	if opts.Workers <= 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	x := &search{model: m, opts: opts, store: newStore(m.Words()), began: time.Now()}
	for range opts.Workers {
		x.workers = append(x.workers, &worker{search: x})
	}
	return x
}

// run searches and says why it ended.
func (x *search) run(ctx context.Context) Stop {
	x.addInitial()
	for x.level = 0; x.store.nextLevel() > 0; x.level++ {
		x.next = place{0, x.store.shards[0].begin}
		for x.plan() {
			if stop := x.round(ctx); stop != StopComplete {
				return stop
			}
			x.progress()
		}
	}
	x.level--
	return StopComplete
}

func (x *search) addInitial() {
	s := x.model.Initial()
	h := hash(&s, x.store.words)
	sh := &x.store.shards[shardOf(h)]
	entry := append(append([]uint64{}, s[:x.store.words]...), meta(noRef, h))
	sh.absorb(entry, x.store.words, 1)
	x.states = 1
	x.tally.reset()
	x.tally.inState.add(x.model.Violated(&s), key(0, makeRef(shardOf(h), 0)))
}

// plan cuts the next round's blocks off the level; none are left at its end.
func (x *search) plan() bool {
	x.blocks = x.blocks[:0]
	for len(x.blocks) < roundBlocks && x.next.shard < shardCount {
		if len(x.blocks) < cap(x.blocks) {
			x.blocks = x.blocks[:len(x.blocks)+1] // with the outboxes of a former round
		} else {
			x.blocks = append(x.blocks, block{})
		}
		b := &x.blocks[len(x.blocks)-1]
		b.from, b.count = x.next, 0
		for b.count < blockStates && x.next.shard < shardCount {
			n := min(blockStates-b.count, x.store.shards[x.next.shard].end-x.next.local)
			b.count += n
			x.next.local += n
			if x.next.local == x.store.shards[x.next.shard].end {
				x.next.shard++
				if x.next.shard < shardCount {
					x.next.local = x.store.shards[x.next.shard].begin
				}
			}
		}
		if b.count == 0 {
			x.blocks = x.blocks[:len(x.blocks)-1]
		}
	}
	return len(x.blocks) > 0
}

// round expands the planned blocks and absorbs what they led to. A round that
// could not be finished counts for nothing, but for the states that it found.
func (x *search) round(ctx context.Context) Stop {
	for _, w := range x.workers {
		w.tally.reset()
	}
	var interrupted atomic.Bool
	x.parallel(len(x.blocks), len(x.blocks) > 1, func(w *worker, i int) {
		if interrupted.Load() {
			return
		}
		if ctx.Err() != nil {
			interrupted.Store(true)
			return
		}
		w.expand(&x.blocks[i])
	})
	if interrupted.Load() {
		stop, _ := stopped(ctx)
		return stop
	}
	arriving, stop := x.afford()
	if stop != StopComplete {
		return stop
	}
	stop = x.absorb(arriving)
	x.states = 0
	for i := range x.store.shards {
		x.states += int64(x.store.shards[i].count)
	}
	for _, w := range x.workers {
		if stop != StopComplete {
			w.tally.forgetExpansion()
		}
		x.tally.merge(&w.tally)
	}
	if stop != StopComplete {
		return stop
	}
	for i := range x.blocks {
		x.expanded += int64(x.blocks[i].count)
	}
	if x.opts.StopAtViolation && x.tally.violated() {
		return StopViolation
	}
	return StopComplete
}

// afford counts the states that arrive, and refuses the round if the store
// might not have the room for them. It takes them all for new, so that it may
// refuse a little early but never too late.
func (x *search) afford() (arriving int64, stop Stop) {
	bytes := x.bytes()
	for i := range x.store.shards {
		n := 0
		for b := range x.blocks {
			n += len(x.blocks[b].boxes[i]) / (x.store.words + 1)
		}
		arriving += int64(n)
		sh := &x.store.shards[i]
		if sh.count+n > x.store.maxLocal {
			stop = StopFull
		}
		bytes += sh.need(n, x.store.words)
	}
	switch {
	case stop == StopFull:
		return arriving, StopFull
	case x.opts.MaxBytes > 0 && bytes > x.opts.MaxBytes:
		return arriving, StopMemory
	}
	return arriving, StopComplete
}

// absorb takes the arriving states into the shards. Near the limit of states
// it goes through the shards one after another, so that exactly as many states
// are kept as are allowed, and always the same ones.
func (x *search) absorb(arriving int64) Stop {
	limited := x.opts.MaxStates > 0 && x.states+arriving > x.opts.MaxStates
	room := int64(1<<63 - 1)
	if limited {
		room = x.opts.MaxStates - x.states
	}
	refused := false
	x.parallel(shardCount, !limited && arriving > blockStates, func(w *worker, i int) {
		if refused {
			return
		}
		left := w.absorb(i, room)
		if limited {
			room, refused = max(left, 0), left < 0
		}
	})
	if refused {
		return StopStates
	}
	return StopComplete
}

// parallel calls f for each of n things, on all workers if that is worth it.
func (x *search) parallel(n int, worthwhile bool, f func(w *worker, i int)) {
	if len(x.workers) == 1 || !worthwhile {
		for i := range n {
			f(x.workers[0], i)
		}
		return
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for _, w := range x.workers {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(w, i)
			}
		})
	}
	wait.Wait()
}

// bytes is all memory that grows with the search.
func (x *search) bytes() (sum int64) {
	for i := range x.store.shards {
		sum += x.store.shards[i].bytes(x.store.words)
	}
	for _, b := range x.blocks[:cap(x.blocks)] {
		for i := range b.boxes {
			sum += int64(cap(b.boxes[i])) * 8
		}
	}
	return sum
}

func (x *search) progress() {
	if x.opts.Progress == nil || time.Since(x.reported) < x.opts.ProgressEvery {
		return
	}
	x.reported = time.Now()
	elapsed := time.Since(x.began)
	x.opts.Progress(Progress{
		States: x.states, Frontier: x.states - x.expanded, Transitions: x.tally.transitions(),
		Depth: x.level, InCycles: x.inCycles, Elapsed: elapsed, Rate: float64(x.states) / elapsed.Seconds(),
	})
}
