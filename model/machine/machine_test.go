package machine

import (
	"testing"

	"aiocheck/model/design"
)

// explored is what a small breadth-first search found.
type explored struct {
	states, transitions int
	violated            uint64
	outcomes            map[string]bool
	kinds               [NumKinds]bool
	witness             map[int]State
}

// search visits every reachable state, up to so many; it reports whether they
// were all.
func search(m *Machine, next func(*State, []Successor) []Successor, rep func(*State) State, most int, visits ...func(*State, []Successor)) (explored, bool) {
	e := explored{outcomes: map[string]bool{}, witness: map[int]State{}}
	start := m.Initial()
	start = rep(&start)
	seen := map[State]bool{start: true}
	queue := []State{start}
	var out []Successor
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		e.states++
		if e.states > most {
			return e, false
		}
		v := m.Violated(&s)
		out = m.Successors(&s, out[:0])
		for _, visit := range visits {
			visit(&s, out)
		}
		out = next(&s, out)
		e.transitions += len(out)
		if len(out) == 0 {
			v |= m.Stuck(&s)
			e.outcomes[m.Outcome(&s)] = true
		}
		e.violated |= v
		for i := range properties {
			if _, ok := e.witness[i]; !ok && v&(1<<i) != 0 {
				e.witness[i] = s
			}
		}
		for _, n := range out {
			e.kinds[n.Step.Kind] = true
			u := rep(&n.State)
			if !seen[u] {
				seen[u] = true
				queue = append(queue, u)
			}
		}
	}
	return e, true
}

// explore is a search that has to end.
func explore(t testing.TB, m *Machine, next func(*State, []Successor) []Successor, rep func(*State) State, most int, visits ...func(*State, []Successor)) explored {
	t.Helper()
	e, ok := search(m, next, rep, most, visits...)
	if !ok {
		t.Fatalf("more than %d states", most)
	}
	return e
}

func same(s *State) State                         { return *s }
func allOf(_ *State, out []Successor) []Successor { return out }
func full(t testing.TB, m *Machine, most int, visits ...func(*State, []Successor)) explored {
	return explore(t, m, allOf, same, most, visits...)
}

func names(v uint64) (n []string) {
	for i, p := range properties {
		if v&(1<<i) != 0 {
			n = append(n, p.Name)
		}
	}
	return n
}

func TestCancelScenario(t *testing.T) {
	for _, d := range design.All() {
		m, err := New(&d, CancelScenario(2, 2, 1))
		if err != nil {
			t.Fatal(err)
		}
		e := full(t, m, 1_000_000)
		t.Logf("%s: %d words, %d states, %d transitions, %d outcomes, violated %v", d.Name, m.Words(), e.states, e.transitions, len(e.outcomes), names(e.violated))
	}
}
