package checker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// While a file system is frozen, nothing begins to write to it: a write that
// is submitted after ioctl(FIFREEZE) has returned waits until somebody calls
// ioctl(FITHAW) (fs/super.c, sb_start_write). What was submitted before may
// have been under way, and the freeze then waited for it.

// freeze is a time in which the storage was surely frozen.
type freeze struct {
	interval       // from the return of the freeze to the invocation of a thaw
	call     int32 // the freeze
	thaw     int32 // None if the process ended first
	round    int32
}

// freezing is all that a history says of freezes.
type freezing struct {
	list  []freeze
	of    map[int32][]int32 // by round: positions in list
	calls map[int32][]int32 // by round: calls of freeze and thaw, in order of invocation
}

func findFreezes(h *traces.History) *freezing {
	z := &freezing{of: map[int32][]int32{}, calls: map[int32][]int32{}}
	for i := range h.Calls {
		if c := &h.Calls[i]; c.Kind == traces.CallFreeze || c.Kind == traces.CallThaw {
			z.calls[c.Round] = append(z.calls[c.Round], int32(i))
		}
	}
	for _, round := range slices.Sorted(maps.Keys(z.calls)) {
		calls := z.calls[round]
		slices.SortFunc(calls, func(a, b int32) int { return cmp.Compare(h.Calls[a].Invoke, h.Calls[b].Invoke) })
		for _, i := range calls {
			if c := &h.Calls[i]; c.Kind == traces.CallFreeze && c.Completed() && c.Ret == 0 {
				z.add(h, i, calls)
			}
		}
	}
	return z
}

// add takes the time of a freeze that succeeded. A thaw that began before the
// freeze returned can have undone it.
func (z *freezing) add(h *traces.History, i int32, calls []int32) {
	c := &h.Calls[i]
	f := freeze{interval{c.Return, min(h.Rounds[c.Round].ExitBegun, h.Until)}, i, traces.None, c.Round}
	if int(c.Round)+1 < len(h.Rounds) {
		f.to = min(f.to, h.Rounds[c.Round+1].Start)
	}
	for _, k := range calls {
		t := &h.Calls[k]
		if t.Kind == traces.CallThaw && t.Return >= c.Invoke && t.Invoke < f.to && (!t.Completed() || t.Ret == 0) {
			f.to, f.thaw = t.Invoke, k
		}
	}
	if f.from < f.to {
		z.of[c.Round] = append(z.of[c.Round], int32(len(z.list)))
		z.list = append(z.list, f)
	}
}

// holding is the freeze that a request surely had to wait for: it was
// submitted within, as a write to the frozen storage. None if there is none.
func (z *freezing) holding(h *traces.History, r *traces.Request) int32 {
	if len(z.list) == 0 || r.Call == traces.None || !r.Opcode.Writes() || h.Files[r.File].Kind != traces.Storage {
		return traces.None
	}
	at := h.Calls[r.Call].Invoke
	for _, i := range z.of[r.Round] {
		if f := &z.list[i]; f.from < at && at < f.to {
			return i
		}
	}
	return traces.None
}

// beside reports whether the storage may have been frozen at some moment of a
// time within a round.
func (z *freezing) beside(h *traces.History, round int32, from, to traces.Time) bool {
	over := true
	for _, i := range z.calls[round] {
		c := &h.Calls[i]
		switch {
		case c.Kind == traces.CallFreeze && c.Invoke <= to:
			over = false
		case c.Kind == traces.CallThaw && c.Ret == 0 && c.Return < from:
			over = true
		}
	}
	return !over
}

// judgeHeld judges whether a write that was submitted while the file system
// was frozen has ended before the thaw began.
func (j *contextJudge) judgeHeld() {
	h := j.h
	for i := range h.Requests {
		r := &h.Requests[i]
		held := j.freezing.holding(h, r)
		if held == traces.None || r.Fate == traces.Rejected {
			continue
		}
		f := &j.freezing.list[held]
		j.put(model.FileHeld, 1)
		res, known, ok := h.Outcome(r)
		if !ok || res <= 0 || known >= f.to {
			continue
		}
		j.violate(model.FileHeld, func() Finding {
			calls := []int32{f.call, r.Call, f.thaw}
			if r.Event != traces.None {
				calls = append(calls, h.Events[r.Event].Call)
			}
			return j.finding(fmt.Sprintf("request %d (%v) wrote %v bytes to a frozen file system", r.ID, r.Opcode, res),
				"no end before the thaw: a write that begins while the file system is frozen waits (fs/super.c, sb_start_write)", known,
				[]traces.RequestID{r.ID}, calls...)
		})
	}
}
