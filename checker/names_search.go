package checker

import (
	"cmp"
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// Operations on names read and change at once, and several names at a time, so
// that zones do not help. Their linearizability is decided by a search that
// goes through the history once, in the order of time, and keeps every
// configuration that is possible so far: the state of the names, and which of
// the operations under way have taken effect. An operation takes effect no
// sooner than somebody's end needs it (G. Lowe, Testing for linearizability,
// 2017, just-in-time linearization), but for one that finds what it says and
// changes nothing: it takes effect at once, since that rules nothing out.
// The cost is exponential in how many changes run beside each other, and
// linear in the length of the history.

// nameOp is an operation on names with its answer, and when it happened, at
// some moment in between; to may be Never.
type nameOp struct {
	model.NameCall
	model.NameAnswer
	interval
	// stray is set for an operation of which only its time is believed: it
	// may have bound its name to whatever file, or to none, or done nothing.
	stray bool

	request traces.RequestID // 0 of a stat
	call    int32            // its own, or its io_submit
	end     int32            // the call that reaped its event; its own call; None if neither is known
}

// optional reports whether the operation need not have happened.
func (o *nameOp) optional() bool { return o.Open || o.stray }

// next gives the states after the operation.
func (o *nameOp) next(s model.NameState, files model.FileID) []model.NameState {
	if !o.stray {
		return s.Next(o.NameCall, o.NameAnswer)
	}
	states := []model.NameState{s}
	for f := model.UnseenFile; f < files; f++ {
		t := s
		if t.Bound[o.Name] = f; f >= 0 {
			t.Born = t.Born.With(f)
		}
		states = append(states, t)
	}
	return states
}

// settles reports whether the operation, if it changes nothing in a state, may
// as well take effect there at once. It may, if it could not change anything
// later either: an answer that names a file can have made that file only
// while it was not there yet.
func (o *nameOp) settles() bool {
	switch {
	case o.optional():
		return false
	case o.Errno == model.EINTR:
		return o.Do != model.OpenName || o.Flags&model.OpenCreate == 0
	case o.Errno != 0 || o.Do == model.StatName:
		return true
	case o.Do == model.OpenName:
		return o.File != model.UnseenFile || o.Flags&model.OpenCreate == 0
	}
	return o.Do == model.RenameName && o.Name == o.To
}

// Bounds of the search. Beyond them, nothing is decided.
const (
	maxPending        = 256     // operations under way at a time
	maxConfigurations = 1 << 15 // possible at a time
)

// configuration is what may be the case between two moments.
type configuration struct {
	space model.NameState
	done  [maxPending / 64]uint64 // by slot: the operation has taken effect
}

func (c *configuration) has(slot int16) bool { return c.done[slot/64]>>(slot%64)&1 != 0 }
func (c *configuration) set(slot int16)      { c.done[slot/64] |= 1 << (slot % 64) }
func (c *configuration) clear(slot int16)    { c.done[slot/64] &^= 1 << (slot % 64) }

// nameVerdict is what a search says.
type nameVerdict uint8

const (
	namesHold nameVerdict = iota
	namesBroken
	namesTooMany // one of the bounds was reached, or the budget
)

// nameSearch decides one name space.
type nameSearch struct {
	ops     []nameOp
	files   model.FileID // how many are known
	slots   []int16      // by operation: its slot while it is under way
	open    []int32      // operations under way, in order of invocation
	budget  *budget
	current []configuration
	seen    map[configuration]bool
}

// judgeNameSpace decides whether the operations are linearizable from a state
// on, and if not, at the end of which of them this is clear.
func judgeNameSpace(start model.NameState, files int, ops []nameOp, b *budget) (v nameVerdict, at int) {
	s := &nameSearch{ops: ops, files: model.FileID(files), slots: make([]int16, len(ops)), budget: b, seen: map[configuration]bool{}}
	s.current = []configuration{{space: start}}
	free := make([]int16, maxPending)
	for i := range free {
		free[i] = int16(maxPending - 1 - i)
	}
	for _, e := range nameEvents(ops) {
		if !e.ends {
			if len(free) == 0 {
				return namesTooMany, 0
			}
			s.slots[e.op] = free[len(free)-1]
			free = free[:len(free)-1]
			s.begin(e.op)
			continue
		}
		if !s.finish(e.op) {
			return namesTooMany, 0
		}
		if len(s.current) == 0 {
			return namesBroken, int(e.op)
		}
		free = append(free, s.slots[e.op])
		s.open = slices.DeleteFunc(s.open, func(o int32) bool { return o == e.op })
	}
	return namesHold, 0
}

// nameEvent is the beginning or the end of an operation.
type nameEvent struct {
	at   traces.Time
	ends bool
	op   int32
}

// nameEvents are in order of time. What begins at the moment when something
// else ends is concurrent with it, as everywhere.
func nameEvents(ops []nameOp) []nameEvent {
	var events []nameEvent
	for i := range ops {
		events = append(events, nameEvent{ops[i].from, false, int32(i)})
		if ops[i].to != traces.Never || !ops[i].optional() {
			events = append(events, nameEvent{ops[i].to, true, int32(i)})
		}
	}
	slices.SortFunc(events, func(a, b nameEvent) int {
		if c := cmp.Compare(a.at, b.at); c != 0 {
			return c
		}
		if a.ends != b.ends {
			if b.ends {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.op, b.op)
	})
	return events
}

// begin takes up an operation.
func (s *nameSearch) begin(op int32) {
	s.open = append(s.open, op)
	for i := range s.current {
		s.settle(&s.current[i], op)
	}
}

// settle lets an operation take effect that changes nothing.
func (s *nameSearch) settle(c *configuration, op int32) {
	o := &s.ops[op]
	if c.has(s.slots[op]) || !o.settles() {
		return
	}
	if next := o.next(c.space, s.files); len(next) == 1 && next[0] == c.space {
		c.set(s.slots[op])
	}
}

// finish leaves the configurations in which an operation that ends has taken
// effect, or need not have. It reports false if there are too many.
func (s *nameSearch) finish(op int32) bool {
	clear(s.seen)
	slot, optional := s.slots[op], s.ops[op].optional()
	frontier := slices.Clone(s.current)
	kept := s.current[:0]
	keep := func(c configuration) {
		c.clear(slot)
		if !s.seen[c] {
			s.seen[c] = true
			kept = append(kept, c)
		}
	}
	reached := map[configuration]bool{}
	for i := 0; i < len(frontier); i++ {
		if i%256 == 255 && s.budget.spent() {
			return false
		}
		c := frontier[i]
		if c.has(slot) {
			keep(c)
			continue
		}
		if optional {
			keep(c)
		}
		for _, other := range s.open {
			if c.has(s.slots[other]) {
				continue
			}
			idle := other != op && (s.ops[other].optional() || s.ops[other].Errno == model.EINTR)
			for _, space := range s.ops[other].next(c.space, s.files) {
				if idle && space == c.space {
					continue // it may as well wait
				}
				n := c
				n.space = space
				n.set(s.slots[other])
				if space != c.space {
					for _, o := range s.open {
						s.settle(&n, o)
					}
				}
				if !reached[n] {
					reached[n] = true
					frontier = append(frontier, n)
				}
			}
		}
		if len(frontier) > maxConfigurations {
			return false
		}
	}
	s.current = kept
	return true
}
