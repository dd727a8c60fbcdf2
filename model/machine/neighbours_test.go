package machine

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"aiocheck/model"
	"aiocheck/model/design"
)

// probes are scenarios that tell designs apart, besides the bugs' witnesses.
func probes() []*Scenario {
	pipe := []File{{Kind: design.Pipe}}
	regular := []File{{Kind: design.Regular}}
	one := []Context{{}}
	return []*Scenario{
		{ // a ring that is too small for what was accepted
			Files: regular, Contexts: []Context{{Slots: 1}}, Requests: []Request{{Opcode: model.PWrite, Units: 1}, {Opcode: model.PWrite, Units: 1}},
			Threads: []Thread{caller(submit(0), submit(1))},
		},
		{ // the same on an empty pipe, where every request blocks
			Files: pipe, Contexts: []Context{{Slots: 1}}, Requests: []Request{{Opcode: model.PRead, Units: 1}, {Opcode: model.PRead, Units: 1}},
			Threads: []Thread{caller(submit(0), submit(1), Call{Kind: Write, Units: 2})},
		},
		{ // a name that needs no descriptor
			Files: []File{{Kind: design.Directory}}, Contexts: one, Requests: []Request{{Opcode: model.UnlinkAt, NoFile: true}}, Threads: []Thread{caller(submit(0))},
		},
		{ // a poll of a pipe that is ready
			Files: []File{{Kind: design.Pipe, Content: 1}}, Contexts: one, Requests: []Request{{Opcode: model.Poll}}, Threads: []Thread{caller(submit(0))},
		},
		{ // an fsync of what cannot be synced
			Files: pipe, Contexts: one, Requests: []Request{{Opcode: model.FSync}}, Threads: []Thread{caller(submit(0))},
		},
		{ // two writes to a pipe in one batch
			Files: pipe, Contexts: one, Workers: 2, Requests: []Request{{Opcode: model.PWrite, Units: 1}, {Opcode: model.PWrite, Units: 1}}, Threads: []Thread{caller(submit(0, 1))},
		},
		{ // a read that blocks before a write that would not, in one batch
			Files: []File{{Kind: design.Pipe}, {Kind: design.Pipe}}, Contexts: one, Workers: 2,
			Requests: []Request{{Opcode: model.PRead, Units: 1}, {Opcode: model.PWrite, File: 1, Units: 1}}, Threads: []Thread{caller(submit(0, 1))},
		},
		{ // the context changes while a read waits, and after
			Files: []File{{Kind: design.Pipe}, {Kind: design.Pipe}}, Contexts: one,
			Requests: []Request{{Opcode: model.PRead, Units: 1}, {Opcode: model.PRead, File: 1, Units: 1}},
			Threads:  []Thread{caller(submit(0), Call{Kind: ChangeContext}, Call{Kind: Write, Units: 1}, submit(1), Call{Kind: Write, File: 1, Units: 1})},
		},
		{ // the file is closed while requests run, and before another
			Files: regular, Contexts: one, Requests: []Request{{Opcode: model.PWrite, Units: 1}, {Opcode: model.PWrite, Units: 1}},
			Threads: []Thread{caller(submit(0), Call{Kind: Close}, submit(1))},
		},
		{ // a read of an empty pipe is cancelled
			Files: pipe, Contexts: one, Requests: []Request{{Opcode: model.PRead, Units: 1}}, Threads: []Thread{caller(submit(0), cancel(0))},
		},
		{ // the iocb is written over while a read waits
			Files: pipe, Contexts: one, Requests: []Request{{Opcode: model.PRead, Units: 1}},
			Threads: []Thread{caller(submit(0), Call{Kind: ChangeIocb, Requests: []uint8{0}}, Call{Kind: Write, Units: 1})},
		},
	}
}

// No design is a name only: for any two there is a scenario in which their
// outcomes or their violations differ.
func TestDesignsDiffer(t *testing.T) {
	scenarios := probes()
	for _, info := range design.BugTable() {
		scenarios = append(scenarios, Witness(info.Bug))
	}
	designs := design.All()
	found := make([][]explored, len(designs))
	for i, d := range designs {
		for k, s := range scenarios {
			s.Name = fmt.Sprintf("%s %d", s.Name, k)
			m, err := New(&d, s)
			if errors.Is(err, ErrNotApplicable) {
				found[i] = append(found[i], explored{})
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			found[i] = append(found[i], full(t, m, 400_000))
		}
	}
	for i := range designs {
	next:
		for j := range i {
			for k := range scenarios {
				if found[i][k].violated != found[j][k].violated || !maps.Equal(found[i][k].outcomes, found[j][k].outcomes) {
					continue next
				}
			}
			t.Errorf("nothing tells %s from %s", designs[i].Name, designs[j].Name)
		}
	}
}
