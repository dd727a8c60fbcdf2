package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// checkNames refuses directories, names and identities that cannot be made.
func (h *Host) checkNames(p *traces.Program) error {
	directory := func(f int) bool { return f < len(p.Files) && p.Files[f].Kind == traces.Directory }
	if hasDirectories(p) && h.namesIn == "" {
		return errors.New("there is no place to make directories in where everybody may go")
	}
	for i := range p.Names {
		switch n := &p.Names[i]; {
		case !directory(int(n.Directory)):
			return fmt.Errorf("name %d: file %d is no directory", i, n.Directory)
		case n.Kind > traces.Fifo:
			return fmt.Errorf("name %d: unknown kind %d", i, n.Kind)
		case n.Mode&^0o7777 != 0:
			return fmt.Errorf("name %d: mode %#o", i, n.Mode)
		}
	}
	id := p.Identity
	if id == nil {
		return nil
	}
	switch {
	case id.Cwd != 0 && !directory(int(id.Cwd)-1):
		return fmt.Errorf("working directory: file %d is none", id.Cwd-1)
	case id.Root != 0 && !directory(int(id.Root)-1):
		return fmt.Errorf("root directory: file %d is none", id.Root-1)
	case id.Umask&^0o777 != 0:
		return fmt.Errorf("umask %#o", id.Umask)
	case (id.UID != 0 || id.Root != 0) && !h.abilities.Identity:
		return errors.New("an identity that only root can take on")
	}
	return h.checkDescriptors(p)
}

// checkDescriptors counts the opens of a program that limits descriptors.
func (h *Host) checkDescriptors(p *traces.Program) error {
	if p.Identity.Descriptors == 0 {
		return nil
	}
	opens := 0
	for i := range p.Requests {
		if p.Requests[i].Opcode.Names() {
			opens++
		}
	}
	limit, err := limitOf(p)
	if err != nil {
		return err
	}
	var own unix.Rlimit
	if own, err = descriptorLimit(); err != nil {
		return err
	}
	if opens > maxKept || limit > own.Max {
		return fmt.Errorf("%d requests on names and a limit of %d descriptors: at most %d and %d are possible", opens, limit, maxKept, own.Max)
	}
	return nil
}

// checkNamed checks what request i says of names.
func checkNamed(p *traces.Program, i int) error {
	r := &p.Requests[i]
	inDirectory := p.Files[r.File].Kind == traces.Directory
	if !r.Opcode.Names() {
		if inDirectory && (int(r.Name) >= len(p.Names) || p.Names[r.Name].Kind != traces.Regular || p.Names[r.Name].Directory != r.File) {
			return fmt.Errorf("name %d is no regular file of directory %d", r.Name, r.File)
		}
		return nil
	}
	switch {
	case max(int(r.Name), int(r.NewName)) >= len(p.Names):
		return fmt.Errorf("no names %d and %d", r.Name, r.NewName)
	case p.Names[r.Name].Directory != r.File:
		return fmt.Errorf("name %d is not in directory %d", r.Name, r.File)
	case r.Via > traces.ViaRoot:
		return fmt.Errorf("unknown way to a name %d", r.Via)
	case r.Via == traces.ViaCwd && (p.Identity == nil || p.Identity.Cwd == 0):
		return errors.New("a name in the target's own working directory")
	case r.Bytes != 0:
		return fmt.Errorf("%d bytes of data", r.Bytes)
	}
	return nil
}

// checkReuse wants whoever writes to an iocb, or to what it points to, to be
// the thread whose io_submit of it has returned.
func checkReuse(p *traces.Program) error {
	user := make(map[traces.RequestID]traces.RequestID) // the last request, by the one whose iocb it is
	root := func(i traces.RequestID) traces.RequestID {
		for p.Requests[i].Reuse != 0 {
			i = p.Requests[i].Reuse - 1
		}
		return i
	}
	for i := range p.Requests {
		if int(p.Requests[i].Reuse) > i {
			return fmt.Errorf("request %d: its iocb is not of an earlier one", i)
		}
	}
	for t, steps := range p.Threads {
		clear(user)
		for j := range steps {
			s := &steps[j]
			switch s.Do {
			case traces.DoSubmit:
				for i := s.Request; i < s.Request+s.Count && int(i) < len(p.Requests); i++ {
					reused := p.Requests[i].Reuse
					if last, ours := user[root(i)]; reused != 0 && (!ours || last >= s.Request) {
						return fmt.Errorf("thread %d, step %d: the iocb of request %d is in use", t, j, i)
					}
					user[root(i)] = i
				}
			case traces.DoReuse:
				if int(s.Request) >= len(p.Requests) {
					continue // checkStep says so
				}
				if last, ours := user[root(s.Request)]; !ours || last != s.Request {
					return fmt.Errorf("thread %d, step %d: request %d was not submitted by it, or its iocb is another's", t, j, s.Request)
				}
			}
		}
	}
	return nil
}
