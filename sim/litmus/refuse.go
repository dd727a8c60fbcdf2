package litmus

import (
	"fmt"
	"slices"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces/litmus"
)

// refuse says what of the test no program can do on the kernel.
func (p *Plan) refuse() string {
	for _, why := range []func() string{p.refuseFiles, p.refuseRequests, p.refuseContexts, p.refuseCalls} {
		if text := why(); text != "" {
			return text
		}
	}
	return ""
}

func (p *Plan) refuseFiles() string {
	t := p.Test
	kinds := map[design.FileKind]bool{}
	for i := range t.Files {
		f := &t.Files[i]
		kinds[f.Kind] = true
		switch {
		case f.Kind == design.Directory && p.Kernel.Abilities.Names:
		case !p.onStorage(i) && !f.Kind.Stream():
			return fmt.Sprintf("programs have no %s", f.Kind)
		case f.Kind == design.Eventfd || f.Bytes == 0 || f.Bytes >= p.written(f):
		case f.Kind != design.Pipe || !p.Kernel.Sizes:
			return fmt.Sprintf("a program cannot set the size of %s", f.Name)
		}
	}
	if kinds[design.Regular] && kinds[design.DirectIO] {
		return "a program has one storage, buffered or direct"
	}
	return ""
}

func (p *Plan) refuseRequests() string {
	t := p.Test
	iocbs := map[string]bool{}
	for i := range t.Requests {
		r := &t.Requests[i]
		switch f := &t.Files[fileIndex(t, r.File)]; {
		case (r.Op.Names() || r.Op == model.ReadAhead) && !p.Kernel.Abilities.Names:
			return fmt.Sprintf("programs have no request %s", r.Op)
		case r.Op.Transfers() && p.onStorage(fileIndex(t, r.File)) && p.readsAhead():
			return "a READAHEAD goes by pages, and a transfer beside it by less"
		case r.NoFile && r.Op.Names() && !p.Kernel.Abilities.Identity:
			return "a program's working directory is not its own"
		case iocbs[r.Iocb] && r.Iocb != "":
			return "each request of a program has an iocb of its own"
		case f.Kind == design.Eventfd && r.Op.Transfers():
			return "a program's eventfds do not block"
		}
		iocbs[r.Iocb] = true
	}
	return ""
}

func (p *Plan) refuseContexts() string {
	t := p.Test
	p.full = make([]bool, max(1, len(t.Contexts)))
	for i, c := range t.Contexts {
		n := 0
		for k := range t.Requests {
			if contextOf(t, k) == i {
				n++
			}
		}
		p.full[i] = c.Slots < n
		if p.Single = p.Single || p.full[i]; p.Single && !p.Kernel.Single {
			return fmt.Sprintf("the slots of %s are counted exactly on one processor only", c.Name)
		}
	}
	for c := range max(1, len(t.Contexts)) {
		if user, system := p.callers(c, litmus.Reap), p.callers(c, litmus.GetEvents); len(user) > 0 && slices.ContainsFunc(system, func(th int) bool { return len(user) > 1 || th != user[0] }) {
			return "a program does not take a context's events from the ring and by io_getevents in different threads"
		}
	}
	return ""
}

func (p *Plan) refuseCalls() string {
	t := p.Test
	for n, th := range t.Threads {
		for i := range th.Calls {
			switch c := &th.Calls[i]; {
			case c.Do == litmus.Exit && (n != p.exits || i < len(th.Calls)-1):
				return "a program does nothing after its exit"
			case (c.Do == litmus.Rewrite || c.Do == litmus.Chdir) && !p.Kernel.Abilities.Names:
				return fmt.Sprintf("%s needs a target that can make directories", c.Do)
			case c.Do == litmus.Chdir && !p.Kernel.Abilities.Identity:
				return "chdir needs a target that runs as root"
			case c.Do == litmus.Close && !t.Files[fileIndex(t, c.File)].Kind.Stream():
				return "a program's storage stays open"
			case c.Do == litmus.Read && t.Files[fileIndex(t, c.File)].Kind == design.Eventfd:
				return "a program's eventfds do not block"
			}
		}
	}
	return ""
}

// written is all that a stream holds at first and that is written to it.
func (p *Plan) written(f *litmus.File) int64 {
	total := f.Holds
	for i := range p.Test.Requests {
		if r := &p.Test.Requests[i]; r.File == f.Name && r.Op.Writes() {
			total += r.Bytes
		}
	}
	for _, th := range p.Test.Threads {
		for _, c := range th.Calls {
			if c.Do == litmus.Write && c.File == f.Name {
				total += c.Bytes
			}
		}
	}
	return total
}

// waiting finds out whether some outcome leaves a request or a call waiting,
// and says why no program can end what waits.
func (p *Plan) waiting() string {
	t := p.Test
	for i := range p.outcomes {
		obs := &p.outcomes[i]
		p.waits = p.waits || p.waitsIn(obs)
		for k := range obs.Requests {
			if end := &obs.Requests[k]; end.Thread >= 0 && !obs.Calls[end.Thread][end.Call].Returned && p.watches(end.Thread) {
				return fmt.Sprintf("%s may never return and yet have taken an event", t.CallName(end.Thread, end.Call))
			}
		}
	}
	return ""
}

// waitsIn reports whether a request or a call waits in an outcome. Those of a
// process that exits do not.
func (p *Plan) waitsIn(obs *machine.Observation) bool {
	for thread, calls := range obs.Calls {
		if p.watches(thread) && slices.ContainsFunc(calls, func(r machine.Reply) bool { return !r.Returned }) {
			return true
		}
	}
	return p.exits < 0 && slices.ContainsFunc(obs.Requests, func(r machine.RequestEnd) bool { return r.Accepted && !r.Ended })
}
