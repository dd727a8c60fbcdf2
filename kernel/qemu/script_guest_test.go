//go:build guest

package qemu

import (
	"context"
	"testing"

	"aiocheck/model"
	"aiocheck/traces"
)

// before is where one waits for a transition of request 0.
func before(p traces.Point) traces.Place { return traces.Place{Point: p, Request: 1} }

// gate is a thread before a step.
func gate(thread, step int) traces.Place {
	return traces.Place{Thread: uint16(thread + 1), Step: uint32(step)}
}

func waits(p traces.Place) traces.Await { return traces.Await{Place: p} }

// scripted runs a read of an empty pipe by thread 0 and a cancel of it by
// thread 1 in an order, and gives back the moves made, the points passed in
// their order, and the read's result.
func scripted(t *testing.T, g *Guest, moves ...traces.Move) (made []traces.MoveMade, points []traces.Point, result model.Result) {
	t.Helper()
	opts := guestOptions
	if _, err := g.Open(context.Background(), Options{Host: opts}); err != nil {
		t.Fatal(err)
	}
	program := &traces.Program{Round: 0, First: 1, End: traces.EndDrain, Contexts: []traces.ContextDecl{{Slots: 8}},
		Files:    []traces.FileDecl{{Kind: traces.Storage, Bytes: 1 << 20}, {Kind: traces.Pipe}},
		Requests: []traces.RequestDecl{{Opcode: model.PRead, File: 1, Bytes: 4096}},
		// In whatever order, the read ends: the pipe is closed after the script.
		Threads: [][]traces.Step{{submits(0, 1)}, {cancels(0), {Do: traces.DoCloseWrite, File: 1}}},
		Script:  &traces.Script{Gated: []traces.Span{{To: 1}, {To: 2}}, Moves: moves}}
	var got collected
	programs := []*traces.Program{program}
	err := g.Run(context.Background(), func() (*traces.Program, bool) {
		if len(programs) == 0 {
			return nil, false
		}
		programs = nil
		return program, true
	}, &got)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		switch got[i].Kind {
		case traces.KindMove:
			made = append(made, got[i].Move())
		case traces.KindTransition:
			points = append(points, got[i].Transition().Point)
		case traces.KindEvent:
			result = model.Result(int64(got[i].C))
		}
	}
	return made, points, result
}

// order are those of the points that are among some, in their order.
func order(points []traces.Point, some ...traces.Point) (list []traces.Point) {
	for _, p := range points {
		for _, s := range some {
			if p == s {
				list = append(list, p)
			}
		}
	}
	return list
}

func wantOrder(t *testing.T, points []traces.Point, want ...traces.Point) {
	t.Helper()
	got := order(points, want...)
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("in the order %v, not %v", got, want)
			return
		}
	}
}

func wantMoves(t *testing.T, made []traces.MoveMade, ends ...traces.MoveEnd) {
	t.Helper()
	if len(made) != len(ends) {
		t.Fatalf("%d moves, not %d: %+v", len(made), len(ends), made)
	}
	for i, end := range ends {
		if made[i].End != end || int(made[i].Number) != i || made[i].Next < made[i].First || i > 0 && made[i].First < made[i-1].Next {
			t.Errorf("move %d: %+v", i, made[i])
		}
	}
}

// TestScripts has one program go on in several orders, and in orders that it
// cannot go on in: then it goes on as it likes, soon.
func TestScripts(t *testing.T) {
	g := boot(t, onVirtio, bare)
	defer closeGuest(t, g)
	submit := traces.Move{From: gate(0, 0), Arm: []traces.Place{before(traces.AtStarted)}, Until: []traces.Await{waits(gate(0, 1)), waits(before(traces.AtStarted))}}
	t.Run("cancelled in its queue", func(t *testing.T) {
		made, points, result := scripted(t, g, submit,
			traces.Move{From: gate(1, 0), Until: []traces.Await{waits(gate(1, 1)), {Kind: traces.LetGo, Place: before(traces.AtStarted)}}})
		wantMoves(t, made, traces.MoveDone, traces.MoveDone)
		wantOrder(t, points, traces.AtArmed, traces.AtFoundQueued, traces.AtEndEarly, traces.AtPosted)
		if len(order(points, traces.AtStarted)) > 0 || result != model.Fail(model.EINTR) {
			t.Errorf("it was started, or ended with %v", result)
		}
	})
	t.Run("cancelled once it is asleep", func(t *testing.T) {
		made, points, result := scripted(t, g, submit,
			traces.Move{From: before(traces.AtStarted), Arm: []traces.Place{before(traces.AtBegin)}, Until: []traces.Await{waits(before(traces.AtBegin))}},
			traces.Move{From: before(traces.AtBegin), Until: []traces.Await{{Kind: traces.Asleep, Place: traces.Place{Request: 1}}}},
			traces.Move{From: gate(1, 0), Arm: []traces.Place{before(traces.AtUnlinked)}, Until: []traces.Await{waits(gate(1, 1)), waits(before(traces.AtUnlinked))}},
			traces.Move{From: before(traces.AtUnlinked), Until: []traces.Await{{Kind: traces.Passed, Place: before(traces.AtIdle)}}})
		wantMoves(t, made, traces.MoveDone, traces.MoveDone, traces.MoveDone, traces.MoveDone, traces.MoveDone)
		wantOrder(t, points, traces.AtArmed, traces.AtStarted, traces.AtBegin, traces.AtFoundRunning, traces.AtSignal, traces.AtReturn, traces.AtUnlinked, traces.AtPosted)
		if result != model.Fail(model.EINTR) {
			t.Errorf("it ended with %v", result)
		}
	})
	t.Run("cancelled before it begins", func(t *testing.T) {
		_, points, _ := scripted(t, g, submit,
			traces.Move{From: before(traces.AtStarted), Arm: []traces.Place{before(traces.AtBegin)}, Until: []traces.Await{waits(before(traces.AtBegin))}},
			traces.Move{From: gate(1, 0), Until: []traces.Await{waits(gate(1, 1))}})
		wantOrder(t, points, traces.AtStarted, traces.AtFoundRunning, traces.AtBegin, traces.AtReturn)
	})
	t.Run("a move that nobody makes", func(t *testing.T) {
		made, _, _ := scripted(t, g, traces.Move{From: gate(0, 1)})
		wantMoves(t, made, traces.MoveFree)
	})
	t.Run("a wait for what does not come", func(t *testing.T) {
		late := submit
		late.Until = []traces.Await{waits(gate(0, 1)), {Kind: traces.Passed, Place: before(traces.AtRefused)}}
		made, _, _ := scripted(t, g, late)
		wantMoves(t, made, traces.MoveLate)
		if made[0].Awaited != 1 {
			t.Errorf("it was late for %d", made[0].Awaited)
		}
	})
	wantQuiet(t, g)
}
