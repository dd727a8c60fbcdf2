package kernel

import (
	"context"
	"errors"
	"testing"
	"time"

	device "aiocheck/kernel/control"
	"aiocheck/model"
	"aiocheck/traces"
)

// scripted is a program whose only thread submits a write by script.
func scripted(s *traces.Script) *traces.Program {
	return &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 8}}, Files: []traces.FileDecl{{Kind: traces.Storage, Bytes: testBytes}},
		Requests: []traces.RequestDecl{{Opcode: model.PWrite, Bytes: 512}},
		Threads:  [][]traces.Step{{{Do: traces.DoSubmit, Count: 1}}}, Script: s}
}

// A kernel without our patches is told from one that can be controlled, before
// anything of the program has been done.
func TestUncontrolled(t *testing.T) {
	if d, err := device.Open(); err == nil {
		d.Close()
		return // this kernel can be controlled
	}
	var records collected
	h := newTestHost(t, openTest(t))
	err := h.Run(context.Background(), list(scripted(&traces.Script{Gated: []traces.Span{{To: 1}}})), &records)
	if !errors.Is(err, ErrUncontrolled) {
		t.Errorf("a program with a script: %v", err)
	}
	for i := range records {
		if records[i].Kind == traces.KindInvoke && records[i].Thread != traces.Controller {
			t.Errorf("thread %d has made a call", records[i].Thread)
		}
	}
}

// Scripts that do not fit their program are refused.
func TestCheckScript(t *testing.T) {
	held := traces.Place{Point: traces.AtStarted, Request: 1}
	for _, row := range []struct {
		script traces.Script
		ok     bool
	}{
		{traces.Script{Gated: []traces.Span{{To: 1}}, Moves: []traces.Move{{From: traces.Place{Thread: 1}, Arm: []traces.Place{held}, Until: []traces.Await{{Place: held}}}}}, true},
		{traces.Script{}, false},
		{traces.Script{Gated: []traces.Span{{To: 2}}}, false},
		{traces.Script{Gated: []traces.Span{{From: 1}}}, false},
		{traces.Script{Gated: []traces.Span{{To: 1}}, Moves: []traces.Move{{From: traces.Place{Thread: 2}}}}, false},
		{traces.Script{Gated: []traces.Span{{To: 1}}, Moves: []traces.Move{{}}}, false},
		{traces.Script{Gated: []traces.Span{{To: 1}}, Moves: []traces.Move{{From: traces.Place{Point: traces.AtBegin, Request: 2}}}}, false},
		{traces.Script{Gated: []traces.Span{{To: 1}}, Moves: []traces.Move{{From: held, Arm: []traces.Place{{Thread: 1}}}}}, false},
		{traces.Script{Gated: []traces.Span{{To: 1}}, Moves: []traces.Move{{From: held, Until: []traces.Await{{Kind: traces.Passed, Place: traces.Place{Point: traces.AtKill}}}}}}, false},
	} {
		if why := checkScript(scripted(&row.script)); (why == "") != row.ok {
			t.Errorf("%+v: %q", row.script, why)
		}
	}
}

// A gate keeps its thread until it is opened, and says where the thread is.
func TestGate(t *testing.T) {
	var c control
	p := scripted(&traces.Script{Gated: []traces.Span{{From: 0, To: 1}}})
	th := &thread{round: &round{program: p}, shared: &c}
	g := &c.gates[0]
	if g.await(0, time.Millisecond) {
		t.Fatal("the thread is there before it has come")
	}
	passed := make(chan struct{})
	go func() {
		th.pass(0)
		th.passed(0)
		th.pass(1) // not gated
		th.scriptOver()
		close(passed)
	}()
	for !g.await(0, time.Second) {
	}
	if g.arrived.Load() != 1 {
		t.Errorf("it has passed a gate that is not open: %d", g.arrived.Load())
	}
	g.let(1)
	for !g.await(1, time.Second) {
	}
	select {
	case <-passed:
		t.Error("it went on before the script was over")
	default:
	}
	g.let(allOpen)
	<-passed
}
