package inclusion

import (
	"slices"
	"strings"
	"testing"

	"aiocheck/kernel/patches"
	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// everything is a scenario in which the design takes each of its steps
// somewhere: reads of a pipe, writes, an fsync, a poll and an open, cancelled,
// reaped in both ways, destroyed twice, ended by exit.
func everything() []*machine.Scenario {
	one := []uint8{0}
	calls := func(list ...machine.Call) machine.Thread { return machine.Thread{Calls: list} }
	submit := calls(machine.Call{Kind: machine.Submit, Requests: one})
	rivals := []machine.Thread{
		calls(machine.Call{Kind: machine.Cancel, Requests: one}),
		calls(machine.Call{Kind: machine.GetEvents, Min: 1, Nr: 1, Timeout: true}), calls(machine.Call{Kind: machine.ReapRing}),
		calls(machine.Call{Kind: machine.Destroy}), calls(machine.Call{Kind: machine.Destroy}), calls(machine.Call{Kind: machine.Exit}),
		calls(machine.Call{Kind: machine.ChangeIocb, Requests: one}), calls(machine.Call{Kind: machine.ChangeContext}),
		calls(machine.Call{Kind: machine.Close}), calls(machine.Call{Kind: machine.Write, Units: 1}), calls(machine.Call{Kind: machine.Read, Units: 1}),
	}
	var list []*machine.Scenario
	for _, r := range []machine.Request{
		{Opcode: model.PRead, Units: 2, Eventfd: true}, {Opcode: model.PWrite, Units: 2, Refused: true}, {Opcode: model.FSync}, {Opcode: model.Poll},
	} {
		for _, kind := range []design.FileKind{design.Regular, design.Pipe} {
			for _, rival := range rivals {
				threads := []machine.Thread{submit, rival}
				if rival.Calls[0].Kind == machine.Destroy {
					threads = append(threads, rival)
				}
				list = append(list, &machine.Scenario{Name: "everything", Files: []machine.File{{Kind: kind}}, Contexts: []machine.Context{{Slots: 1}},
					Requests: []machine.Request{r}, Threads: append(threads, calls(machine.Call{Kind: machine.Destroy}))})
			}
		}
	}
	return list
}

// TestTableIsComplete: each point of the kernel has a row, with the kernel's
// function; each step that the design has stands in a row or among the silent
// ones, with a reason; and no row or reason is of a step that it has not.
func TestTableIsComplete(t *testing.T) {
	has := map[machine.Kind]bool{}
	d := design.Thread61()
	for _, s := range everything() {
		m, err := machine.New(&d, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range m.Kinds() {
			has[k] = true
		}
	}
	said := map[machine.Kind]bool{}
	for p := traces.AtSetup; p < traces.NumPoints; p++ {
		r := table[p]
		if r.where == "" || len(r.kinds) == 0 && r.note == "" {
			t.Errorf("%v has no row, or an empty one", p)
		}
		for _, k := range r.kinds {
			said[k] = true
		}
	}
	for k, why := range silent {
		if said[k] || why == "" {
			t.Errorf("%v is silent and has a point, or no reason", k)
		}
		said[k] = true
	}
	for k := range machine.NumKinds {
		if has[k] != said[k] {
			t.Errorf("%v: the design has it: %v; a point or a reason: %v", k, has[k], said[k])
		}
	}
}

// TestWhereIsInTheKernel: the functions that the table names are those of the
// patched sources, and the files are those in which the kernel tells of the
// points.
func TestWhereIsInTheKernel(t *testing.T) {
	list, err := patches.Series("6.1")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	told := map[string]string{} // points by file
	for _, p := range list {
		all.Write(p.Text)
		file := ""
		for line := range strings.Lines(string(p.Text)) {
			if name, ok := strings.CutPrefix(line, "+++ b/"); ok {
				file = strings.TrimSpace(name)
			} else if strings.HasPrefix(line, "+") && strings.Contains(file, "fs/") {
				told[file] += line
			}
		}
	}
	for p := traces.AtSetup; p < traces.NumPoints; p++ {
		name := table[p].where
		if !strings.Contains(all.String(), name) {
			t.Errorf("%v: the patches know no function %s", p, name)
		}
		point := "AIO_" + strings.ToUpper(p.String())
		if text := told[source(name)]; !strings.Contains(text, point+",") && !strings.Contains(text, point+")") {
			t.Errorf("%v: %s does not tell of %s", p, source(name), point)
		}
	}
}

// TestPathsAreTheTables: what the judge takes for a point is what the table
// says, and nothing more.
func TestPathsAreTheTables(t *testing.T) {
	// steps that are taken with a point although they are said of another
	with := map[traces.Point][]machine.Kind{
		traces.AtSlot: {machine.S0}, traces.AtRefused: {machine.S0, machine.S1}, traces.AtFoundQueued: {machine.C2},
		traces.AtFoundRunning: {machine.C2}, traces.AtFreed: {machine.W12},
	}
	for a, list := range paths {
		for _, path := range list {
			for _, k := range path {
				if !slices.Contains(table[a.point].kinds, k) && !slices.Contains(with[a.point], k) {
					t.Errorf("%v takes %v, which the table does not say", a.point, k)
				}
			}
		}
	}
}
