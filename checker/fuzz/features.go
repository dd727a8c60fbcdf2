package fuzz

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/checker/inclusion"
	"aiocheck/model"
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// A feature is something that a round has shown, in words. What has shown one
// that nothing else did is worth keeping.
//
// Everywhere: what became of a request, with what was done to it in which
// order ("request"); the answers of two calls on a context that follow each
// other ("calls"). On a kernel that tells of its own steps: the steps of the
// model that were taken ("step"), and two that follow each other ("pair").
type features []string

// featuresOf are those of each round of a history.
func featuresOf(h *traces.History, rounds int) []features {
	of := make([]features, rounds)
	put := func(round int32, text string) {
		if int(round) < rounds && !slices.Contains(of[round], text) {
			of[round] = append(of[round], text)
		}
	}
	cancels := map[traces.RequestID][]int32{}
	last := map[int32]string{}
	byReturn := make([]int32, 0, len(h.Calls))
	for i := range h.Calls {
		byReturn = append(byReturn, int32(i))
	}
	slices.SortStableFunc(byReturn, func(a, b int32) int {
		x, y := h.Calls[a].Return, h.Calls[b].Return
		if x < y {
			return -1
		}
		return btoi(x > y)
	})
	for _, i := range byReturn {
		c := &h.Calls[i]
		if c.Kind == traces.CallCancel {
			cancels[c.Request] = append(cancels[c.Request], i)
		}
		if c.Context == traces.None {
			continue
		}
		text := callClass(c)
		if before, ok := last[c.Context]; ok {
			put(c.Round, "calls "+before+" > "+text)
		}
		last[c.Context] = text
	}
	for i := range h.Requests {
		if r := &h.Requests[i]; r.ID != 0 {
			put(r.Round, requestClass(h, r, cancels[r.ID]))
		}
	}
	return of
}

// callClass is a call with what kind of answer it gave.
func callClass(c *traces.Call) string {
	switch {
	case !c.Completed():
		return c.Kind.String() + " open"
	case c.Ret < 0:
		return c.Kind.String() + " " + c.Ret.String()
	case c.Kind == traces.CallSubmit:
		return fmt.Sprintf("io_submit %d", btoi(int64(c.Ret) == c.X))
	case c.Kind.Reaps():
		return fmt.Sprintf("%v %d", c.Kind, min(int64(c.Ret), 2))
	}
	return c.Kind.String()
}

// requestClass is what became of a request: the opcode and its file, each
// cancel with its stage and answer, the result, and who saw the end.
func requestClass(h *traces.History, r *traces.Request, cancels []int32) string {
	var b strings.Builder
	b.WriteString("request ")
	b.WriteString(r.Opcode.String())
	if r.File >= 0 {
		b.WriteString(" " + h.Files[r.File].Kind.String())
	}
	if r.Fate != traces.Accepted {
		b.WriteString(" " + r.Fate.String())
	}
	res, known, ok := h.Outcome(r)
	if r.Call != traces.None {
		submit := &h.Calls[r.Call]
		for _, k := range cancels[:min(len(cancels), 3)] {
			c := &h.Calls[k]
			stage := "late"
			switch {
			case c.Return < submit.Invoke:
				stage = "before"
			case c.Invoke < submit.Return:
				stage = "beside"
			case c.Invoke < known:
				stage = "in flight"
			}
			fmt.Fprintf(&b, "; cancel %s %v", stage, c.Ret)
		}
	}
	switch {
	case r.Context == traces.None:
		b.WriteString(" plain")
	case ok:
		fmt.Fprintf(&b, "; event %s by %v", resultClass(r, res), h.Calls[h.Events[r.Event].Call].Kind)
	default:
		fmt.Fprintf(&b, "; no event, %v", h.Rounds[r.Round].End)
	}
	return b.String()
}

func resultClass(r *traces.Request, res model.Result) string {
	switch {
	case res < 0:
		return res.String()
	case res == 0 || !r.Opcode.Transfers():
		return fmt.Sprint(btoi(res > 0))
	case uint32(res) == r.Bytes:
		return "whole"
	}
	return "part"
}

// inside collects the features of the kernel's own steps, round by round.
type inside struct {
	rounds []traces.Time // starts
	of     []features
	kinds  [machine.NumKinds]int64 // before the transition
	last   machine.Kind
	begun  bool
}

// saw takes what the checker has made of a transition.
func (n *inside) saw(t *traces.Transition, c *inclusion.Checker) {
	cover := c.Coverage()
	for k := range machine.NumKinds {
		if cover.Kinds[k] == n.kinds[k] {
			continue
		}
		n.kinds[k] = cover.Kinds[k]
		n.put(t.Time, "step "+k.String())
		if n.begun {
			n.put(t.Time, "pair "+n.last.String()+" > "+k.String())
		}
		n.last, n.begun = k, true
	}
}

// put adds a feature to the round that runs at a time.
func (n *inside) put(at traces.Time, text string) {
	round := 0
	for round+1 < len(n.rounds) && n.rounds[round+1] <= at {
		round++
	}
	if round < len(n.of) && !slices.Contains(n.of[round], text) {
		n.of[round] = append(n.of[round], text)
	}
}
