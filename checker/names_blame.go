package checker

import (
	"slices"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// A name space that is not linearizable says that something is wrong, not
// what. The property is that of the first suspicion that explains all of it:
// the history is linearizable if the suspects may have done, in place of what
// they were to do, what their suspicion says.
//
//	cancelled before they began: did it nevertheless       cancelled-no-effect
//	their iocb was overwritten after io_submit: used the
//	name that was written there                            args-captured
//	looked for their names in another directory            fs-captured
//	their event says -EINTR: did it nevertheless           result-matches-effect
//	were refused: as somebody else                         cred-captured
//	otherwise                                              names-in-order

// suspicion is one row of that table.
type suspicion struct {
	property model.Property
	// others is what an operation may have done in a name space, none if it is
	// not suspected.
	others   func(r *nameRound, s *nameSpace, o *placedOp) []nameOther
	expected string
}

var suspicions = []suspicion{
	{model.CancelledNoEffect, (*nameRound).didQueued, "nothing done by a request that was cancelled while it was queued"},
	{model.ArgsCaptured, (*nameRound).usedDecoy, "the name that the iocb pointed to when io_submit was called: what is written to it after io_submit has returned does not count"},
	{model.FsCaptured, (*nameRound).wentElsewhere, "names that start at the directory, the working directory or the root of the submitter, as they were at io_submit"},
	{model.ResultMatchesEffect, (*nameRound).didInterrupted, "no effect of a request whose event says -EINTR"},
	{model.CredCaptured, (*nameRound).wasRefused, "permissions as the submitter has them"},
}

// numberOf is the number of a place in the space, or None.
func (s *nameSpace) numberOf(p namePlace) int { return slices.Index(s.places, p) }

// call is the operation's call in the space if its names are those places.
func (s *nameSpace) call(o *placedOp, at, to namePlace) (model.NameCall, bool) {
	n, m := s.numberOf(at), s.numberOf(to)
	c := o.NameCall
	c.Name, c.To = uint8(max(n, 0)), uint8(max(m, 0))
	return c, n >= 0 && m >= 0
}

// answer is the operation's answer with its file as the space numbers it.
func (r *nameRound) answer(s *nameSpace, o *placedOp) model.NameAnswer {
	a := o.NameAnswer
	if a.File = model.UnseenFile; o.found == traces.None {
		return a
	}
	key := keyOf(r.h.Found[o.found].Inode)
	if f := slices.IndexFunc(s.files, func(n traces.Inode) bool { return keyOf(n) == key }); f >= 0 {
		a.File = model.FileID(f)
	}
	return a
}

// foundOld reports whether an open has found a file that a name began with.
func (r *nameRound) foundOld(o *placedOp) bool {
	if o.found == traces.None {
		return false
	}
	_, old := r.homes[keyOf(r.h.Found[o.found].Inode)]
	return old
}

// did is what an operation would have done, whatever its event says.
func (s *nameSpace) did(o *placedOp) []nameOther {
	if c, ok := s.call(o, o.at, o.to); ok {
		return []nameOther{{NameCall: c, NameAnswer: model.NameAnswer{File: model.UnseenFile}}}
	}
	return nil
}

func (r *nameRound) didQueued(s *nameSpace, o *placedOp) []nameOther {
	if o.request == 0 || !r.wasQueued(o.request) {
		return nil
	}
	return s.did(o)
}

func (r *nameRound) didInterrupted(s *nameSpace, o *placedOp) []nameOther {
	if o.request == 0 || o.Open || o.Errno != model.EINTR {
		return nil
	}
	return s.did(o)
}

func (r *nameRound) wasRefused(s *nameSpace, o *placedOp) []nameOther {
	if o.request == 0 || o.Errno != model.EACCES {
		return nil
	}
	return []nameOther{{nothing: true}}
}

// decoy is the name by which the memory of the request was overwritten while
// the request may have been under way, or None.
func (r *nameRound) decoy(o *placedOp) int32 {
	for _, i := range r.reused {
		if c := &r.h.Calls[i]; o.request != 0 && c.Request == o.request && c.Invoke <= o.interval.to {
			return r.h.NameIndex(r.number, c.X)
		}
	}
	return traces.None
}

// usedDecoy is what a request may have done if it was executed with the name
// that its memory was overwritten with: in that name's directory, or in its
// own.
func (r *nameRound) usedDecoy(s *nameSpace, o *placedOp) []nameOther {
	decoy := r.decoy(o)
	if decoy == traces.None {
		return nil
	}
	var others []nameOther
	a := r.answer(s, o)
	for _, directory := range []int32{r.h.Names[decoy].Directory, o.at.directory} {
		p := namePlace{directory, decoy}
		if c, ok := s.call(o, p, p); ok && o.Do != model.RenameName {
			others = append(others, nameOther{NameCall: c, NameAnswer: a})
		}
		if o.Do != model.RenameName {
			continue
		}
		for _, names := range [][2]namePlace{{p, o.to}, {o.at, p}} {
			if c, ok := s.call(o, names[0], names[1]); ok {
				others = append(others, nameOther{NameCall: c, NameAnswer: a})
			}
		}
	}
	here := s.numberOf(o.at) >= 0
	if here && (!r.foundOld(o) || s.numberOf(r.homes[keyOf(r.h.Found[o.found].Inode)]) < 0) {
		others = append(others, nameOther{nothing: true})
	}
	return others
}

// wentElsewhere is what a request may have done if it looked for its names in
// another directory: a name is not there, unless the request makes it.
func (r *nameRound) wentElsewhere(s *nameSpace, o *placedOp) []nameOther {
	if o.request == 0 || r.h.Requests[o.request-1].Context == traces.None {
		return nil
	}
	if r.h.Requests[o.request-1].Via == traces.ViaDescriptor && (s.removesBeside(o) || !s.missing()) {
		return nil
	}
	var others []nameOther
	a := r.answer(s, o)
	for n, p := range s.places {
		if p.name == o.at.name && p != o.at && o.Do != model.RenameName {
			c := o.NameCall
			c.Name, c.To = uint8(n), uint8(n)
			others = append(others, nameOther{NameCall: c, NameAnswer: a})
		}
	}
	if s.numberOf(o.at) >= 0 && (r.absent(o) || o.Open) {
		others = append(others, nameOther{nothing: true})
	}
	return others
}

// absent reports whether the operation ended as one does whose name was not
// there.
func (r *nameRound) absent(o *placedOp) bool {
	return o.Errno == model.ENOENT || o.Errno == 0 && o.Do == model.OpenName && o.Flags&model.OpenCreate != 0 && !r.foundOld(o)
}

// removesBeside reports whether another operation of the space may have taken
// a name away: then one that is missing need not be elsewhere.
func (s *nameSpace) removesBeside(o *placedOp) bool {
	return slices.ContainsFunc(s.ops, func(p nameOp) bool {
		removes := p.Do == model.UnlinkName || p.Do == model.RenameName
		return removes && p.Errno != model.ENOENT && p.request != o.request
	})
}

// missing reports whether somebody did not find a name.
func (s *nameSpace) missing() bool {
	return slices.ContainsFunc(s.ops, func(p nameOp) bool { return !p.Open && p.Errno == model.ENOENT })
}

// blame names what broke a name space, and explains it.
func (r *nameRound) blame(s *nameSpace, at int) {
	property, expected := model.NamesInOrder, "an order of the operations in which each finds the file that its name is bound to at that instant"
	var proven suspicion
	var suspects []int
	for _, x := range suspicions {
		var who []int
		for i := range r.ops {
			if len(x.others(r, s, &r.ops[i])) > 0 {
				who = append(who, i)
			}
		}
		if len(who) > 0 && r.explains(s, x, who) {
			property, expected, proven, suspects = x.property, x.expected, x, who
			break
		}
	}
	r.violate(property, func() Finding {
		return r.explain(s, at, expected, r.fewest(s, proven, suspects))
	})
}

// fewest leaves out suspects as long as the others explain all.
func (r *nameRound) fewest(s *nameSpace, x suspicion, who []int) []int {
	start := time.Now()
	for k := 0; k < len(who) && len(who) > 1 && !r.b.spent() && time.Since(start) < explainLimit; {
		rest := slices.Delete(slices.Clone(who), k, k+1)
		if r.explains(s, x, rest) {
			who = rest
			continue
		}
		k++
	}
	return who
}

// explains reports whether the operations are linearizable if those under
// suspicion may have done something else. One of another space of the round is
// added, where it could have reached a name of this one.
func (r *nameRound) explains(s *nameSpace, x suspicion, who []int) bool {
	relaxed := slices.Clone(s.ops)
	for _, i := range who {
		others := x.others(r, s, &r.ops[i])
		if k := slices.Index(s.placed, i); k >= 0 {
			relaxed[k].others = others
			continue
		}
		// A stat with an open answer does nothing.
		o := r.ops[i].nameOp
		o.NameCall, o.NameAnswer = model.NameCall{Do: model.StatName}, model.NameAnswer{Open: true}
		o.others = others
		relaxed = append(relaxed, o)
	}
	v, _ := judgeNameSpace(s.start, len(s.files), relaxed, r.b)
	return v == namesHold
}

// astray is the operation if only its time is believed.
func (o *nameOp) astray(name uint8) nameOp {
	s := *o
	s.stray, s.Name, s.To = true, name, name
	return s
}
