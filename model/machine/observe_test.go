package machine

import (
	"fmt"
	"strings"
	"testing"

	"aiocheck/model"
	"aiocheck/model/design"
)

// Observe says of every end what Outcome says of it.
func TestObserve(t *testing.T) {
	s := &Scenario{
		Files:    []File{{Kind: design.Pipe, Content: 1}, {Kind: design.Regular}},
		Contexts: []Context{{}}, Workers: 2,
		Requests: []Request{{Opcode: model.PRead, Units: 1}, {Opcode: model.PWrite, File: 1, Units: 2}, {Opcode: model.FSync, File: 1}},
		Threads: []Thread{
			{Calls: []Call{{Kind: Submit, Requests: []uint8{0, 1, 2}}, {Kind: GetEvents, Nr: 2}}},
			{Calls: []Call{{Kind: Write, Units: 1}, {Kind: Cancel, Requests: []uint8{1}}}},
		},
	}
	d := design.Thread201601()
	m, err := New(&d, s)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[State]bool{m.Initial(): true}
	queue := []State{m.Initial()}
	ends := map[string]bool{}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		out := m.Successors(&state, nil)
		if len(out) == 0 && !ends[m.Outcome(&state)] {
			ends[m.Outcome(&state)] = true
			compare(t, m, &state)
		}
		for _, n := range out {
			if !seen[n.State] {
				seen[n.State] = true
				queue = append(queue, n.State)
			}
		}
	}
	if len(ends) < 20 {
		t.Errorf("only %d outcomes", len(ends))
	}
}

func compare(t *testing.T, m *Machine, s *State) {
	t.Helper()
	o, text := m.Observe(s), m.Outcome(s)
	want := []string{fmt.Sprintf("file 0: %s", strings.TrimSpace(writersText(o.Contents[0])))}
	for i, r := range o.Requests {
		result := r.Result
		if !r.Ended {
			result = "pending"
		}
		want = append(want, fmt.Sprintf("r%d: %s, effect %d", i, result, r.Units))
		if i == 0 && r.Units > 0 {
			want = append(want, "data"+writersText(r.Data))
		}
		if i == 2 && r.Result != "" && r.Units > 0 {
			want = append(want, fmt.Sprintf("covers %d", r.Covers))
		}
	}
	for _, calls := range o.Calls {
		for _, c := range calls {
			switch {
			case c.Answer != "":
				want = append(want, "= "+c.Answer+";")
			case c.Returned:
				want = append(want, fmt.Sprintf("= %d;", c.Count))
			}
		}
	}
	for _, part := range want {
		if !strings.Contains(text, strings.TrimSpace(part)) {
			t.Fatalf("%q is observed, but not in\n%s", part, text)
		}
	}
}

func writersText(writers []Writer) (text string) {
	for _, w := range writers {
		switch w {
		case Nobody:
			text += " -"
		case Program:
			text += " w"
		default:
			text += fmt.Sprintf(" r%d", w)
		}
	}
	return text
}
