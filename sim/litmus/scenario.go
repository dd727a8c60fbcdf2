package litmus

import (
	"fmt"
	"slices"

	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces/litmus"
)

// Scenario is a test as the machine takes it: names become indices, bytes
// become units (litmus.Unit, or litmus.EventfdUnit on an eventfd). The machine
// itself refuses what is too large for it.
func Scenario(t *litmus.Test) (*machine.Scenario, error) {
	s := &machine.Scenario{Name: t.Name, CPUs: t.CPUs, Workers: t.Workers}
	for i := range t.Files {
		f, err := file(t, &t.Files[i])
		if err != nil {
			return nil, err
		}
		s.Files = append(s.Files, f)
	}
	for _, c := range t.Contexts {
		if c.Slots > 255 {
			return nil, fmt.Errorf("context %s: %d slots are more than the model's 255", c.Name, c.Slots)
		}
		s.Contexts = append(s.Contexts, machine.Context{Slots: uint8(c.Slots)})
	}
	if len(s.Contexts) == 0 {
		s.Contexts = []machine.Context{{}}
	}
	var iocbs []string
	for i := range t.Requests {
		r := &t.Requests[i]
		units, err := unitsOf(t, r.File, r.Bytes)
		if err != nil {
			return nil, fmt.Errorf("request %s: %w", r.Name, err)
		}
		offset, err := unitsOf(t, r.File, r.Offset)
		if err != nil {
			return nil, fmt.Errorf("request %s: offset: %w", r.Name, err)
		}
		spec := machine.Request{
			Opcode: r.Op, File: uint8(fileIndex(t, r.File)), Units: units, Offset: offset,
			Eventfd: r.Eventfd, Refused: r.Op == litmus.NoOp, NoFile: r.NoFile,
		}
		if r.Iocb != "" {
			if !slices.Contains(iocbs, r.Iocb) {
				iocbs = append(iocbs, r.Iocb)
			}
			spec.Address = uint8(slices.Index(iocbs, r.Iocb) + 1)
		}
		s.Requests = append(s.Requests, spec)
	}
	for i := range t.Threads {
		th := machine.Thread{Name: t.Threads[i].Name, CPU: uint8(t.Threads[i].CPU)}
		for k := range t.Threads[i].Calls {
			c, err := call(t, &t.Threads[i].Calls[k])
			if err != nil {
				return nil, fmt.Errorf("thread %s: %w", th.Name, err)
			}
			th.Calls = append(th.Calls, c)
		}
		s.Threads = append(s.Threads, th)
	}
	return s, nil
}

// submittedTo is the name of the context that a request is submitted to, "" if
// it never is.
func submittedTo(t *litmus.Test, request string) string {
	for _, th := range t.Threads {
		for _, c := range th.Calls {
			switch {
			case c.Do != litmus.Submit || !slices.Contains(c.Requests, request):
			case c.Context == "" && len(t.Contexts) > 0:
				return t.Contexts[0].Name
			default:
				return c.Context
			}
		}
	}
	return ""
}

// file makes a stream without a size large enough for all that the test
// writes into it.
func file(t *litmus.Test, f *litmus.File) (machine.File, error) {
	spec := machine.File{Kind: f.Kind, NoWriter: f.NoWriter}
	capacity, err := toUnits(litmus.Unit, f.Bytes)
	if err != nil {
		return spec, fmt.Errorf("file %s: %w", f.Name, err)
	}
	spec.Capacity = capacity
	if spec.Content, err = toUnits(perHeld(f), f.Holds); err != nil {
		return spec, fmt.Errorf("file %s: %w", f.Name, err)
	}
	if capacity > 0 && spec.Content > capacity {
		return spec, fmt.Errorf("file %s: holds more than its size", f.Name)
	}
	if capacity == 0 && f.Kind.Stream() {
		total := f.Holds / perHeld(f)
		for i := range t.Requests {
			if r := &t.Requests[i]; r.File == f.Name && r.Op.Writes() {
				total += r.Bytes / unit(f)
			}
		}
		for _, th := range t.Threads {
			for _, c := range th.Calls {
				if c.Do == litmus.Write && c.File == f.Name {
					total += c.Bytes / unit(f)
				}
			}
		}
		spec.Capacity = uint8(min(max(total, 1), 255))
	}
	return spec, nil
}

// unit is how many bytes of a request on the file are one unit.
func unit(f *litmus.File) int64 {
	if f.Kind == design.Eventfd {
		return litmus.EventfdUnit
	}
	return litmus.Unit
}

// perHeld is how much of File.Holds is one unit: an eventfd holds a count.
func perHeld(f *litmus.File) int64 {
	if f.Kind == design.Eventfd {
		return 1
	}
	return litmus.Unit
}

func fileIndex(t *litmus.Test, name string) int {
	return slices.IndexFunc(t.Files, func(f litmus.File) bool { return f.Name == name })
}

func requestIndex(t *litmus.Test, name string) int {
	return slices.IndexFunc(t.Requests, func(r litmus.Request) bool { return r.Name == name })
}

func toUnits(unit, bytes int64) (uint8, error) {
	if bytes%unit != 0 || bytes/unit > 255 {
		return 0, fmt.Errorf("%d bytes are not 0 to 255 units of %d, as the model needs it", bytes, unit)
	}
	return uint8(bytes / unit), nil
}

func unitsOf(t *litmus.Test, name string, bytes int64) (uint8, error) {
	return toUnits(unit(&t.Files[fileIndex(t, name)]), bytes)
}

// calls of the format as calls of the machine.
var calls = map[litmus.Do]machine.CallKind{
	litmus.Submit: machine.Submit, litmus.Cancel: machine.Cancel, litmus.GetEvents: machine.GetEvents, litmus.Reap: machine.ReapRing,
	litmus.Destroy: machine.Destroy, litmus.Close: machine.Close, litmus.Exit: machine.Exit, litmus.Rewrite: machine.ChangeIocb,
	litmus.Chdir: machine.ChangeContext, litmus.Write: machine.Write, litmus.Read: machine.Read,
}

func call(t *litmus.Test, c *litmus.Call) (machine.Call, error) {
	spec := machine.Call{Kind: calls[c.Do], Timeout: c.Timeout}
	for i, other := range t.Contexts {
		if other.Name == c.Context {
			spec.Context = uint8(i)
		}
	}
	spec.Elsewhere = c.Do == litmus.Cancel && c.Context != "" && submittedTo(t, c.Requests[0]) != c.Context
	for _, name := range c.Requests {
		spec.Requests = append(spec.Requests, uint8(requestIndex(t, name)))
	}
	if c.Nr > 255 {
		return spec, fmt.Errorf("%s: the model does not reap %d events at once", c.Text(), c.Nr)
	}
	spec.Min, spec.Nr = uint8(c.Min), uint8(c.Nr)
	if c.File == "" {
		return spec, nil
	}
	spec.File = uint8(fileIndex(t, c.File))
	var err error
	if spec.Units, err = unitsOf(t, c.File, c.Bytes); err != nil {
		return spec, fmt.Errorf("%s: %w", c.Text(), err)
	}
	return spec, nil
}
