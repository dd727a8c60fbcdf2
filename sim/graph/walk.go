package graph

import (
	"fmt"

	"aiocheck/model/machine"
)

// walk is the reachable part of a machine's state space, breadth-first.
type walk struct {
	states []machine.State
	number map[machine.State]int
	out    [][]taken // by state
}

// taken is a step and the number of the state that it leads to.
type taken struct {
	step machine.Step
	to   int
}

// explore visits every state, and fails if there are more than most.
func explore(m *machine.Machine, most int) (*walk, error) {
	w := &walk{states: []machine.State{m.Initial()}, number: map[machine.State]int{m.Initial(): 0}}
	var next []machine.Successor
	for i := 0; i < len(w.states); i++ {
		s := w.states[i]
		next = m.Successors(&s, next[:0])
		steps := make([]taken, 0, len(next))
		for _, n := range next {
			to, known := w.number[n.State]
			if !known {
				to = len(w.states)
				if to == most {
					return nil, fmt.Errorf("more than %d states", most)
				}
				w.number[n.State] = to
				w.states = append(w.states, n.State)
			}
			steps = append(steps, taken{n.Step, to})
		}
		w.out = append(w.out, steps)
	}
	return w, nil
}
