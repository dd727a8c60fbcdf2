package kernel

import (
	"errors"
	"fmt"

	"aiocheck/model"
	"aiocheck/traces"
)

// check refuses a program that cannot be run as it stands, or that would
// reach beyond the tested range of the storage.
func (h *Host) check(p *traces.Program) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("round %d: "+format, append([]any{p.Round}, args...)...)
	}
	if n := len(p.Threads); n < 1 || n > h.opts.Threads {
		return fail("%d threads, the host was made for 1 to %d", n, h.opts.Threads)
	}
	if len(p.Files) == 0 || p.Files[0].Kind != traces.Storage {
		return fail("file 0 is not the storage")
	}
	if p.First < h.next {
		return fail("request %d was used before", p.First)
	}
	if err := h.checkNames(p); err != nil {
		return fail("%w", err)
	}
	for i := range p.Requests {
		r := &p.Requests[i]
		if int(r.File) < len(p.Files) {
			if err := checkNamed(p, i); err != nil {
				return fail("request %d: %w", i, err)
			}
		}
		switch {
		case int(r.File) >= len(p.Files):
			return fail("request %d: no file %d", i, r.File)
		case int(r.Eventfd) > len(p.Files) || r.Eventfd != 0 && p.Files[r.Eventfd-1].Kind != traces.Eventfd:
			return fail("request %d: file %d is not an eventfd", i, int(r.Eventfd)-1)
		case r.Bytes%LineBytes != 0:
			return fail("request %d: %d bytes are not whole lines", i, r.Bytes)
		case p.Files[r.File].Kind == traces.Directory && r.Opcode.Transfers() && (r.Offset%LineBytes != 0 || r.Offset < 0):
			return fail("request %d: no lines at %d", i, r.Offset)
		case p.Files[r.File].Kind == traces.Storage && r.Opcode.Transfers() &&
			(r.Offset%LineBytes != 0 || r.Offset < 0 || r.Offset > h.storage.Device.Bytes-int64(r.Bytes)):
			return fail("request %d: %d bytes at %d are not lines of the %d bytes tested", i, r.Bytes, r.Offset, h.storage.Device.Bytes)
		case (r.Opcode == model.PReadV || r.Opcode == model.PWriteV) && r.Segments == 0:
			return fail("request %d: no segments", i)
		}
	}
	if need := arenaBytes(p); need > h.sizes.Arena {
		return fail("%d bytes of buffers, the host has %d", need, h.sizes.Arena)
	}
	if err := checkReuse(p); err != nil {
		return fail("%w", err)
	}
	if p.Script != nil {
		if why := checkScript(p); why != "" {
			return fail("%s", why)
		}
	}
	submitted := make([]bool, len(p.Requests))
	reaping := make(reapers, len(p.Contexts))
	for t, steps := range p.Threads {
		for i := range steps {
			if err := checkStep(p, &steps[i], submitted, h.abilities.Freeze); err != nil {
				return fail("thread %d, step %d: %w", t, i, err)
			}
			if !usesContext(steps[i].Do) {
				continue
			}
			if err := reaping.add(t, &steps[i]); err != nil {
				return fail("thread %d, step %d: %w", t, i, err)
			}
		}
	}
	return nil
}

func usesContext(do traces.Do) bool {
	switch do {
	case traces.DoSubmit, traces.DoCancel, traces.DoGetEvents, traces.DoPGetEvents, traces.DoReapRing, traces.DoDestroy:
		return true
	}
	return false
}

// checkStep checks a step by itself; frost says whether it may freeze the file
// system.
func checkStep(p *traces.Program, s *traces.Step, submitted []bool, frost bool) error {
	if s.After > 0 && (int(s.Thread) >= len(p.Threads) || int(s.After) > len(p.Threads[s.Thread])) {
		return fmt.Errorf("no step %d of thread %d to wait for", int64(s.After)-1, s.Thread)
	}
	usesFile := func(kinds ...traces.FileKind) error {
		if int(s.File) < len(p.Files) {
			for _, k := range kinds {
				if p.Files[s.File].Kind == k {
					return nil
				}
			}
		}
		return fmt.Errorf("file %d is not right for it", s.File)
	}
	usesName := func(n uint16) error {
		if int(n) >= len(p.Names) {
			return fmt.Errorf("no name %d", n)
		}
		return nil
	}
	usesRequest := func(n uint32) error {
		if int64(s.Request)+int64(n) > int64(len(p.Requests)) {
			return fmt.Errorf("no %d requests from %d on", n, s.Request)
		}
		return nil
	}
	if usesContext(s.Do) && int(s.Context) >= len(p.Contexts) {
		return fmt.Errorf("no context %d", s.Context)
	}
	switch s.Do {
	case traces.DoSubmit:
		if err := usesRequest(s.Count); err != nil {
			return err
		}
		for i := range submitted[s.Request : s.Request+s.Count] {
			if submitted[int(s.Request)+i] {
				return fmt.Errorf("request %d is submitted twice", int(s.Request)+i)
			}
			submitted[int(s.Request)+i] = true
		}
		return nil
	case traces.DoCancel:
		return usesRequest(1)
	case traces.DoReadEventfd:
		return usesFile(traces.Eventfd)
	case traces.DoWrite:
		if usesFile(traces.Eventfd) == nil {
			return nil
		}
		return usesRequest(1)
	case traces.DoRead:
		return usesRequest(1)
	case traces.DoCloseRead, traces.DoCloseWrite:
		return usesFile(traces.Pipe, traces.Socket)
	case traces.DoNamed:
		if err := usesRequest(1); err != nil {
			return err
		}
		if !p.Requests[s.Request].Opcode.Names() {
			return fmt.Errorf("request %d is not on a name", s.Request)
		}
		return nil
	case traces.DoStat:
		return usesName(s.Name)
	case traces.DoReuse:
		if err := usesRequest(1); err != nil || !p.Requests[s.Request].Opcode.Names() {
			return err
		}
		return usesName(s.Name)
	case traces.DoChdir:
		if p.Identity == nil {
			return errors.New("it changes the directory of the target itself")
		}
		return usesFile(traces.Directory)
	case traces.DoFreeze, traces.DoThaw:
		if !frost {
			return errors.New("the storage's file system must not be frozen")
		}
		return nil
	case traces.DoExit:
		if p.End != traces.EndExit {
			return fmt.Errorf("it exits, but the round ends by %s", p.End)
		}
		return nil
	case traces.DoGetEvents, traces.DoPGetEvents, traces.DoReapRing, traces.DoDestroy, traces.DoAwait:
		return nil
	}
	return fmt.Errorf("unknown step %d", s.Do)
}

// reapers finds contexts that are reaped in user space by one thread and by
// the kernel for another. The two have no lock in common, so they could take
// the same event, and no kernel would be to blame.
type reapers []struct{ ring, call reaper }

// reaper is nobody, one thread, or several.
type reaper struct {
	any, several bool
	thread       int
}

func (r *reaper) add(thread int) {
	r.several = r.several || r.any && r.thread != thread
	r.any, r.thread = true, thread
}

func (r reapers) add(thread int, s *traces.Step) error {
	c := &r[s.Context]
	switch s.Do {
	case traces.DoReapRing:
		c.ring.add(thread)
	case traces.DoGetEvents, traces.DoPGetEvents:
		c.call.add(thread)
	}
	if c.ring.any && c.call.any && (c.ring.several || c.call.several || c.ring.thread != c.call.thread) {
		return fmt.Errorf("context %d is reaped from the ring and by the kernel in different threads", s.Context)
	}
	return nil
}
