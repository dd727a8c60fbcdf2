package machine

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"aiocheck/model/design"
)

// Every kind of step is taken in some case, and none that Kinds leaves out.
func TestEveryKindIsTaken(t *testing.T) {
	var taken [NumKinds]bool
	look := func(name string, m *Machine, e *explored) {
		kinds := m.Kinds()
		for k := range NumKinds {
			taken[k] = taken[k] || e.kinds[k]
			if e.kinds[k] && !slices.Contains(kinds, k) {
				t.Errorf("%s takes %s, which Kinds leaves out", name, k)
			}
		}
	}
	all := cases()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name](t)
		e := full(t, m, 400_000)
		look(name, m, &e)
	}
	for _, s := range append(probes(), exitInside()) {
		d := design.Thread61()
		m := machineOf(t, d, s)
		e := full(t, m, 400_000)
		look(s.Name, m, &e)
		d = design.Mainline61()
		m = machineOf(t, d, s)
		e = full(t, m, 400_000)
		look(s.Name, m, &e)
	}
	// The bug's other form: where a queued request is marked.
	marked := machineOf(t, design.Thread201601Table().With(design.EarlyCancelLost), cancelOne())
	e := full(t, marked, 400_000)
	look("early-cancel-lost, marked", marked, &e)
	for k := range NumKinds {
		if !taken[k] {
			t.Errorf("%s is never taken", k)
		}
	}
	for k, info := range kindTable {
		if info.Name == "" || info.Text == "" || info.Source == "" {
			t.Errorf("kind %d has no description", k)
		}
	}
}

// exitInside exits while a thread executes a read of an empty pipe inside
// io_submit, and while others look for events with and without a timeout.
func exitInside() *Scenario {
	s := end(Exit)
	s.Threads = []Thread{
		caller(submit(1)), caller(submit(0), Call{Kind: GetEvents, Min: 2, Nr: 2, Timeout: true}, cancel(1), Call{Kind: GetEvents, Min: 1, Nr: 1}),
		caller(Call{Kind: Destroy}), caller(Call{Kind: Exit}),
	}
	return s
}

// What random programs do is within Kinds, too.
func TestRandomKinds(t *testing.T) {
	designs := design.All()
	rapid.Check(t, func(rt *rapid.T) {
		d := rapid.SampledFrom(designs).Draw(rt, "design")
		s := drawScenario(rt)
		m, err := New(&d, s)
		if err != nil || !legal(s) {
			return
		}
		e, _ := search(m, allOf, same, 500)
		kinds := m.Kinds()
		for k := range NumKinds {
			if e.kinds[k] && !slices.Contains(kinds, k) {
				rt.Fatalf("%s takes %s, which Kinds leaves out: %+v", d.Name, k, *s)
			}
		}
	})
}
