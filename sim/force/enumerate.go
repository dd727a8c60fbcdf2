package force

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"aiocheck/model/machine"
)

// Coverage says which of the orders of a scenario were chosen.
type Coverage string

// The coverages.
const (
	// EveryOrder: all, but for those that differ only in local steps (Machine.Ample).
	EveryOrder Coverage = "every order"
	// EveryPair: in every state in which everybody waits each move is made, and
	// after each every one that can follow; and every end is met.
	EveryPair Coverage = "every two moves in every state"
	// EveryKind: each move, and each two in a row, but not in every state; and
	// every outcome, if the states are not too many to be visited.
	EveryKind Coverage = "every two moves in a row"
)

// Orders are paths from the beginning to an end.
type Orders struct {
	Coverage Coverage
	Total    float64 // how many orders there are, exact up to 2^53; +Inf if their states were too many to count
	Rests    int     // states in which everybody waits, as far as they were visited
	Paths    [][]Move
}

// graph is what can be reached by moves, reduced.
type graph struct {
	*Walker
	rests []Rest
	index map[Rest]int
	moves [][]edge // by rest
	full  bool     // every rest has its moves
}

type edge struct {
	move Move
	to   int
}

// reduced are the moves of which one each has to be made first: all, or those
// of one whose next step is local.
func (w *Walker) reduced(r *Rest) []Move {
	moves := w.Moves(r)
	succ := w.m.Successors(&r.State, nil)
	ample := w.m.Ample(&r.State, succ)
	if len(ample) == 0 || len(ample) == len(succ) {
		return moves
	}
	var some []Move
	for _, m := range moves {
		if len(m.Steps) > 0 && slices.ContainsFunc(ample, func(o machine.Successor) bool { return o.Step == m.Gate }) {
			some = append(some, m)
		}
	}
	if len(some) == 0 {
		return moves
	}
	return some
}

// explore visits up to so many rests.
func (w *Walker) explore(most int) *graph {
	g := &graph{Walker: w, index: map[Rest]int{}, full: true}
	add := func(r Rest) int {
		if i, ok := g.index[r]; ok {
			return i
		}
		g.index[r] = len(g.rests)
		g.rests = append(g.rests, r)
		return len(g.rests) - 1
	}
	add(w.Initial())
	for at := 0; at < len(g.rests); at++ {
		if len(g.rests) > most {
			g.full = false
			break
		}
		var edges []edge
		for _, m := range w.reduced(&g.rests[at]) {
			edges = append(edges, edge{m, add(m.To)})
		}
		g.moves = append(g.moves, edges)
	}
	return g
}

// count is how many paths lead from each rest to an end. There are no cycles:
// every call is made once.
func (g *graph) count() []float64 {
	paths := make([]float64, len(g.rests))
	state := make([]uint8, len(g.rests))
	var visit func(i int)
	visit = func(i int) {
		state[i] = 1
		if len(g.moves[i]) == 0 {
			paths[i] = 1
		}
		for _, e := range g.moves[i] {
			if state[e.to] == 0 {
				visit(e.to)
			}
			paths[i] += paths[e.to]
		}
		state[i] = 2
	}
	visit(0)
	return paths
}

// Enumerate chooses orders of a scenario: all if these are at most so many,
// else a tour.
func (w *Walker) Enumerate(most int) *Orders {
	g := w.explore(mostTourRests)
	o := &Orders{Rests: len(g.rests), Total: math.Inf(1)}
	if g.full {
		o.Total = g.count()[0]
		if o.Total <= float64(most) {
			o.Coverage = EveryOrder
			g.all(0, nil, &o.Paths)
			return o
		}
		o.Coverage = EveryPair
		if o.Paths = g.tour(most); o.Paths != nil {
			return o
		}
	}
	o.Coverage = EveryKind
	o.Paths = w.kinds(most)
	if g.full {
		o.Paths = append(o.Paths, g.outcomes(o.Paths)...)
	}
	return o
}

// outcomes are shortest paths to the outcomes that some paths do not have.
func (g *graph) outcomes(paths [][]Move) (more [][]Move) {
	met := map[string]bool{}
	for _, path := range paths {
		to := path[len(path)-1].To
		met[g.m.Outcome(&to.State)] = true
	}
	type step struct{ rest, move int }
	from := make([]step, len(g.rests))
	seen := make([]bool, len(g.rests))
	queue := []int{0}
	seen[0] = true
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if text := g.m.Outcome(&g.rests[at].State); len(g.moves[at]) == 0 && !met[text] {
			met[text] = true
			var path []Move
			for k := at; k != 0; k = from[k].rest {
				path = append(path, g.moves[from[k].rest][from[k].move].move)
			}
			slices.Reverse(path)
			more = append(more, path)
		}
		for k, e := range g.moves[at] {
			if !seen[e.to] {
				seen[e.to] = true
				from[e.to] = step{at, k}
				queue = append(queue, e.to)
			}
		}
	}
	return more
}

// mostTourRests bounds what a tour of every state is made of.
const mostTourRests = 20_000

func (g *graph) all(at int, path []Move, paths *[][]Move) {
	if len(g.moves[at]) == 0 {
		*paths = append(*paths, slices.Clone(path))
	}
	for _, e := range g.moves[at] {
		g.all(e.to, append(path, e.move), paths)
	}
}

// pair is a move and one that follows it.
type pair struct{ rest, first, second int }

// tour are paths that make every move of every rest, and after it each that can
// follow; nil if more than most are needed.
func (g *graph) tour(most int) (paths [][]Move) {
	left := map[pair]bool{} // second is -1 where nothing follows
	for i, edges := range g.moves {
		for k, e := range edges {
			if len(g.moves[e.to]) == 0 {
				left[pair{i, k, -1}] = true
			}
			for n := range g.moves[e.to] {
				left[pair{i, k, n}] = true
			}
		}
	}
	// How much of what is left can still be met from a move on, as of the last
	// path: where to go is decided by that.
	for len(left) > 0 {
		if len(paths) == most {
			return nil
		}
		value := g.values(left)
		path, at, last := []Move(nil), 0, -1
		before := -1
		for len(g.moves[at]) > 0 {
			best, score := 0, -1
			for k, e := range g.moves[at] {
				v := value[e.to] + g.next(left, at, k)
				if before >= 0 && left[pair{before, last, k}] {
					v++
				}
				if v > score {
					best, score = k, v
				}
			}
			if before >= 0 {
				delete(left, pair{before, last, best})
			}
			e := g.moves[at][best]
			path = append(path, e.move)
			before, last, at = at, best, e.to
		}
		if before >= 0 {
			delete(left, pair{before, last, -1})
		}
		paths = append(paths, path)
	}
	return paths
}

// values are, by rest, the most pairs that one path from there on meets.
func (g *graph) values(left map[pair]bool) []int {
	value := make([]int, len(g.rests))
	done := make([]bool, len(g.rests))
	var visit func(i int) int
	visit = func(i int) int {
		if done[i] {
			return value[i]
		}
		done[i] = true
		for k, e := range g.moves[i] {
			value[i] = max(value[i], visit(e.to)+g.next(left, i, k))
		}
		return value[i]
	}
	visit(0)
	return value
}

// next is 1 if a move is left together with one that can follow it, else 0.
func (g *graph) next(left map[pair]bool, rest, k int) int {
	to := g.moves[rest][k].to
	if left[pair{rest, k, -1}] {
		return 1
	}
	for n := range g.moves[to] {
		if left[pair{rest, k, n}] {
			return 1
		}
	}
	return 0
}

// kinds are paths in which every move that can be made is made, and after it
// each that can follow, wherever that is first met: found by walks that prefer
// what is new.
func (w *Walker) kinds(most int) (paths [][]Move) {
	met := map[[2]Key]bool{}
	for idle := 0; len(paths) < most && idle < 3; idle++ {
		var path []Move
		at := w.Initial()
		before := Key{Kind: machine.NumKinds}
		for {
			moves := w.reduced(&at)
			if len(moves) == 0 {
				break
			}
			// Among what is known, go on where the number of the walk says.
			best := (len(paths)*7 + len(path)) % len(moves)
			for k := range moves {
				if !met[[2]Key{before, w.Key(moves[k].Gate)}] {
					best, idle = k, -1
					break
				}
			}
			key := w.Key(moves[best].Gate)
			met[[2]Key{before, key}] = true
			path = append(path, moves[best])
			at, before = moves[best].To, key
		}
		paths = append(paths, path)
	}
	return paths
}

// Label is an order in a line: who is let go, before which step.
func (w *Walker) Label(path []Move) string {
	var words []string
	for i := range path {
		g := path[i].Gate
		kind := family(g.Kind)
		who := fmt.Sprintf("r%d", g.Object)
		if int(g.Actor) < w.threads {
			who = fmt.Sprintf("t%d", g.Actor)
		}
		word := fmt.Sprintf("%s:%s", who, kind)
		if g.Choice == finds {
			word += "-finds"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
