package explore

import "slices"

// naive is what a search must find, computed in the plainest way.
type naive struct {
	states      int64
	transitions int64
	depth       int
	distance    map[State]int
	inState     map[string]int // property: least distance
	badStates   map[string]int64
	deadlock    map[string]int
	outcomes    map[string]int64
	outcomeAt   map[string]int
	fair        map[string]bool // promises that a fair cycle breaks
	taken       map[Kind]int64
}

func searchNaively(m Model) naive {
	n := naive{
		distance: map[State]int{}, inState: map[string]int{}, badStates: map[string]int64{}, deadlock: map[string]int{},
		outcomes: map[string]int64{}, outcomeAt: map[string]int{}, fair: map[string]bool{}, taken: map[Kind]int64{},
	}
	queue := []State{m.Initial()}
	n.distance[queue[0]] = 0
	for i := 0; i < len(queue); i++ {
		s := queue[i]
		d := n.distance[s]
		n.depth = d
		for p, property := range m.Properties() {
			if m.Violated(&s)>>p&1 == 1 {
				least(n.inState, property.Name, d)
				n.badStates[property.Name]++
			}
		}
		succ := m.Successors(&s, nil)
		if len(succ) == 0 {
			n.end(m, &s, d)
		} else if !slices.ContainsFunc(succ, func(t Successor) bool { return m.Fair(t.Step) }) {
			n.broken(m, &s, d)
		}
		for _, t := range succ {
			n.transitions++
			n.taken[t.Step.Kind]++
			if _, known := n.distance[t.State]; !known {
				n.distance[t.State] = d + 1
				queue = append(queue, t.State)
			}
		}
	}
	n.states = int64(len(queue))
	for p, property := range m.Properties() {
		n.fair[property.Name] = hasFairCycle(m, queue, p)
	}
	return n
}

func least(m map[string]int, name string, d int) {
	if old, ok := m[name]; !ok || d < old {
		m[name] = d
	}
}

func (n *naive) end(m Model, s *State, d int) {
	if m.Terminal(s) {
		n.outcomes[m.Outcome(s)]++
		least(n.outcomeAt, m.Outcome(s), d)
		return
	}
	if m.Stuck(s) == 0 {
		least(n.deadlock, DeadlockProperty, d)
	}
	n.broken(m, s, d)
}

// broken takes down the promises pending in a state that may last for ever.
func (n *naive) broken(m Model, s *State, d int) {
	for p, property := range m.Properties() {
		if m.Stuck(s)>>p&1 == 1 {
			least(n.deadlock, property.Name, d)
		}
	}
}

// hasFairCycle computes which states can reach which within the part where
// the promise is pending, by closing the relation, and looks at each class of
// states that reach each other.
func hasFairCycle(m Model, all []State, promise int) bool {
	var states []State
	number := map[State]int{}
	for _, s := range all {
		if m.Stuck(&s)>>promise&1 == 1 {
			number[s] = len(states)
			states = append(states, s)
		}
	}
	reach := make([][]bool, len(states))
	for i := range states {
		reach[i] = make([]bool, len(states))
		for _, t := range m.Successors(&states[i], nil) {
			if j, ok := number[t.State]; ok {
				reach[i][j] = true
			}
		}
	}
	for k := range states {
		for i := range states {
			if reach[i][k] {
				for j := range states {
					reach[i][j] = reach[i][j] || reach[k][j]
				}
			}
		}
	}
	for i := range states {
		if !reach[i][i] {
			continue
		}
		fair := true
		for actor := range 8 {
			escapes := true // able everywhere, moves nowhere
			for j := range states {
				if !reach[i][j] || !reach[j][i] {
					continue
				}
				able := false
				for _, t := range m.Successors(&states[j], nil) {
					if int(t.Step.Actor) != actor || !m.Fair(t.Step) {
						continue
					}
					able = true
					if k, ok := number[t.State]; ok && reach[k][i] && reach[i][k] {
						escapes = false
					}
				}
				escapes = escapes && able
			}
			fair = fair && !escapes
		}
		if fair {
			return true
		}
	}
	return false
}
