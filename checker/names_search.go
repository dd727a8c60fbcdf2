package checker

import (
	"cmp"
	"math"
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// Operations on names read and change at once, and several names at a time, so
// that zones do not help. Their linearizability is decided by a search through
// the configurations that are possible at each end of an operation: the state
// of the names, and which of the operations under way have taken effect. An
// operation takes effect no sooner than somebody's end needs it (G. Lowe,
// Testing for linearizability, 2017, just-in-time linearization), but for one
// that finds what it says and changes nothing: it takes effect at once, since
// that rules nothing out. The cost is exponential in how many changes run
// beside each other, and linear in the length of the history.

// nameOp is an operation on names with its answer, and when it happened, at
// some moment in between; to may be Never.
type nameOp struct {
	model.NameCall
	model.NameAnswer
	interval
	// stray is set for an operation of which only its time is believed: it
	// may have bound its name to whatever file, or to none, or done nothing.
	stray bool
	// others are what the operation may have done instead; see names_blame.go.
	others []nameOther

	request traces.RequestID // 0 of a stat
	event   int32            // of those that one call has reaped, the order in which they came
	call    int32            // its own, or its io_submit
	end     int32            // the call that reaped its event; its own call; None if neither is known
}

// nameOther is what an operation may have done in place of what it was to do.
type nameOther struct {
	nothing bool // to the names at hand, whatever its answer
	model.NameCall
	model.NameAnswer
}

// optional reports whether the operation need not have happened.
func (o *nameOp) optional() bool { return o.Open || o.stray }

// next gives the states after the operation.
func (o *nameOp) next(s model.NameState, files model.FileID) []model.NameState {
	if !o.stray {
		states := s.Next(o.NameCall, o.NameAnswer)
		for _, x := range o.others {
			if x.nothing {
				states = append(states, s)
			} else {
				states = append(states, s.Next(x.NameCall, x.NameAnswer)...)
			}
		}
		return states
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
	case o.optional(), len(o.others) > 0:
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
	maxConfigurations = 1 << 15 // looked at with one patience
)

// configuration is what may be the case between two moments.
type configuration struct {
	space model.NameState
	done  slots // of the operations that have taken effect
}

// slots is a set of operations under way, by slot.
type slots [maxPending / 64]uint64

func (s *slots) has(slot int16) bool { return s[slot/64]>>(slot%64)&1 != 0 }
func (s *slots) set(slot int16)      { s[slot/64] |= 1 << (slot % 64) }
func (s *slots) clear(slot int16)    { s[slot/64] &^= 1 << (slot % 64) }

// within reports whether all of s is in t.
func (s *slots) within(t *slots) bool {
	for i := range s {
		if s[i]&^t[i] != 0 {
			return false
		}
	}
	return true
}

// nameKind is what an operation does and how it ended: of several of one kind
// that are under way, the one that ends first may as well come first.
type nameKind struct {
	call   model.NameCall
	answer model.NameAnswer
	stray  bool
	own    traces.RequestID // of an operation that may have done something else
}

func (o *nameOp) kind() nameKind {
	k := nameKind{o.NameCall, o.NameAnswer, o.stray, 0}
	if len(o.others) > 0 {
		k.own = o.request
	}
	if k.call.Denied = 0; o.Do == model.OpenName && (o.Open || o.Errno == model.EINTR) {
		k.call.Flags &= model.OpenCreate // all that matters, if it happened
	}
	return k
}

// nameVerdict is what a search says.
type nameVerdict uint8

const (
	namesHold nameVerdict = iota
	namesBroken
	namesTooMany // one of the bounds was reached, or the budget
)

// nameSearch decides one name space.
type nameSearch struct {
	ops      []nameOp
	files    model.FileID // how many are known
	slots    []int16      // by operation: its slot while it is under way
	ends     []nameEnd
	rank     []int                       // by operation: the position of its end, then those without
	kinds    []nameKind                  // by operation
	reached  []map[configuration][]slots // by end: what was looked at before, see visit
	budget   *budget
	patience int  // how much an order may differ from that of the events
	looked   int  // how many configurations
	gaveUp   bool // the search has come to one of its bounds
	deepest  int  // the last end that was come to
}

// nameEnd is the end of an operation.
type nameEnd struct {
	op    int32
	begun []int32 // operations that began after the end before
	open  []int32 // operations under way, this one included
	maybe slots   // of them, those that need not have happened
}

// judgeNameSpace decides whether the operations are linearizable from a state
// on, and if not, at the end of which of them this is clear.
func judgeNameSpace(start model.NameState, files int, ops []nameOp, b *budget) (v nameVerdict, at int) {
	s := &nameSearch{ops: ops, files: model.FileID(files), slots: make([]int16, len(ops)), budget: b}
	for i := range ops {
		s.kinds = append(s.kinds, ops[i].kind())
	}
	if !s.arrange() {
		return namesTooMany, 0
	}
	// Operations take effect nearly in the order of their events, so orders that
	// differ little from that one are tried first.
	for _, s.patience = range []int{0, 8, math.MaxInt} {
		s.reached = make([]map[configuration][]slots, len(s.ends))
		s.looked, s.gaveUp = 0, false
		if s.try(0, candidate{configuration: configuration{space: start}}) {
			return namesHold, 0
		}
	}
	if s.gaveUp {
		return namesTooMany, 0
	}
	return namesBroken, int(s.ends[s.deepest].op)
}

// candidate is a configuration that the search has come to, and by how much
// the order that led there differs from that of the events.
type candidate struct {
	configuration
	overtaken int
}

// overtakes counts the operations under way that have not taken effect, but
// whose events came before that of an operation.
func (s *nameSearch) overtakes(c *configuration, e *nameEnd, op int32) int {
	n := 0
	for _, other := range e.open {
		if o := &s.ops[other]; o.event < s.ops[op].event && !o.optional() && !c.done.has(s.slots[other]) {
			n++
		}
	}
	return n
}

// arrange lists the ends in order of time, with what is under way at each. It
// reports false if that is too much. What begins at the moment when something
// else ends is concurrent with it, as everywhere.
func (s *nameSearch) arrange() bool {
	type moment struct {
		at   traces.Time
		ends bool
		op   int32
	}
	var moments []moment
	for i := range s.ops {
		o := &s.ops[i]
		moments = append(moments, moment{o.from, false, int32(i)})
		if o.to != traces.Never || !o.optional() {
			moments = append(moments, moment{o.to, true, int32(i)})
		}
	}
	slices.SortFunc(moments, func(a, b moment) int {
		if a.at == b.at && a.ends != b.ends {
			if b.ends {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(s.ops[a.op].event, s.ops[b.op].event), cmp.Compare(a.op, b.op))
	})
	free := make([]int16, maxPending)
	for i := range free {
		free[i] = int16(maxPending - 1 - i)
	}
	s.rank = make([]int, len(s.ops))
	for i := range s.rank {
		s.rank[i] = len(moments) + i
	}
	var open, begun []int32
	for _, m := range moments {
		if !m.ends {
			if len(free) == 0 {
				return false
			}
			s.slots[m.op] = free[len(free)-1]
			free = free[:len(free)-1]
			open, begun = append(open, m.op), append(begun, m.op)
			continue
		}
		s.rank[m.op] = len(s.ends)
		s.ends = append(s.ends, s.end(m.op, begun, open))
		begun = nil
		free = append(free, s.slots[m.op])
		open = slices.DeleteFunc(open, func(o int32) bool { return o == m.op })
	}
	return true
}

// end is the end of an operation. Of those under way, the ones that did happen
// are tried first.
func (s *nameSearch) end(op int32, begun, open []int32) nameEnd {
	e := nameEnd{op: op, begun: begun}
	for _, optional := range []bool{false, true} {
		for _, o := range open {
			if s.ops[o].optional() == optional {
				e.open = append(e.open, o)
			}
		}
	}
	for _, o := range open {
		if s.ops[o].optional() {
			e.maybe.set(s.slots[o])
		}
	}
	return e
}

// visit reports whether a configuration is new at an end. One is not, if
// another one was there in which the same has taken effect, but fewer of the
// operations that need not: those that are left can only help.
func (s *nameSearch) visit(end int, c configuration) bool {
	var used slots
	for i := range c.done {
		used[i] = c.done[i] & s.ends[end].maybe[i]
		c.done[i] &^= used[i]
	}
	if s.reached[end] == nil {
		s.reached[end] = map[configuration][]slots{}
	}
	before := s.reached[end][c]
	for i := range before {
		if before[i].within(&used) {
			return false
		}
	}
	s.reached[end][c] = append(before, used)
	return true
}

// settle lets an operation take effect that changes nothing.
func (s *nameSearch) settle(c *configuration, op int32) {
	o := &s.ops[op]
	if c.done.has(s.slots[op]) || !o.settles() {
		return
	}
	if next := o.next(c.space, s.files); len(next) == 1 && next[0] == c.space {
		c.done.set(s.slots[op])
	}
}

// try reports whether the operations from an end on can be put in order after
// a configuration. It lets as few of them take effect before the end as it
// can, and more of them if what comes later asks for it.
func (s *nameSearch) try(end int, c candidate) bool {
	if end == len(s.ends) {
		return true
	}
	s.deepest = max(s.deepest, end)
	e := &s.ends[end]
	for _, op := range e.begun {
		s.settle(&c.configuration, op)
	}
	if !s.visit(end, c.configuration) {
		return false
	}
	slot, optional := s.slots[e.op], s.ops[e.op].optional()
	frontier := []candidate{c}
	for i := 0; i < len(frontier); i++ {
		if s.looked++; s.looked > maxConfigurations || s.looked%256 == 0 && s.budget.spent() {
			s.gaveUp = true
		}
		if s.gaveUp {
			return false
		}
		c := frontier[i]
		done := c.done.has(slot)
		if done || optional {
			next := c
			if next.done.clear(slot); s.try(end+1, next) {
				return true
			}
		}
		if done {
			continue
		}
		for _, op := range e.open {
			if !c.done.has(s.slots[op]) && !s.preceded(&c.configuration, e, op) {
				frontier = s.expand(frontier, c, end, op)
			}
		}
	}
	return false
}

// preceded reports whether another operation of the same kind is to come first.
func (s *nameSearch) preceded(c *configuration, e *nameEnd, op int32) bool {
	for _, other := range e.open {
		if s.rank[other] < s.rank[op] && s.kinds[other] == s.kinds[op] && !c.done.has(s.slots[other]) {
			return true
		}
	}
	return false
}

// expand adds the configurations in which an operation takes effect next.
func (s *nameSearch) expand(frontier []candidate, c candidate, end int, op int32) []candidate {
	e, o := &s.ends[end], &s.ops[op]
	if c.overtaken += s.overtakes(&c.configuration, e, op); c.overtaken > s.patience {
		return frontier
	}
	idle := op != e.op && (o.optional() || o.Errno == model.EINTR) && len(o.others) == 0
	for _, space := range o.next(c.space, s.files) {
		if idle && space == c.space {
			continue // it may as well wait
		}
		n := c
		n.space = space
		n.done.set(s.slots[op])
		if space != c.space {
			for _, other := range e.open {
				s.settle(&n.configuration, other)
			}
		}
		if s.visit(end, n.configuration) {
			frontier = append(frontier, n)
		}
	}
	return frontier
}
