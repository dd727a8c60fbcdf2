package force

import (
	"fmt"
	"slices"

	"aiocheck/model/machine"
	"aiocheck/sim/explore"
)

// mostRests bounds a search: states in which everybody waits.
const mostRests = 300_000

// Violates reports whether a move violates a property, by its bit: in a state
// that it passes, or because nothing has to happen after it.
func (w *Walker) Violates(m *Move, bit uint64) bool {
	for i := range m.States {
		if w.m.Violated(&m.States[i])&bit != 0 {
			return true
		}
	}
	return w.m.Stuck(&m.To.State)&bit != 0 && w.atRest(&m.To)
}

// atRest reports whether nothing has to happen.
func (w *Walker) atRest(r *Rest) bool {
	for i := range w.Scenario.Requests {
		if w.waitsToBegin(r, i) {
			return false
		}
	}
	return explore.AtRest(w.m, w.m.Successors(&r.State, nil))
}

// Bit is that of a property in Violates, 0 if the model has none of the name.
func (w *Walker) Bit(property string) uint64 {
	for i, p := range w.m.Properties() {
		if p.Name == property {
			return 1 << i
		}
	}
	return 0
}

// Find is a shortest path whose last move satisfies want, nil if there is
// none; an error if there are too many states to say.
func (w *Walker) Find(want func(*Move) bool) ([]Move, error) {
	type node struct {
		from int
		move Move
	}
	nodes := []node{{from: -1, move: Move{To: w.Initial()}}}
	seen := map[Rest]bool{nodes[0].move.To: true}
	for at := 0; at < len(nodes); at++ {
		r := nodes[at].move.To
		for _, m := range w.Moves(&r) {
			if want(&m) {
				path := []Move{m}
				for k := at; nodes[k].from >= 0; k = nodes[k].from {
					path = append(path, nodes[k].move)
				}
				slices.Reverse(path)
				return path, nil
			}
			if seen[m.To] {
				continue
			}
			if len(nodes) == mostRests {
				return nil, fmt.Errorf("there are more than %d states in which everybody can be made to wait", mostRests)
			}
			seen[m.To] = true
			nodes = append(nodes, node{at, m})
		}
	}
	return nil, nil
}

// Complete goes on from the end of a path until nothing more can happen, with
// the first move in each state that comes to somewhere new.
func (w *Walker) Complete(path []Move) []Move {
	r := w.Initial()
	if len(path) > 0 {
		r = path[len(path)-1].To
	}
	path = slices.Clone(path)
	for {
		moves := w.Moves(&r)
		if len(moves) == 0 {
			return path
		}
		path = append(path, moves[0])
		r = moves[0].To
	}
}

// Steps are all steps of a path, in their order.
func Steps(path []Move) (steps []machine.Step) {
	for i := range path {
		steps = append(steps, path[i].Steps...)
	}
	return steps
}

// Unforcible says which step of a behaviour no kernel can be made to take
// where it stands.
type Unforcible struct {
	Number int // of the step, from 1
	Step   machine.Step
	Text   string // the step in words
	// Joined says that all steps can be taken, but then, with what goes together
	// in one piece, do not violate what the schedule does.
	Joined bool
}

// Error names the step.
func (u *Unforcible) Error() string {
	if u.Joined {
		return "taken with what the kernel does without a pause in one piece, the schedule does not violate what it says"
	}
	return fmt.Sprintf("step %d, %s, cannot be forced: in the kernel nobody can be made to wait before it, or what it stands between is done without a pause", u.Number, u.Text)
}

// Follow finds moves that take the steps of a behaviour: each actor his own in
// their order, and two moves in the order of their steps where they do not
// overlap. The last move may go on beyond it. The error is an Unforcible if
// there are no such moves.
func (w *Walker) Follow(steps []machine.Step) ([]Move, error) {
	f := following{Walker: w, steps: steps, dead: map[string]bool{}}
	f.done = make([]bool, len(steps))
	if path, ok := f.from(w.Initial(), nil); ok {
		return path, nil
	}
	at := f.deepest
	return nil, &Unforcible{Number: at + 1, Step: steps[at], Text: fmt.Sprintf("%s of %s", steps[at].Kind, w.m.Actor(steps[at]))}
}

// following is a search for the moves of a behaviour.
type following struct {
	*Walker
	steps   []machine.Step
	done    []bool          // which of them are taken
	dead    map[string]bool // which sets of them lead nowhere
	deepest int             // the first step that could not be taken, in the best try
}

// first is the first step that is not taken, len(f.steps) if all are.
func (f *following) first() int {
	if i := slices.Index(f.done, false); i >= 0 {
		return i
	}
	return len(f.steps)
}

func (f *following) from(r Rest, path []Move) ([]Move, bool) {
	at := f.first()
	if at == len(f.steps) {
		return path, true
	}
	f.deepest = max(f.deepest, at)
	key := fmt.Sprint(f.done, r.Began)
	if f.dead[key] {
		return nil, false
	}
	type candidate struct {
		move  Move
		taken []int
	}
	var candidates []candidate
	for _, m := range f.Moves(&r) {
		if taken, ok := f.fits(&m); ok {
			candidates = append(candidates, candidate{m, taken})
		}
	}
	// First what comes first.
	slices.SortStableFunc(candidates, func(a, b candidate) int { return earliest(a.taken, len(f.steps)) - earliest(b.taken, len(f.steps)) })
	for _, c := range candidates {
		for _, i := range c.taken {
			f.done[i] = true
		}
		if found, ok := f.from(c.move.To, append(slices.Clone(path), c.move)); ok {
			return found, true
		}
		for _, i := range c.taken {
			f.done[i] = false
		}
	}
	f.dead[key] = true
	return nil, false
}

func earliest(taken []int, none int) int {
	if len(taken) == 0 {
		return none
	}
	return slices.Min(taken)
}

// fits says which steps of the behaviour a move takes, if it takes none that
// its actor does not take next, and none before one of another move that is
// over before.
func (f *following) fits(m *Move) (taken []int, ok bool) {
	last := -1
	for _, st := range m.Steps {
		i := f.next(st, taken)
		if i < 0 {
			continue // beyond the end of the behaviour
		}
		if f.steps[i].Kind != st.Kind || f.steps[i].Object != st.Object || f.steps[i].Choice != st.Choice {
			return nil, false
		}
		taken = append(taken, i)
		last = max(last, i)
	}
	if len(taken) == 0 {
		// Nothing but the beginning of an operation, or a search for a context.
		return nil, len(m.Steps) == 0
	}
	return taken, true
}

// next is the next step of the same actor that is not taken, -1 if there is
// none. Who executes a request is known by the request: which of the threads it
// is cannot be chosen.
func (f *following) next(like machine.Step, taken []int) int {
	for i, st := range f.steps {
		same := st.Actor == like.Actor
		if worker(like.Kind) || worker(st.Kind) {
			same = worker(like.Kind) && worker(st.Kind) && st.Object == like.Object
		}
		if same && !f.done[i] && !slices.Contains(taken, i) {
			return i
		}
	}
	return -1
}
