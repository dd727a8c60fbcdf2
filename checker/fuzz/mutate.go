package fuzz

import (
	"slices"

	"pgregory.net/rapid"

	"aiocheck/traces"
)

// Mutants generates changes of drafts of the corpus: acts are left out, made
// twice, moved, changed, or taken over from another draft or from a new one.
func Mutants(corpus []*Seed, fresh *rapid.Generator[*Draft]) *rapid.Generator[*Draft] {
	return rapid.Custom(func(t *rapid.T) *Draft {
		s := &sketch{t: t}
		// Younger seeds are nearer to what is not known yet.
		base := corpus[max(s.n(len(corpus)), s.n(len(corpus)))].Draft.Clone()
		s.d = base
		for range 1 + s.n(4) {
			switch s.n(8) {
			case 0:
				s.drop()
			case 1:
				s.double()
			case 2:
				s.move()
			case 3:
				s.splice(corpus[s.n(len(corpus))].Draft)
			case 4:
				s.splice(fresh.Draw(t, "new"))
			case 5:
				base.End = traces.End(s.n(4))
			default:
				s.change()
			}
		}
		return base
	})
}

func (s *sketch) drop() {
	if n := len(s.d.Acts); n > 1 {
		i := s.n(n)
		s.d.Acts = slices.Delete(s.d.Acts, i, i+1)
	}
}

// double makes an act once more, by some thread. The second one is an act of
// its own, with its own requests.
func (s *sketch) double() {
	if len(s.d.Acts) == 0 || len(s.d.Acts) >= MaxActs {
		return
	}
	i := s.n(len(s.d.Acts))
	a := s.d.Acts[i]
	a.Requests = slices.Clone(a.Requests)
	a.ID = s.d.lastID() + 1
	a.Thread = uint8(s.n(max(1, s.d.Threads)))
	a.Spin = s.spin()
	s.d.Acts = slices.Insert(s.d.Acts, i+1, a)
}

func (s *sketch) move() {
	if n := len(s.d.Acts); n > 1 {
		i, k := s.n(n), s.n(n-1)
		a := s.d.Acts[i]
		s.d.Acts = slices.Insert(slices.Delete(s.d.Acts, i, i+1), k, a)
	}
}

// change changes a part of an act.
func (s *sketch) change() {
	if len(s.d.Acts) == 0 {
		return
	}
	a := &s.d.Acts[s.n(len(s.d.Acts))]
	switch s.n(8) {
	case 0:
		a.Spin = s.spin()
	case 1:
		a.Thread = uint8(s.n(MaxThreads))
		s.d.Threads = max(s.d.Threads, int(a.Thread)+1)
	case 2:
		a.Beside = s.d.Acts[s.n(len(s.d.Acts))].ID
	case 3:
		a.Beside = 0
	case 4:
		a.Context = uint16(s.n(max(1, len(s.d.Contexts))))
	case 5:
		a.Nth = uint8(s.n(4))
		a.Of = s.d.Acts[s.n(len(s.d.Acts))].ID
	case 6:
		a.Min, a.Max = int32(s.n(3)), int32(1+s.n(8))
	default:
		if len(a.Requests) == 0 {
			return
		}
		r := &a.Requests[s.n(len(a.Requests))]
		switch s.n(4) {
		case 0:
			r.Opcode = transfers[s.n(4)]
			r.Bytes = max(r.Bytes, line)
		case 1:
			r.Bytes = uint32(1+s.n(8)) * line
		case 2:
			r.Eventfd = uint16(s.n(2)) * (fileComplete + 1)
		default:
			r.File = uint16(s.n(len(s.d.Files)))
		}
	}
}

// splice adds the acts of another draft from some place on, with its tables.
func (s *sketch) splice(other *Draft) {
	d, o := s.d, other.Clone()
	if d.requests()+o.requests() > MaxRequests || len(d.Acts)+len(o.Acts) > MaxActs || len(o.Names) > 0 && len(d.Names) > 0 {
		return
	}
	ids, contexts, files := d.lastID(), uint16(len(d.Contexts)), uint16(len(d.Files)-fixedFiles)
	shift := func(f *uint16) {
		if *f >= fixedFiles {
			*f += files
		}
	}
	for i := range o.Acts {
		a := &o.Acts[i]
		a.ID += ids
		a.Context += contexts
		shift(&a.File)
		for _, ref := range []*uint16{&a.Of, &a.Beside} {
			if *ref != 0 {
				*ref += ids
			}
		}
		for k := range a.Requests {
			shift(&a.Requests[k].File)
		}
	}
	if len(o.Names) > 0 {
		d.Names, d.Identity = o.Names, o.Identity
		for i := range d.Names {
			shift(&d.Names[i].Directory)
		}
		if id := d.Identity; id != nil {
			for _, f := range []*uint16{&id.Cwd, &id.Root} {
				if *f > fixedFiles {
					*f += files
				}
			}
		}
	}
	at := len(d.Acts)
	if at > 0 {
		at = s.n(at + 1)
	}
	d.Acts = slices.Insert(d.Acts, at, o.Acts...)
	d.Contexts = append(d.Contexts, o.Contexts...)
	d.Files = append(d.Files, o.Files[fixedFiles:]...)
	d.Threads = max(d.Threads, o.Threads)
}

// lastID is the highest ID of an act.
func (d *Draft) lastID() uint16 {
	last := uint16(0)
	for i := range d.Acts {
		last = max(last, d.Acts[i].ID)
	}
	return last
}
