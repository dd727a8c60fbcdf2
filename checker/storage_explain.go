package checker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// explainLimit bounds the search for the order of one explanation. Explained
// histories have a handful of accesses, and take microseconds.
const explainLimit = 50 * time.Millisecond

// explain makes the findings of each property, the earliest ones.
func (s *storage) explain() map[string][]Finding {
	findings := map[string][]Finding{}
	add := func(p model.Property, f Finding) {
		f.Property = p.Name
		findings[p.Name] = append(findings[p.Name], f)
	}
	for _, f := range s.flaws {
		add(f.flaw.property(f.stream), s.explainFlaw(f))
	}
	chosen := s.choose()
	accesses := s.accesses(chosen)
	for i, v := range chosen {
		add(blameProperty[v.kind], s.explainBlamed(v, accesses[i]))
	}
	for name, list := range findings {
		slices.SortStableFunc(list, func(a, b Finding) int {
			return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Offset, b.Offset))
		})
		findings[name] = list[:min(len(list), maxFindings)]
	}
	return findings
}

// choose takes the earliest violations of each kind.
func (s *storage) choose() []blamed {
	list := slices.Clone(s.regions.found.list)
	slices.SortStableFunc(list, func(a, b blamed) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.lo, b.lo))
	})
	var taken [blameKinds]int
	return slices.DeleteFunc(list, func(v blamed) bool {
		taken[v.kind]++
		return taken[v.kind] > maxFindings
	})
}

// accesses collects, for each violation, what the two writers did to its first
// line, and which readers of their data decide where they can stand. One pass
// over the history serves all; it is left out when the time is over.
func (s *storage) accesses(chosen []blamed) [][]access {
	h, table := s.history, s.effects
	lists := make([][]access, len(chosen))
	byWriter := map[traces.RequestID][]int{}
	for i, v := range chosen {
		if v.kind != tornSector && v.kind != brokenLine {
			byWriter[v.x] = append(byWriter[v.x], i)
			byWriter[v.y] = append(byWriter[v.y], i)
		}
	}
	found := make([][2]extremes, len(chosen)) // by violation: reads of x, of y
	if len(byWriter) == 0 || !s.eachRead(func(d *traces.Data, lo, hi int64) {
		for _, i := range byWriter[d.Writer] {
			if v := &chosen[i]; lo <= v.lo && v.lo < hi {
				e := &table[d.Request-1]
				cluster := 0
				if d.Writer == v.y {
					cluster = 1
				}
				found[i][cluster].add(access{request: d.Request, value: d.Writer, from: e.from, to: e.to})
			}
		}
	}) {
		return lists
	}
	for i, v := range chosen {
		lists[i] = append(found[i][0].reads(), found[i][1].reads()...)
		for _, id := range []traces.RequestID{v.x, v.y} {
			if id != 0 && len(lists[i]) > 0 {
				lists[i] = append(lists[i], writeAccess(h, table, id, v.lo))
			}
		}
	}
	return lists
}

// eachRead visits the runs of data that were judged as registers, with their
// lines. It reports whether the budget lasted to the end.
func (s *storage) eachRead(visit func(d *traces.Data, lo, hi int64)) bool {
	for i := range s.history.Data {
		if i&0xffff == 0 && s.budget.spent() {
			return false
		}
		d := &s.history.Data[i]
		if s.sound[i/64]>>(i%64)&1 != 0 && d.Class == traces.DataWritten {
			lo, hi := returned(s.history, s.effects, d)
			visit(d, lo, hi)
		}
	}
	return true
}

// writeAccess is what request id did to a line that it writes.
func writeAccess(h *traces.History, table []effect, id traces.RequestID, line int64) access {
	e := &table[id-1]
	first, _ := extent(&h.Requests[id-1])
	a := access{request: id, value: id, from: e.from, to: e.to, write: true}
	if line-first >= int64(e.sure) {
		a.optional, a.to = true, e.tail()
	}
	return a
}

// explainBlamed explains a violation of a register or a sector.
func (s *storage) explainBlamed(v blamed, accesses []access) Finding {
	h := s.history
	f := Finding{At: v.at, File: h.Requests[v.read-1].File, Offset: v.lo * lineBytes, Bytes: (v.hi - v.lo) * lineBytes}
	f.Summary, f.Expected = s.describe(v)
	if len(accesses) == 0 { // a single read, whatever the order, or no time to look for others
		for _, id := range []traces.RequestID{v.x, v.y} {
			if id != 0 {
				accesses = append(accesses, writeAccess(h, s.effects, id, v.lo))
			}
		}
		e := &s.effects[v.read-1]
		accesses = append(accesses, access{request: v.read, value: noValue, from: e.from, to: e.to})
		s.show(&f, accesses, make([]int, len(accesses)))
		return f
	}
	accesses = shrink(accesses)
	order, _ := linearize(accesses, explainLimit)
	s.show(&f, accesses, order)
	if v.kind == afterDestroy {
		s.showDestroy(&f, v.y)
	}
	return f
}

// explainFlaw explains a run of data that is wrong by itself.
func (s *storage) explainFlaw(fl flawed) Finding {
	h := s.history
	d := &h.Data[fl.data]
	_, lo, hi := inspect(h, s.effects, d)
	e := &s.effects[d.Request-1]
	f := Finding{At: e.to, File: h.Requests[d.Request-1].File, Offset: lo * lineBytes, Bytes: (hi - lo) * lineBytes}
	f.Expected = fl.flaw.property(fl.stream).Sentence
	f.Summary = fmt.Sprintf("%s returned, at %s, %s", reader(d.Request), place(lo, hi), flawOf[fl.flaw].seen)
	accesses := []access{{request: d.Request, value: noValue, from: e.from, to: e.to}}
	if tagged := d.Class == traces.DataWritten || d.Class == traces.DataMisplaced; tagged {
		f.Summary += fmt.Sprintf(" (tagged as %s, place %d)", contents(d.Writer), d.Claimed)
		if d.Writer != 0 && int(d.Writer) <= len(h.Requests) && d.Writer != d.Request {
			if w := &h.Requests[d.Writer-1]; w.Call != traces.None {
				e := effectOf(h, w)
				from := h.Calls[w.Call].Invoke
				accesses = append(accesses, access{request: d.Writer, from: from, to: max(e.to, from), write: true})
			}
		}
	}
	s.show(&f, accesses, make([]int, len(accesses)))
	return f
}

// show fills in the requests, calls and steps.
func (s *storage) show(f *Finding, accesses []access, order []int) {
	h := s.history
	for i, a := range accesses {
		r := &h.Requests[a.request-1]
		f.Requests = append(f.Requests, a.request)
		f.Calls = append(f.Calls, r.Call)
		if r.Event != traces.None {
			f.Calls = append(f.Calls, h.Events[r.Event].Call)
		}
		f.Steps = append(f.Steps, Step{Thread: h.Calls[r.Call].Thread, From: a.from, To: a.to, Request: a.request,
			Text: s.stepText(r, a), Order: order[i]})
	}
	slices.Sort(f.Requests)
	f.Requests = slices.Compact(f.Requests)
	s.arrange(f)
}

// arrange brings calls and steps into the order of time.
func (s *storage) arrange(f *Finding) {
	calls := s.history.Calls
	slices.SortFunc(f.Calls, func(a, b int32) int {
		return cmp.Or(cmp.Compare(calls[a].Invoke, calls[b].Invoke), cmp.Compare(a, b))
	})
	f.Calls = slices.Compact(f.Calls)
	slices.SortStableFunc(f.Steps, func(a, b Step) int { return cmp.Compare(a.From, b.From) })
}

// showDestroy adds the io_destroy after which the request took effect.
func (s *storage) showDestroy(f *Finding, late traces.RequestID) {
	h := s.history
	i := h.Contexts[h.Requests[late-1].Context].Destroy
	c := &h.Calls[i]
	f.Calls = append(f.Calls, i)
	f.Steps = append(f.Steps, Step{Thread: c.Thread, From: c.Invoke, To: c.Return, Text: "io_destroy = " + c.Ret.String()})
	s.arrange(f)
}
