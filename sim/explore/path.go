package explore

import (
	"errors"
	"fmt"
)

// Replay executes a path from the initial state and gives back all states that
// it passes, the initial one first. It fails at a step that cannot be taken.
func Replay(m Model, path []Step) ([]State, error) {
	states := []State{m.Initial()}
	var out []Successor
	for i, step := range path {
		s := states[len(states)-1]
		out = m.Successors(&s, out[:0])
		next := -1
		for j := range out {
			if out[j].Step == step {
				next = j
				break
			}
		}
		if next < 0 {
			return states, fmt.Errorf("replay step %d of %d: %v cannot be taken there", i+1, len(path), step)
		}
		states = append(states, out[next].State)
	}
	return states, nil
}

// node is a state of a path that is being made, and how it was reached.
type node struct {
	state State
	from  int // index of the node before, in the layer before
	step  Step
}

// path makes a real path to a stored state, or under symmetry to one of those
// that it stands for: the first for which want, if not nil, holds.
//
// The references give the canonical states on the way. A real state of which
// one of them is the canonical form has a step to a real state of the next
// one, as interchangeable things can do the same; which of several decides
// which of the final states is reached, so all are kept, layer by layer. A
// layer is never greater than the number of states that are alike.
func (x *search) path(r ref, want func(*State) bool) ([]Step, error) {
	layers, err := x.realise(r, want != nil)
	if err != nil {
		return nil, err
	}
	for i, n := range layers[len(layers)-1] {
		if want == nil || want(&n.state) {
			return trace(layers, i), nil
		}
	}
	return nil, errors.New("explore: no path leads to a state that symmetry promised: it is not a symmetry of the model")
}

// realise makes the layers of real states on the way to a stored one: of all,
// or of one each.
func (x *search) realise(r ref, all bool) ([][]node, error) {
	var chain []ref
	for ; r != noRef; r = x.store.parent(r) {
		chain = append(chain, r)
	}
	layers := [][]node{{{state: x.model.Initial()}}}
	var out []Successor
	for i := len(chain) - 2; i >= 0; i-- {
		goal := x.store.state(chain[i])
		var layer []node
		known := map[State]bool{}
		for from, n := range layers[len(layers)-1] {
			out = x.model.Successors(&n.state, out[:0])
			for _, t := range out {
				if (all || len(layer) == 0) && !known[t.State] && x.canonical(&t.State) == goal {
					known[t.State] = true
					layer = append(layer, node{t.State, from, t.Step})
				}
			}
		}
		if len(layer) == 0 {
			return nil, fmt.Errorf("explore: the model does not take the step %d of a path again: it is not deterministic, or its symmetry is not one", len(layers))
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

// trace reads the steps that lead to a node of the last layer.
func trace(layers [][]node, at int) []Step {
	path := make([]Step, len(layers)-1)
	for i := len(layers) - 1; i > 0; i-- {
		n := layers[i][at]
		path[i-1], at = n.step, n.from
	}
	return path
}

func (x *search) canonical(s *State) State {
	if x.opts.Symmetry {
		return x.model.Canonical(s)
	}
	return *s
}
