package traces

import (
	"fmt"
	"math"
	"sort"

	"aiocheck/model"
)

// NameIndex is the position in Names of a name by its number within a round,
// as calls of the kinds stat and reuse give it, or None.
func (h *History) NameIndex(round int32, number int64) int32 {
	i := sort.Search(len(h.Names), func(i int) bool {
		n := &h.Names[i]
		return n.Round > round || n.Round == round && int64(n.Number) >= number
	})
	if i < len(h.Names) && h.Names[i].Round == round && int64(h.Names[i].Number) == number {
		return int32(i)
	}
	return None
}

// nameIndex is the provisional index of a name of the round.
func (b *builder) nameIndex(round int32, number uint16) int32 {
	k := key(round, uint32(number))
	i, ok := b.names[k]
	if !ok {
		i = int32(len(b.h.Names))
		b.names[k] = i
		b.h.Names = append(b.h.Names, Name{Round: round, Number: number, Directory: None})
		b.nameInfo = append(b.nameInfo, declaration{first: b.at})
	}
	return i
}

func (b *builder) declareName(t *thread, r *Record) error {
	if r.Context > math.MaxUint16 {
		return b.malformed("name %d is out of range", r.Context)
	}
	i := b.nameIndex(t.round, uint16(r.Context))
	switch {
	case r.Thread != Controller:
		return b.malformed("name %d is declared by a program thread", r.Context)
	case b.nameInfo[i].done:
		return b.malformed("name %d is declared twice in a round", r.Context)
	}
	b.nameInfo[i].done = true
	n := &b.h.Names[i]
	n.Directory, n.Kind, n.Inode = b.fileIndex(t.round, r.File), NameKind(r.Code), r.inode()
	return nil
}

func (b *builder) identity(t *thread, r *Record) error {
	if r.Thread != Controller {
		return b.malformed("the identity of a round is told by a program thread")
	}
	if _, twice := b.identities[t.round]; twice {
		return b.malformed("the identity of a round is told twice")
	}
	if r.A>>48 != 0 {
		return b.malformed("an identity with the umask %#o", r.A>>32)
	}
	b.identities[t.round] = b.at
	round := &b.h.Rounds[t.round]
	round.Identity = Identity{UID: uint32(r.A), Umask: uint16(r.A >> 32), Cwd: uint16(r.B), Root: uint16(r.B >> 16), Descriptors: uint32(r.B >> 32)}
	round.Descriptors = r.C
	for _, directory := range [...]uint16{round.Identity.Cwd, round.Identity.Root} {
		if directory != 0 {
			b.fileIndex(t.round, directory-1) // so that it has to be declared
		}
	}
	return nil
}

// requestNames gives a request on names those that its record names.
func (b *builder) requestNames(t *thread, q *Request) error {
	if !q.Opcode.Names() {
		return nil
	}
	if q.RWFlags >= uint32(viaEnd) {
		return b.malformed("request %d names its file in the way %d", q.ID, q.RWFlags)
	}
	q.Name, q.Via = b.nameIndex(t.round, uint16(q.Bytes)), Via(q.RWFlags)
	if q.Opcode == model.RenameAt {
		q.NewName = b.nameIndex(t.round, uint16(q.Bytes>>16))
	}
	return nil
}

// found takes what the call that has just returned has found: a stat, an
// openat, or a call that reaped the event of an OPENAT.
func (b *builder) found(t *thread, r *Record) error {
	if t.open != None || t.closed == None {
		return b.malformed("a file that no call has found")
	}
	c := &b.h.Calls[t.closed]
	switch {
	case r.Request == 0 && c.Kind == CallStat, r.Request != 0 && c.Kind.Reaps(), r.Request != 0 && c.Kind == CallOpenAt && r.Request == c.Request:
	default:
		return b.malformed("a file found for request %d after %v", r.Request, c.Kind)
	}
	if c.Ret < 0 {
		return b.malformed("a file found by %v, which returned %v", c.Kind, c.Ret)
	}
	b.h.Found = append(b.h.Found, Found{Call: t.closed, Request: r.Request, Inode: r.inode(), FD: int32(uint32(r.D)), Flags: uint32(r.D >> 32)})
	b.foundAt = append(b.foundAt, b.at)
	return nil
}

// checkNames finds the first use of a name that the controller never declared,
// and directories that are none.
func (b *builder) checkNames() error {
	for i := range b.nameInfo {
		d, n := &b.nameInfo[i], &b.h.Names[i]
		if !d.done {
			return b.malformedAt(d.first, fmt.Sprintf("name %d of round %d is not declared", n.Number, b.h.Rounds[n.Round].Number))
		}
		if b.h.Files[n.Directory].Kind != Directory {
			return b.malformedAt(d.first, fmt.Sprintf("name %d of round %d is in a %v", n.Number, b.h.Rounds[n.Round].Number, b.h.Files[n.Directory].Kind))
		}
	}
	for i := range b.h.Rounds {
		r := &b.h.Rounds[i]
		for _, directory := range [...]uint16{r.Identity.Cwd, r.Identity.Root} {
			if directory == 0 {
				continue
			}
			if f := &b.h.Files[b.fileIndex(int32(i), directory-1)]; f.Kind != Directory {
				return b.malformedAt(b.identities[int32(i)], fmt.Sprintf("file %d of round %d is a %v, not a directory", directory-1, r.Number, f.Kind))
			}
		}
	}
	return nil
}

// resolveFound gives each open the first thing that it has found.
func (b *builder) resolveFound() error {
	h := b.h
	for i := range h.Found {
		f := &h.Found[i]
		if f.Request == 0 {
			continue
		}
		if int(f.Request) > len(h.Requests) || h.Requests[f.Request-1].Opcode != model.OpenAt || h.Requests[f.Request-1].ID == 0 {
			return b.malformedAt(b.foundAt[i], fmt.Sprintf("a file found for request %d, which is no OPENAT", f.Request))
		}
		if r := &h.Requests[f.Request-1]; r.Found == None {
			r.Found = int32(i)
		}
	}
	return nil
}

// resolveHeld gives transfers of named files their names: their aio_rw_flags
// are the number of the name plus one.
func (b *builder) resolveHeld() error {
	h := b.h
	for i := range h.Requests {
		r := &h.Requests[i]
		if r.ID == 0 || r.Opcode.Names() || r.RWFlags == 0 || h.Files[r.File].Kind != Directory {
			continue
		}
		if r.Name = h.NameIndex(r.Round, int64(r.RWFlags)-1); r.Name == None || h.Names[r.Name].Directory != r.File {
			return fmt.Errorf("%s: request %d is about name %d, which its directory does not have", b.name, r.ID, r.RWFlags-1)
		}
	}
	return nil
}
