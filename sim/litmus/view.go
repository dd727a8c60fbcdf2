package litmus

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/model/machine"
	"aiocheck/traces/litmus"
)

// torn is the writer of a unit whose lines different requests wrote, or that
// nobody can have written.
const torn machine.Writer = -1000

// view is what a program can observe of an outcome, in words: the results of
// calls and events, which call took an event, what reads got, what the storage
// and directories hold, and the order of events where one thread takes them.
// An event that nobody took before its context was destroyed is as if it was
// not, and so is what another thread was doing when its process exited. blind
// leaves out what only the end of a whole run shows.
func (p *Plan) view(obs *machine.Observation, blind bool) string {
	t, o := p.Test, &Outcome{Observation: *obs}
	var parts []string
	seen := make([]bool, len(t.Requests))
	for i := range t.Requests {
		r, end := &t.Requests[i], &obs.Requests[i]
		c := contextOf(t, i)
		left := c >= 0 && !p.destroyed[c] && p.exits < 0 // what is in the ring in the end is looked at
		seen[i] = end.Ended && (end.Thread >= 0 && p.watches(end.Thread) || end.Thread < 0 && left)
		s := r.Name + ".res = none"
		if seen[i] {
			s = fmt.Sprintf("%s.res = %s", r.Name, resultOf(t, r, end))
		}
		if r.Op.Names() && !blind {
			s += fmt.Sprintf(", %s.effect = %s", r.Name, map[bool]string{true: "full", false: "none"}[end.Units > 0])
		}
		if p.setuid(r) && !blind {
			s += fmt.Sprintf(", %s.task = %s", r.Name, end.Task)
		}
		if seen[i] && r.Op.Reads() {
			s += p.units(r.Name, end.Data, unit(&t.Files[fileIndex(t, r.File)]))
		}
		if seen[i] && end.Thread >= 0 {
			s += fmt.Sprintf(", %s got %s", t.CallName(end.Thread, end.Call), r.Name)
		}
		parts = append(parts, s)
	}
	for i := range t.Threads {
		if text := o.repliesOf(t, i); text != "" && p.watches(i) {
			parts = append(parts, text)
		}
	}
	for i := range t.Files {
		if p.cells[i] > 0 && !blind && !p.unsure(obs, i) {
			parts = append(parts, strings.TrimPrefix(p.units(t.Files[i].Name, obs.Contents[i], unit(&t.Files[i])), ", "))
		}
	}
	for c, ring := range obs.Rings {
		ring = slices.DeleteFunc(slices.Clone(ring), func(r uint8) bool { return !seen[r] })
		for i := 1; i < len(ring) && p.ordered[c]; i++ {
			parts = append(parts, fmt.Sprintf("%s before %s", t.Requests[ring[i-1]].Name, t.Requests[ring[i]].Name))
		}
	}
	return strings.Join(parts, "; ")
}

// unsure reports whether a file may be written to when the round is ended: by
// a submission that waited until then.
func (p *Plan) unsure(obs *machine.Observation, file int) bool {
	t := p.Test
	for i, th := range t.Threads {
		for c, call := range th.Calls {
			if call.Do == litmus.Submit && !obs.Calls[i][c].Returned && slices.ContainsFunc(call.Requests, func(name string) bool {
				r := &t.Requests[requestIndex(t, name)]
				return r.Op.Writes() && fileIndex(t, r.File) == file
			}) {
				return true
			}
		}
	}
	return false
}

// watches reports whether what a thread saw is known: a process that exits
// takes what its other threads saw last with it.
func (p *Plan) watches(thread int) bool { return p.exits < 0 || thread == p.exits }

// units names the writers of units, each of so many bytes of the test.
func (p *Plan) units(name string, writers []machine.Writer, size int64) (text string) {
	for i, w := range writers {
		by := "torn"
		switch {
		case w == machine.Nobody:
			by = "old"
		case w == machine.Program:
			by = "plain"
		case w >= 0:
			by = p.Test.Requests[w].Name
		}
		at := fmt.Sprint(int64(i) * size)
		if k := int64(i) * size / 1024; k > 0 {
			at = fmt.Sprintf("%dK", k)
		}
		text += fmt.Sprintf(", %s[%s] = %s", name, at, by)
	}
	return text
}
