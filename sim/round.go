package sim

import (
	"errors"
	"fmt"
	"strings"
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

// begin lays out a round: records, files, contexts, requests and threads.
func (t *Target) begin(p *traces.Program) error {
	if err := t.check(p); err != nil {
		return err
	}
	t.program, t.exiting, t.ticks = p, false, 0
	t.arena, t.jobs = t.arena[:0], t.jobs[:0]
	t.jobBias = 1 + t.below(15)
	t.lastID = max(t.lastID, p.First+traces.RequestID(len(p.Requests))-1)

	if t.bug != 0 {
		t.storage.expect(t.lastID)
	}
	t.control.Record(traces.RoundRecord(traces.Controller, t.tick(), p.Round, p.End))
	t.files = resize(t.files, len(p.Files))
	for i, d := range p.Files {
		t.files[i].setUp(uint16(i), d)
		flags := uint64(0)
		if d.Nonblock {
			flags |= traces.FileNonblock
		}
		if d.Kind == traces.Storage && t.cfg.Direct {
			flags |= traces.FileDirect
		}
		t.control.Record(traces.FileRecord(uint16(i), d.Kind, flags, uint64(d.Bytes)))
	}
	t.contexts = resize(t.contexts, len(p.Contexts))
	for i, d := range p.Contexts {
		t.contexts[i].setUp(uint32(i), d.Slots)
		t.control.Record(traces.ContextRecord(uint32(i), d.Slots))
	}
	t.requests = resize(t.requests, len(p.Requests))
	clear(t.requests)
	for i := range p.Requests {
		r := &t.requests[i]
		r.decl, r.id = &p.Requests[i], p.First+traces.RequestID(i)
		r.obj = 0x7f00_0000_0000 + uint64(i)*64
	}
	if t.bug == eventBeforeSubmit {
		t.unsent = resize(t.unsent, len(p.Requests))
		clear(t.unsent)
	}
	t.threads = resize(t.threads, len(p.Threads))
	t.begun = resize(t.begun, len(p.Threads))
	clear(t.begun)
	for i, steps := range p.Threads {
		t.threads[i].setUp(uint16(i), steps)
		t.log(uint16(i)).Record(traces.RoundRecord(uint16(i), t.now, p.Round, p.End))
	}
	// The first thread sets the contexts up before the others start.
	log := t.log(0)
	for i := range t.contexts {
		c := &t.contexts[i]
		log.Record(traces.InvokeRecord(0, c.number, traces.CallSetup, 0, 0, t.tick(), int64(c.slots), 0, 0))
		log.Record(traces.ReturnRecord(0, t.tick(), 0, 0x7e00_0000_0000+uint64(i)*4096, uint64(c.nr)|1<<32))
	}
	return nil
}

// resize gives s the length n, keeping what its elements have allocated.
func resize[E any](s []E, n int) []E {
	if n > cap(s) {
		grown := make([]E, n)
		copy(grown, s[:cap(s)])
		return grown
	}
	return s[:n]
}

// check refuses what no target could run.
func (t *Target) check(p *traces.Program) error {
	if len(p.Threads) == 0 || len(p.Threads) >= traces.Controller {
		return fmt.Errorf("a program of %d threads", len(p.Threads))
	}
	if len(p.Files) == 0 || p.Files[0].Kind != traces.Storage || p.Files[0].Bytes > t.cfg.StorageBytes {
		return fmt.Errorf("file 0 is not a storage of at most %d bytes", t.cfg.StorageBytes)
	}
	if p.First != t.lastID+1 {
		return fmt.Errorf("the first request is %d after %d", p.First, t.lastID)
	}
	for th, steps := range p.Threads {
		for i := range steps {
			if !sound(p, &steps[i]) {
				return fmt.Errorf("thread %d, step %d names what is not there", th, i)
			}
		}
	}
	return nil
}

// sound reports whether everything that a step names is declared.
func sound(p *traces.Program, s *traces.Step) bool {
	last := int(s.Request) + int(s.Count) // one past the last request
	switch s.Do {
	case traces.DoCancel, traces.DoRead, traces.DoWrite:
		last = int(s.Request) + 1
		if s.Do == traces.DoWrite && int(s.File) < len(p.Files) && p.Files[s.File].Kind == traces.Eventfd {
			last = 0
		}
	}
	return (s.Do > traces.DoDestroy || int(s.Context) < len(p.Contexts)) && int(s.File) < len(p.Files) &&
		last <= len(p.Requests) && int(s.Thread) < len(p.Threads)
}

// errStuck says that threads wait and nothing will ever wake them.
var errStuck = errors.New("deadlock")

// play runs the threads, then the end that the program asks for.
func (t *Target) play() error {
	p := t.program
	steps := 0
	for _, s := range p.Threads {
		steps += len(s)
	}
	killAt := int(t.below(uint32(6*steps + 1)))
	through := false
	for !t.exiting && (p.End != traces.EndKill || t.ticks < killAt) {
		through = through || !t.anyThread()
		if through && !t.closing() {
			break
		}
		if err := t.schedule(); err != nil {
			if p.End != traces.EndKill && t.fired == 0 {
				return err
			}
			// What a bug has hung, or a program that waits for its end, is killed.
			t.exit(traces.EndKill)
			return nil
		}
	}
	if p.End == traces.EndExit || p.End == traces.EndKill {
		t.exit(p.End)
		return nil
	}
	t.settleAll()
	t.watch(0)
	return nil
}

// anyThread reports whether a thread has something left to do.
func (t *Target) anyThread() bool {
	for i := range t.threads {
		if t.threads[i].phase != over {
			return true
		}
	}
	return false
}

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
	early := t.bug == exitEarly && t.anyReadLeft(nil) && t.fires()
	for !early && !t.allGone() {
		t.tick()
		t.work(t.jobs[t.below(uint32(len(t.jobs)))])
	}
	gone := t.tick()
	t.control.Record(traces.ExitRecord(end, begun, gone))
	for i := range t.contexts {
		t.freeBuffers(&t.contexts[i], traces.AfterExit)
	}
	t.settleAll()
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
	for len(t.jobs) > 0 {
		t.tick()
		t.work(t.jobs[t.below(uint32(len(t.jobs)))])
	}
}

// schedule makes one atomic step of a thread or of the kernel's own work,
// chosen at random, or lets a timer go off.
func (t *Target) schedule() error {
	t.ticks++
	t.ready = t.ready[:0]
	alarm := traces.Never
	var sleeper *thread
	for i := range t.threads {
		th := &t.threads[i]
		if th.phase == over {
			continue
		}
		if t.enabled(th) {
			t.ready = append(t.ready, th)
		}
		if at := t.alarm(th); at < alarm {
			alarm, sleeper = at, th
		}
	}
	if len(t.ready)+len(t.jobs) == 0 && sleeper == nil {
		return t.stuck()
	}
	step := 1 + traces.Time(t.below(100))
	if len(t.ready)+len(t.jobs) == 0 || t.now+step >= alarm {
		// A timer never goes off late: virtual processors are not busy.
		t.now = max(t.now, alarm)
		t.advance(sleeper)
		return nil
	}
	t.now += step
	if len(t.jobs) > 0 && (len(t.ready) == 0 || t.below(16) < t.jobBias) {
		t.work(t.jobs[t.below(uint32(len(t.jobs)))])
		return nil
	}
	t.advance(t.ready[t.below(uint32(len(t.ready)))])
	return nil
}

// stuck names the threads that wait, and for what.
func (t *Target) stuck() error {
	var names []string
	for i := range t.threads {
		th := &t.threads[i]
		switch {
		case th.phase == over:
		case th.phase == idle:
			s := th.steps[th.pc]
			names = append(names, fmt.Sprintf("thread %d before step %d waits for step %d of thread %d", i, th.pc, s.After-1, s.Thread))
		default:
			names = append(names, fmt.Sprintf("thread %d is in %s of step %d", i, th.call, th.pc))
		}
	}
	return fmt.Errorf("%w: %s", errStuck, strings.Join(names, "; "))
}
