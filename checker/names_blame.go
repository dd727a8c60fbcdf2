package checker

import (
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// A name space that is not linearizable says that something is wrong, not
// what. The property is the first of these suspicions that explains all of it:
// the history is linearizable if the suspects may have done anything to the
// names that they could have reached.
//
//	cancelled before they began, and did something       cancelled-no-effect
//	their iocb was overwritten after io_submit           args-captured
//	their names depend on working or root directory      fs-captured
//	their event says -EINTR, but they did something      result-matches-effect
//	they were refused, or not, as somebody else          cred-captured
//	otherwise                                            names-in-order

// suspicion is one row of that table.
type suspicion struct {
	property model.Property
	// reaches lists the names of the space that a suspect could have reached,
	// none if the operation is not suspected.
	reaches  func(r *nameRound, s *nameSpace, o *placedOp) []uint8
	expected string
}

var suspicions = []suspicion{
	{model.CancelledNoEffect, func(r *nameRound, s *nameSpace, o *placedOp) []uint8 {
		if o.request == 0 || !r.wasQueued(o.request) {
			return nil
		}
		return s.spelled(o.at.name, o.to.name)
	}, "nothing done by a request that was cancelled while it was queued"},
	{model.ArgsCaptured, func(r *nameRound, s *nameSpace, o *placedOp) []uint8 {
		decoy := r.decoy(o)
		if decoy == traces.None {
			return nil
		}
		return s.spelled(o.at.name, o.to.name, decoy)
	}, "the name that the iocb pointed to when io_submit was called: what is written to it after io_submit has returned does not count"},
	{model.FsCaptured, func(r *nameRound, s *nameSpace, o *placedOp) []uint8 {
		if !r.dependsOnPlace(s, o) {
			return nil
		}
		return s.spelled(o.at.name, o.to.name)
	}, "names that start at the directory, the working directory or the root of the submitter, as they were at io_submit"},
	{model.ResultMatchesEffect, func(r *nameRound, s *nameSpace, o *placedOp) []uint8 {
		if o.request == 0 || o.Open || o.Errno != model.EINTR {
			return nil
		}
		return s.spelled(o.at.name, o.to.name)
	}, "no effect of a request whose event says -EINTR"},
	{model.CredCaptured, func(r *nameRound, s *nameSpace, o *placedOp) []uint8 {
		if o.request == 0 || o.Errno != model.EACCES {
			return nil
		}
		return s.spelled(o.at.name, o.to.name)
	}, "permissions as the submitter has them"},
}

// spelled are the numbers of the places that have one of the names, in
// whatever directory.
func (s *nameSpace) spelled(names ...int32) []uint8 {
	var numbers []uint8
	for n, p := range s.places {
		if slices.Contains(names, p.name) {
			numbers = append(numbers, uint8(n))
		}
	}
	return numbers
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

// dependsOnPlace reports whether the request may have looked for its names in
// another directory: it says its names by the working or root directory, it
// has found a file that none of the round's names was bound to, or the name
// was never taken away and was not there for it nevertheless.
func (r *nameRound) dependsOnPlace(s *nameSpace, o *placedOp) bool {
	if o.request == 0 || r.h.Requests[o.request-1].Context == traces.None {
		return false
	}
	if r.h.Requests[o.request-1].Via != traces.ViaDescriptor {
		return true
	}
	for i := range s.ops {
		p := &s.ops[i]
		if removes := p.Do == model.UnlinkName || p.Do == model.RenameName; removes && p.Errno != model.ENOENT && p.request != o.request {
			return false
		}
	}
	return true
}

// blame names what broke a name space, and explains it.
func (r *nameRound) blame(s *nameSpace, at int) {
	property, expected := model.NamesInOrder, "an order of the operations in which each finds the file that its name is bound to at that instant"
	var strays []nameOp
	for _, x := range suspicions {
		relaxed, suspects := r.suspect(s, x)
		if suspects == 0 {
			continue
		}
		if v, _ := judgeNameSpace(s.start, len(s.files), relaxed, r.b); v == namesHold {
			property, expected, strays = x.property, x.expected, relaxed
			break
		}
	}
	r.violate(property, func() Finding { return r.explain(s, at, expected, strays) })
}

// suspect gives the operations with those of the suspects made stray, and how
// many suspects there are in the round. A suspect of another space of the round
// is added, where it could have reached a name of this one.
func (r *nameRound) suspect(s *nameSpace, x suspicion) (relaxed []nameOp, suspects int) {
	relaxed = slices.Clone(s.ops)
	for i := range r.ops {
		o := &r.ops[i]
		reached := x.reaches(r, s, o)
		if len(reached) == 0 {
			continue
		}
		suspects++
		relaxed = slices.DeleteFunc(relaxed, func(p nameOp) bool { return p.request == o.request && p.request != 0 && !p.stray })
		for _, n := range reached {
			relaxed = append(relaxed, o.astray(n))
		}
	}
	return relaxed, suspects
}

// astray is the operation if only its time is believed.
func (o *nameOp) astray(name uint8) nameOp {
	s := *o
	s.stray, s.Name, s.To = true, name, name
	return s
}
