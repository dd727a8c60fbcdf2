package explore

// unfolding is the part of the real graph that lies over one component of the
// stored graph and in which one promise is pending.
type unfolding struct {
	*lasso
	promise int
	inside  map[State]bool // the component's canonical states
	numbers map[State]uint32
	covered map[State]bool // canonical states of which one real state is known
	states  []State
	edges   [][]edge
	// able lists for each state the actors that can take a fair step there.
	able []actors
}

type edge struct {
	to   uint32
	step Step
}

// actors is a set of them, by number.
type actors [4]uint64

func (a *actors) add(n uint8)      { a[n>>6] |= 1 << (n & 63) }
func (a *actors) has(n uint8) bool { return a[n>>6]>>(n&63)&1 != 0 }

// from adds a state and all that follows it, unless one like it is known.
func (u *unfolding) from(s State) {
	if u.covered[u.canonical(&s)] || !u.belongs(&s) {
		return
	}
	first := len(u.states)
	u.add(s)
	for v := first; v < len(u.states); v++ {
		s := u.states[v]
		u.out = u.model.Successors(&s, u.out[:0])
		for i := range u.out {
			t := &u.out[i]
			if u.model.Fair(t.Step) {
				u.able[v].add(t.Step.Actor)
			}
			if !u.belongs(&t.State) {
				continue
			}
			to, known := u.numbers[t.State]
			if !known {
				to = u.add(t.State)
			}
			u.edges[v] = append(u.edges[v], edge{to, t.Step})
		}
	}
}

func (u *unfolding) belongs(s *State) bool {
	return u.model.Stuck(s)>>u.promise&1 != 0 && u.inside[u.canonical(s)]
}

func (u *unfolding) add(s State) uint32 {
	v := uint32(len(u.states))
	u.numbers[s] = v
	u.covered[u.canonical(&s)] = true
	u.states = append(u.states, s)
	u.edges = append(u.edges, nil)
	u.able = append(u.able, actors{})
	return v
}

// judge looks whether a component of real states is fair, and keeps its cycle
// if it begins before the one known for the promise.
func (u *unfolding) judge(component []uint32) {
	member := make(map[uint32]bool, len(component))
	for _, v := range component {
		member[v] = true
	}
	var moving actors // those that take a fair step within
	always := actors{1<<64 - 1, 1<<64 - 1, 1<<64 - 1, 1<<64 - 1}
	for _, v := range component {
		for i := range always {
			always[i] &= u.able[v][i]
		}
		for _, e := range u.edges[v] {
			if member[e.to] && u.model.Fair(e.step) {
				moving.add(e.step.Actor)
			}
		}
	}
	for i := range always {
		if always[i]&^moving[i] != 0 {
			return // an actor that is always able and never moves would leave
		}
	}
	start, at := component[0], u.keyOf(&u.states[component[0]])
	for _, v := range component[1:] {
		if k := u.keyOf(&u.states[v]); k < at {
			start, at = v, k
		}
	}
	if known, ok := u.cycles[u.promise]; ok && known.at <= at {
		return
	}
	u.cycles[u.promise] = cycle{u.states[start], at, u.walk(start, member, always), int64(len(component))}
}

// walk goes from start through the component and back so that every actor has
// had its turn: those always able take a fair step, the others pass a state in
// which they are not able. Each leg is a shortest one.
func (u *unfolding) walk(start uint32, member map[uint32]bool, always actors) []Step {
	var steps []Step
	at := start
	var done actors
	pass := func(legs []leg) {
		for _, l := range legs {
			if u.model.Fair(l.step) {
				done.add(l.step.Actor)
			}
			for a := range 256 {
				if !u.able[l.to].has(uint8(a)) {
					done.add(uint8(a))
				}
			}
			steps = append(steps, l.step)
			at = l.to
		}
	}
	for a := range 256 {
		if a := uint8(a); !done.has(a) && (always.has(a) || u.able[start].has(a)) {
			pass(u.leg(at, member, func(to uint32, step Step) bool {
				return step.Actor == a && u.model.Fair(step) || !u.able[to].has(a)
			}))
		}
	}
	if at != start || len(steps) == 0 {
		pass(u.leg(at, member, func(to uint32, _ Step) bool { return to == start }))
	}
	return steps
}

// leg is one step of a walk.
type leg struct {
	from, to uint32
	step     Step
}

// leg is a shortest way of at least one step whose last step is as wanted.
func (u *unfolding) leg(start uint32, member map[uint32]bool, wanted func(to uint32, step Step) bool) []leg {
	by := map[uint32]leg{} // how a state was reached first
	queue := []uint32{start}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		for _, e := range u.edges[v] {
			if !member[e.to] {
				continue
			}
			l := leg{v, e.to, e.step}
			if wanted(e.to, e.step) {
				way := []leg{l}
				for v != start {
					l = by[v]
					way = append([]leg{l}, way...)
					v = l.from
				}
				return way
			}
			if _, known := by[e.to]; !known && e.to != start {
				by[e.to] = l
				queue = append(queue, e.to)
			}
		}
	}
	panic("explore: broken invariant: a strongly connected component has no way through it")
}
