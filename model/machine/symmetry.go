package machine

import (
	"reflect"
	"slices"
)

// symmetry is what is interchangeable in a machine. Two states that differ
// only in the names of interchangeable things behave alike, name for name, so
// that one of them is enough.
type symmetry struct {
	workers  [][]int // pooled workers of one queue
	callers  [][]int // threads that make the same calls, without reaping
	requests [][]int // requests with equal declarations, none named alone
	place    []place // of each request: where it is submitted
	callerOf []int   // 1 plus the group of each thread, 0 if it has none
}

// place is where a request is submitted.
type place struct{ thread, call, index int }

func (m *Machine) findSymmetry() {
	sym := &m.sym
	sym.workers = group(len(m.workers), func(a, b int) bool {
		return m.workers[a].pooled && m.workers[a].queue == m.workers[b].queue
	})
	sym.callers = group(len(m.threads), func(a, b int) bool {
		x, y := &m.threads[a].Thread, &m.threads[b].Thread
		return (m.sc.Anonymous || x.Forever) && x.CPU == y.CPU && x.Forever == y.Forever && reflect.DeepEqual(x.Calls, y.Calls) && !reaps(x)
	})
	sym.callerOf = make([]int, len(m.threads))
	for g, members := range sym.callers {
		for _, t := range members {
			sym.callerOf[t] = g + 1
		}
	}
	sym.place = make([]place, len(m.reqs))
	for t, th := range m.sc.Threads {
		for c, call := range th.Calls {
			for k, i := range call.Requests {
				if call.Kind == Submit {
					sym.place[i] = place{t, c, k}
				}
			}
		}
	}
	if m.sc.Anonymous {
		sym.requests = group(len(m.reqs), m.interchangeable)
	}
}

func reaps(t *Thread) bool {
	return slices.ContainsFunc(t.Calls, func(c Call) bool { return c.Kind == GetEvents || c.Kind == ReapRing })
}

// interchangeable reports whether nothing but their numbers tells requests a
// and b apart once both are submitted.
func (m *Machine) interchangeable(a, b int) bool {
	x, y := &m.reqs[a], &m.reqs[b]
	if x.Request != y.Request || x.Address != 0 || x.ctx != y.ctx || x.queue != y.queue || x.Opcode.Syncs() {
		return false
	}
	for _, t := range m.sc.Threads {
		for _, c := range t.Calls {
			if c.Kind != Submit && slices.Contains(c.Requests, uint8(a)) != slices.Contains(c.Requests, uint8(b)) {
				return false
			}
		}
	}
	return true
}

// group partitions 0 to n-1 by an equivalence, and leaves out what is alone.
func group(n int, same func(a, b int) bool) (groups [][]int) {
	taken := make([]bool, n)
	for a := range n {
		if taken[a] {
			continue
		}
		members := []int{a}
		for b := a + 1; b < n; b++ {
			if !taken[b] && same(a, b) {
				taken[b] = true
				members = append(members, b)
			}
		}
		if len(members) > 1 {
			groups = append(groups, members)
		}
	}
	return groups
}

// Canonical is the representative of the states that differ from s only in the
// names of interchangeable requests, workers and callers.
//
// Requests are sorted first, by all that a state says of them but the names of
// others; requests that tie are told apart by nobody, because workers and
// callers are sorted after they were renamed.
func (m *Machine) Canonical(s *State) State {
	t := *s
	for _, g := range m.sym.requests {
		m.sortRequests(&t, g)
	}
	for _, g := range m.sym.workers {
		m.sortChunks(&t, g, func(i int) field { return m.workers[i].all })
	}
	for _, g := range m.sym.callers {
		m.sortChunks(&t, g, func(i int) field { return m.threads[i].all })
	}
	return t
}

// sortChunks sorts the members of a group by their packed fields.
func (m *Machine) sortChunks(t *State, g []int, chunk func(int) field) {
	for i := 1; i < len(g); i++ {
		for j := i; j > 0; j-- {
			a, b := chunk(g[j-1]), chunk(g[j])
			x, y := a.get(t), b.get(t)
			if x <= y {
				break
			}
			a.set(t, y)
			b.set(t, x)
		}
	}
}

// past reports whether io_submit is done with request i: before that its place
// in the batch tells it from the others.
func (m *Machine) past(s *State, i int) bool {
	p := m.sym.place[i]
	th := &m.threads[p.thread]
	call := int(th.call.get(s))
	return call > p.call || call == p.call && th.pc.get(s) != pcIdle && int(th.cur.get(s)) > p.index
}

// sortKey is what a state says of a request but its number.
type sortKey struct{ own, others uint64 }

func (k sortKey) less(o sortKey) bool {
	return k.own < o.own || k.own == o.own && k.others < o.others
}

// spread makes a number of which sums tell multisets of small numbers apart.
// A collision would only cost reduction.
func spread(x uint64) uint64 {
	x = (x + 1) * 0x9e3779b97f4a7c15
	return (x ^ x>>29) * 0xbf58476d1ce4e5b9
}

// sortRequests sorts the submitted requests of a group and renames them
// wherever they are named.
func (m *Machine) sortRequests(t *State, g []int) {
	var keys [maxRequests]sortKey
	var movable [maxRequests]int
	n := 0
	for _, i := range g {
		if !m.past(t, i) {
			continue
		}
		movable[n] = i
		keys[n] = sortKey{own: m.reqs[i].all.get(t)}
		n++
	}
	if n < 2 {
		return
	}
	m.addReferences(t, movable[:n], keys[:n])
	var order [maxRequests]int // order[k] is which of movable comes to place k
	for k := range n {
		order[k] = k
		for j := k; j > 0 && keys[order[j]].less(keys[order[j-1]]); j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	var name [maxRequests]uint8 // the new number of each request
	for i := range m.reqs {
		name[i] = uint8(i)
	}
	changed := false
	for k := range n {
		name[movable[order[k]]] = uint8(movable[k])
		changed = changed || order[k] != k
	}
	if !changed {
		return
	}
	for k := range n {
		m.reqs[movable[k]].all.set(t, keys[order[k]].own)
	}
	m.rename(t, &name)
}

// addReferences adds to each request's key who refers to it, and how.
func (m *Machine) addReferences(s *State, movable []int, keys []sortKey) {
	at := func(i int, what uint64) {
		for k, r := range movable {
			if r == i {
				keys[k].others += spread(what)
			}
		}
	}
	for i := range m.workers {
		w := &m.workers[i]
		if w.pc.is(s) {
			what := w.all.get(s) &^ (w.req.mask << (w.req.shift - w.all.shift))
			if !w.pooled {
				what |= uint64(i+1) << 32
			}
			at(int(w.req.get(s)), what<<2)
		}
	}
	for i := range m.threads {
		th := &m.threads[i]
		if pc := th.pc.get(s); pc >= pcC3 && pc <= pcC9 {
			what := th.all.get(s) &^ (th.cur.mask << (th.cur.shift - th.all.shift))
			if m.sym.callerOf[i] == 0 {
				what |= uint64(i+1) << 56
			}
			at(int(th.cur.get(s)), what<<2|1)
		}
	}
	for i := range m.ctxs {
		c := &m.ctxs[i]
		if target := c.target.get(s); target > 0 {
			at(int(target)-1, uint64(i)<<2|2)
		}
		if !m.ringLog {
			continue
		}
		for k := range c.tail.get(s) {
			at(int(c.log[k].get(s)), (uint64(i)<<8|k)<<2|3)
		}
	}
}

// rename replaces the numbers of requests wherever a state names them.
func (m *Machine) rename(t *State, name *[maxRequests]uint8) {
	for i := range m.workers {
		if w := &m.workers[i]; w.pc.is(t) {
			w.req.set(t, uint64(name[w.req.get(t)]))
		}
	}
	for i := range m.threads {
		th := &m.threads[i]
		if pc := th.pc.get(t); pc >= pcC3 && pc <= pcC9 {
			th.cur.set(t, uint64(name[th.cur.get(t)]))
		}
	}
	for i := range m.ctxs {
		c := &m.ctxs[i]
		if target := c.target.get(t); target > 0 {
			c.target.set(t, uint64(name[target-1])+1)
		}
		if !m.ringLog {
			continue
		}
		for k := range c.tail.get(t) {
			c.log[k].set(t, uint64(name[c.log[k].get(t)]))
		}
	}
}
