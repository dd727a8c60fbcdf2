package sim

import (
	"time"

	"aiocheck/traces"
)

// The closing sequence asks for so many events at a time, waits so long for
// one, and gives the rest up as lost after so many waits in vain.
const (
	closingBatch   = 64
	closingTimeout = time.Second
	closingTries   = 3
)

// closing gives every thread that is through its next call of the closing
// sequence. The contexts are shared out; for each: reap until nothing is in
// flight, look once more without waiting, destroy. After that the first thread
// reads the eventfds. It reports whether any thread has something to do.
func (t *Target) closing() bool {
	drain := t.program.End == traces.EndDrain
	if !drain && t.program.End != traces.EndDestroy {
		return false
	}
	busy := false
	for i := range t.threads {
		if th := &t.threads[i]; th.phase != over || t.closeNext(th, drain) {
			busy = true
		}
	}
	if busy || !drain {
		return busy
	}
	for i := range t.files {
		if f := &t.files[i]; f.kind == traces.Eventfd && f.open[readEnd] {
			f.open[readEnd] = false
			t.invoke(&t.threads[0], traces.Step{Do: traces.DoReadEventfd, File: uint16(i)})
			return true
		}
	}
	return false
}

// closeNext begins the next closing call on a context of the thread's share.
func (t *Target) closeNext(th *thread, drain bool) bool {
	for i := int(th.number); i < len(t.contexts); i += len(t.threads) {
		c := &t.contexts[i]
		s := traces.Step{Do: traces.DoGetEvents, Context: uint16(i), Max: closingBatch}
		switch {
		case c.dead:
			continue
		case drain && c.outstanding > 0 && c.tries < closingTries:
			c.tries++
			s.Min, s.Timeout = 1, closingTimeout
		case drain && !c.drained:
			c.drained = true
		default:
			s.Do = traces.DoDestroy
		}
		t.invoke(th, s)
		return true
	}
	return false
}

// exit ends the process: its threads stop where they are, every context is
// torn down, and the process is gone once no request is left (exit_aio).
func (t *Target) exit(end traces.End) {
	begun := t.now
	for i := range t.threads {
		th := &t.threads[i]
		if r := th.current; r != nil && r.ctx != nil {
			r.ctx.inFlight-- // interrupted; its event goes to nobody
		}
		if th.inside {
			th.ctx.users--
		}
		th.phase = over
	}
	for i := range t.contexts {
		c := &t.contexts[i]
		c.dead = true
		t.sweep(c)
	}
	t.frost = thawed // what the process froze, the controller thaws
	early := t.bug == exitEarly && t.anyReadLeft(nil) && t.fires()
	for !early && !t.allGone() {
		if !t.workOff() {
			t.force() // a bug has left something waiting for ever
		}
	}
	gone := t.tick()
	t.control.Record(traces.ExitRecord(end, begun, gone))
	for i := range t.contexts {
		t.freeBuffers(&t.contexts[i], traces.AfterExit)
	}
	t.settleAll()
	t.readNamesBack()
	t.watch(traces.Controller)
}

// allGone reports whether no context has a request left.
func (t *Target) allGone() bool {
	for i := range t.contexts {
		if t.contexts[i].inFlight > 0 {
			return false
		}
	}
	return true
}

// settleAll lets the kernel finish what it should have finished before: an
// honest one has nothing left.
func (t *Target) settleAll() {
	for t.workOff() {
	}
}

// force ends what a bug keeps from ending.
func (t *Target) force() {
	for i := range t.contexts {
		t.contexts[i].inFlight = 0
	}
}
