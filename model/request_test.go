package model

import (
	"strings"
	"testing"
)

func TestMainlineContract(t *testing.T) {
	for _, row := range []struct{ release, name, err string }{
		{"4.19.0", "mainline 4.19", ""},
		{"6.1.0-13-amd64", "mainline 6.1", ""},
		{"6.18.44-fc-v669", "mainline 6.18", ""},
		{"7.2.0-rc1", "mainline 7.2 (judged as 6.18, the newest known)", ""},
		{"4.18.20", "", "before 4.19"},
		{"3.10.0-1160.el7", "", "before 4.19"},
		{"linux", "", "two numbers"},
		{"", "", "two numbers"},
	} {
		c, err := MainlineContract(row.release)
		switch {
		case row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)):
			t.Errorf("%q: error %v, want %q", row.release, err, row.err)
		case row.err == "" && (err != nil || c.Name != row.name || c.Threaded || !c.InlineOrder || c.PostLag <= 0 || c.Grace <= 0):
			t.Errorf("%q: %+v, %v", row.release, c, err)
		}
	}
}

// What an observation leads to, for each row of the contract.
func TestNext(t *testing.T) {
	sim, thread := SimulatedContract(), ThreadContract()
	poll := RequestSpec{Opcode: Poll, Events: 1, Waits: true}
	read := RequestSpec{Opcode: PRead, Bytes: 512}
	inline := RequestSpec{Opcode: PRead, Bytes: 512, Inline: true}
	running := RequestState{Phase: Running}
	ready := RequestState{Phase: Running, Ready: true}
	cancelled := RequestState{Phase: Running, Cancelled: true}
	seen := func(s Seen, answer Result) Observation { return Observation{s, answer} }
	cancel := func(answer Result) Observation { return seen(SeenCancel, answer) }
	inval, progress := Fail(EINVAL), Fail(EINPROGRESS)
	for _, row := range []struct {
		name string
		c    Contract
		r    RequestSpec
		s    RequestState
		o    Observation
		can  bool
	}{
		{"an unsubmitted request is not found", sim, poll, RequestState{}, cancel(inval), true},
		{"an unsubmitted request is found", sim, poll, RequestState{}, cancel(progress), false},
		{"a waiting poll is found", sim, poll, running, cancel(progress), true},
		{"a waiting poll is not found", sim, poll, running, cancel(inval), false},
		{"a ready poll may be over", sim, poll, ready, cancel(inval), true},
		{"a read is never found", sim, read, running, cancel(progress), false},
		{"a read on a worker is found", thread, read, running, cancel(progress), true},
		{"a second cancel finds nothing", sim, poll, cancelled, cancel(progress), false},
		{"a second cancel says so", sim, poll, cancelled, cancel(inval), true},
		{"cancel never says 0", sim, poll, running, cancel(0), false},
		{"cancel never says EAGAIN", thread, poll, running, cancel(Fail(EAGAIN)), false},
		{"a refused request has no event", sim, read, RequestState{Phase: Refused}, seen(SeenEvent, 512), false},
		{"an event once", sim, read, RequestState{Phase: Reaped}, seen(SeenEvent, 512), false},
		{"an event of a running request", sim, read, running, seen(SeenEvent, 512), true},
		{"an event after destroy", sim, read, RequestState{Phase: Posted, Dying: true, Gone: true}, seen(SeenEvent, 512), false},
		{"a posted event is not missed", sim, read, RequestState{Phase: Posted}, seen(SeenMiss, 0), false},
		{"a finished event is missed", sim, read, RequestState{Phase: Finished}, seen(SeenMiss, 0), true},
		{"what is finished is posted at last", sim, read, RequestState{Phase: Finished}, seen(SeenSettled, 0), true},
		{"what waits is not settled", sim, poll, running, seen(SeenSettled, 0), true},
		{"an inline request is over", sim, inline, running, seen(SeenSettled, 0), true},
		{"nothing is accepted after destroy", sim, read, RequestState{Dying: true, Gone: true}, seen(SeenAccepted, 0), false},
		{"destroy returns after it began", sim, read, running, seen(SeenGone, 0), false},
		{"a dying context finds nothing", sim, poll, RequestState{Phase: Running, Dying: true}, cancel(inval), true},
		{"a waiting poll has no mask", sim, poll, running, seen(SeenEvent, 1), false},
		{"a ready poll has one", sim, poll, ready, seen(SeenEvent, 1), true},
		{"the wake-up's whole mask", sim, poll, ready, seen(SeenEvent, 0x41), true},
		{"a mask without a requested bit", sim, poll, ready, seen(SeenEvent, 4), false},
		{"hang-up unasked", sim, poll, ready, seen(SeenEvent, 0x10), true},
		{"a cancelled poll gives 0", sim, poll, cancelled, seen(SeenEvent, 0), true},
		{"a poll that nobody cancelled gives 0", sim, poll, ready, seen(SeenEvent, 0), false},
		{"a cancelled poll on a worker gives EINTR", thread, poll, cancelled, seen(SeenEvent, Fail(EINTR)), true},
		{"EINTR on a worker without a cancel", thread, read, running, seen(SeenEvent, Fail(EINTR)), false},
		{"EINTR of an interrupted submitter", sim, read, running, seen(SeenEvent, Fail(EINTR)), true},
		{"one byte too many", sim, read, running, seen(SeenEvent, 513), false},
		{"a short read", sim, read, running, seen(SeenEvent, 64), true},
		{"a restart code", sim, read, running, seen(SeenEvent, -516), false},
		{"EIOCBQUEUED", sim, read, running, seen(SeenEvent, -529), false},
		{"a sync that gives bytes", sim, RequestSpec{Opcode: FSync}, running, seen(SeenEvent, 1), false},
		{"a sync that fails", sim, RequestSpec{Opcode: FSync}, running, seen(SeenEvent, Fail(EIO)), true},
	} {
		if got := len(row.c.Next(row.r, row.s, row.o)) > 0; got != row.can {
			t.Errorf("%s: %v is %v in %+v", row.name, row.o, got, row.s)
		}
	}
	// Settled and then missed: the event must have been taken.
	for _, s := range sim.Next(inline, running, seen(SeenSettled, 0)) {
		if len(sim.Next(inline, s, seen(SeenMiss, 0))) != 0 {
			t.Errorf("an inline event is missed in %+v", s)
		}
	}
}
