package litmus

import (
	"cmp"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces"
	"aiocheck/traces/litmus"
)

// Seen is what a round of a plan's program has shown.
type Seen struct {
	// Outcome is in the form of Plan.Allowed.
	Outcome string
	Allowed bool
	// Waiting is set when something had not come when the round was ended: a
	// longer wait might show another outcome.
	Waiting bool
	// Torn is set when a read was seen to be half before and half after a
	// write beside it. The page cache promises nothing else, so such a round
	// is not judged.
	Torn bool
}

// Observe finds the outcomes of the rounds of a history, which ran programs of
// the plan. whole says that the run came to its end: if it did not, the last
// round is where it stopped, and what is in the storage is not known.
func (p *Plan) Observe(h *traces.History, whole bool) ([]Seen, error) {
	e := &extraction{Plan: p, h: h, calls: make([][][]int32, len(h.Rounds)), events: make([][]int32, len(h.Rounds)), modes: map[int32]uint16{}}
	e.gather()
	allowed := p.Allowed
	if !whole {
		allowed = p.blind
	}
	seen := make([]Seen, len(h.Rounds))
	for round := range h.Rounds {
		obs, err := e.observe(round)
		if err != nil {
			return nil, fmt.Errorf("round %d of test %s: %w", h.Rounds[round].Number, p.Test.Name, err)
		}
		s := &seen[round]
		s.Outcome = p.view(obs, !whole)
		s.Allowed = slices.Contains(allowed, s.Outcome)
		s.Waiting = p.waits && p.waitsIn(obs)
		s.Torn = p.Kernel.Abilities.Threaded && !p.Direct && slices.ContainsFunc(obs.Requests, func(r machine.RequestEnd) bool { return slices.Contains(r.Data, torn) })
	}
	return seen, nil
}

// extraction reads outcomes out of a history.
type extraction struct {
	*Plan
	h       *traces.History
	calls   [][][]int32                           // by round and thread: the steps' and the closing calls
	events  [][]int32                             // by round, in the order in which they were taken
	reads   map[traces.RequestID][]machine.Writer // by request: who wrote each line, in rounds
	storage []traces.RequestID                    // by line: who wrote it in the end
	modes   map[int32]uint16                      // by name: of what it was bound to in the end
}

// nobodyKnows marks a line of the storage that no request can have written.
const nobodyKnows = ^traces.RequestID(0)

// gather sorts calls, events, names and data by rounds.
func (e *extraction) gather() {
	h := e.h
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Round < 0 || c.Kind == traces.CallSetup || c.Thread == traces.Controller {
			continue
		}
		threads := &e.calls[c.Round]
		for len(*threads) <= int(c.Thread) {
			*threads = append(*threads, nil)
		}
		(*threads)[c.Thread] = append((*threads)[c.Thread], int32(i))
	}
	for i := range h.Events {
		round := h.Calls[h.Events[i].Call].Round
		e.events[round] = append(e.events[round], int32(i))
	}
	for _, events := range e.events {
		slices.SortStableFunc(events, func(a, b int32) int {
			return cmp.Compare(h.Calls[h.Events[a].Call].Return, h.Calls[h.Events[b].Call].Return)
		})
	}
	for i := range h.Found {
		if c := &h.Calls[h.Found[i].Call]; c.Thread == traces.Controller && c.Kind == traces.CallStat {
			e.found(c, h.Found[i].Inode.Mode)
		}
	}
	e.gatherData()
}

// found notes what a name was bound to when its round was over.
func (e *extraction) found(c *traces.Call, mode uint16) {
	for n := range e.h.Names {
		if name := &e.h.Names[n]; name.Round == c.Round && int64(name.Number) == c.X {
			e.modes[int32(n)] = mode
		}
	}
}

func (e *extraction) gatherData() {
	h := e.h
	e.storage = make([]traces.RequestID, e.StorageBytes(len(h.Rounds))/lineBytes)
	e.reads = map[traces.RequestID][]machine.Writer{}
	own := traces.RequestID(len(h.Rounds) * len(e.requests))
	for i := range h.Data {
		d := &h.Data[i]
		writer := d.Writer
		if d.Class != traces.DataWritten {
			writer = nobodyKnows
		}
		for line := range int64(d.Bytes) / lineBytes {
			switch at := d.Offset/lineBytes + line; {
			case d.Request <= own && d.Request > 0:
				e.reads[d.Request] = append(e.reads[d.Request], e.writer(writer))
			case at < int64(len(e.storage)):
				e.storage[at] = writer
			}
		}
	}
}

// lineBytes is how much of storage and streams carries one tag.
const lineBytes = 64

// writer is who a request is in outcomes.
func (e *extraction) writer(id traces.RequestID) machine.Writer {
	switch {
	case id == 0:
		return machine.Nobody
	case id == nobodyKnows:
		return torn
	}
	return e.requests[(int(id)-1)%len(e.requests)].writer
}

// observe is what was observed of a round, as it was when the helper began to
// end what waited.
func (e *extraction) observe(round int) (*machine.Observation, error) {
	t, h := e.Test, e.h
	obs := &machine.Observation{
		Requests: make([]machine.RequestEnd, len(t.Requests)), Calls: make([][]machine.Reply, len(t.Threads)),
		Rings: make([][]uint8, len(e.ordered)), Contents: make([][]machine.Writer, len(t.Files)),
	}
	over := e.releasedAt(round)
	step := map[int32][2]int{} // of calls of the test: thread and call
	for i, th := range t.Threads {
		for c := range th.Calls {
			var made []int32
			if i < len(e.calls[round]) {
				made = e.calls[round][i]
			}
			returned := c < len(made) && h.Calls[made[c]].Return < over
			if !returned {
				obs.Calls[i] = append(obs.Calls[i], machine.Reply{})
				continue
			}
			step[made[c]] = [2]int{i, c}
			obs.Calls[i] = append(obs.Calls[i], e.reply(&h.Calls[made[c]], i, c))
		}
	}
	if r := &h.Rounds[round]; e.exits >= 0 && r.Gone != traces.Never && r.ExitBegun < over {
		calls := obs.Calls[e.exits]
		calls[len(calls)-1] = machine.Reply{Returned: true}
	}
	if err := e.observeEvents(round, obs, step, over); err != nil {
		return nil, err
	}
	for i, cells := range e.cells {
		lines := e.storage[e.base(round, i)/lineBytes:]
		var writers []machine.Writer
		for _, id := range lines[:int64(cells)*e.unit/lineBytes] {
			writers = append(writers, e.writer(id))
		}
		obs.Contents[i] = e.inUnits(writers, i)
	}
	return obs, nil
}

// releasedAt is when the helper began to end what waited; Never if it did not.
func (e *extraction) releasedAt(round int) traces.Time {
	helper := len(e.Test.Threads)
	if e.released < 0 || helper >= len(e.calls[round]) || e.released >= len(e.calls[round][helper]) {
		return traces.Never
	}
	return e.h.Calls[e.calls[round][helper][e.released]].Invoke
}

// observeEvents are the events taken before the time over.
func (e *extraction) observeEvents(round int, obs *machine.Observation, step map[int32][2]int, over traces.Time) error {
	h := e.h
	first := round * len(e.requests)
	for i := range obs.Requests {
		end, r := &obs.Requests[i], &h.Requests[first+e.position[i]]
		end.Thread, end.Call = -1, -1
		end.Accepted = r.Fate == traces.Accepted || r.Fate == traces.Unsure
		if e.Test.Requests[i].Op.Names() && e.effect(round, i) {
			end.Units = 1
		}
		if mode, ok := e.mode(round, e.named[i].at); e.setuid(&e.Test.Requests[i]) && ok && mode&unix.S_ISUID != 0 && r.Event != traces.None && h.Events[r.Event].Res > 0 {
			end.Task = machine.TaskWorker
		}
	}
	for _, n := range e.events[round] {
		event := &h.Events[n]
		k := int(event.Request) - 1 - first
		if k < 0 || k >= len(e.requests) || e.requests[k].writer < 0 && e.requests[k].writer != filler {
			return fmt.Errorf("event %d is of no request of the round", n)
		}
		if h.Calls[event.Call].Return >= over || e.requests[k].writer == filler {
			continue
		}
		i := int(e.requests[k].writer)
		end := &obs.Requests[i]
		at, byTest := step[event.Call]
		switch {
		case end.Ended && byTest && [2]int{end.Thread, end.Call} != at:
			// Two that do not lock each other out took it from the ring: it
			// counts for the first, and in what both calls returned.
			continue
		case end.Ended:
			end.Result = "two events"
			continue
		}
		end.Ended, end.Result = true, e.result(k, event.Res)
		end.Data = e.inUnits(e.reads[event.Request], e.requests[k].file)
		if byTest {
			end.Thread, end.Call = at[0], at[1]
		}
		if c := contextOf(e.Test, i); c >= 0 {
			obs.Rings[c] = append(obs.Rings[c], uint8(i))
		}
	}
	return nil
}

// effect reports whether the names that request i works on are as after it.
func (e *extraction) effect(round, i int) bool {
	exists := func(number uint16) bool {
		_, ok := e.mode(round, number)
		return ok
	}
	switch n := &e.named[i]; e.Test.Requests[i].Op {
	case model.OpenAt:
		return exists(n.at)
	case model.RenameAt:
		return exists(n.to) && !exists(n.at)
	default:
		return !exists(n.at)
	}
}

// mode is that of what a name of a round was bound to in the end, if it was.
func (e *extraction) mode(round int, number uint16) (mode uint16, ok bool) {
	for n := range e.h.Names {
		if name := &e.h.Names[n]; int(name.Round) == round && name.Number == number {
			mode, ok = e.modes[int32(n)]
		}
	}
	return mode, ok
}

// inUnits joins lines to units.
func (e *extraction) inUnits(lines []machine.Writer, file int) (units []machine.Writer) {
	if len(lines) == 0 { // among others, of an eventfd, which has no lines
		return nil
	}
	for unit := range slices.Chunk(lines, int(e.unitBytes(file)/lineBytes)) {
		w := unit[0]
		if slices.ContainsFunc(unit, func(other machine.Writer) bool { return other != w }) {
			w = torn
		}
		units = append(units, w)
	}
	return units
}

// result is what an event says, in units.
func (e *extraction) result(k int, res model.Result) string {
	size := model.Result(e.unitBytes(e.requests[k].file))
	switch op := e.requests[k].Opcode; {
	case res < 0:
		return errorText(res)
	case op == model.Poll && res > 0:
		return "ready"
	case op == model.OpenAt:
		return "0" // whichever descriptor it is
	case res%size != 0:
		return fmt.Sprintf("parts of a unit (%d bytes)", res)
	}
	return fmt.Sprint(int64(res / size))
}

// reply is what call c of a thread returned.
func (e *extraction) reply(call *traces.Call, thread, c int) machine.Reply {
	r := machine.Reply{Returned: true}
	size := model.Result(1)
	if spec := &e.Test.Threads[thread].Calls[c]; spec.File != "" {
		size = model.Result(e.unitBytes(fileIndex(e.Test, spec.File)))
		if e.Test.Files[fileIndex(e.Test, spec.File)].Kind == design.Eventfd {
			size = 8
		}
	}
	switch {
	case call.Kind == traces.CallReapRing && call.Ret < 0: // the ring is not mapped any more
	case call.Ret == model.Fail(model.EBADF) && !e.Kernel.Abilities.Threaded && e.submitsNames(thread, c):
		// A kernel without the opcode may look at aio_fildes first, which
		// operations on names need not have.
		r.Answer = model.Fail(model.EINVAL).String()
	case call.Ret < 0:
		r.Answer = errorText(call.Ret)
	case call.Ret%size != 0:
		r.Answer = fmt.Sprintf("parts of a unit (%d bytes)", call.Ret)
	default:
		r.Count = uint8(call.Ret / size)
	}
	return r
}

// submitsNames reports whether call c of a thread submits operations on names.
func (e *extraction) submitsNames(thread, c int) bool {
	call := &e.Test.Threads[thread].Calls[c]
	return call.Do == litmus.Submit && slices.ContainsFunc(call.Requests, func(name string) bool {
		return e.Test.Requests[requestIndex(e.Test, name)].Op.Names()
	})
}

// errorText names an error: none without a name is in an outcome of the model,
// and a bare number would count units.
func errorText(res model.Result) string {
	if text := res.String(); text != fmt.Sprint(int64(res)) {
		return text
	}
	return fmt.Sprintf("error %d", -int64(res))
}
