package inclusion

import (
	"fmt"
	"slices"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// The threads of a class's machine, in their order. Environment threads stand
// for whatever others do to the file.
const (
	submitter = iota
	canceller
	destroyer
	environment
)

// units are how large a transfer is in the model: a part and the whole of it
// differ. What the kernel's was is in the history, not in its transitions.
const units = 2

// class is requests of one kind: the machine of one such request under the
// design, with one canceller that never gives up and one io_destroy. A run
// has many requests, more than a state of the machine can hold; what one of
// them sees of the others is their order in the queue, the ring and the slots,
// which the context's part keeps in numbers, and the file, which the
// environment stands for. So a run is included in the model of all its requests
// exactly if each request is in its own, and queue, ring and slots are right.
type class struct {
	m     *machine.Machine
	start machine.State
	edges map[edge]target
	out   []machine.Successor
}

// edge is a state and what is to happen in it; target where that leads.
type edge struct {
	state machine.State
	act   act
}

type target struct {
	state machine.State
	kinds []machine.Kind // steps taken, in order
	ok    bool
}

// act is what a transition does to one request.
type act struct {
	point traces.Point
	way   way
}

// way tells apart what the same point can mean.
type way uint8

const (
	plain   way = iota
	byCall      // a cancel by io_cancel
	byKill      // a cancel by the end of the context
	full        // an operation that returned what it was asked for, or a part
	stopped     // one that returned that it was interrupted
)

// classKey is what the transitions tell of a request's kind.
type classKey struct {
	opcode  model.Opcode
	growing bool // it has a thread of its own
	eventfd bool
	refused bool
}

// scenario is the program of a class's machine.
func (k classKey) scenario() *machine.Scenario {
	r := machine.Request{Opcode: k.opcode, Units: units, Eventfd: k.eventfd, Refused: k.refused}
	file := machine.File{Kind: design.Regular}
	var env []machine.Thread
	does := func(calls ...machine.Call) { env = append(env, machine.Thread{Name: "others", Calls: calls}) }
	switch {
	case k.opcode == model.Poll, k.opcode == model.OpenAt: // of a FIFO, maybe
		file = machine.File{Kind: design.Pipe}
		r.Units = 0
		does(machine.Call{Kind: machine.Write, Units: 1})
	case k.opcode.Transfers() && k.growing && k.opcode.Reads():
		file = machine.File{Kind: design.Pipe}
		does(machine.Call{Kind: machine.Write, Units: units})
	case k.opcode.Transfers() && k.growing:
		// full, so that a write waits until somebody reads
		file = machine.File{Kind: design.Pipe, Capacity: 2, Content: 2}
		does(machine.Call{Kind: machine.Read, Units: 1}, machine.Call{Kind: machine.Read, Units: 1})
	case !k.opcode.Transfers() && k.opcode != model.ReadAhead:
		r.Units = 0
	}
	one := []uint8{0}
	return &machine.Scenario{
		Name: "inclusion", Anonymous: true, Files: []machine.File{file}, Contexts: []machine.Context{{}}, Requests: []machine.Request{r},
		Threads: append([]machine.Thread{
			submitter: {Name: "submitter", Calls: []machine.Call{{Kind: machine.Submit, Requests: one}}},
			canceller: {Name: "canceller", Forever: true, Calls: []machine.Call{{Kind: machine.Cancel, Requests: one}}},
			destroyer: {Name: "destroyer", Calls: []machine.Call{{Kind: machine.Destroy}}},
		}, env...),
	}
}

func newClass(d *design.Design, k classKey) (*class, error) {
	m, err := machine.New(d, k.scenario())
	if err != nil {
		return nil, fmt.Errorf("model of %v: %w", k.opcode, err)
	}
	return &class{m: m, start: m.Initial(), edges: map[edge]target{}}, nil
}

// paths are the sequences of steps that an act can stand for.
var paths = map[act][][]machine.Kind{
	{traces.AtSlot, plain}:          {{machine.S0, machine.S1}},
	{traces.AtRefused, plain}:       {{machine.S0, machine.S1, machine.S3e}},
	{traces.AtCopied, plain}:        {{machine.S3}},
	{traces.AtPinned, plain}:        {{machine.S5}},
	{traces.AtArmed, plain}:         {{machine.S6q}},
	{traces.AtStarted, plain}:       {{machine.W1r}},
	{traces.AtUnlinked, plain}:      {{machine.W7, machine.W8}},
	{traces.AtFlushed, plain}:       {{machine.W14}},
	{traces.AtPosted, plain}:        {{machine.W9}},
	{traces.AtPosted, byCall}:       {{machine.C9}},
	{traces.AtPosted, byKill}:       {{machine.K8}},
	{traces.AtEventfd, plain}:       {{machine.W10}},
	{traces.AtFreed, plain}:         {{machine.W11, machine.W12, machine.W13}},
	{traces.AtCancel, byCall}:       {{machine.C2}}, // by itself only where the context was dead when the request was found
	{traces.AtFoundQueued, byCall}:  {{machine.C2, machine.C3, machine.C5q, machine.C7q}, {machine.C3, machine.C5q, machine.C7q}},
	{traces.AtFoundQueued, byKill}:  {{machine.K4q}},
	{traces.AtFoundRunning, byCall}: {{machine.C2, machine.C3, machine.C5}, {machine.C3, machine.C5}},
	{traces.AtFoundRunning, byKill}: {{machine.K4c}},
	{traces.AtSignal, byCall}:       {{machine.C6l, machine.C7}},
	{traces.AtSignal, byKill}:       {{machine.K4s}},
	{traces.AtDead, plain}:          {{machine.K1}},
	{traces.AtWakeAll, plain}:       {{machine.K2}},
	{traces.AtUsersKilled, plain}:   {{machine.K3}},
	{traces.AtKill, plain}:          {{machine.K4}},
	{traces.AtKilled, plain}:        {{machine.K5}},
}

// step takes an act in a state, if the model has it there.
func (c *class) step(s machine.State, a act) target {
	e := edge{s, a}
	t, known := c.edges[e]
	if !known {
		t = c.find(s, a)
		c.edges[e] = t
	}
	return t
}

func (c *class) find(s machine.State, a act) target {
	if a.point == traces.AtReturn {
		return c.operate(s, a.way)
	}
	for _, path := range paths[a] {
		if t := c.follow(s, path); t.ok {
			return t
		}
	}
	return target{}
}

// before takes the last of some acts as early as the first of those of that
// point, and the others in their order; ok says whether the model has it so.
func (c *class) before(acts []act, a act, p traces.Point) (t target) {
	at := slices.IndexFunc(acts, func(o act) bool { return o.point == p })
	if at < 0 {
		return target{}
	}
	var taken []machine.Kind
	t.state = c.start
	for _, o := range slices.Insert(slices.Clone(acts), at, a) {
		if t = c.step(t.state, o); !t.ok {
			return t
		}
		if o == a {
			taken = t.kinds
		}
	}
	t.kinds = taken
	return t
}

// follow takes steps of these kinds, one after the other.
func (c *class) follow(s machine.State, path []machine.Kind) target {
	for _, k := range path {
		c.out = c.m.Successors(&s, c.out[:0])
		i := slices.IndexFunc(c.out, func(n machine.Successor) bool { return n.Step.Kind == k })
		if i < 0 {
			return target{}
		}
		s = c.out[i].State
	}
	return target{s, path, true}
}

// operate lets the operation return: its own steps, and what others do to the
// file meanwhile. It looks for the shortest way.
func (c *class) operate(s machine.State, w way) target {
	last := machine.W5r
	if w == stopped {
		last = machine.W5i
	}
	type node struct {
		state machine.State
		kinds []machine.Kind
	}
	seen := map[machine.State]bool{s: true}
	for queue := []node{{state: s}}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		for _, next := range c.m.Successors(&n.state, nil) {
			k := next.Step.Kind
			kinds := append(slices.Clone(n.kinds), k)
			// Told that it is to stop, an operation may end with what it has done.
			ends := k == last || w == full && k == machine.W5i && c.m.Result(&next.State, 0) != "-EINTR"
			if ends && (w == full || c.m.Result(&next.State, 0) == "-EINTR") {
				return target{next.State, slices.DeleteFunc(kinds, ofOthers), true}
			}
			if (k == machine.W5 || ofOthers(k)) && !seen[next.State] {
				seen[next.State] = true
				queue = append(queue, node{next.State, kinds})
			}
		}
	}
	return target{}
}

// ofOthers reports whether a step is the environment's.
func ofOthers(k machine.Kind) bool {
	return k == machine.F1 || k == machine.F2 || k == machine.F3
}

// allowed lists the steps that the model has in a state, but those of the
// environment.
func (c *class) allowed(s machine.State) []string {
	var list []string
	for _, n := range c.m.Successors(&s, nil) {
		if !ofOthers(n.Step.Kind) {
			list = append(list, fmt.Sprintf("%v: %s %s", n.Step.Kind, c.m.Actor(n.Step), n.Step.Sentence()))
		}
	}
	return list
}
