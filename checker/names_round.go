package checker

import (
	"cmp"
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// nameRound is the names of a round.
type nameRound struct {
	*nameJudge
	round  *traces.Round
	number int32 // of the round, in History.Rounds
	lo, hi int32 // its names in History.Names
	ops    []placedOp
	reused []int32 // reuse calls
	chdirs []int32
	parent map[namePlace]namePlace // disjoint sets of places that renames connect
	homes  map[fileKey]namePlace
}

// namePlace is a name in a directory. A name is asked for in its own directory,
// or, by a working or root directory, in another one, where it is another
// name, of the same spelling.
type namePlace struct {
	directory int32 // index into Files; elsewhere for one that is none of the round's
	name      int32 // index into Names
}

// elsewhere is a directory that is not the program's.
const elsewhere = traces.None

// fileKey tells files apart.
type fileKey struct {
	number uint64
	device uint32
}

func keyOf(n traces.Inode) fileKey { return fileKey{n.Number, n.Device} }

// placedOp is an operation with the places of its names, not yet numbered, and
// the file that it has found.
type placedOp struct {
	nameOp
	at, to namePlace
	found  int32 // index into Found, or None
}

func newNameRound(j *nameJudge, round, lo, hi int32) *nameRound {
	r := &nameRound{nameJudge: j, round: &j.h.Rounds[round], number: round, lo: lo, hi: hi, parent: map[namePlace]namePlace{}, homes: map[fileKey]namePlace{}}
	h := j.h
	for k := lo; k < hi; k++ {
		n := &h.Names[k]
		at := namePlace{n.Directory, k}
		r.root(at)
		if n.Kind != traces.Absent {
			r.homes[keyOf(n.Inode)] = at
		}
	}
	for _, i := range j.calls.of(round) {
		switch c := &h.Calls[i]; {
		case c.Kind == traces.CallReuse:
			r.reused = append(r.reused, i)
		case c.Kind == traces.CallChdir:
			r.chdirs = append(r.chdirs, i)
		default:
			r.addStat(i, c)
		}
	}
	for _, i := range j.requests.of(round) {
		if h.Requests[i].Opcode.Names() {
			r.addRequest(&h.Requests[i])
		}
	}
	return r
}

// root is the representative of a place's set.
func (r *nameRound) root(p namePlace) namePlace {
	up, known := r.parent[p]
	if !known {
		r.parent[p] = p
		return p
	}
	if up == p {
		return p
	}
	top := r.root(up)
	r.parent[p] = top
	return top
}

// addStat takes a stat: statx(2) by a descriptor of the name's own directory.
func (r *nameRound) addStat(i int32, c *traces.Call) {
	name := r.h.NameIndex(r.number, c.X)
	if name == traces.None || !c.Completed() {
		return
	}
	o := placedOp{at: namePlace{r.h.Names[name].Directory, name}, found: traces.None}
	o.Do, o.interval, o.call, o.end = model.StatName, interval{c.Invoke, c.Return}, i, i
	o.Errno, o.File = c.Ret.Errno(), model.UnseenFile
	if found, ok := r.nameJudge.found[i]; ok {
		o.found = found
	}
	o.to = o.at
	r.ops = append(r.ops, o)
}

// addRequest takes an openat, unlinkat or renameat, by a request or a call.
func (r *nameRound) addRequest(q *traces.Request) {
	h := r.h
	o := placedOp{found: q.Found}
	o.request, o.call, o.end = q.ID, q.Call, traces.None
	o.Flags = uint32(q.Offset)
	switch q.Opcode {
	case model.OpenAt:
		o.Do = model.OpenName
	case model.UnlinkAt:
		o.Do = model.UnlinkName
	default:
		o.Do = model.RenameName
	}
	o.at = r.placeOf(q, q.Name)
	o.to = o.at
	if q.NewName != traces.None {
		o.to = r.placeOf(q, q.NewName)
		r.parent[r.root(o.at)] = r.root(o.to)
	}
	r.root(o.at)
	o.interval, o.Open = requestInterval(h, q)
	o.File = model.UnseenFile
	if res, _, ok := h.Outcome(q); ok && !o.Open {
		o.Errno = res.Errno()
		o.end = q.Call
		if q.Event != traces.None {
			o.end, o.event = h.Events[q.Event].Call, q.Event
		}
	}
	r.ops = append(r.ops, o)
}

// requestInterval is when a request can have taken effect; open says that
// nobody knows whether it did.
func requestInterval(h *traces.History, q *traces.Request) (in interval, open bool) {
	in = interval{h.Calls[q.Call].Invoke, traces.Never}
	if _, known, ok := h.Outcome(q); ok && known >= in.from {
		in.to = known
		return in, false
	}
	in.to, _ = endOfUnreaped(h, q)
	in.to = max(in.to, in.from)
	return in, true
}

// placeOf is where a request finds a name.
func (r *nameRound) placeOf(q *traces.Request, name int32) namePlace {
	own := r.h.Names[name].Directory
	switch q.Via {
	case traces.ViaCwd:
		own = r.declared(r.round.Identity.Cwd)
		submit := &r.h.Calls[q.Call]
		for _, i := range r.chdirs { // a thread's calls do not overlap
			if c := &r.h.Calls[i]; c.Thread == submit.Thread && c.Invoke < submit.Invoke && c.Ret == 0 && c.Completed() {
				own = c.File
			}
		}
	case traces.ViaRoot:
		if root := r.round.Identity.Root; root != 0 {
			own = r.declared(root)
		}
	}
	return namePlace{own, name}
}

// declared is the file of the round with a number less one, elsewhere for 0.
func (r *nameRound) declared(number uint16) int32 {
	if number == 0 {
		return elsewhere
	}
	i, ok := slices.BinarySearchFunc(r.h.Files, number-1, func(f traces.File, n uint16) int {
		return cmp.Or(cmp.Compare(f.Round, r.number), cmp.Compare(f.Number, n))
	})
	if !ok {
		return elsewhere
	}
	return int32(i)
}

func (r *nameRound) judge() {
	for i := range r.ops {
		r.judgeOp(&r.ops[i])
	}
	r.judgePrivileges()
	bySpace := map[namePlace][]int{}
	var order []namePlace
	for i := range r.ops {
		if o := &r.ops[i]; o.at.directory != elsewhere && o.to.directory != elsewhere {
			top := r.root(o.at)
			if bySpace[top] == nil {
				order = append(order, top)
			}
			bySpace[top] = append(bySpace[top], i)
		}
	}
	for _, top := range order {
		if r.b.spent() {
			return
		}
		r.spaces++
		r.put(model.NamesInOrder, len(bySpace[top]))
		s, ok := r.space(top, bySpace[top])
		if !ok {
			r.tooMany++
			continue
		}
		switch v, at := judgeNameSpace(s.start, len(s.files), s.ops, r.b); v {
		case namesTooMany:
			r.tooMany++
		case namesBroken:
			r.blame(s, at)
		}
	}
}
