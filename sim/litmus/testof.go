package litmus

import (
	"errors"
	"fmt"
	"slices"

	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces/litmus"
)

// TestOf is the inverse of Scenario: a scenario as a test, so that it can be a
// program. What the text format cannot say is an error.
func TestOf(s *machine.Scenario) (*litmus.Test, error) {
	if s.Prologue || slices.ContainsFunc(s.Threads, func(t machine.Thread) bool { return t.Forever }) {
		return nil, errors.New("a test does not begin in the middle, and makes no call for ever")
	}
	t := &litmus.Test{Name: s.Name, CPUs: s.CPUs, Workers: s.Workers}
	for i, f := range s.Files {
		d := litmus.File{Kind: f.Kind, Name: fmt.Sprintf("f%d", i), NoWriter: f.NoWriter}
		d.Bytes, d.Holds = int64(f.Capacity)*litmus.Unit, int64(f.Content)*perHeld(&d)
		if f.Kind == design.Eventfd {
			d.Bytes = 0
		}
		t.Files = append(t.Files, d)
	}
	for i, c := range s.Contexts {
		if len(s.Contexts) > 1 || c.Slots > 0 {
			t.Contexts = append(t.Contexts, litmus.Context{Name: fmt.Sprintf("c%d", i), Slots: int(c.Slots)})
		}
	}
	for i, r := range s.Requests {
		f := &t.Files[r.File]
		d := litmus.Request{Name: requestName(i), Op: r.Opcode, File: f.Name, Bytes: int64(r.Units) * unit(f), Offset: int64(r.Offset) * unit(f),
			NoFile: r.NoFile, Eventfd: r.Eventfd}
		if r.Refused {
			d.Op, d.Bytes, d.Offset = litmus.NoOp, 0, 0
		}
		if r.Address != 0 {
			d.Iocb = fmt.Sprintf("m%d", r.Address)
		}
		t.Requests = append(t.Requests, d)
	}
	for i, th := range s.Threads {
		d := litmus.Thread{Name: fmt.Sprintf("T%d", i), CPU: int(th.CPU)}
		for k := range th.Calls {
			d.Calls = append(d.Calls, callOf(t, &th.Calls[k]))
		}
		t.Threads = append(t.Threads, d)
	}
	return t, nil
}

// requestName is a, b, c: as tests mostly have it.
func requestName(i int) string { return string(rune('a' + i)) }

// callOf is a call of the machine as one of the format.
func callOf(t *litmus.Test, c *machine.Call) litmus.Call {
	var d litmus.Call
	for do, kind := range calls {
		if kind == c.Kind {
			d.Do = do
		}
	}
	on := func() {
		if len(t.Contexts) > 1 {
			d.Context = t.Contexts[c.Context].Name
		}
	}
	for _, r := range c.Requests {
		d.Requests = append(d.Requests, requestName(int(r)))
	}
	switch d.Do {
	case litmus.Submit, litmus.GetEvents, litmus.Reap, litmus.Destroy:
		on()
	case litmus.Cancel:
		if c.Elsewhere {
			on()
		}
	case litmus.Close, litmus.Write, litmus.Read:
		f := &t.Files[c.File]
		d.File = f.Name
		if d.Do != litmus.Close {
			d.Bytes = int64(c.Units) * unit(f)
		}
	}
	if d.Do == litmus.GetEvents {
		d.Min, d.Nr, d.Timeout = int(c.Min), int(c.Nr), c.Timeout
	}
	return d
}
