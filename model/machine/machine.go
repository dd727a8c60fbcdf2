// Package machine is the state machine of asynchronous I/O at the grain of its
// atomic steps: each compare-and-swap, each critical section, each signal
// (thread-aio.md section 2). A design (model/design) says which steps exist and
// in which order, a scenario which calls are made. It is pure: no input or
// output, no goroutines, no clocks, no randomness.
package machine

import (
	"errors"
	"fmt"

	"aiocheck/model/design"
)

// Step is a transition: which kind, by which actor (threads first, then
// workers, then contexts, then devices), on which request, which alternative.
type Step struct {
	Kind                  Kind
	Actor, Object, Choice uint8
}

// Successor is a step with the state that it leads to.
type Successor struct {
	Step  Step
	State State
}

// Machine is a scenario under a design. It does not change after New and may
// be used by many goroutines at once.
type Machine struct {
	d  design.Design
	sc Scenario

	reqs    []request
	workers []worker
	threads []thread
	ctxs    []context
	files   []file

	program []Kind          // what a worker does with a request, in order
	at      [NumKinds]uint8 // the pc before the step of that kind, 0 if there is none

	bad        field // sticky violations: badMemory ...
	exiting    field // 1 when the process exits, 2 when it is gone
	changed    field // the process has changed its directory and credentials
	ringLog    bool  // the order of events is part of the state
	slots      bool  // slots are part of the state
	destroys   bool  // contexts end: io_destroy or exit
	devices    bool  // some request is ended by the kernel without a worker
	waitQueues bool  // polls wait on wait queues
	sym        symmetry
	used       struct{ get, close, change bool } // calls that some thread makes
	words      int
	initial    State
}

// ErrNotApplicable is the error of a scenario that asks for something that the
// design does not have.
var ErrNotApplicable = errors.New("not applicable to the design")

// New makes the machine of a scenario under a design. It refuses a scenario
// that makes no sense or does not fit into a State, and with ErrNotApplicable
// one that the design has no calls for.
func New(d *design.Design, s *Scenario) (*Machine, error) {
	m := &Machine{d: *d, sc: *s}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("scenario %q: %w", s.Name, err)
	}
	m.declare()
	m.compile()
	l := &layout{}
	m.place(l)
	if l.err != nil {
		return nil, fmt.Errorf("scenario %q: %w", s.Name, l.err)
	}
	m.words = l.words()
	m.begin()
	m.findSymmetry()
	return m, nil
}

// Words is how many words of a State the machine uses.
func (m *Machine) Words() int { return m.words }

// Initial is the state before the first step.
func (m *Machine) Initial() State { return m.initial }

// Successors appends every step that is enabled in s with the state that it
// leads to, in a fixed order. It allocates only if out has no room.
func (m *Machine) Successors(s *State, out []Successor) []Successor {
	for t := range m.threads {
		out = m.threadSteps(s, t, out)
	}
	for w := range m.workers {
		out = m.workerSteps(s, w, out)
	}
	if m.destroys {
		for c := range m.ctxs {
			out = m.contextSteps(s, c, out)
		}
	}
	if m.devices {
		out = m.deviceSteps(s, out)
	}
	return out
}

// Actors of a step, by number.
func (m *Machine) workerActor(w int) uint8  { return uint8(len(m.threads) + w) }
func (m *Machine) contextActor(c int) uint8 { return uint8(len(m.threads) + len(m.workers) + c) }
func (m *Machine) deviceActor() uint8 {
	return uint8(len(m.threads) + len(m.workers) + len(m.ctxs))
}

// add appends the successor that a step of an actor on a request leads to.
func add(out []Successor, k Kind, actor uint8, r int, t *State) []Successor {
	return append(out, Successor{Step{k, actor, uint8(r), 0}, *t})
}

// slot appends a copy of s, for a step to change in place: what add does, with
// one copy less. took completes it; a step that finds itself disabled gives it
// back with out[:len(out)-1].
func slot(out []Successor, s *State) ([]Successor, *State) {
	out = append(out, Successor{State: *s})
	return out, &out[len(out)-1].State
}

// took says which step led to the last successor.
func took(out []Successor, k Kind, actor uint8, r int) []Successor {
	out[len(out)-1].Step = Step{k, actor, uint8(r), 0}
	return out
}

// limits of what a scenario may hold: those of the packed fields.
const (
	maxRequests = 15
	maxUnits    = 3
	maxNr       = 6
)

// check refuses scenarios that make no sense.
func (m *Machine) check() error {
	s := &m.sc
	if len(s.Requests) > maxRequests || len(s.Threads) == 0 || len(s.Contexts) == 0 {
		return fmt.Errorf("at most %d requests, and at least one thread and one context are needed", maxRequests)
	}
	for i, r := range s.Requests {
		if int(r.File) >= len(s.Files) {
			return fmt.Errorf("request %d: there is no file %d", i, r.File)
		}
		if r.Units > maxUnits || r.Opcode.Transfers() && r.Units == 0 {
			return fmt.Errorf("request %d: a transfer has 1 to %d units, not %d", i, maxUnits, r.Units)
		}
	}
	submitted := make([]bool, len(s.Requests))
	for t, th := range s.Threads {
		if th.Forever && (len(th.Calls) != 1 || th.Calls[0].Kind != Cancel) {
			return fmt.Errorf("thread %d: only a single cancel can be made for ever", t)
		}
		for c, call := range th.Calls {
			if err := m.checkCall(call, submitted); err != nil {
				return fmt.Errorf("thread %d, call %d, %s: %w", t, c, call.Kind, err)
			}
		}
	}
	return nil
}

func (m *Machine) checkCall(c Call, submitted []bool) error {
	s := &m.sc
	if int(c.Context) >= len(s.Contexts) {
		return fmt.Errorf("there is no context %d", c.Context)
	}
	for _, r := range c.Requests {
		if int(r) >= len(s.Requests) {
			return fmt.Errorf("there is no request %d", r)
		}
		if c.Kind == Submit {
			if submitted[r] {
				return fmt.Errorf("request %d is submitted twice", r)
			}
			submitted[r] = true
		}
	}
	switch c.Kind {
	case Destroy:
		if m.d.Completion != design.ReservedRing && m.d.Completion != design.OverflowRing {
			return fmt.Errorf("%w: %s has no contexts", ErrNotApplicable, m.d.Name)
		}
	case Submit, Cancel, ChangeIocb:
		if len(c.Requests) == 0 || len(c.Requests) > maxNr {
			return fmt.Errorf("1 to %d requests are needed", maxNr)
		}
	case GetEvents:
		if c.Min > c.Nr || c.Nr == 0 || c.Nr > maxNr {
			return errors.New("min must be at most nr, and nor 0 nor more than 6")
		}
	case Close, Write, Read:
		if int(c.File) >= len(s.Files) {
			return fmt.Errorf("there is no file %d", c.File)
		}
	}
	return nil
}
