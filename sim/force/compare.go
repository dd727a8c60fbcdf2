package force

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/model"
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// Identity says which of the kernel's requests are those of a round, and how
// large a unit of each is.
type Identity struct {
	Data  []uint64 // by request: its aio_data
	Units []int64  // by request: bytes
}

// Seen is what the kernel did in a move.
type Seen struct {
	Made        *traces.MoveMade // nil: the script ended before
	Transitions []traces.Transition
	// Deviation says what was not as the model has it, "" if nothing.
	Deviation string
}

// Compare finds what the kernel did in each move of a path, and what of it is
// not as the model has it. Transitions are those of the round, and may hold
// others.
func (w *Walker) Compare(path []Move, made []traces.MoveMade, transitions []traces.Transition, id *Identity) []Seen {
	c := comparing{Walker: w, Identity: id, requests: map[uint32]int{}}
	for i := range transitions {
		if t := &transitions[i]; t.Point == traces.AtCopied {
			if r := slices.Index(id.Data, uint64(t.Value)); r >= 0 {
				c.requests[t.Request] = r
			}
		}
	}
	seen := make([]Seen, len(path))
	for k := range made {
		m := &made[k]
		if int(m.Number) >= len(path) {
			if len(path) > 0 {
				seen[0].Deviation = "the program's threads did not come to where the script begins"
			}
			continue
		}
		s := &seen[m.Number]
		s.Made = m
		for i := range transitions {
			if t := &transitions[i]; t.Number >= m.First && t.Number < m.Next {
				s.Transitions = append(s.Transitions, *t)
			}
		}
		s.Deviation = c.compare(&path[m.Number], s.Transitions)
		switch m.End {
		case traces.MoveLate:
			s.Deviation = join(s.Deviation, "not all came to where the model has them")
		case traces.MoveFree:
			s.Deviation = join("nobody waits there", s.Deviation)
		}
	}
	return seen
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// comparing compares moves of one path.
type comparing struct {
	*Walker
	*Identity
	requests map[uint32]int // by the kernel's serial number
}

// note is a transition as it is compared.
type note struct {
	point  traces.Point
	result string // of RETURN and POSTED, in units; "" if it is not looked at
}

func (n note) String() string {
	if n.result == "" {
		return n.point.String()
	}
	return n.point.String() + " " + n.result
}

// compare says what of a move was not as the model has it: for each request,
// and for what is of none, the transitions in their order.
func (c *comparing) compare(m *Move, transitions []traces.Transition) string {
	want, got := map[int][]note{}, map[int][]note{}
	if worker(m.Gate.Kind) && family(m.Gate.Kind) == machine.W5 {
		want[int(m.Gate.Object)] = []note{{point: traces.AtBegin}}
	}
	for i, st := range m.Steps {
		for _, n := range c.wanted(st, &m.States[i]) {
			lane := int(st.Object)
			if !ofRequest(n.point) {
				lane = -1
			}
			want[lane] = append(want[lane], n)
		}
	}
	for i := range transitions {
		t := &transitions[i]
		lane := -1
		if t.Request != 0 {
			r, ours := c.requests[t.Request]
			if !ours {
				continue
			}
			lane = r
		}
		n, significant := c.noted(t, lane)
		if significant {
			got[lane] = append(got[lane], n)
		}
	}
	var wrong []string
	for lane := -1; lane < len(c.Scenario.Requests); lane++ {
		if text := c.differ(lane, want[lane], got[lane]); text != "" {
			wrong = append(wrong, text)
		}
	}
	return strings.Join(wrong, "; ")
}

// differ says how two lists differ, "" if they do not.
func (c *comparing) differ(lane int, want, got []note) string {
	same := len(want) == len(got)
	for i := 0; same && i < len(want); i++ {
		same = want[i].point == got[i].point && (want[i].result == "" || want[i].result == got[i].result)
	}
	if same {
		return ""
	}
	who := ""
	if lane >= 0 {
		who = fmt.Sprintf("request %d: ", lane)
	}
	return fmt.Sprintf("%sthe model has %s, the kernel %s", who, list(want), list(got))
}

func list(notes []note) string {
	if len(notes) == 0 {
		return "nothing"
	}
	var words []string
	for _, n := range notes {
		words = append(words, n.String())
	}
	return strings.Join(words, ", ")
}

// ofRequest reports whether a transition says which request it is of.
func ofRequest(p traces.Point) bool {
	switch p {
	case traces.AtSlot, traces.AtCopied, traces.AtPinned, traces.AtArmed, traces.AtRefused, traces.AtStarted, traces.AtBegin, traces.AtReturn,
		traces.AtUnlinked, traces.AtFlushed, traces.AtPosted, traces.AtEventfd, traces.AtWake, traces.AtFreed,
		traces.AtFoundQueued, traces.AtFoundRunning, traces.AtSignal, traces.AtEndEarly:
		return true
	}
	return false
}

// passes are the transitions that a step of the model is in the kernel; those
// of other steps are silent, or said by wanted.
var passes = map[machine.Kind][]traces.Point{
	machine.S0: {traces.AtSubmit}, machine.S1: {traces.AtSlot}, machine.S1e: {traces.AtNoSlot}, machine.S3: {traces.AtCopied}, machine.S5: {traces.AtPinned},
	machine.S6q: {traces.AtArmed}, machine.S9: {traces.AtNoContext},
	machine.W1: {traces.AtStarted}, machine.W1r: {traces.AtStarted}, machine.W5r: {traces.AtReturn}, machine.W5i: {traces.AtReturn},
	machine.W8: {traces.AtUnlinked}, machine.W14: {traces.AtFlushed}, machine.W9: {traces.AtPosted}, machine.W10: {traces.AtEventfd},
	machine.W12: {traces.AtWake}, machine.W13: {traces.AtFreed},
	machine.C2: {traces.AtCancel}, machine.C2n: {traces.AtNoContext}, machine.C3n: {traces.AtNotFound}, machine.C6l: {traces.AtSignal},
	machine.G1: {traces.AtGetEvents}, machine.G2h: {traces.AtReaped}, machine.G1n: {traces.AtNoContext},
	machine.K1: {traces.AtDead}, machine.K1n: {traces.AtNoContext}, machine.K2: {traces.AtWakeAll}, machine.K3: {traces.AtUsersKilled},
	machine.K4: {traces.AtKill}, machine.K4c: {traces.AtFoundRunning}, machine.K4q: {traces.AtFoundQueued}, machine.K4s: {traces.AtSignal},
	machine.K5: {traces.AtKilled}, machine.X0: {traces.AtExit},
}

// wanted is what the kernel has to say of a step, after which the state is s.
func (c *comparing) wanted(st machine.Step, s *machine.State) (notes []note) {
	kinds := passes[st.Kind]
	switch st.Kind {
	case machine.S3e:
		kinds = []traces.Point{traces.AtRefused, traces.AtFreed}
		if c.Scenario.Requests[st.Object].Refused {
			kinds = []traces.Point{traces.AtCopied, traces.AtRefused, traces.AtFreed}
		}
	case machine.C5, machine.C5q:
		// What is found is in the queue or has a thread, whatever the design
		// then does with it.
		kinds = []traces.Point{traces.AtFoundRunning}
		if early := c.m.Request(s, int(st.Object)); early.Early {
			kinds = []traces.Point{traces.AtFoundQueued}
		}
	case machine.C9, machine.K8:
		kinds = []traces.Point{traces.AtEndEarly, traces.AtPosted, traces.AtEventfd, traces.AtWake, traces.AtFreed}
		if !c.Scenario.Requests[st.Object].Eventfd || c.unnotified {
			kinds = slices.DeleteFunc(kinds, func(p traces.Point) bool { return p == traces.AtEventfd })
		}
	case machine.W10:
		if c.unnotified && c.m.Result(s, int(st.Object)) == "-EINTR" {
			kinds = nil
		}
	}
	for _, p := range kinds {
		if p == traces.AtSignal && c.deaf {
			continue // told only if it is heard, which is not looked at
		}
		n := note{point: p}
		if p == traces.AtPosted || p == traces.AtReturn && !c.changed {
			n.result = c.m.Result(s, int(st.Object))
			if p == traces.AtReturn && n.result == "-ERESTARTSYS" {
				n.result = "-EINTR" // as inUnits has it: what the event says is another matter
			}
		}
		notes = append(notes, n)
	}
	return notes
}

// noted is a transition as it is compared, if it is.
func (c *comparing) noted(t *traces.Transition, lane int) (note, bool) {
	n := note{point: t.Point}
	switch t.Point {
	case traces.AtReturn, traces.AtPosted:
		if lane >= 0 {
			n.result = c.inUnits(model.Result(t.Value), lane, t.Point == traces.AtReturn)
		}
	case traces.AtSetup, traces.AtDestroy, traces.AtLeave, traces.AtSlotsBack, traces.AtIdle, traces.AtThreadNew, traces.AtThreadEnd,
		traces.AtDrained, traces.AtWaited, traces.AtExited:
		return n, false
	case traces.AtReaped:
		return n, t.Seen > 0 // how often it looks in vain is its affair
	case traces.AtFlushed:
		return n, !c.unflushed // it says so, and does not
	case traces.AtSignal:
		return n, !c.deaf
	case traces.AtDeadAlready:
		n.point = traces.AtNoContext // as it is found a moment later
	}
	return n, true
}

// inUnits is a result in the words of the model.
func (c *comparing) inUnits(res model.Result, request int, early bool) string {
	r := &c.Scenario.Requests[request]
	switch {
	case early && (res == -512 || res == -513 || res == -514 || res == -516): // ERESTARTSYS and its kin: what the end makes -EINTR
		return "-EINTR"
	case res == -512:
		return "-ERESTARTSYS"
	case res < 0:
		return res.String()
	case r.Opcode == model.Poll && res > 0:
		return "ready"
	case !r.Opcode.Transfers() && r.Opcode != model.ReadAhead: // which counts pages
		return fmt.Sprint(c.naturalOf(res, r.Opcode))
	case int64(res)%c.Units[request] != 0:
		return fmt.Sprintf("%d bytes", res)
	}
	return fmt.Sprint(int64(res) / c.Units[request])
}

// naturalOf is a result that counts nothing.
func (c *comparing) naturalOf(res model.Result, op model.Opcode) int64 {
	if op == model.OpenAt {
		return 0 // whichever descriptor it is
	}
	return int64(res)
}

// all is what the kernel has to say of a move.
func (c *comparing) all(m *Move) (notes []note) {
	for i, st := range m.Steps {
		notes = append(notes, c.wanted(st, &m.States[i])...)
	}
	return notes
}
