package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aiocheck/model/design"
	"aiocheck/model/machine"
)

// smallSpace is how many states are drawn with what they say of each request;
// more are drawn as numbers.
const smallSpace = 60

// Space draws every state that a program reaches under a design. It refuses
// more than most states, as nobody can read them.
func Space(d *design.Design, s *machine.Scenario, most int) (*Graph, error) {
	m, err := machine.New(d, s)
	if err != nil {
		return nil, fmt.Errorf("draw the states of %s: %w", s.Name, err)
	}
	w, err := explore(m, most)
	if err != nil {
		return nil, fmt.Errorf("draw the states of %s in %s: %w", s.Name, d.Name, err)
	}
	g := &Graph{
		Title:    fmt.Sprintf("The states that %s reaches in %s", s.Name, d.Name),
		Subtitle: fmt.Sprintf("%d states; %s", len(w.states), d.Title),
		Wide:     len(w.states) > smallSpace,
	}
	kinds := map[machine.Kind]bool{}
	bad := map[string]map[machine.Kind]bool{}
	for i := range w.states {
		g.Nodes = append(g.Nodes, stateNode(m, w, i, len(s.Requests), d.Queued == design.QueuedMark))
		before := m.Violated(&w.states[i])
		edges := map[int][]Label{}
		for _, t := range w.out[i] {
			for _, p := range violated(m, m.Violated(&w.states[t.to])&^before) {
				bad[p] = add(bad[p], t.step.Kind)
			}
			kinds[t.step.Kind] = true
			l := label(t.step.Kind)
			l.Who = m.Actor(t.step)
			edges[t.to] = append(edges[t.to], l)
		}
		for _, to := range slices.Sorted(maps.Keys(edges)) {
			g.Edges = append(g.Edges, Edge{i, to, edges[to]})
		}
	}
	g.Steps = rows(kinds)
	for _, p := range m.Properties() {
		if by := bad[p.Name]; by != nil {
			g.Violated = append(g.Violated, p.Name+" by "+kindNames(by))
		}
	}
	return g, nil
}

func stateNode(m *machine.Machine, w *walk, i, requests int, marks bool) Node {
	s := &w.states[i]
	n := Node{Name: fmt.Sprint(i), Details: strings.TrimSpace(m.Describe(s))}
	for r := range requests {
		v := m.Request(s, r)
		about := lifeNode(v, nil, marks)
		n.Notes = append(n.Notes, fmt.Sprintf("%d %s", r, strings.Join(append([]string{about.Name}, about.Notes...), ", ")))
		n.Look = max(n.Look, about.Look)
	}
	if len(w.out[i]) == 0 {
		n.Look = End
		n.Details += "\nnothing more can happen"
		n.Notes = append(n.Notes, strings.Split(m.Outcome(s), "\n")...)
	}
	broken := m.Violated(s)
	if !slices.ContainsFunc(w.out[i], func(t taken) bool { return m.Fair(t.step) }) {
		broken |= m.Stuck(s) // nobody has to go on
	}
	for _, p := range violated(m, broken) {
		n.Notes = append(n.Notes, "✗ "+p)
		n.Look = Bad
	}
	if i == 0 {
		n.Look = Begin
	}
	return n
}
