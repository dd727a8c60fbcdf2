package kernel

import (
	"time"

	"aiocheck/traces"
)

const (
	drainBatch   = 64          // events that a draining call asks for
	drainTimeout = time.Second // how long one waits
	drainTries   = 10          // calls in a row without an event before the rest counts as lost
)

// closeContexts ends the thread's share of the contexts that are left as the
// program says, once all threads have done their steps. io_destroy takes a
// grace period of RCU, some milliseconds that threads can spend side by side.
func (t *thread) closeContexts() {
	for c := int(t.number); c < len(t.contexts); c += len(t.program.Threads) {
		if t.contexts[c].gone.Load() {
			continue
		}
		if t.program.End == traces.EndDrain {
			t.drain(uint32(c))
		}
		t.destroy(uint32(c))
	}
}

// readEventfds reads every eventfd that is open.
func (t *thread) readEventfds() {
	for f := range t.files {
		if t.files[f].kind == traces.Eventfd && !t.files[f].closed[0].Load() {
			t.readEventfd(uint16(f))
		}
	}
}

// drain reaps until no accepted request is without an event, or until
// drainTries calls in a row have brought none. A last call that does not wait
// finds events that nobody is owed.
func (t *thread) drain(c uint32) {
	ctx := &t.contexts[c]
	for tries := 0; tries < drainTries && ctx.reaped.Load() < ctx.accepted.Load(); tries++ {
		before := ctx.reaped.Load()
		t.getEvents(traces.CallGetEvents, c, 1, drainBatch, drainTimeout)
		if ctx.reaped.Load() > before {
			tries = -1
		}
	}
	t.getEvents(traces.CallGetEvents, c, 0, drainBatch, 0)
}
