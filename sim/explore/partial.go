package explore

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Partial is what a search found that does not remember exactly where it was.
// Nothing follows from what it did not find.
type Partial struct {
	Mode        Mode  `json:"mode"`
	Stop        Stop  `json:"stop"`            // StopComplete: all walks were taken, or nothing was left that looked new
	Walks       int64 `json:"walks,omitempty"` // finished ones
	States      int64 `json:"states"`          // an estimate of how many distinct states were visited
	Transitions int64 `json:"transitions"`     // steps taken
	Depth       int   `json:"depth"`           // longest path taken
	Cut         int64 `json:"cut"`             // paths that were given up for their length

	// Fill is the part of the bits that are set. Near 1 States is too low.
	Fill float64 `json:"fill"`
	// Missed estimates what was not seen. Of bitstate it is the chance that,
	// at the end when it was greatest, a new state was taken for a known one;
	// of walks the part of the steps that showed a new state in the later half
	// of the walks or more, which is about the chance that the next one does.
	Missed float64 `json:"missed"`

	Steps      []StepCount `json:"steps"`
	Outcomes   []Outcome   `json:"outcomes"`   // each with the shortest path seen; States counts visits
	Violations []Violation `json:"violations"` // likewise
	Cost       Cost        `json:"cost"`
}

// Mode is a way of searching without remembering exactly.
type Mode string

// The modes.
const (
	RandomWalk Mode = "walk"
	Bitstate   Mode = "bitstate"
)

// sampler is what both modes share: the path that is being taken, what was
// found, and a set of states that may take some for others.
type sampler struct {
	m        Model
	p        Partial
	bits     bitset
	path     []Step
	steps    [256]int64
	outcomes map[string]*Outcome
	bad      map[violationKey]*Violation
	began    time.Time
	reported time.Time
	out      []Successor
}

// violationKey is a property, or deadlockBit, and how it is violated.
type violationKey struct {
	bit int
	how How
}

func newSampler(m Model, mode Mode, bits bitset) *sampler {
	return &sampler{
		m: m, p: Partial{Mode: mode, Stop: StopComplete}, bits: bits, began: time.Now(),
		outcomes: map[string]*Outcome{}, bad: map[violationKey]*Violation{},
	}
}

// visit checks a state at the end of the path.
func (a *sampler) visit(s *State) {
	a.p.Depth = max(a.p.Depth, len(a.path))
	if bad := a.m.Violated(s); bad != 0 {
		a.violated(bad, InState)
	}
}

// rest takes down the promises that are broken if nobody leaves a state that
// nobody has to leave.
func (a *sampler) rest(s *State, succ []Successor) {
	if AtRest(a.m, succ) {
		a.violated(a.m.Stuck(s), InDeadlock)
	}
}

// end takes down that the path cannot be continued.
func (a *sampler) end(s *State) {
	if a.m.Terminal(s) {
		text := a.m.Outcome(s)
		o := a.outcomes[text]
		if o == nil {
			o = &Outcome{Text: text, Path: slices.Clone(a.path)}
			a.outcomes[text] = o
		}
		o.States++
		if len(a.path) < len(o.Path) {
			o.Path = slices.Clone(a.path)
		}
		return
	}
	if pending := a.m.Stuck(s); pending != 0 {
		a.violated(pending, InDeadlock)
	} else {
		a.violatedBit(deadlockBit, InDeadlock)
	}
}

func (a *sampler) violated(properties uint64, how How) {
	for i := range deadlockBit {
		if properties>>i&1 != 0 {
			a.violatedBit(i, how)
		}
	}
}

func (a *sampler) violatedBit(bit int, how How) {
	key := violationKey{bit, how}
	v := a.bad[key]
	if v == nil {
		v = &Violation{Property: propertyName(a.m, bit), How: how, Path: slices.Clone(a.path)}
		a.bad[key] = v
	}
	v.States++
	if len(a.path) < len(v.Path) {
		v.Path = slices.Clone(a.path)
	}
}

func (a *sampler) take(step Step) {
	a.path = append(a.path, step)
	a.steps[step.Kind]++
	a.p.Transitions++
}

func (a *sampler) progress(report func(Progress), every time.Duration, frontier, depth int) {
	if report == nil || time.Since(a.reported) < every {
		return
	}
	a.reported = time.Now()
	elapsed := time.Since(a.began)
	states := a.bits.estimate()
	report(Progress{
		States: states, Frontier: int64(frontier), Transitions: a.p.Transitions, Depth: depth,
		Elapsed: elapsed, Rate: float64(states) / elapsed.Seconds(),
	})
}

func (a *sampler) finish(stop Stop) *Partial {
	p := &a.p
	p.Stop = stop
	p.States = a.bits.estimate()
	p.Fill = a.bits.fill()
	p.Steps = stepCounts(a.m, &a.steps)
	for _, o := range a.outcomes {
		p.Outcomes = append(p.Outcomes, *o)
	}
	slices.SortFunc(p.Outcomes, func(a, b Outcome) int { return strings.Compare(a.Text, b.Text) })
	for bit := range deadlockBit + 1 {
		for _, how := range []How{InState, InDeadlock} {
			if v := a.bad[violationKey{bit, how}]; v != nil {
				p.Violations = append(p.Violations, *v)
			}
		}
	}
	p.Cost = Cost{Workers: 1, Elapsed: time.Since(a.began), Bytes: int64(len(a.bits.words)) * 8}
	p.Cost.Rate = float64(p.States) / p.Cost.Elapsed.Seconds()
	p.Cost.BytesPerState = float64(p.Cost.Bytes) / float64(max(p.States, 1))
	return p
}

// bitset is a set of states that keeps a few bits of each (Bloom filter, with
// double hashing: Dillinger, Manolios, "Fast and accurate bitstate
// verification for Spin", 2004).
type bitset struct {
	words  []uint64
	hashes int // bits set for a state
	set    int64
}

// newBitset has the greatest power of two of bits that fits into bytes, at
// least 64.
func newBitset(bytes int64, hashes int) bitset {
	n := int64(1)
	for n*2*8 <= bytes {
		n *= 2
	}
	return bitset{words: make([]uint64, n), hashes: hashes}
}

// add says whether the state was certainly not in the set.
func (b *bitset) add(h uint64) (fresh bool) {
	mask := uint64(len(b.words))*64 - 1
	step := fold(h^mix3, mix0) | 1
	for range b.hashes {
		at := h & mask
		if b.words[at>>6]>>(at&63)&1 == 0 {
			b.words[at>>6] |= 1 << (at & 63)
			b.set++
			fresh = true
		}
		h += step
	}
	return fresh
}

func (b *bitset) fill() float64 { return float64(b.set) / float64(len(b.words)*64) }

// estimate is how many states were added, from the part of the bits that are
// set (linear counting: Whang, Vander-Zanden, Taylor, 1990).
func (b *bitset) estimate() int64 {
	bits := float64(len(b.words) * 64)
	free := max(bits-float64(b.set), 1)
	return int64(math.Round(bits / float64(b.hashes) * math.Log(bits/free)))
}
