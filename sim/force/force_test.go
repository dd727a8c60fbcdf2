package force_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aiocheck/kernel/patches"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/sim/force"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

func walker(t *testing.T, s *machine.Scenario, bugs ...design.Bug) *force.Walker {
	t.Helper()
	d := design.Thread61()
	d = d.With(bugs...)
	w, err := force.NewWalker(&d, s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Every kind of call, in scenarios small enough to be walked.
func scenarios() (all []*machine.Scenario) {
	for _, d := range force.Demonstrations() {
		all = append(all, d.Scenario)
	}
	return append(all, machine.Witness(design.DestroyTwice), machine.Witness(design.ExitNotWaiting), machine.Witness(design.SlotsLostUserReap),
		machine.Witness(design.WakeBeforePost), machine.Witness(design.EventfdBeforeEvent), machine.Witness(design.PollRearmLost))
}

// A walk of moves is a behaviour of the model, which ends where nobody can be
// let go, and Follow finds it again from its steps.
func TestWalksAreBehaviours(t *testing.T) {
	for n, s := range scenarios() {
		w := walker(t, s)
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		for range 20 {
			var path []force.Move
			at := w.Initial()
			for {
				moves := w.Moves(&at)
				if len(moves) == 0 {
					break
				}
				path = append(path, moves[rng.IntN(len(moves))])
				at = path[len(path)-1].To
			}
			steps := force.Steps(path)
			states, err := explore.Replay(w.Machine(), steps)
			if err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
			last := states[len(states)-1]
			if last != at.State {
				t.Fatalf("%s: the moves end elsewhere than their steps", s.Name)
			}
			if left := w.Machine().Successors(&last, nil); len(left) > 0 {
				t.Fatalf("%s: nobody can be let go, and yet %v can be taken", s.Name, left[0].Step)
			}
			again, err := w.Follow(steps)
			if err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
			if got := force.Steps(again); len(got) != len(steps) {
				t.Fatalf("%s: followed by %d steps, not %d", s.Name, len(got), len(steps))
			}
		}
	}
}

// All ends that the model has can be forced, but for those that need a pause
// inside an operation or a critical section.
func TestEndsAreReached(t *testing.T) {
	for _, row := range []struct {
		bug  design.Bug
		less bool // fewer than the model has
	}{
		{bug: design.FatalOnce},
		{bug: design.DestroyWithoutWake},
		{bug: design.EventfdNotForCancelled, less: true}, // a write that is interrupted between its units
	} {
		s := machine.Witness(row.bug)
		w := walker(t, s)
		want := map[string]bool{}
		r, err := explore.Run(t.Context(), w.Machine(), explore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range r.Outcomes {
			want[o.Text] = true
		}
		got := map[string]bool{}
		if _, err := w.Find(func(m *force.Move) bool {
			if len(w.Moves(&m.To)) == 0 && w.Machine().Terminal(&m.To.State) {
				got[w.Machine().Outcome(&m.To.State)] = true
			}
			return false
		}); err != nil {
			t.Fatal(err)
		}
		for text := range got {
			if !want[text] {
				t.Errorf("%s: %q is no outcome of the model", s.Name, text)
			}
		}
		if (len(got) < len(want)) != row.less {
			t.Errorf("%s: %d of %d outcomes", s.Name, len(got), len(want))
		}
	}
}

// Each bug that a kernel can have has an order that shows it in the model, and
// each defect of the kernel is shown so, or it is said why not.
func TestDemonstrations(t *testing.T) {
	shown := map[string]bool{}
	for _, d := range force.Demonstrations() {
		shown[d.Defect] = true
		w := walker(t, d.Scenario, d.Bug)
		bit := w.Bit(d.Property.Name)
		path, err := w.Find(func(m *force.Move) bool { return w.Violates(m, bit) })
		if err != nil || path == nil {
			t.Errorf("%s: no order violates %s: %v", d.Defect, d.Property.Name, err)
		}
		u, err := replay.New("thread-6.1", []string{d.Bug.String()}, d.Scenario)
		if err != nil {
			t.Fatal(err)
		}
		o, err := force.Prepare(u.Schedule(d.Property.Name, explore.InState, force.Steps(path), nil), true)
		// What is not told by transitions, or only by how the program ends, is for
		// the checker.
		untold := slices.Contains([]string{"D1", "D2", "D10", "M13", "M14"}, d.Defect)
		if err != nil || (o.Shows == "") != untold {
			t.Errorf("%s: a kernel that follows the order shows nothing of %s: %v", d.Defect, d.Property.Name, err)
		}
		right := walker(t, d.Scenario)
		if path, err := right.Find(func(m *force.Move) bool { return right.Violates(m, bit) }); err != nil || path != nil {
			t.Errorf("%s: %s is violated without the bug, too: %v", d.Defect, d.Property.Name, err)
		}
	}
	defects, err := patches.Defects("6.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range defects {
		if _, why := force.Undemonstrated[d.Name]; why == shown[d.Name] {
			t.Errorf("%s is shown: %v, and there is a reason why not: %v", d.Name, shown[d.Name], why)
		}
	}
	if n := len(shown) + len(force.Undemonstrated); n != len(defects) {
		t.Errorf("%d defects are accounted for, the kernel has %d", n, len(defects))
	}
}

// counterexample is a schedule that exploration finds.
func counterexample(t *testing.T, bug design.Bug) *traces.Schedule {
	t.Helper()
	u, err := replay.New("thread-6.1", []string{bug.String()}, machine.Witness(bug))
	if err != nil {
		t.Fatal(err)
	}
	r, err := explore.Run(t.Context(), u.Machine, explore.Options{Liveness: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range design.BugTable() {
		for _, v := range r.Violations {
			if info.Bug == bug && v.Property == info.Property.Name {
				return u.Schedule(v.Property, v.How, v.Path, v.Cycle)
			}
		}
	}
	t.Fatalf("exploration does not find %s", bug)
	return nil
}

// A schedule of a design with a bug is completed with the bug, and taken as
// far as it goes without.
func TestPrepare(t *testing.T) {
	s := counterexample(t, design.FlushBeforeUnlink)
	with, err := force.Prepare(s, true)
	if err != nil {
		t.Fatal(err)
	}
	if with.Instead != nil || with.Scheduled >= len(with.Path) || len(with.Left) > 0 {
		t.Errorf("with the bug: %v in place of it, %d of %d moves are the schedule's, without %v", with.Instead, with.Scheduled, len(with.Path), with.Left)
	}
	if end := with.End(); end.Requests[1].Result != "-EINTR" {
		t.Errorf("with the bug the other request ends with %s", end.Requests[1].Result)
	}
	right, err := force.Prepare(s, false)
	if err != nil {
		t.Fatal(err)
	}
	if end := right.End(); end.Requests[1].Result != "1" {
		t.Errorf("without the bug the other request ends with %s", end.Requests[1].Result)
	}
	for i := range right.Path {
		if v := right.Machine().Violated(&right.Path[i].To.State); v != 0 {
			t.Fatalf("without the bug move %d violates something", i+1)
		}
	}
}

// What cannot be forced is named, and another order takes its place if one
// shows the same.
func TestUnforcible(t *testing.T) {
	var u *force.Unforcible
	if _, err := force.Prepare(counterexample(t, design.TaskRecordedLate), true); !errors.As(err, &u) {
		t.Errorf("a cancel between taking a request and recording it: %v", err)
	}
	s := counterexample(t, design.PartialAsInterrupted)
	if _, err := force.Prepare(s, true); !errors.As(err, &u) {
		t.Errorf("a cancel between two units of a write to a file: %v", err)
	}
	other := design.Mainline61()
	elsewhere := machine.Witness(design.FatalOnce)
	elsewhere.Threads = []machine.Thread{{Name: "T0", Calls: []machine.Call{{Kind: machine.Cancel, Requests: []uint8{0}, Elsewhere: true}}}}
	if d, err := design.Named("thread-6.1"); err != nil {
		t.Fatal(err)
	} else if _, err := force.NewWalker(&d, elsewhere); err == nil || !strings.Contains(err.Error(), "on another context") {
		t.Errorf("an io_cancel elsewhere: %v", err)
	}
	if _, err := force.NewWalker(&other, machine.Witness(design.FatalOnce)); err == nil {
		t.Error("a kernel without threads was taken")
	}
}

// A script waits for what its moves bring about, holds whom it has armed, and
// never holds more than the kernel can.
func TestScripts(t *testing.T) {
	for _, s := range scenarios() {
		w := walker(t, s)
		l := &force.Layout{Gated: make([]traces.Span, len(s.Threads))}
		for i := range s.Requests {
			l.Requests = append(l.Requests, traces.RequestID(i))
		}
		script := w.Script(w.Complete(nil), l)
		armed := map[traces.Place]bool{}
		for i, m := range script.Moves {
			if m.From.Point != traces.AtEnd && !armed[m.From] {
				t.Errorf("%s: move %d is of one who is not held %s", s.Name, i+1, m.From)
			}
			for _, p := range m.Arm {
				if armed[p] {
					t.Errorf("%s: move %d arms what is armed, %s", s.Name, i+1, p)
				}
				armed[p] = true
			}
			delete(armed, m.From)
			for _, a := range m.Until {
				if a.Kind == traces.LetGo {
					delete(armed, a.Place)
				}
				if a.Kind == traces.Waits && a.Place.Point != traces.AtEnd && !armed[a.Place] {
					t.Errorf("%s: move %d waits for one whom nobody holds, %s", s.Name, i+1, a.Place)
				}
			}
			if len(armed) > 64 {
				t.Errorf("%s: %d holds", s.Name, len(armed))
			}
		}
	}
}

// What the kernel says is compared with what the model has, request by
// request.
func TestCompare(t *testing.T) {
	w := walker(t, machine.Witness(design.FatalOnce))
	path := w.Complete(nil)[:2] // io_submit, up to before it queues the request; and that
	id := &force.Identity{Data: []uint64{7, 8}, Units: []int64{4096, 4096}}
	said := []traces.Transition{
		{Number: 10, Point: traces.AtSubmit, Context: 1},
		{Number: 11, Point: traces.AtSlot, Context: 1, Request: 5},
		{Number: 12, Point: traces.AtCopied, Context: 1, Request: 5, Value: 7},
		{Number: 13, Point: traces.AtPinned, Context: 1, Request: 5},
		{Number: 14, Point: traces.AtThreadNew, Context: 1},
		{Number: 15, Point: traces.AtArmed, Context: 1, Request: 5},
		{Number: 16, Point: traces.AtLeave, Context: 1},
	}
	made := []traces.MoveMade{{Number: 0, First: 10, Next: 14}, {Number: 1, First: 14, Next: 17}}
	for _, s := range w.Compare(path, made, said, id) {
		if s.Deviation != "" {
			t.Error(s.Deviation)
		}
	}
	if len(path) < 2 {
		t.Fatal("too few moves")
	}
	wrong := slices.Clone(said)
	wrong[5].Point = traces.AtRefused
	if s := w.Compare(path, made, wrong, id); s[1].Deviation == "" || s[0].Deviation != "" {
		t.Errorf("a request that is refused: %q, %q", s[0].Deviation, s[1].Deviation)
	}
	if s := w.Compare(path, made[:1], said, id); s[1].Made != nil {
		t.Error("a move was made that was not")
	}
	late := slices.Clone(made)
	late[1].End = traces.MoveLate
	if s := w.Compare(path, late, said, id); s[1].Deviation == "" {
		t.Error("a late move is as the model has it")
	}
}

// Enumerate takes every order where these are few, and otherwise meets every
// pair of moves in every state; whatever it takes ends where nothing is left.
func TestEnumerate(t *testing.T) {
	for _, s := range scenarios() {
		w := walker(t, s)
		for _, most := range []int{1, 60, 500} {
			o := w.Enumerate(most)
			if len(o.Paths) == 0 || len(o.Paths) > most && o.Coverage != force.EveryKind {
				t.Errorf("%s: %d orders, and not more than %d are wanted", s.Name, len(o.Paths), most)
			}
			if (o.Total <= float64(most)) != (o.Coverage == force.EveryOrder) || o.Coverage == force.EveryOrder && o.Total != float64(len(o.Paths)) {
				t.Errorf("%s: %s of %g are %d orders", s.Name, o.Coverage, o.Total, len(o.Paths))
			}
			labels := map[string]bool{}
			for _, path := range o.Paths {
				labels[w.Label(path)] = true
				if to := path[len(path)-1].To; len(w.Moves(&to)) > 0 {
					t.Fatalf("%s: an order ends before the program does", s.Name)
				}
			}
			if o.Coverage == force.EveryOrder && len(labels) != len(o.Paths) {
				t.Errorf("%s: %d of %d orders are different", s.Name, len(labels), len(o.Paths))
			}
		}
	}
}

// A tour shows all outcomes that every order shows.
func TestTourShowsAll(t *testing.T) {
	s := machine.Witness(design.SignalNotFlushed)
	w := walker(t, s)
	ends := func(o *force.Orders) map[string]bool {
		found := map[string]bool{}
		for _, path := range o.Paths {
			found[w.Machine().Outcome(&path[len(path)-1].To.State)] = true
		}
		return found
	}
	all, tour := w.Enumerate(1000), w.Enumerate(100)
	if all.Coverage != force.EveryOrder || tour.Coverage != force.EveryPair {
		t.Fatalf("%s and %s", all.Coverage, tour.Coverage)
	}
	if len(ends(all)) != len(ends(tour)) {
		t.Errorf("%d outcomes by every order, %d by the tour", len(ends(all)), len(ends(tour)))
	}
}

// Small programs have names of their own and can be walked.
func TestBounds(t *testing.T) {
	var b force.Bounds
	for _, text := range []string{"", "3,2", "9,1,1", "3,0,1", "3,2,-1", "x,y,z"} {
		if b.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if err := b.UnmarshalText([]byte("2,2,1")); err != nil {
		t.Fatal(err)
	}
	all, err := b.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range all {
		names[s.Name] = true
		plain := *s
		plain.Anonymous = false
		walker(t, &plain)
	}
	if len(names) != len(all) || len(all) != (2+4)*2*2 {
		t.Errorf("%d programs with %d names", len(all), len(names))
	}
}
