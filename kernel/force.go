package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	device "aiocheck/kernel/control"
	"aiocheck/kernel/transitions"
	"aiocheck/traces"
)

// How long a script waits for something that has to come soon, and at its
// beginning, when streams are filled and contexts are set up.
const (
	moveWithin  = 5 * time.Second
	beginWithin = 20 * time.Second
	lookWithin  = 20 * time.Millisecond // between two looks whether it was stopped
)

// ErrUncontrolled says that a kernel does not let itself be held.
var ErrUncontrolled = errors.New("this kernel does not let its steps be ordered: it needs our patches, CONFIG_AIO_THREAD_TRACE and CONFIG_AIO_THREAD_CONTROL, as aiocheck kernel build makes it")

// forcing carries out the script of a round.
type forcing struct {
	program *traces.Program
	run     uint32
	shared  *control
	device  *device.Device
	inside  *transitions.Reader
	clock   func() traces.Time
	holds   map[traces.Place]device.ID // that were armed and not released
	stop    chan struct{}
	done    chan struct{}
	err     error // valid once done

	mu       sync.Mutex
	made     []traces.MoveMade // and not yet recorded
	requests map[uint32]traces.RequestID
	contexts map[uint32]uint16
	workers  map[traces.RequestID]uint32 // thread IDs
	passed   map[passage]bool
}

// passage is a transition of a request or of a context, both by their
// position plus one.
type passage struct {
	point   traces.Point
	request traces.RequestID
	context uint16
}

// force begins to carry out the script of p, which waits for its threads.
func (h *Host) force(p *traces.Program) error {
	d, err := device.Open()
	switch {
	case errors.Is(err, unix.ENOENT) || h.inside == nil:
		return ErrUncontrolled
	case err != nil:
		return err
	}
	h.forcing = &forcing{program: p, run: h.opts.Run, shared: h.shared.control, device: d, inside: h.inside, clock: h.clock.now,
		holds: map[traces.Place]device.ID{}, stop: make(chan struct{}), done: make(chan struct{}),
		requests: map[uint32]traces.RequestID{}, contexts: map[uint32]uint16{}, workers: map[traces.RequestID]uint32{}, passed: map[passage]bool{}}
	go h.forcing.carryOut()
	return nil
}

// forced ends the script, if there is one.
func (h *Host) forced(sink Sink) error {
	f := h.forcing
	if f == nil {
		return nil
	}
	h.forcing = nil
	close(f.stop)
	<-f.done
	return errors.Join(f.err, f.record(sink))
}

// carryOut makes the moves. In the end everybody may do as he likes.
func (f *forcing) carryOut() {
	defer close(f.done)
	f.err = f.moves()
	f.err = errors.Join(f.err, f.device.Close())
	for t := range f.program.Threads {
		f.shared.gates[t].let(allOpen)
	}
}

func (f *forcing) moves() error {
	s := f.program.Script
	begin := traces.Move{}
	for t, span := range s.Gated {
		if span.From < span.To {
			begin.Until = append(begin.Until, traces.Await{Place: traces.Place{Thread: uint16(t + 1), Step: span.From}})
		}
	}
	first, err := f.inside.Next()
	if err != nil {
		return err
	}
	if late := f.until(&begin, beginWithin); late >= 0 {
		return f.end(len(s.Moves), traces.MoveMade{End: traces.MoveLate, Awaited: uint32(late), First: first})
	}
	for i := range s.Moves {
		m := &s.Moves[i]
		made := traces.MoveMade{}
		if made.First, err = f.inside.Next(); err != nil {
			return err
		}
		if err := f.arm(m.Arm); err != nil {
			return err
		}
		free, err := f.release(m.From)
		if err != nil {
			return err
		}
		if free {
			made.End = traces.MoveFree
		} else if late := f.until(m, moveWithin); late >= 0 {
			made.End, made.Awaited = traces.MoveLate, uint32(late)
		}
		if err := f.end(i, made); err != nil || made.End != traces.MoveDone {
			return err
		}
	}
	return nil
}

// end notes that a move is over.
func (f *forcing) end(i int, made traces.MoveMade) error {
	made.Number, made.At = uint32(i), f.clock()
	var err error
	if made.Next, err = f.inside.Next(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made = append(f.made, made)
	return nil
}

// record hands the moves made to sink.
func (f *forcing) record(sink Sink) error {
	f.mu.Lock()
	made := f.made
	f.made = nil
	f.mu.Unlock()
	for i := range made {
		if err := sink.Append([]traces.Record{made[i].Record()}); err != nil {
			return err
		}
	}
	return nil
}

// arm asks the kernel for holds.
func (f *forcing) arm(places []traces.Place) error {
	for _, p := range places {
		if _, there := f.holds[p]; there {
			continue
		}
		h := device.Hold{Point: p.Point, Deadline: device.MaxDeadline}
		if p.Request > 0 {
			h.ByData = true
			h.Data = uint64(f.run)<<32 | uint64(f.program.First+p.Request-1)
		}
		if p.Thread > 0 {
			h.Task = int(f.shared.gates[p.Thread-1].thread.Load())
		}
		id, err := f.device.Arm(h)
		if err != nil {
			return err
		}
		f.holds[p] = id
	}
	return nil
}

// release lets one who waits go on, and reports whether nobody waits there.
func (f *forcing) release(p traces.Place) (free bool, err error) {
	if p.Point == traces.AtEnd {
		g := &f.shared.gates[p.Thread-1]
		free = g.arrived.Load() != p.Step+1
		g.let(p.Step + 1)
		return free, nil
	}
	id, there := f.holds[p]
	if !there {
		return true, nil
	}
	delete(f.holds, p)
	state, _, err := f.device.Release(id)
	return state != device.Held, err
}

// until waits for all that ends a move. It returns which of it did not come,
// or -1.
func (f *forcing) until(m *traces.Move, most time.Duration) int {
	deadline := time.Now().Add(most)
	for i := range m.Until {
		for !f.comes(&m.Until[i]) {
			select {
			case <-f.stop:
				return i
			default:
			}
			if time.Now().After(deadline) {
				return i
			}
		}
	}
	return -1
}

// comes waits a little for one thing.
func (f *forcing) comes(a *traces.Await) bool {
	p := &a.Place
	switch {
	case a.Kind == traces.LetGo:
		_, err := f.release(*p)
		return err == nil
	case a.Kind == traces.Passed:
		return f.soon(func() bool { return f.passed[passage{p.Point, p.Request, a.Context}] })
	case a.Kind == traces.Asleep:
		// Twice, as a thread may sleep for a moment on its way.
		for range 2 {
			if !f.soon(func() bool { return f.asleep(p) }) {
				return false
			}
		}
		return true
	case p.Point == traces.AtEnd:
		return f.shared.gates[p.Thread-1].await(p.Step, lookWithin)
	}
	id, there := f.holds[*p]
	if !there {
		return false
	}
	state, _, err := f.device.Wait(id, lookWithin)
	return err == nil && state == device.Held
}

// soon looks, and once more after a moment: the kernel's transitions are
// looked at as often.
func (f *forcing) soon(is func() bool) bool {
	for range 2 {
		f.mu.Lock()
		yes := is()
		f.mu.Unlock()
		if yes {
			return true
		}
		time.Sleep(pollEvery / 2)
	}
	return false
}

// asleep reports whether a thread of the round, or the one that executes a
// request, is blocked. A thread that is held is not: it is idle in
// /proc/PID/stat, as is one of the kernel that has nothing to do.
func (f *forcing) asleep(p *traces.Place) bool {
	id := f.workers[p.Request]
	if p.Thread > 0 {
		id = f.shared.gates[p.Thread-1].thread.Load()
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
	if err != nil {
		return false
	}
	at := bytes.LastIndexByte(text, ')') + 2 // after the name, which may hold anything
	return at < len(text) && (text[at] == 'S' || text[at] == 'D')
}

// told takes note of what the kernel says.
func (f *forcing) told(records []traces.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range records {
		t := records[i].Transition()
		switch t.Point {
		case traces.AtSetup: // thread 0 makes the contexts in their order
			f.contexts[t.Context] = uint16(len(f.contexts) + 1)
		case traces.AtCopied:
			if n := int64(uint32(t.Value)) - int64(f.program.First); uint32(t.Value>>32) == f.run && n >= 0 && n < int64(len(f.program.Requests)) {
				f.requests[t.Request] = traces.RequestID(n + 1)
			}
		}
		request := f.requests[t.Request]
		if t.Point == traces.AtStarted && request > 0 {
			f.workers[request] = t.Task
		}
		switch context := f.contexts[t.Context]; {
		case request > 0:
			f.passed[passage{t.Point, request, 0}] = true
		case t.Point == traces.AtIdle:
			for r, task := range f.workers {
				if task == t.Task {
					f.passed[passage{t.Point, r, 0}] = true
					delete(f.workers, r)
				}
			}
		case context > 0 && t.Request == 0:
			f.passed[passage{t.Point, 0, context}] = true
		}
	}
}
