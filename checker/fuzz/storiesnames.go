package fuzz

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// The names of every draft that has some: two files of everybody, one of the
// user with a set-user-ID bit, one of root's only, two that are not there, a
// FIFO, and one that is absent in another directory.
const (
	nameFirst = iota
	nameSecond
	nameSuid
	nameDenied
	nameAbsent
	nameSpare
	nameFifo
	nameElsewhere
)

// user is whom the requests of a draft may be by.
const user = 1000

// layNames adds the directories and the names, and sometimes an identity.
func (s *sketch) layNames() {
	if s.named {
		return
	}
	s.named = true
	d := s.d
	d.Files = append(d.Files, traces.FileDecl{Kind: traces.Directory}, traces.FileDecl{Kind: traces.Directory})
	in := uint16(len(d.Files) - 2)
	n := func(kind traces.NameKind, mode uint16, uid uint32) traces.NameDecl {
		return traces.NameDecl{Directory: in, Kind: kind, Mode: mode, UID: uid}
	}
	d.Names = []traces.NameDecl{nameFirst: n(traces.Regular, 0o666, 0), nameSecond: n(traces.Regular, 0o644, user), nameSuid: n(traces.Regular, 0o4777, user),
		nameDenied: n(traces.Regular, 0o600, 0), nameAbsent: n(traces.Absent, 0, 0), nameSpare: n(traces.Absent, 0, 0), nameFifo: n(traces.Fifo, 0o666, 0),
		nameElsewhere: {Directory: in + 1}}
	if s.froze || s.oneIn(3) {
		return
	}
	id := &traces.Identity{Umask: [...]uint16{0, 0o22, 0o77}[s.n(3)], Cwd: in + 1}
	if s.oneIn(2) {
		id.UID = user
	}
	if s.oneIn(2) {
		id.Root = in + 1
	}
	d.Identity = id
}

// directory is the one that has the names.
func (s *sketch) directory() uint16 { return s.d.Names[nameFirst].Directory }

// name is an operation on one of the names.
func (s *sketch) name() traces.RequestDecl {
	s.layNames()
	d := traces.RequestDecl{Opcode: model.OpenAt, File: s.directory(), Via: s.via(), Name: uint16(s.n(nameFifo))}
	switch s.n(8) {
	case 0, 1:
		d.Opcode = model.UnlinkAt
	case 2, 3, 4:
		d.Opcode, d.NewName = model.RenameAt, uint16(s.n(nameFifo))
		d.Flags = [...]uint32{0, 0, noReplace, exchange}[s.n(4)]
	case 5:
		d.Flags = uint32(s.n(3))
	case 6:
		d.Flags, d.Mode = oCreat|oExcl|oRdWr, 0o666
	default:
		d.Flags, d.Mode = oCreat|oWrOnly, [...]uint16{0o666, 0o640, 0o777}[s.n(3)]
		if s.oneIn(3) {
			d.Flags |= oTrunc
		}
	}
	return d
}

func (s *sketch) via() traces.Via {
	if s.oneIn(2) {
		return traces.ViaDescriptor
	}
	return traces.Via(s.n(3))
}

// look stats two of the names.
func (s *sketch) look(t int) {
	for range 2 {
		s.add(t, Act{Do: Stat, Name: uint16(s.n(nameFifo))})
	}
}

// names lets two threads work on names, by requests and by calls.
func (s *sketch) names(t int) {
	s.layNames()
	for _, t := range [...]int{t, s.other(t)} {
		c := s.context(4)
		for range 2 + s.n(2) {
			if s.oneIn(3) {
				s.add(t, Act{Do: Named, Requests: []traces.RequestDecl{s.name()}})
				continue
			}
			list := make([]traces.RequestDecl, 1+s.n(2))
			for i := range list {
				list[i] = s.name()
			}
			of := s.submit(t, c, list...)
			if s.oneIn(4) {
				s.add(t, Act{Do: Cancel, Context: c, Of: of})
			}
			if s.oneIn(3) {
				s.look(t)
			}
			s.collect(t, c)
			s.look(t)
		}
	}
}

// reused overwrites what an operation on names names after io_submit.
func (s *sketch) reused(t int) {
	s.layNames()
	c := s.context(4)
	for range 1 + s.n(2) {
		d := s.name()
		d.Name = [...]uint16{nameFirst, nameSecond, nameSuid}[s.n(3)]
		of := s.submit(t, c, d)
		s.add(t, Act{Do: Reuse, Of: of, Name: [...]uint16{nameAbsent, nameSpare, nameDenied, nameElsewhere}[s.n(4)]})
		s.collect(t, c)
		s.look(t)
	}
}

// chdir changes the working directory behind an operation that uses it.
func (s *sketch) chdir(t int) {
	s.layNames()
	c, d := s.context(2), s.name()
	d.Via = traces.ViaCwd
	s.submit(t, c, d)
	s.add(t, Act{Do: Chdir, File: s.directory() + 1})
	s.collect(t, c)
	s.add(t, Act{Do: Chdir, File: s.directory()})
	s.look(t)
}

// fifo opens both ends of a FIFO, or cancels the open of one.
func (s *sketch) fifo(t int) {
	s.layNames()
	c := s.context(4)
	d := traces.RequestDecl{Opcode: model.OpenAt, File: s.directory(), Name: nameFifo, Flags: uint32(s.n(2)) * oWrOnly}
	of := s.submit(t, c, d)
	if s.oneIn(2) {
		s.pause(t)
	}
	if s.oneIn(2) {
		s.cancelAll(t, c, of, 1)
		s.collect(t, c)
		return
	}
	d.Flags ^= oWrOnly
	s.submit(t, c, d)
	s.collect(t, c)
}

// opens opens more files in one batch than there may be descriptors for.
func (s *sketch) opens(t int) {
	s.layNames()
	if s.d.Identity == nil || len(s.d.Acts) > 0 {
		s.names(t)
		return
	}
	s.d.Identity.Descriptors = uint32(1 + s.n(4))
	n := max(1, int(s.d.Identity.Descriptors)+max(0, s.n(6)-3))
	c := s.context(n + 1)
	list := make([]traces.RequestDecl, n)
	for i := range list {
		list[i] = traces.RequestDecl{Opcode: model.OpenAt, File: s.directory(), Name: nameFirst, Flags: oRdWr}
	}
	if !s.oneIn(4) {
		of := s.submit(t, c, traces.RequestDecl{Opcode: model.OpenAt, File: s.directory(), Name: nameFifo})
		s.add(t, Act{Do: Cancel, Context: c, Of: of})
		s.collect(t, c)
	}
	s.submit(t, c, list...)
	s.collect(t, c)
}

// suid writes to a file with a set-user-ID bit and looks whether it goes.
func (s *sketch) suid(t int) {
	s.layNames()
	c := s.context(2)
	d := traces.RequestDecl{Opcode: model.PWrite, File: s.directory(), Name: nameSuid, Bytes: sector}
	if s.oneIn(2) {
		d = traces.RequestDecl{Opcode: model.OpenAt, File: s.directory(), Name: nameSuid, Flags: oWrOnly | oTrunc}
	}
	s.submit(t, c, d)
	s.collect(t, c)
	s.add(t, Act{Do: Stat, Name: nameSuid})
}

// unborn cancels opens that make a file, and unlinks that take one away.
func (s *sketch) unborn(t int) {
	s.layNames()
	c := s.context(4)
	for _, name := range [...]uint16{nameAbsent, nameSpare, nameDenied} {
		d := traces.RequestDecl{Opcode: model.OpenAt, File: s.directory(), Name: name, Flags: oCreat | oRdWr, Mode: 0o644}
		if name == nameDenied {
			d = traces.RequestDecl{Opcode: model.UnlinkAt, File: s.directory(), Name: name}
		}
		of := s.submit(t, c, d)
		s.cancelAll(t, c, of, 1)
		s.collect(t, c)
		s.add(t, Act{Do: Stat, Name: name})
	}
}
