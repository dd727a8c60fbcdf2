package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
)

// lifeStates bounds the machine that a life is projected from. One request and
// the few calls about it are far below.
const lifeStates = 200_000

// Life draws the life of one request in a design: submitted by one thread,
// cancelled by another at any time, and reaped; with an io_destroy at any time
// if destroyed is set. States that differ only in what is not the request's
// are drawn as one.
func Life(d *design.Design, op model.Opcode, kind design.FileKind, destroyed bool) (*Graph, error) {
	s := lifeScenario(op, kind, destroyed)
	if d.ExecutorOf(op, kind) == design.Unsupported {
		return nil, fmt.Errorf("%s has no %s", d.Name, op)
	}
	if d.Answers == 0 {
		s.Threads = slices.Delete(s.Threads, 1, 2) // it has no call that cancels
	}
	m, err := machine.New(d, s)
	if err != nil {
		return nil, fmt.Errorf("draw the life of a request in %s: %w", d.Name, err)
	}
	w, err := explore(m, lifeStates)
	if err != nil {
		return nil, fmt.Errorf("draw the life of a request in %s: %w", d.Name, err)
	}
	g := project(m, w, d.Queued == design.QueuedMark)
	g.Title = fmt.Sprintf("The life of a request in %s", d.Name)
	g.Subtitle = fmt.Sprintf("%s, %s; %s", op, kind, d.Title)
	return g, nil
}

func lifeScenario(op model.Opcode, kind design.FileKind, destroyed bool) *machine.Scenario {
	r := machine.Request{Opcode: op}
	if op.Transfers() {
		r.Units = 2 // so that there are partial effects
	}
	one := []uint8{0}
	s := &machine.Scenario{
		Name: "life", Workers: 1, Requests: []machine.Request{r}, Contexts: []machine.Context{{}},
		Files: []machine.File{{Kind: kind, Capacity: 1}},
		Threads: []machine.Thread{
			{Calls: []machine.Call{{Kind: machine.Submit, Requests: one}}},
			{Calls: []machine.Call{{Kind: machine.Cancel, Requests: one}}},
			{Calls: []machine.Call{{Kind: machine.GetEvents, Min: 1, Nr: 1}}},
		},
	}
	switch {
	case kind.Stream() && op.Writes():
		s.Threads = append(s.Threads, machine.Thread{Calls: []machine.Call{{Kind: machine.Read, Units: 1}, {Kind: machine.Read, Units: 1}}})
	case kind.Stream():
		s.Threads = append(s.Threads, machine.Thread{Calls: []machine.Call{{Kind: machine.Write, Units: 1}}})
	}
	if destroyed {
		s.Threads = append(s.Threads, machine.Thread{Calls: []machine.Call{{Kind: machine.Destroy}}})
	}
	return s
}

// of is the projection of a state: what it says of the request. Freed memory
// says nothing any more, but a list that it is still on and a signal that is
// still pending are drawn; of a reaped request only that it is.
func of(m *machine.Machine, s *machine.State) machine.RequestState {
	r := m.Request(s, 0)
	switch {
	case r.Phase == "reaped":
		return machine.RequestState{Phase: r.Phase}
	case r.Freed:
		return machine.RequestState{Phase: r.Phase, Freed: true, Listed: r.Listed, Signalled: r.Signalled}
	}
	return r
}

// project merges the states that say the same of the request. marks says that
// the design has a cancel slot, in which early and late are told apart.
func project(m *machine.Machine, w *walk, marks bool) *Graph {
	g := &Graph{}
	number := map[machine.RequestState]int{}
	var views []machine.RequestState
	ends := map[int]map[string]bool{}
	at := make([]int, len(w.states))
	for i := range w.states {
		v := of(m, &w.states[i])
		n, known := number[v]
		if !known {
			n = len(views)
			number[v] = n
			views = append(views, v)
			ends[n] = map[string]bool{}
		}
		at[i] = n
		if v.Returned || v.Phase == "reaped" {
			ends[n][endText(m.End(&w.states[i], 0), m, &w.states[i])] = true
		}
	}
	kinds := map[machine.Kind]bool{}
	labels := map[[2]int][]Label{}
	bad := map[string]map[machine.Kind]bool{} // the steps that violate a property that held before
	silent := map[int]map[machine.Kind]bool{} // steps that leave the request's state as it is
	for i, steps := range w.out {
		before := m.Violated(&w.states[i])
		for _, t := range steps {
			from, to := at[i], at[t.to]
			for _, p := range violated(m, m.Violated(&w.states[t.to])&^before) {
				bad[p] = add(bad[p], t.step.Kind)
				kinds[t.step.Kind] = true
			}
			if from == to && t.step.Kind != machine.W5 && t.step.Kind != machine.SI {
				if own(t.step.Kind) && views[from].Phase != "reaped" {
					silent[from] = add(silent[from], t.step.Kind)
					kinds[t.step.Kind] = true
				}
				continue
			}
			l := label(t.step.Kind)
			if !slices.Contains(labels[[2]int{from, to}], l) {
				labels[[2]int{from, to}] = append(labels[[2]int{from, to}], l)
			}
			kinds[t.step.Kind] = true
		}
	}
	for n, v := range views {
		node := lifeNode(v, slices.Sorted(maps.Keys(ends[n])), marks)
		if silent[n] != nil {
			node.Notes = append(node.Notes, "here "+kindNames(silent[n]))
		}
		g.Nodes = append(g.Nodes, node)
	}
	for _, p := range m.Properties() {
		if by := bad[p.Name]; by != nil {
			g.Violated = append(g.Violated, p.Name+" by "+kindNames(by))
		}
	}
	pairs := slices.SortedFunc(maps.Keys(labels), func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	for _, p := range pairs {
		slices.SortFunc(labels[p], func(a, b Label) int { return strings.Compare(a.Step, b.Step) })
		g.Edges = append(g.Edges, Edge{p[0], p[1], labels[p]})
	}
	g.Steps = rows(kinds)
	return g
}

func label(k machine.Kind) Label {
	return Label{Step: k.String(), Who: roleOf(k).String(), Lock: k.Info().Lock, Role: roleOf(k)}
}

// endText is a result with what was done: "2, full effect".
func endText(e machine.RequestEnd, m *machine.Machine, s *machine.State) string {
	result := e.Result
	if result == "" {
		result = m.Result(s, 0)
	}
	switch {
	case e.Units == 0:
		return result + ", no effect"
	case e.Units < e.Total:
		return result + ", partial effect"
	}
	return result + ", full effect"
}

// own reports whether a step is one of the request's own, even if it changes
// nothing that is drawn: not one of a call that only looks for it.
func own(k machine.Kind) bool {
	return k == machine.S3 || k == machine.S5 || roleOf(k) == Worker
}

func add(set map[machine.Kind]bool, k machine.Kind) map[machine.Kind]bool {
	if set == nil {
		set = map[machine.Kind]bool{}
	}
	set[k] = true
	return set
}

func kindNames(kinds map[machine.Kind]bool) string {
	var names []string
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		names = append(names, k.String())
	}
	return strings.Join(names, ", ")
}

// violated names the properties of these bits.
func violated(m *machine.Machine, bits uint64) (names []string) {
	for i, p := range m.Properties() {
		if bits&(1<<i) != 0 {
			names = append(names, p.Name)
		}
	}
	return names
}

// lifeNode names a state of the request.
func lifeNode(v machine.RequestState, ends []string, marks bool) Node {
	n := Node{Details: v.String()}
	switch v.Phase {
	case "idle":
		n.Name, n.Look = "not submitted", Begin
	case "refused":
		n.Name, n.Look = "refused", End
	case "submitting":
		n.Name = "being submitted"
	case "armed":
		n.Name, n.Look = "armed", Waiting
		switch {
		case v.Queued:
			n.Name = "queued"
		case v.Early && !marks:
			n.Name = "cancelled in the queue"
		}
	case "started":
		switch {
		case v.Returned:
			n.Name = "returned"
		case marks && (v.Slot == "EARLY" || v.Early):
			n.Name = "taken"
		default:
			n.Name = "running"
		}
		n.Look = Running
	case "posted":
		n.Name, n.Look = "event posted", Done
		if v.Freed {
			n.Notes = append(n.Notes, "request freed")
		}
	case "reaped":
		n.Name, n.Look = "event reaped", End
	}
	if v.Slot == "CANCELLED" {
		n.Look = Cancelled
		switch {
		case !marks:
			n.Notes = append(n.Notes, "cancelled")
		case v.Early:
			n.Notes = append(n.Notes, "cancelled early")
		default:
			n.Notes = append(n.Notes, "cancelled late")
		}
	} else if marks && v.Slot != "NULL" && v.Slot != "" {
		n.Notes = append(n.Notes, "cancel slot "+v.Slot)
	}
	if v.Listed {
		n.Notes = append(n.Notes, "on the list")
	}
	if v.Signalled {
		n.Notes = append(n.Notes, "signal pending")
	}
	if v.Phase == "started" || v.Phase == "reaped" {
		n.Notes = append(n.Notes, ends...)
	}
	return n
}
