package explore

import "math/bits"

// deadlockBit is the place after those of the model's properties.
const deadlockBit = 64

// key orders states by their distance from the initial one, then by reference.
func key(level int, r ref) uint64 { return uint64(level)<<32 | uint64(r) }

func keyRef(k uint64) ref { return ref(k) }

// tally counts what was seen.
type tally struct {
	steps      [256]int64 // by kind
	inState    found
	inDeadlock found
	outcomes   map[string]seen
}

// seen is how many states showed something, and the first of them.
type seen struct {
	count int64
	least uint64 // key
}

func (s *seen) add(o seen) {
	if o.count == 0 {
		return
	}
	if s.count == 0 || o.least < s.least {
		s.least = o.least
	}
	s.count += o.count
}

// found is seen, for each property and, in the last place, deadlock.
type found [deadlockBit + 1]seen

func (f *found) add(properties uint64, at uint64) {
	for ; properties != 0; properties &= properties - 1 {
		f[bits.TrailingZeros64(properties)].add(seen{1, at})
	}
}

func (t *tally) reset() {
	t.steps = [256]int64{}
	t.inState = found{}
	t.forgetExpansion()
}

// forgetExpansion forgets all but what was seen in states that arrived.
func (t *tally) forgetExpansion() {
	t.steps = [256]int64{}
	t.inDeadlock = found{}
	if t.outcomes == nil {
		t.outcomes = map[string]seen{}
	}
	clear(t.outcomes)
}

func (t *tally) outcome(text string, at uint64) {
	s := t.outcomes[text]
	s.add(seen{1, at})
	t.outcomes[text] = s
}

// deadlock takes down a deadlock and the promises that it breaks.
func (t *tally) deadlock(pending uint64, at uint64) {
	if pending == 0 {
		t.inDeadlock[deadlockBit].add(seen{1, at})
	}
	t.inDeadlock.add(pending, at)
}

func (t *tally) merge(o *tally) {
	for i := range t.steps {
		t.steps[i] += o.steps[i]
	}
	for i := range t.inState {
		t.inState[i].add(o.inState[i])
		t.inDeadlock[i].add(o.inDeadlock[i])
	}
	for text, s := range o.outcomes {
		sum := t.outcomes[text]
		sum.add(s)
		t.outcomes[text] = sum
	}
}

func (t *tally) violated() bool {
	for i := range t.inState {
		if t.inState[i].count > 0 || t.inDeadlock[i].count > 0 {
			return true
		}
	}
	return false
}

func (t *tally) transitions() (sum int64) {
	for _, n := range t.steps {
		sum += n
	}
	return sum
}
