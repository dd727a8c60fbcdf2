package explore

// worker expands states and absorbs outboxes; each has its own buffers and
// counts, which are merged after every round.
type worker struct {
	search *search
	tally  tally
	ahead  [batchLen]State // states read ahead
	state  State           // where the model reads from: a local variable would be allocated for every call
	out    []Successor
	ample  []Successor
}

// expand puts the successors of a block's states into its outboxes. States are
// read ahead, a batch at a time, as each is a miss of the cache.
func (w *worker) expand(b *block) {
	for i := range b.boxes {
		b.boxes[i] = b.boxes[i][:0]
	}
	st := w.search.store
	at := b.from
	for left := b.count; left > 0; {
		sh := &st.shards[at.shard]
		n := min(left, batchLen, sh.end-at.local)
		for i := range n {
			w.ahead[i] = sh.load(at.local+i, st.words)
		}
		for i := range n {
			w.expandState(&w.ahead[i], makeRef(at.shard, at.local+i), b)
		}
		left -= n
		if at.local += n; at.local == sh.end && left > 0 {
			at.shard++
			at.local = st.shards[at.shard].begin
		}
	}
}

func (w *worker) expandState(s *State, r ref, b *block) {
	words := w.search.store.words
	w.out = w.search.model.Successors(s, w.out[:0])
	if len(w.out) == 0 {
		w.end(s, r)
		return
	}
	if AtRest(w.search.model, w.out) {
		w.tally.inDeadlock.add(w.search.model.Stuck(s), key(w.search.level, r))
	}
	succ := w.selected(s, r)
	for i := range succ {
		t := &succ[i]
		w.tally.steps[t.Step.Kind]++
		h := hash(&t.State, words)
		box := &b.boxes[shardOf(h)]
		switch words {
		case 1:
			*box = append(*box, t.State[0], meta(r, h))
		case 2:
			*box = append(*box, t.State[0], t.State[1], meta(r, h))
		case 3:
			*box = append(*box, t.State[0], t.State[1], t.State[2], meta(r, h))
		default:
			*box = append(*box, t.State[0], t.State[1], t.State[2], t.State[3], meta(r, h))
		}
	}
}

// selected is what the reductions leave of the successors in w.out.
//
// An ample set without a fair step is not taken: it would hide states at rest
// in which none of its steps was taken. One with a fair step hides none, as
// that step stays enabled until one of the set is taken (C1), so that on the
// way to a state at rest one was, and could have been taken first.
func (w *worker) selected(s *State, r ref) []Successor {
	x := w.search
	if x.opts.PartialOrder && len(w.out) > 1 {
		// On a copy: Ample may reorder, and all may be needed still.
		w.ample = append(w.ample[:0], w.out...)
		ample := x.model.Ample(s, w.ample)
		if len(ample) < len(w.out) && !AtRest(x.model, ample) {
			w.canonical(ample)
			if x.leadsOn(ample, r) {
				return ample
			}
		}
	}
	w.canonical(w.out)
	return w.out
}

func (w *worker) canonical(succ []Successor) {
	if w.search.opts.Symmetry {
		for i := range succ {
			succ[i].State = w.search.model.Canonical(&succ[i].State)
		}
	}
}

// leadsOn is the cycle proviso: of an ample set, at least one state must still
// be expanded after r, or what the set leaves out could be put off for ever.
// From any state one can then follow ample sets to states ever later in the
// order of expansion, which ends in a state that was expanded with all its
// successors (Bošnački, Holzmann: "Improving Spin's Partial-Order Reduction
// for Breadth-First Search", 2005; the order here is that of levels and, in a
// level, of references, which the phases of a round keep to).
func (x *search) leadsOn(ample []Successor, r ref) bool {
	for i := range ample {
		t, found := x.store.find(&ample[i].State)
		if !found {
			return true // will be in the next level
		}
		sh := &x.store.shards[t.shard()]
		if t.local() >= sh.end || t.local() >= sh.begin && t > r {
			return true
		}
	}
	return false
}

// end takes down a state without successors: an outcome or a deadlock.
func (w *worker) end(s *State, r ref) {
	x := w.search
	at := key(x.level, r)
	if !x.model.Terminal(s) {
		w.tally.deadlock(x.model.Stuck(s), at)
		return
	}
	w.tally.outcome(x.model.Outcome(s), at)
}

// absorb takes what arrived for one shard, block by block, and checks the
// states that were new. It gives back the room that is left, as shard.absorb.
func (w *worker) absorb(shard int, room int64) int64 {
	x := w.search
	sh := &x.store.shards[shard]
	first := sh.count
	for i := range x.blocks {
		if room = sh.absorb(x.blocks[i].boxes[shard], x.store.words, room); room < 0 {
			break
		}
	}
	for local := first; local < sh.count; local++ {
		w.state = sh.load(local, x.store.words)
		if bad := x.model.Violated(&w.state); bad != 0 {
			w.tally.inState.add(bad, key(x.level+1, makeRef(shard, local)))
		}
	}
	return room
}
