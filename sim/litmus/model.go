package litmus

import (
	"fmt"
	"slices"

	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/traces/litmus"
)

// watched is a machine whose states remember which of the properties that the
// test asks for were violated on the way, so that an outcome can speak of them.
// Every state without successors is an outcome, also one in which something
// hangs.
type watched struct {
	*machine.Machine
	test *litmus.Test
	show shown
	word int    // of a state: the asked properties violated so far
	mask uint64 // the asked properties
}

func watch(m *machine.Machine, t *litmus.Test, show shown) (*watched, error) {
	if m.Words() == machine.StateWords {
		return nil, fmt.Errorf("test %s: the model's states have no room left: make the test smaller", t.Name)
	}
	w := &watched{Machine: m, test: t, show: show, word: m.Words()}
	for i, p := range m.Properties() {
		if slices.Contains(show.properties, p.Name) {
			w.mask |= 1 << i
		}
	}
	return w, nil
}

// Words is one more than the machine's.
func (w *watched) Words() int { return w.word + 1 }

// Initial is the machine's initial state.
func (w *watched) Initial() explore.State {
	s := w.Machine.Initial()
	s[w.word] = w.Machine.Violated(&s) & w.mask
	return s
}

// plain is the machine's part of a state.
func (w *watched) plain(s *explore.State) explore.State {
	plain := *s
	plain[w.word] = 0
	return plain
}

// Successors are the machine's, with what each violates remembered.
func (w *watched) Successors(s *explore.State, out []explore.Successor) []explore.Successor {
	plain := w.plain(s)
	n := len(out)
	out = w.Machine.Successors(&plain, out)
	for i := n; i < len(out); i++ {
		out[i].State[w.word] = s[w.word] | w.Machine.Violated(&out[i].State)&w.mask
	}
	return out
}

// Violated is what the state itself violates.
func (w *watched) Violated(s *explore.State) uint64 {
	plain := w.plain(s)
	return w.Machine.Violated(&plain)
}

// observe is the outcome that s, a state without successors, shows. What is
// stuck in it is told whether or not the test asks for it.
func (w *watched) observe(s *explore.State) Outcome {
	plain := w.plain(s)
	set := s[w.word] | w.Machine.Stuck(&plain)
	o := Outcome{Observation: w.Machine.Observe(&plain)}
	for i, p := range w.Machine.Properties() {
		if set&(1<<i) != 0 {
			o.Violated = append(o.Violated, p.Name)
		}
	}
	o.Text = o.text(w.test, w.show)
	return o
}

// Outcome is the text of the outcome.
func (w *watched) Outcome(s *explore.State) string {
	o := w.observe(s)
	return o.Text
}

// Pending is nothing, and every end terminal: what is stuck is part of the
// outcome.
func (w *watched) Pending(*explore.State) uint64 { return 0 }

// Terminal reports that the behaviour may end.
func (w *watched) Terminal(*explore.State) bool { return true }

// Kinds are all steps.
func (w *watched) Kinds() []explore.Kind {
	kinds := make([]explore.Kind, machine.NumKinds)
	for i := range kinds {
		kinds[i] = explore.Kind(i)
	}
	return kinds
}

// Canonical is the state: requests have names, and are not interchangeable.
func (w *watched) Canonical(s *explore.State) explore.State { return *s }

// Orbit is the state alone.
func (w *watched) Orbit(s *explore.State, out []explore.State) []explore.State {
	return append(out, *s)
}

// Ample is everything.
func (w *watched) Ample(_ *explore.State, succ []explore.Successor) []explore.Successor { return succ }
