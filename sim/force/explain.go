package force

import (
	"cmp"
	"fmt"
	"slices"

	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

// Explanation is a schedule of the model that takes the transitions which a
// kernel has told of a few requests, in their order.
type Explanation struct {
	Requests []traces.RequestID // in the order of the schedule's
	Bug      string             // the seeded bug that the model needs for it, "" for none
	Schedule *traces.Schedule
}

// mostExplained is how many requests a schedule has.
const mostExplained = 3

// cone is what a finding is about: a few requests, and what threads did with
// them.
type cone struct {
	requests []traces.RequestID
	serials  []uint32
	scenario *machine.Scenario
	id       Identity
	moves    []anchored
	seen     map[int][]note // by request
}

// anchored is a move that the kernel made, by the number of its transition. Of
// the beginning of an operation late is that of its end: what came between may
// have come before it had an effect, or after.
type anchored struct {
	key      Key
	at, late uint64
}

// Explain looks for a schedule: of the requests of a finding and of those that
// the same threads of the kernel executed just before them, under the design
// and under each seeded bug that a kernel can be told to have. It is nil if
// none has such a behaviour.
func Explain(h *traces.History, transitions []traces.Transition, finding []traces.RequestID) (*Explanation, error) {
	c, err := newCone(h, transitions, finding)
	if err != nil {
		return nil, err
	}
	bugs := [][]design.Bug{nil}
	for _, d := range Demonstrations() {
		bugs = append(bugs, []design.Bug{d.Bug})
	}
	for _, b := range bugs {
		d := design.Thread61()
		d = d.With(b...)
		w, err := NewWalker(&d, c.scenario)
		if err != nil {
			return nil, err
		}
		path := c.explained(w)
		if path == nil {
			continue
		}
		e := &Explanation{Requests: c.requests}
		var names []string
		if len(b) > 0 {
			e.Bug = b[0].String()
			names = []string{e.Bug}
		}
		u, err := replay.New(design.Thread61().Name, names, c.scenario)
		if err != nil {
			return nil, err
		}
		property, how, steps := w.shown(path)
		e.Schedule = u.Schedule(property, how, steps, nil)
		return e, nil
	}
	return nil, nil
}

// shown is a property that a path violates, and as many of its steps as there
// are up to a state that does; all steps if it violates none.
func (w *Walker) shown(path []Move) (string, explore.How, []machine.Step) {
	steps := Steps(path)
	name := func(bits uint64) string {
		for n, p := range w.m.Properties() {
			if bits>>n&1 != 0 {
				return p.Name
			}
		}
		return ""
	}
	last := path[len(path)-1].To
	if stuck := w.m.Stuck(&last.State); stuck != 0 && w.atRest(&last) {
		return name(stuck), explore.InDeadlock, steps
	}
	n := len(steps)
	for i := len(path) - 1; i >= 0; i-- {
		for k := len(path[i].States) - 1; k >= 0; k-- {
			if v := w.m.Violated(&path[i].States[k]); v != 0 {
				return name(v), explore.InState, steps[:n]
			}
			n--
		}
	}
	return "", "", steps
}

// newCone finds out what a finding is about.
func newCone(h *traces.History, transitions []traces.Transition, finding []traces.RequestID) (*cone, error) {
	c := &cone{scenario: &machine.Scenario{Name: "explained", Contexts: []machine.Context{{}}}, seen: map[int][]note{}}
	serials := map[traces.RequestID]uint32{}
	byData := map[int64]traces.RequestID{}
	for i := range h.Requests {
		byData[int64(h.Requests[i].Data)] = h.Requests[i].ID
	}
	for i := range transitions {
		if t := &transitions[i]; t.Point == traces.AtCopied {
			if id, ok := byData[t.Value]; ok {
				serials[id] = t.Request
			}
		}
	}
	add := func(id traces.RequestID) {
		if serial, ok := serials[id]; ok && !slices.Contains(c.requests, id) && len(c.requests) < mostExplained {
			c.requests, c.serials = append(c.requests, id), append(c.serials, serial)
		}
	}
	for _, id := range finding {
		add(id)
	}
	if len(c.requests) == 0 {
		return nil, fmt.Errorf("the kernel told of no request of the finding")
	}
	// Whom the same thread executed just before: what it left behind counts.
	before := map[uint32]uint32{} // by thread
	ids := map[uint32]traces.RequestID{}
	for id, serial := range serials {
		ids[serial] = id
	}
	for i := range transitions {
		t := &transitions[i]
		if t.Point != traces.AtStarted {
			continue
		}
		if last, ok := before[t.Task]; ok && slices.Contains(c.serials, t.Request) {
			add(ids[last])
		}
		before[t.Task] = t.Request
	}
	c.order(transitions)
	if err := c.declare(h); err != nil {
		return nil, err
	}
	c.follow(transitions)
	return c, nil
}

// order sorts the requests as they were queued.
func (c *cone) order(transitions []traces.Transition) {
	armed := map[uint32]uint64{}
	for i := range transitions {
		if t := &transitions[i]; t.Point == traces.AtArmed {
			armed[t.Request] = t.Number
		}
	}
	index := make([]int, len(c.requests))
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(a, b int) int { return cmp.Compare(armed[c.serials[a]], armed[c.serials[b]]) })
	requests, serials := slices.Clone(c.requests), slices.Clone(c.serials)
	for i, k := range index {
		c.requests[i], c.serials[i] = requests[k], serials[k]
	}
}

// pageBytes is what the model's unit of a file with offsets is in the kernel:
// what is copied between two looks for a signal.
const pageBytes = 4096

// fileKinds are kinds of files as the model has them.
var fileKinds = map[traces.FileKind]design.FileKind{
	traces.Pipe: design.Pipe, traces.Socket: design.Socket, traces.Eventfd: design.Eventfd, traces.Directory: design.Directory,
}

// declare makes the requests of the scenario. Each has a place of its own in
// its file.
func (c *cone) declare(h *traces.History) error {
	files := map[int32]int{}
	next := map[int]uint8{} // by file: the first unit that nobody uses
	for _, id := range c.requests {
		at := slices.IndexFunc(h.Requests, func(r traces.Request) bool { return r.ID == id })
		r := &h.Requests[at]
		f, known := files[r.File]
		if !known {
			kind, ok := fileKinds[h.Files[r.File].Kind]
			if !ok && h.Files[r.File].Direct {
				kind = design.DirectIO
			}
			f = len(c.scenario.Files)
			files[r.File] = f
			c.scenario.Files = append(c.scenario.Files, machine.File{Kind: kind})
		}
		spec := machine.Request{Opcode: r.Opcode, File: uint8(f), Eventfd: r.Eventfd != traces.None}
		bytes := int64(max(r.Bytes, 1))
		if r.Opcode.Transfers() {
			spec.Units = uint8(min(3, (bytes+pageBytes-1)/pageBytes))
			if !c.scenario.Files[f].Kind.Stream() {
				spec.Offset = next[f]
				next[f] += spec.Units
			}
			bytes = (bytes + int64(spec.Units) - 1) / int64(spec.Units)
			if event := r.Event; r.Opcode.Reads() && c.scenario.Files[f].Kind.Stream() && event != traces.None && h.Events[event].Res > 0 {
				c.scenario.Files[f].Content += spec.Units
			}
		}
		c.scenario.Requests = append(c.scenario.Requests, spec)
		c.id.Data, c.id.Units = append(c.id.Data, r.Data), append(c.id.Units, bytes)
	}
	if len(c.requests) == 0 {
		return fmt.Errorf("there is nothing to explain")
	}
	return nil
}

// follow takes the calls and the moves out of the transitions.
func (c *cone) follow(transitions []traces.Transition) {
	type calling struct {
		at    uint64
		begun bool // it is one of the scenario's
	}
	threads := map[uint32]int{}    // by the kernel's number
	calls := map[uint32]*calling{} // that a thread is in
	early := map[int]bool{}        // cancelled in the queue: its end is one move
	operating := map[int]int{}     // by request: the place of its move in c.moves
	workers := map[uint32]bool{}   // that execute them
	request := func(serial uint32) int { return slices.Index(c.serials, serial) }
	begin := func(t *traces.Transition, call machine.Call) int {
		k := calls[t.Task]
		if k == nil { // its beginning was not seen
			k = &calling{at: t.Number}
			calls[t.Task] = k
		}
		th, known := threads[t.Task]
		if !known {
			th = len(c.scenario.Threads)
			threads[t.Task] = th
			c.scenario.Threads = append(c.scenario.Threads, machine.Thread{})
		}
		list := &c.scenario.Threads[th].Calls
		switch {
		case !k.begun:
			*list = append(*list, call)
			key := Key{Kind: machine.S0, Thread: th}
			if call.Kind == machine.Cancel {
				key = Key{Kind: machine.C2, Thread: th, Object: call.Requests[0]}
			}
			c.moves = append(c.moves, anchored{key: key, at: k.at})
			k.begun = true
		case call.Kind == machine.Submit:
			last := &(*list)[len(*list)-1]
			last.Requests = append(last.Requests, call.Requests...)
		}
		return th
	}
	move := func(t *traces.Transition, k Key) { c.moves = append(c.moves, anchored{key: k, at: t.Number}) }
	for i := range transitions {
		t := &transitions[i]
		switch t.Point {
		case traces.AtSubmit, traces.AtCancel:
			calls[t.Task] = &calling{at: t.Number}
		case traces.AtNotFound:
			if r := slices.Index(c.id.Data, uint64(t.Value)); r >= 0 {
				th := begin(t, machine.Call{Kind: machine.Cancel, Requests: []uint8{uint8(r)}})
				move(t, Key{Kind: machine.C3, Thread: th})
			}
			continue
		}
		r := request(t.Request)
		if r < 0 || t.Request == 0 {
			continue
		}
		o := uint8(r)
		switch t.Point {
		case traces.AtSlot:
			begin(t, machine.Call{Kind: machine.Submit, Requests: []uint8{o}})
		case traces.AtArmed:
			if th, ok := threads[t.Task]; ok {
				move(t, Key{Kind: machine.S6q, Thread: th, Object: o})
			}
		case traces.AtStarted:
			workers[t.Task] = true
			move(t, Key{Kind: machine.W1r, Thread: -1, Object: o})
		case traces.AtBegin:
			operating[r] = len(c.moves)
			move(t, Key{Kind: machine.W5, Thread: -1, Object: o})
		case traces.AtReturn:
			if k, ok := operating[r]; ok {
				c.moves[k].late = t.Number
			}
		case traces.AtUnlinked:
			move(t, Key{Kind: machine.W8, Thread: -1, Object: o})
		case traces.AtFlushed:
			move(t, Key{Kind: machine.W14, Thread: -1, Object: o})
		case traces.AtFoundQueued, traces.AtFoundRunning:
			th := begin(t, machine.Call{Kind: machine.Cancel, Requests: []uint8{o}})
			early[r] = t.Point == traces.AtFoundQueued && t.Seen == 0
			move(t, Key{Kind: machine.C3, Thread: th})
		case traces.AtEndEarly:
			if th, ok := threads[t.Task]; ok {
				move(t, Key{Kind: machine.C9, Thread: th, Object: o})
			}
		case traces.AtPosted:
			if !early[r] {
				move(t, Key{Kind: machine.W9, Thread: -1, Object: o})
			}
		}
	}
	c.scenario.Workers = max(1, len(workers))
	all := &comparing{Walker: &Walker{Scenario: c.scenario, m: nil}, Identity: &c.id, requests: map[uint32]int{}}
	for i, s := range c.serials {
		all.requests[s] = i
	}
	for i := range transitions {
		t := &transitions[i]
		r, ours := all.requests[t.Request]
		if !ours || t.Request == 0 {
			continue
		}
		if n, counts := all.noted(t, r); counts {
			c.seen[r] = append(c.seen[r], n)
		}
	}
}

// explained is a path of the model that makes the moves and shows what was
// seen, nil if there is none.
func (c *cone) explained(w *Walker) []Move {
	for late := range 1 << len(c.requests) {
		moves := slices.Clone(c.moves)
		for i := range moves {
			if m := &moves[i]; m.key.Kind == machine.W5 && m.late > 0 && late>>m.key.Object&1 != 0 {
				m.at = m.late
			}
		}
		slices.SortStableFunc(moves, func(a, b anchored) int { return cmp.Compare(a.at, b.at) })
		if path := c.path(w, moves); path != nil {
			return path
		}
	}
	return nil
}

// path makes the moves one after the other.
func (c *cone) path(w *Walker, moves []anchored) (path []Move) {
	at := w.Initial()
	for _, m := range moves {
		if m.key.Kind == machine.W14 && w.unflushed {
			continue // the kernel says so, and does not
		}
		more, ok := w.toward(&at, m.key)
		if !ok {
			return nil
		}
		path = append(path, more...)
		at = path[len(path)-1].To
	}
	if len(path) == 0 {
		return nil
	}
	cmpr := &comparing{Walker: w, Identity: &c.id}
	want := map[int][]note{}
	for i := range path {
		m := &path[i]
		if family(m.Gate.Kind) == machine.W5 {
			want[int(m.Gate.Object)] = append(want[int(m.Gate.Object)], note{point: traces.AtBegin})
		}
		for k, st := range m.Steps {
			for _, n := range cmpr.wanted(st, &m.States[k]) {
				if ofRequest(n.point) {
					want[int(st.Object)] = append(want[int(st.Object)], n)
				}
			}
			if st.Kind == machine.W8 && w.unflushed { // it says so then, and does not
				want[int(st.Object)] = append(want[int(st.Object)], note{point: traces.AtFlushed})
			}
		}
	}
	for r := range c.requests {
		seen := c.seen[r]
		if w.deaf {
			seen = slices.DeleteFunc(slices.Clone(seen), func(n note) bool { return n.point == traces.AtSignal })
		}
		if cmpr.differ(r, want[r], c.inClass(r, seen)) != "" {
			return nil
		}
	}
	return path
}

// inClass has an end of a request say full, a part or nothing, in the model's
// units.
func (c *cone) inClass(r int, seen []note) []note {
	spec := &c.scenario.Requests[r]
	if !spec.Opcode.Transfers() {
		return seen
	}
	out := slices.Clone(seen)
	for i := range out {
		var bytes int64
		if n, err := fmt.Sscanf(out[i].result, "%d bytes", &bytes); n == 1 && err == nil {
			out[i].result = fmt.Sprint(min(int64(spec.Units), (bytes+c.id.Units[r]-1)/c.id.Units[r]))
		}
	}
	return out
}
