package reproducer

import (
	"errors"
	"fmt"
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// unit is what a C file is made from: the programs, and what they use, for
// which the parts have code.
type unit struct {
	about    About
	programs []*traces.Program
	first    []int // by program: its first request in the file's table
	total    int   // requests

	Names, Identity, Freeze, Waits, Spins, Submits, Cancels, Reaps, Ring, Judged bool
	Eventfds, Signals, Signalled, Plain, Closes, NamedPlain, Stats, Overwrites   bool
	Chdirs, Exits, Kills, Drains, Data, Root, Resfd                              bool

	steps   int
	late    bool // requests may be at work when their round is over
	storage int64
	threads int // most of a round, and so on
	files   int
	ctxs    int
	paths   int
	vectors int
}

// most is how many requests and threads a file can have: of the order of a
// round of aiocheck verify.
const most = 1 << 16

func newUnit(about About, programs []*traces.Program) (*unit, error) {
	u := &unit{about: about, programs: programs, storage: 4096, threads: 1, files: 1, ctxs: 1, paths: 1}
	for _, p := range programs {
		if err := check(p); err != nil {
			return nil, fmt.Errorf("round %d: %w", p.Round, err)
		}
		u.first = append(u.first, u.total)
		u.total += len(p.Requests)
		u.threads, u.files = max(u.threads, len(p.Threads)), max(u.files, len(p.Files))
		u.ctxs, u.paths = max(u.ctxs, len(p.Contexts)), max(u.paths, len(p.Names))
		u.useRound(p)
		u.useRequests(p)
		for _, steps := range p.Threads {
			u.steps += len(steps)
			for i := range steps {
				u.useStep(p, &steps[i])
			}
		}
	}
	if u.total > most {
		return nil, fmt.Errorf("%d requests are more than the %d of a reproducer", u.total, most)
	}
	if u.steps == 0 {
		return nil, errors.New("no program with a step to reproduce")
	}
	u.Reaps = u.Reaps || u.Drains
	u.Judged = u.Reaps || u.Plain
	u.Eventfds = u.Eventfds || u.Signalled
	return u, nil
}

// check refuses a program whose parts name what is not there.
func check(p *traces.Program) error {
	if len(p.Threads) == 0 {
		return errors.New("no threads")
	}
	if len(p.Files) == 0 || p.Files[0].Kind != traces.Storage {
		return errors.New("file 0 is not the storage")
	}
	for i := range p.Names {
		if int(p.Names[i].Directory) >= len(p.Files) {
			return fmt.Errorf("name %d: no file %d", i, p.Names[i].Directory)
		}
	}
	for i := range p.Requests {
		r := &p.Requests[i]
		switch {
		case int(r.File) >= len(p.Files) || int(r.Eventfd) > len(p.Files):
			return fmt.Errorf("request %d: no such file", i)
		case (r.Opcode.Names() || p.Files[r.File].Kind == traces.Directory) && max(int(r.Name), int(r.NewName)) >= len(p.Names):
			return fmt.Errorf("request %d: no such name", i)
		case int(r.Reuse) > i:
			return fmt.Errorf("request %d: its iocb is not of an earlier one", i)
		}
	}
	for t, steps := range p.Threads {
		for i := range steps {
			s := &steps[i]
			if _, ok := calls[s.Do]; !ok {
				return fmt.Errorf("thread %d: unknown step %d", t, s.Do)
			}
			if usesContext(s.Do) && int(s.Context) >= len(p.Contexts) || int(s.File) >= len(p.Files) || s.Do == traces.DoStat && int(s.Name) >= len(p.Names) ||
				usesRequest(p, s) && int64(s.Request)+int64(s.Count) > int64(len(p.Requests)) ||
				usesRequest(p, s) && s.Count == 0 && s.Do != traces.DoSubmit && int(s.Request) >= len(p.Requests) {
				return fmt.Errorf("thread %d, step %d: no such context, file, name or request", t, i)
			}
			if s.After > 0 && (int(s.Thread) >= len(p.Threads) || int(s.After) > len(p.Threads[s.Thread])) {
				return fmt.Errorf("thread %d, step %d: no step %d of thread %d to wait for", t, i, s.After, s.Thread)
			}
		}
	}
	return nil
}

func usesContext(do traces.Do) bool {
	return slices.Contains([]traces.Do{traces.DoSubmit, traces.DoCancel, traces.DoGetEvents, traces.DoPGetEvents, traces.DoReapRing, traces.DoDestroy}, do)
}

func usesRequest(p *traces.Program, s *traces.Step) bool {
	switch s.Do {
	case traces.DoSubmit, traces.DoCancel, traces.DoRead, traces.DoNamed, traces.DoReuse:
		return true
	case traces.DoWrite:
		return p.Files[s.File].Kind != traces.Eventfd
	}
	return false
}

// useRound notes what a round as such needs.
func (u *unit) useRound(p *traces.Program) {
	switch p.End {
	case traces.EndDrain:
		u.Drains = true
	case traces.EndExit:
		u.Exits = true
	case traces.EndKill:
		u.Kills = true
	}
	u.late = u.late || p.End != traces.EndDrain
	u.Names = u.Names || len(p.Names) > 0 || slices.ContainsFunc(p.Files, func(f traces.FileDecl) bool { return f.Kind == traces.Directory })
	if id := p.Identity; id != nil {
		u.Identity = true
		u.Root = u.Root || id.UID != 0 || id.Root != 0
	}
	for i := range p.Names {
		u.Root = u.Root || p.Names[i].UID != 0
	}
}

// useRequests notes what the requests of a round need.
func (u *unit) useRequests(p *traces.Program) {
	for i := range p.Requests {
		r := &p.Requests[i]
		u.vectors += int(r.Segments)
		u.Resfd = u.Resfd || r.Eventfd != 0
		u.Signalled = u.Signalled || r.Eventfd != 0 && p.End == traces.EndDrain
		if p.Files[r.File].Kind == traces.Storage && (r.Opcode.Transfers() || r.Opcode == model.ReadAhead) {
			u.Data = true
			u.storage = max(u.storage, (r.Offset+int64(r.Bytes)+4095)&^4095)
		}
	}
}

// useStep notes what a step needs.
func (u *unit) useStep(p *traces.Program, s *traces.Step) {
	for _, n := range []struct {
		of *bool
		is bool
	}{
		{&u.Waits, s.After > 0}, {&u.Spins, s.Spin > 0}, {&u.Submits, s.Do == traces.DoSubmit}, {&u.Cancels, s.Do == traces.DoCancel},
		{&u.Reaps, s.Do == traces.DoGetEvents || s.Do == traces.DoPGetEvents || s.Do == traces.DoReapRing}, {&u.Ring, s.Do == traces.DoReapRing},
		{&u.Eventfds, s.Do == traces.DoReadEventfd},
		{&u.Signals, s.Do == traces.DoWrite && p.Files[s.File].Kind == traces.Eventfd},
		{&u.Plain, s.Do == traces.DoRead || s.Do == traces.DoWrite && p.Files[s.File].Kind != traces.Eventfd},
		{&u.Closes, s.Do == traces.DoCloseRead || s.Do == traces.DoCloseWrite}, {&u.NamedPlain, s.Do == traces.DoNamed},
		{&u.Stats, s.Do == traces.DoStat}, {&u.Overwrites, s.Do == traces.DoReuse}, {&u.Chdirs, s.Do == traces.DoChdir},
		{&u.Freeze, s.Do == traces.DoFreeze || s.Do == traces.DoThaw}, {&u.Exits, s.Do == traces.DoExit}, {&u.late, s.Do == traces.DoDestroy},
	} {
		*n.of = *n.of || n.is
	}
}
