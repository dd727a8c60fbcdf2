package litmus

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/model"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/traces/litmus"
)

// Outcome is one observable end of a test.
type Outcome struct {
	Text        string              `json:"text"`
	States      int64               `json:"states"`             // terminal states that show it
	Violated    []string            `json:"violated,omitempty"` // properties: those asked for at any time on the way, others at the end
	Observation machine.Observation `json:"-"`
	Path        []explore.Step      `json:"-"` // a shortest behaviour that ends so
}

// shown is what an outcome's text says only if a condition asks for it.
type shown struct {
	iocb, task, covers, got, order, data bool
	properties                           []string
}

// asked adds what an expression speaks of.
func (s *shown) asked(e *litmus.Expr) {
	for i := range e.Args {
		s.asked(&e.Args[i])
	}
	if e.Op != litmus.Is {
		return
	}
	switch e.Atom.Kind {
	case litmus.Got:
		s.got = true
	case litmus.Before:
		s.order = true
	case litmus.UnitIs:
		s.data = true
	case litmus.Violates:
		s.properties = append(s.properties, e.Atom.Name)
	case litmus.RequestIs:
		s.iocb = s.iocb || e.Atom.Field == litmus.Iocb
		s.covers = s.covers || e.Atom.Field == litmus.Covers
		s.task = s.task || e.Atom.Field == litmus.Task
	}
}

// text is the outcome in words: requests, calls, streams, order of events,
// violated properties.
func (o *Outcome) text(t *litmus.Test, show shown) string {
	var parts []string
	for i := range t.Requests {
		name := t.Requests[i].Name
		s := fmt.Sprintf("%s.res = %s", name, o.field(t, i, litmus.Res))
		if t.Requests[i].Op != model.Poll {
			s += fmt.Sprintf(", %s.effect = %s", name, o.field(t, i, litmus.Effect))
		}
		if show.iocb {
			s += fmt.Sprintf(", %s.iocb = %s", name, o.field(t, i, litmus.Iocb))
		}
		if show.task {
			s += fmt.Sprintf(", %s.task = %s", name, o.field(t, i, litmus.Task))
		}
		if show.covers && t.Requests[i].Op.Syncs() {
			s += fmt.Sprintf(", %s.covers = %s", name, o.field(t, i, litmus.Covers))
		}
		if show.data {
			s += o.unitsText(t, name)
		}
		if end := o.Observation.Requests[i]; show.got && end.Thread >= 0 {
			s += fmt.Sprintf(", %s got %s", t.CallName(end.Thread, end.Call), name)
		}
		parts = append(parts, s)
	}
	parts = append(parts, o.replies(t)...)
	for i := range t.Files {
		if t.Files[i].Kind.Stream() {
			parts = append(parts, fmt.Sprintf("%s = %s", t.Files[i].Name, o.content(t, i)))
		}
		if units := o.unitsText(t, t.Files[i].Name); show.data && units != "" {
			parts = append(parts, strings.TrimPrefix(units, ", "))
		}
	}
	for _, ring := range o.Observation.Rings {
		if show.order && len(ring) > 1 {
			for i, r := range ring[1:] {
				parts = append(parts, fmt.Sprintf("%s before %s", t.Requests[ring[i]].Name, t.Requests[r].Name))
			}
		}
	}
	for _, p := range o.Violated {
		parts = append(parts, "violates "+p)
	}
	return strings.Join(parts, "; ")
}

// replies are the answers of the calls that tell something, a text for each
// thread that made one.
func (o *Outcome) replies(t *litmus.Test) (texts []string) {
	for i := range t.Threads {
		if text := o.repliesOf(t, i); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

func (o *Outcome) repliesOf(t *litmus.Test, thread int) string {
	var replies []string
	for c, call := range t.Threads[thread].Calls {
		if telling(call.Do) || o.reply(t, thread, c).Word != "" {
			replies = append(replies, fmt.Sprintf("%s = %s", t.CallName(thread, c), o.reply(t, thread, c)))
		}
	}
	return strings.Join(replies, ", ")
}

// telling reports whether a call has more than one result.
func telling(do litmus.Do) bool {
	return !slices.Contains([]litmus.Do{litmus.Close, litmus.Exit, litmus.Rewrite, litmus.Chdir}, do)
}

// field is what is observed of a request.
func (o *Outcome) field(t *litmus.Test, i int, f litmus.Field) litmus.Value {
	r, end := &t.Requests[i], &o.Observation.Requests[i]
	switch f {
	case litmus.Res:
		return resultOf(t, r, end)
	case litmus.Effect:
		switch {
		case end.Units == 0:
			return litmus.Value{Word: "none"}
		case end.Units < end.Total:
			return litmus.Value{Word: "partial"}
		}
		return litmus.Value{Word: "full"}
	case litmus.Iocb:
		if end.Rewrite {
			return litmus.Value{Word: "rewritten"}
		}
		return litmus.Value{Word: "submitted"}
	case litmus.Covers:
		return litmus.Value{Number: int64(end.Covers)}
	}
	return litmus.Value{Word: end.Task.String()}
}

// unitsOf are the writers of the units of a file, or of those that a read got,
// and how many bytes a unit is.
func (o *Outcome) unitsOf(t *litmus.Test, name string) ([]machine.Writer, int64) {
	if i := fileIndex(t, name); i >= 0 {
		return o.Observation.Contents[i], unit(&t.Files[i])
	}
	i := requestIndex(t, name)
	return o.Observation.Requests[i].Data, unit(&t.Files[fileIndex(t, t.Requests[i].File)])
}

func (o *Outcome) unitsText(t *litmus.Test, name string) (text string) {
	units, size := o.unitsOf(t, name)
	for i := range units {
		a := litmus.Atom{Kind: litmus.UnitIs, Name: name, Offset: int64(i) * size}
		a.Value = o.unitAt(t, &a)
		text += ", " + t.ExprText(&litmus.Expr{Atom: a})
	}
	return text
}

// unitAt is who wrote the unit that an atom asks for.
func (o *Outcome) unitAt(t *litmus.Test, a *litmus.Atom) litmus.Value {
	units, size := o.unitsOf(t, a.Name)
	if a.Offset%size != 0 || a.Offset/size >= int64(len(units)) {
		return litmus.Value{Word: "none"}
	}
	switch by := units[a.Offset/size]; by {
	case machine.Nobody:
		return litmus.Value{Word: "old"}
	case machine.Program:
		return litmus.Value{Word: "plain"}
	default:
		return litmus.Value{Word: t.Requests[by].Name}
	}
}

// resultOf is event.res as a program sees it.
func resultOf(t *litmus.Test, r *litmus.Request, end *machine.RequestEnd) litmus.Value {
	if !end.Ended {
		return litmus.Value{Word: "none"}
	}
	var units int64
	if _, err := fmt.Sscanf(end.Result, "%d", &units); err != nil {
		return litmus.Value{Word: end.Result}
	}
	if r.Op == model.OpenAt {
		return litmus.Value{Word: "fd"}
	}
	return litmus.Value{Number: units * unit(&t.Files[fileIndex(t, r.File)])}
}

// content is what a stream holds.
func (o *Outcome) content(t *litmus.Test, i int) litmus.Value {
	return litmus.Value{Number: int64(len(o.Observation.Contents[i])) * perHeld(&t.Files[i])}
}

// reply is what a call returned: "hangs" if its thread is still in it,
// "unmade" if the thread never came to it or the process was gone before.
func (o *Outcome) reply(t *litmus.Test, thread, c int) litmus.Value {
	replies := o.Observation.Calls[thread]
	call := &t.Threads[thread].Calls[c]
	switch r := replies[c]; {
	case !r.Returned && (o.gone(t) || c > 0 && !replies[c-1].Returned):
		return litmus.Value{Word: "unmade"}
	case !r.Returned:
		return litmus.Value{Word: "hangs"}
	case r.Answer != "":
		return litmus.Value{Word: r.Answer}
	case call.Do == litmus.Read || call.Do == litmus.Write:
		return litmus.Value{Number: int64(r.Count) * unit(&t.Files[fileIndex(t, call.File)])}
	default:
		return litmus.Value{Number: int64(r.Count)}
	}
}

// gone reports whether the process has exited.
func (o *Outcome) gone(t *litmus.Test) bool {
	for i, th := range t.Threads {
		for c, call := range th.Calls {
			if call.Do == litmus.Exit && o.Observation.Calls[i][c].Returned {
				return true
			}
		}
	}
	return false
}

// Satisfies reports whether an expression is true of the outcome.
func (o *Outcome) Satisfies(t *litmus.Test, e *litmus.Expr) bool {
	switch e.Op {
	case litmus.Not:
		return !o.Satisfies(t, &e.Args[0])
	case litmus.And:
		return !slices.ContainsFunc(e.Args, func(arg litmus.Expr) bool { return !o.Satisfies(t, &arg) })
	case litmus.Or:
		return slices.ContainsFunc(e.Args, func(arg litmus.Expr) bool { return o.Satisfies(t, &arg) })
	}
	return o.atom(t, &e.Atom)
}

func (o *Outcome) atom(t *litmus.Test, a *litmus.Atom) bool {
	switch a.Kind {
	case litmus.CallIs:
		thread, call := t.FindCall(a.Call)
		return (o.reply(t, thread, call) == a.Value) != a.Unequal
	case litmus.RequestIs:
		return (o.field(t, requestIndex(t, a.Name), a.Field) == a.Value) != a.Unequal
	case litmus.StreamIs:
		return (o.content(t, fileIndex(t, a.Name)) == a.Value) != a.Unequal
	case litmus.UnitIs:
		return (o.unitAt(t, a) == a.Value) != a.Unequal
	case litmus.Got:
		thread, call := t.FindCall(a.Call)
		end := &o.Observation.Requests[requestIndex(t, a.Name)]
		return end.Thread == thread && end.Call == call
	case litmus.Before:
		one, two := uint8(requestIndex(t, a.Name)), uint8(requestIndex(t, a.Other))
		for _, ring := range o.Observation.Rings {
			if i, j := slices.Index(ring, one), slices.Index(ring, two); i >= 0 && i < j {
				return true
			}
		}
		return false
	case litmus.Violates:
		return slices.Contains(o.Violated, a.Name)
	}
	for i, th := range t.Threads { // Hangs
		for c := range th.Calls {
			if o.reply(t, i, c).Word == "hangs" {
				return true
			}
		}
	}
	return false
}
