package inclusion

import (
	"fmt"

	"aiocheck/model/machine"
	"aiocheck/traces"
)

// context is a kioctx: its life as the machine has it, its ring and its slots
// as numbers.
type context struct {
	serial   uint32
	slots    int64
	taken    int64 // slots taken, ever
	refunded int64 // given back: those of requests that were refused
	back     int64 // and those of events
	posted   int64 // events
	reaped   int64 // events known to have left the ring
	head     uint32
	tail     uint32
	userHead bool // user space moves head: the kernel does not see all reaping
	users    int
	life     machine.State
	stage    []traces.Point // what has happened of its end, for requests that come later
	dead     bool
	woken    traces.Time // when all waiters were, 0 if they were not
	gone     uint64      // number of the transition after which no search finds it
	killing  bool
	drained  bool
	waited   bool // io_destroy has
	exits    bool // it ends with its process

	requests    map[uint32]*request
	byData      map[int64][]*request
	queue       [2]queue // by class of threads
	threads     map[uint32]*thread
	unsignalled *request // a cancel has found it running, and the signal is to come
}

// lifeKey is the machine of a context's life: one without requests, whose
// thread destroys it.
func (c *Checker) lifeClass() (*class, error) {
	key := classKey{opcode: 0xff}
	if known := c.classes[key]; known != nil {
		return known, nil
	}
	m, err := machine.New(&c.design, &machine.Scenario{Name: "life of a context", Contexts: []machine.Context{{}},
		Threads: []machine.Thread{{Name: "destroyer", Calls: []machine.Call{{Kind: machine.Destroy}}}}})
	if err != nil {
		return nil, fmt.Errorf("model of a context: %w", err)
	}
	k := &class{m: m, start: m.Initial(), edges: map[edge]target{}}
	c.classes[key] = k
	return k, nil
}

// mostSlots is more than io_setup gives (fs/aio.c, ioctx_alloc).
const mostSlots = 1 << 28

// setup is a new context.
func (c *Checker) setup(t *traces.Transition) (*Violation, error) {
	if v := c.waitedFor(t); v != nil {
		return v, nil
	}
	if t.Other == 0 || t.Other > mostSlots {
		return &Violation{Why: fmt.Sprintf("a ring of %d slots", t.Other), State: "no context"}, nil
	}
	life, err := c.lifeClass()
	if err != nil {
		return nil, err
	}
	x := &context{serial: t.Context, slots: int64(t.Other), users: 1, life: life.start,
		requests: map[uint32]*request{}, byData: map[int64][]*request{}, threads: map[uint32]*thread{}}
	c.contexts[t.Context] = x
	c.calls[t.Task] = &call{kind: traces.AtSetup, context: x}
	c.cover.Contexts++
	return nil, nil
}

// String is the context in numbers.
func (x *context) String() string {
	return fmt.Sprintf("context %d: %d calls in it, %d requests, %d of %d slots taken, ring %d to %d, %d threads, dead %v, %d queued",
		x.serial, x.users, len(x.requests), x.taken-x.refunded-x.back, x.slots, x.head, x.tail, len(x.threads), x.dead, x.queue[0].length+x.queue[1].length)
}

// stateOf is the state of a request, or of the context if there is none.
func (x *context) stateOf(r *request) string {
	if r == nil || r.class == nil {
		return x.String()
	}
	return r.describe()
}

// slot is S1: a request begins.
func (c *Checker) slot(x *context, t *traces.Transition) (*Violation, error) {
	if v := c.inCall(x, t, traces.AtSubmit); v != nil {
		return v, nil
	}
	if v := c.goesOn(x, c.calls[t.Task]); v != nil {
		return v, nil
	}
	if x.taken-x.refunded-x.back >= x.slots {
		return &Violation{Why: "no slot is free", State: x.String(), Allowed: []string{"S1e: NO_SLOT"}}, nil
	}
	if x.requests[t.Request] != nil {
		return &Violation{Why: fmt.Sprintf("request %d has a slot already", t.Request), State: x.String()}, nil
	}
	x.taken++
	x.requests[t.Request] = &request{serial: t.Request, submitter: t.Task}
	c.cover.Requests++
	c.took(machine.S1)
	return nil, nil
}

// slotsBack gives slots back: that of a request that the thread has refused, or
// those of events that have left the ring. User space may have taken events out
// without the kernel's knowledge, so more than what the kernel knows of is found
// out only when io_getevents next looks and head stands where it was left.
func (c *Checker) slotsBack(x *context, t *traces.Transition) *Violation {
	if k := c.calls[t.Task]; k != nil && k.owes != nil {
		if t.Value != 1 {
			return &Violation{Why: fmt.Sprintf("%d slots of a request are given back", t.Value), State: x.String()}
		}
		k.owes = nil
		x.refunded++
		return nil
	}
	x.back += t.Value
	if x.back > x.posted {
		return &Violation{Why: fmt.Sprintf("%d slots of events have been given back, and only %d events posted", x.back, x.posted), State: x.String()}
	}
	return nil
}

// reaped is G2 and G2h: a look at the ring, under its lock.
func (c *Checker) reaped(x *context, t *traces.Transition) *Violation {
	if v := c.inCall(x, t, traces.AtGetEvents); v != nil {
		return v
	}
	size := uint32(x.slots + 1)
	n := int64(t.Seen)
	k := c.calls[t.Task]
	if k.looks++; k.looks > 1 {
		c.took(machine.G4w)
	}
	c.took(machine.G2)
	before := (t.Other + size - uint32(n)%size) % size
	if before != x.head { // user space has moved it
		x.userHead = true
		x.reaped += int64((before + size - x.head) % size)
	}
	if !x.userHead && x.back > x.reaped {
		return &Violation{Why: fmt.Sprintf("%d slots of events were given back, but only %d events had been reaped", x.back, x.reaped), State: x.String()}
	}
	if n > 0 {
		c.took(machine.G2h)
	}
	x.reaped += n
	x.head = t.Other % size
	if x.reaped > x.posted {
		return &Violation{Why: fmt.Sprintf("%d events have been reaped, but only %d posted", x.reaped, x.posted), State: x.String()}
	}
	return nil
}

// lifeKinds are the steps of a context's end.
var lifeKinds = map[traces.Point]machine.Kind{
	traces.AtDead: machine.K1, traces.AtWakeAll: machine.K2, traces.AtUsersKilled: machine.K3,
	traces.AtKill: machine.K4, traces.AtKilled: machine.K5, traces.AtDrained: machine.K6, traces.AtWaited: machine.K7,
}

// ends is a step of the context's end: of the context, and of every request
// that is in flight.
func (c *Checker) ends(x *context, t *traces.Transition) *Violation {
	if t.Point == traces.AtDeadAlready {
		if !x.dead {
			return &Violation{Why: "the context is alive", State: x.String()}
		}
		c.took(machine.K1n)
		return nil
	}
	life, err := c.lifeClass()
	if err != nil { // it was made at setup
		return &Violation{Why: err.Error()}
	}
	kind := lifeKinds[t.Point]
	next := life.follow(x.life, []machine.Kind{kind})
	if !next.ok {
		return &Violation{Why: fmt.Sprintf("the context is not before %v", kind), State: life.m.Describe(&x.life), Allowed: life.allowed(x.life)}
	}
	x.life = next.state
	c.took(kind)
	switch t.Point {
	case traces.AtDead:
		x.dead = true
		if t.Seen != 0 {
			c.exiting[t.Task] = append(c.exiting[t.Task], x)
			x.exits = true
		}
		if k := c.calls[t.Task]; k != nil {
			k.dead = true
		}
	case traces.AtWakeAll:
		x.gone, x.woken = t.Number, t.Time
	case traces.AtKill:
		if x.users != 0 {
			return &Violation{Why: fmt.Sprintf("%d calls are in the context", x.users), State: x.String()}
		}
		x.killing = true
	case traces.AtKilled:
		if x.unsignalled != nil {
			return &Violation{Of: "request", Why: "the thread of the request was not signalled", State: x.stateOf(x.unsignalled), Allowed: []string{"SIGNAL"}}
		}
		x.killing = false
	case traces.AtDrained:
		for _, r := range x.requests {
			return &Violation{Why: fmt.Sprintf("request %d has not dropped its reference", r.serial), State: x.stateOf(r)}
		}
		x.drained = true
		return nil
	case traces.AtWaited:
		if c.waiting[t.Task] != x {
			return &Violation{Why: fmt.Sprintf("thread %d does not destroy the context", t.Task), State: x.String()}
		}
		delete(c.waiting, t.Task)
		x.waited = true
		return nil
	}
	x.stage = append(x.stage, t.Point)
	for _, r := range x.requests {
		if r.class == nil || r.retired {
			continue
		}
		if v := r.take(c, act{t.Point, plain}, false); v != nil {
			return v
		}
	}
	return nil
}

// forget forgets a context when nothing of it can follow: its requests and its
// threads have ended, and who destroyed it has waited for that, or exits.
func (c *Checker) forget(x *context) {
	if x.drained && len(x.threads) == 0 && (x.exits || x.waited) {
		delete(c.contexts, x.serial)
		c.ended.add(x.serial)
	}
}

// ended are the contexts that ended last, so that what comes of them too late is
// told from what comes of contexts that were never known.
type ended struct {
	set  map[uint32]bool
	list []uint32 // a ring
	next int
}

// rememberedContexts is how many are known.
const rememberedContexts = 1024

func (e *ended) add(serial uint32) {
	if len(e.list) < rememberedContexts {
		e.list = append(e.list, serial)
	} else {
		delete(e.set, e.list[e.next])
		e.list[e.next] = serial
		e.next = (e.next + 1) % rememberedContexts
	}
	e.set[serial] = true
}
