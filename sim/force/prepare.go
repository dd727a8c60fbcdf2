package force

import (
	"errors"
	"fmt"
	"slices"

	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

// Order is a schedule made ready for a kernel: the moves that take its steps,
// and those that bring the program to its end.
type Order struct {
	*Walker
	Design design.Design // with Bugs
	Bugs   []design.Bug  // that the kernel has
	Path   []Move
	// Scheduled is how many moves of the path the schedule has; the others
	// complete it.
	Scheduled int
	// Instead says which step of the schedule cannot be forced; then the path
	// is a shortest other one that violates the same property.
	Instead *Unforcible
	// Shows is the property that a kernel violates if it follows the path, as the
	// design without the bugs has no behaviour that looks like it; "" if it has.
	Shows string
	// Left are moves of the schedule that a design without its bugs does not
	// have, in words.
	Left []string
}

// Prepare makes a schedule ready. bugs says whether the kernel has the
// schedule's seeded bugs, as a defect; if not, the schedule is taken as far as
// the design without them has its moves. The error is an Unforcible if nothing
// can be forced that shows what the schedule does.
func Prepare(s *traces.Schedule, bugs bool) (*Order, error) {
	if len(s.Cycle) > 0 {
		return nil, errors.New("what goes on for ever cannot be forced: the schedule has a cycle")
	}
	run, err := replay.Execute(s)
	if err != nil {
		return nil, err
	}
	scenario, steps, err := unroll(run)
	if err != nil {
		return nil, err
	}
	w, err := NewWalker(&run.Design, scenario)
	if err != nil {
		return nil, err
	}
	o := &Order{Walker: w, Design: run.Design, Bugs: run.Bugs}
	bit := w.Bit(s.Violates)
	shows := func(path []Move) bool {
		return bit == 0 || slices.ContainsFunc(path, func(m Move) bool { return w.Violates(&m, bit) })
	}
	o.Path, err = w.Follow(steps)
	var unforcible *Unforcible
	switch {
	case errors.As(err, &unforcible):
	case err != nil:
		return nil, err
	case !shows(o.Path):
		unforcible = &Unforcible{Joined: true}
	}
	if unforcible != nil {
		if bit == 0 {
			return nil, unforcible
		}
		if o.Path, err = w.Find(func(m *Move) bool { return w.Violates(m, bit) }); err != nil {
			return nil, err
		}
		if o.Path == nil {
			return nil, unforcible
		}
		o.Instead = unforcible
	}
	o.Scheduled = len(o.Path)
	if bit != 0 && len(run.Bugs) > 0 && bugs {
		if o.Shows, err = o.distinct(s.Violates); err != nil {
			return nil, err
		}
	}
	if !bugs && len(run.Bugs) > 0 {
		return o.without(run)
	}
	o.Path = w.Complete(o.Path)
	return o, nil
}

// distinct is the property, unless the design without the bugs can make the
// same moves with the same transitions.
func (o *Order) distinct(property string) (string, error) {
	d, err := design.Named(design.Thread61().Name)
	if err != nil {
		return "", err
	}
	w, err := NewWalker(&d, o.Scenario)
	if err != nil {
		return "", err
	}
	with, right := comparing{Walker: o.Walker}, comparing{Walker: w}
	at := w.Initial()
	for i := range o.Path {
		m := &o.Path[i]
		moves := w.Moves(&at)
		k := slices.IndexFunc(moves, func(n Move) bool {
			if w.Key(n.Gate) != o.Key(m.Gate) {
				return false
			}
			return slices.Equal(with.all(m), right.all(&n)) && slices.Equal(o.returned(m), w.returned(&n))
		})
		if k < 0 {
			return property, nil
		}
		at = moves[k].To
	}
	return "", nil
}

// returned says which calls are over after a move.
func (w *Walker) returned(m *Move) (over []bool) {
	for _, calls := range w.m.Observe(&m.To.State).Calls {
		for _, r := range calls {
			over = append(over, r.Returned)
		}
	}
	return over
}

// without is the order under the design without the schedule's bugs.
func (o *Order) without(run *replay.Run) (*Order, error) {
	d, err := design.Named(run.Schedule.Design)
	if err != nil {
		return nil, err
	}
	w, err := NewWalker(&d, o.Scenario)
	if err != nil {
		return nil, err
	}
	right := &Order{Walker: w, Design: d, Instead: o.Instead}
	r := w.Initial()
	for i := range o.Path {
		moves, ok := w.toward(&r, o.Key(o.Path[i].Gate))
		if !ok {
			right.Left = append(right.Left, fmt.Sprintf("%s of %s", o.Path[i].Gate.Kind, o.m.Actor(o.Path[i].Gate)))
			continue
		}
		right.Path = append(right.Path, moves...)
		if len(right.Path) > 0 {
			r = right.Path[len(right.Path)-1].To
		}
	}
	right.Scheduled = len(right.Path)
	right.Path = w.Complete(right.Path)
	return right, nil
}

// detours is how many waits a design can have more than another, one after the
// other, of one who is let go.
const detours = 3

// toward are the moves of one who waits that end with the move of a key.
func (w *Walker) toward(r *Rest, key Key) ([]Move, bool) {
	at := *r
	var path []Move
	for range detours {
		moves := w.Moves(&at)
		if i := slices.IndexFunc(moves, func(m Move) bool { return w.Key(m.Gate) == key }); i >= 0 {
			return append(path, moves[i]), true
		}
		// Who has to be let go first is of the same request, or the same thread.
		i := slices.IndexFunc(moves, func(m Move) bool {
			k := w.Key(m.Gate)
			return k.Thread == key.Thread && (key.Thread >= 0 || k.Object == key.Object)
		})
		if i < 0 || Begins(moves[i].Gate.Kind) {
			return nil, false
		}
		path = append(path, moves[i])
		at = moves[i].To
	}
	return nil, false
}

// unroll is the scenario of a run as a program can have it, and its steps
// there: from the beginning, with calls that are made so many times instead of
// for ever, and with requests that are told apart.
func unroll(run *replay.Run) (*machine.Scenario, []machine.Step, error) {
	s := *run.Scenario
	s.Threads = slices.Clone(s.Threads)
	for i := range s.Threads {
		th := &s.Threads[i]
		if !th.Forever {
			continue
		}
		n := 0
		for _, st := range run.Steps {
			if int(st.Actor) == i && Begins(st.Kind) {
				n++
			}
		}
		th.Forever, th.Calls = false, slices.Repeat(th.Calls, n)
	}
	prologue := s.Prologue
	s.Prologue, s.Anonymous = false, false
	if !prologue {
		return &s, run.Steps, nil
	}
	m, err := machine.New(&run.Design, &s)
	if err != nil {
		return nil, nil, err
	}
	var steps []machine.Step
	for at := m.Initial(); !m.Observe(&at).Calls[0][0].Returned; {
		i := slices.IndexFunc(m.Successors(&at, nil), func(o machine.Successor) bool { return o.Step.Actor == 0 })
		if i < 0 {
			break // it waits for others
		}
		o := m.Successors(&at, nil)[i]
		steps = append(steps, o.Step)
		at = o.State
	}
	return &s, append(steps, run.Steps...), nil
}

// Named are the requests that cancels of a path name, by thread and call.
func (o *Order) Named() map[[2]int]int {
	named, calls := map[[2]int]int{}, make([]int, o.threads)
	for i := range o.Path {
		g := o.Path[i].Gate
		if !Begins(g.Kind) || g.Choice == finds {
			continue
		}
		switch g.Kind {
		case machine.C2, machine.C2n, machine.C3n:
			named[[2]int{int(g.Actor), calls[g.Actor]}] = int(g.Object)
		}
		calls[g.Actor]++
	}
	return named
}

// Loses reports whether a request is lost in the end: accepted, without an
// event, in no queue, and no thread has it.
func (o *Order) Loses() bool {
	if len(o.Path) == 0 {
		return false
	}
	end := o.End()
	to := o.Path[len(o.Path)-1].To
	for i := range end.Requests {
		s := o.m.Request(&to.State, i)
		if end.Requests[i].Accepted && !end.Requests[i].Ended && !s.Queued && !s.Held {
			return true
		}
	}
	return false
}

// End is how the path ends, as far as can be observed.
func (o *Order) End() machine.Observation {
	to := o.Initial()
	if len(o.Path) > 0 {
		to = o.Path[len(o.Path)-1].To
	}
	return o.m.Observe(&to.State)
}
