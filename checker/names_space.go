package checker

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// nameSpace is the names that renames connect, numbered, and everything that
// was done with them.
type nameSpace struct {
	start  model.NameState
	places []namePlace
	files  []traces.Inode // by model.FileID
	ops    []nameOp
	placed []int // by operation: its position in nameRound.ops
}

// space numbers the places and files of the operations given. It reports
// false if they are more than can be judged.
func (r *nameRound) space(top namePlace, ops []int) (*nameSpace, bool) {
	s := &nameSpace{placed: ops}
	numbers, files := map[namePlace]uint8{}, map[fileKey]model.FileID{}
	ok := true
	number := func(p namePlace) uint8 {
		n, known := numbers[p]
		if !known {
			if n = uint8(len(s.places)); n >= model.MaxNames {
				ok = false
				return 0
			}
			numbers[p] = n
			s.places = append(s.places, p)
		}
		return n
	}
	file := func(n traces.Inode) model.FileID {
		f, known := files[keyOf(n)]
		if !known {
			if f = model.FileID(len(s.files)); f >= model.MaxFiles {
				ok = false
				return model.UnseenFile
			}
			files[keyOf(n)] = f
			s.files = append(s.files, n)
		}
		return f
	}
	for i := range s.start.Bound {
		s.start.Bound[i] = model.NoFile
	}
	for _, i := range ops {
		for _, p := range [...]namePlace{r.ops[i].at, r.ops[i].to} {
			n := number(p)
			if name := &r.h.Names[p.name]; ok && name.Kind != traces.Absent && name.Directory == p.directory {
				f := file(name.Inode)
				s.start.Bound[n] = f
				s.start.Born = s.start.Born.With(f)
			}
		}
	}
	for _, i := range ops {
		o := r.ops[i].nameOp
		o.Name, o.To = number(r.ops[i].at), number(r.ops[i].to)
		if found := r.ops[i].found; found != traces.None && o.Errno == 0 && !o.Open && r.h.Found[found].Inode != (traces.Inode{}) {
			inode := r.h.Found[found].Inode
			o.File = file(inode)
			// A file that another name began with cannot have been made here.
			if home, known := r.homes[keyOf(inode)]; known && r.root(home) != top && o.File >= 0 {
				s.start.Born = s.start.Born.With(o.File)
			}
		}
		s.ops = append(s.ops, o)
	}
	if !ok {
		return nil, false
	}
	for i := range s.ops {
		if o := &s.ops[i]; o.Do == model.OpenName {
			o.Denied = r.denied(o, s.files)
		}
	}
	return s, true
}

// denied is which files an open may be refused.
func (r *nameRound) denied(o *nameOp, files []traces.Inode) model.FileSet {
	var set model.FileSet
	for f := range files {
		if r.access(&files[f], o.Flags) != granted {
			set = set.With(model.FileID(f))
		}
	}
	if r.round.Identity.UID != 0 || !r.h.Header.Abilities.Identity {
		set = set.With(model.UnseenFile)
	}
	return set
}
