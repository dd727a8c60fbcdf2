package traces

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
)

// finish completes the history after the last frame.
func (b *builder) finish(ending Ending) (*History, error) {
	b.h.Ending = ending
	for _, number := range slices.Sorted(maps.Keys(b.threads)) {
		b.leave(b.threads[number], true)
	}
	if err := b.checkDeclared(); err != nil {
		return nil, err
	}
	if err := b.checkReaped(); err != nil {
		return nil, err
	}
	b.extend(b.highest)
	if err := b.arrange(); err != nil {
		return nil, err
	}
	if err := b.resolveHeld(); err != nil {
		return nil, err
	}
	b.resolveEvents()
	if err := b.resolveFound(); err != nil {
		return nil, err
	}
	return b.h, b.checkData()
}

// checkDeclared finds the first use of a file or context that the controller
// never declared.
func (b *builder) checkDeclared() error {
	for i := range b.fileInfo {
		if d := &b.fileInfo[i]; !d.done {
			f := &b.h.Files[i]
			return b.malformedAt(d.first, fmt.Sprintf("file %d of round %d is not declared", f.Number, b.h.Rounds[f.Round].Number))
		}
	}
	for i := range b.contextInfo {
		if d := &b.contextInfo[i]; !d.done {
			c := &b.h.Contexts[i]
			return b.malformedAt(d.first, fmt.Sprintf("context %d of round %d is not declared", c.Number, b.h.Rounds[c.Round].Number))
		}
	}
	return b.checkNames()
}

// checkReaped looks at the calls whose events are not all there. A process
// that ended in between explains it, and the end of a run that did not
// complete; the call then counts as one that did not return.
func (b *builder) checkReaped() error {
	for _, u := range b.unreaped {
		r := &b.h.Rounds[b.h.Calls[u.call].Round]
		ended := r.End == EndExit || r.End == EndKill || r.ExitBegun != Never
		if !ended && b.until == Never && !(u.last && b.h.Ending.Finish != FinishComplete) {
			return b.malformedAt(u.at, u.why)
		}
	}
	return nil
}

// arrange orders rounds, files, contexts and names by their numbers, joins the
// storage's entries of all rounds to one, and gives the other tables the
// final indexes.
func (b *builder) arrange() error {
	h := b.h
	var rounds, files, contexts []int32
	h.Rounds, rounds = reorder(h.Rounds, func(x, y *Round) int { return cmp.Compare(x.Number, y.Number) }, nil)
	for i := range h.Files {
		f := &h.Files[i]
		if f.Round = rounds[f.Round]; f.Kind == Storage {
			f.Round = None
		}
	}
	declared := h.Files
	h.Files, files = reorder(h.Files, func(x, y *File) int {
		return cmp.Or(cmp.Compare(x.Round, y.Round), cmp.Compare(x.Number, y.Number))
	}, func(x, y *File) bool { return x.Round == None && y.Round == None && x.Number == y.Number })
	for i := range files {
		if f := &h.Files[files[i]]; f.Kind == Storage && *f != declared[i] {
			return b.malformedAt(b.fileInfo[i].first, fmt.Sprintf("storage file %d is declared as %+v here, as %+v elsewhere",
				f.Number, declared[i], *f))
		}
	}
	for i := range h.Contexts {
		h.Contexts[i].Round = rounds[h.Contexts[i].Round]
	}
	h.Contexts, contexts = reorder(h.Contexts, func(x, y *Context) int {
		return cmp.Or(cmp.Compare(x.Round, y.Round), cmp.Compare(x.Number, y.Number))
	}, nil)

	for i := range h.Names {
		n := &h.Names[i]
		n.Round, n.Directory = rounds[n.Round], files[n.Directory]
	}
	var names []int32
	h.Names, names = reorder(h.Names, func(x, y *Name) int {
		return cmp.Or(cmp.Compare(x.Round, y.Round), cmp.Compare(x.Number, y.Number))
	}, nil)

	final := func(to []int32, i *int32) {
		if *i != None {
			*i = to[*i]
		}
	}
	for i := range h.Calls {
		c := &h.Calls[i]
		final(rounds, &c.Round)
		final(contexts, &c.Context)
		final(files, &c.File)
	}
	for i := range h.Requests {
		r := &h.Requests[i]
		final(rounds, &r.Round)
		final(contexts, &r.Context)
		final(files, &r.File)
		final(files, &r.Eventfd)
		final(names, &r.Name)
		final(names, &r.NewName)
	}
	return nil
}

// reorder sorts a table, drops entries that are the same as the one before
// them, and says where each old position has gone.
func reorder[T any](table []T, compare func(x, y *T) int, same func(x, y *T) bool) (sorted []T, to []int32) {
	order := make([]int32, len(table))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(i, j int32) int { return compare(&table[i], &table[j]) })
	to = make([]int32, len(table))
	for _, i := range order {
		if n := len(sorted); n == 0 || same == nil || !same(&sorted[n-1], &table[i]) {
			sorted = append(sorted, table[i])
		}
		to[i] = int32(len(sorted) - 1)
	}
	return sorted, to
}

// resolveEvents finds the request of each event: the one whose data it
// carries, else the one of its round whose iocb address it carries.
func (b *builder) resolveEvents() {
	h := b.h
	// The recorder puts the ID into the low half of data; other data is
	// looked up.
	byData := map[uint64]RequestID{}
	for i := range h.Requests {
		if r := &h.Requests[i]; r.ID != 0 && r.Context != None && RequestID(r.Data) != r.ID {
			byData[r.Data] = r.ID
		}
	}
	var byObj map[objKey]RequestID
	for i := range h.Events {
		e := &h.Events[i]
		if id := RequestID(e.Data); id != 0 && int(id) <= len(h.Requests) && h.carries(id, e.Data) {
			e.Request = id
		} else if id, ok := byData[e.Data]; ok {
			e.Request = id
		} else {
			if byObj == nil {
				byObj = h.objects()
			}
			e.Request = byObj[objKey{h.Calls[e.Call].Round, e.Obj}]
		}
		if e.Request == 0 {
			continue
		}
		r := &h.Requests[e.Request-1]
		if r.Event == None || h.Calls[e.Call].Return < h.Calls[h.Events[r.Event].Call].Return {
			r.Event = int32(i)
		}
	}
}

// carries reports whether the request id was submitted to a context with data.
func (h *History) carries(id RequestID, data uint64) bool {
	r := &h.Requests[id-1]
	return r.ID == id && r.Context != None && r.Data == data
}

// objKey is an iocb's address in a round: rounds have memory of their own.
type objKey struct {
	round int32
	obj   uint64
}

func (h *History) objects() map[objKey]RequestID {
	m := make(map[objKey]RequestID, len(h.Requests))
	for i := range h.Requests {
		if r := &h.Requests[i]; r.ID != 0 && r.Context != None {
			m[objKey{r.Round, r.Obj}] = r.ID
		}
	}
	return m
}

// checkData finds data of requests that were never submitted.
func (b *builder) checkData() error {
	h := b.h
	for i := range h.Data {
		d := &h.Data[i]
		if int(d.Request) <= len(h.Requests) && h.Requests[d.Request-1].ID != 0 {
			continue
		}
		frame := sort.Search(len(b.dataFrames), func(j int) bool { return b.dataFrames[j].first > i }) - 1
		at := b.dataFrames[frame]
		return b.malformedAt(at.at, fmt.Sprintf("data record %d from here on is of request %d, which was not submitted",
			i-at.first, d.Request))
	}
	return nil
}
