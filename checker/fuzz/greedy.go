package fuzz

import (
	"reflect"
	"slices"
	"time"

	"aiocheck/traces"
)

// greedy makes a draft simpler part by part, as long as it still fails: first
// whole acts go, many at a time and then one by one, then what is left is made
// plain. Nothing single can be left out of the result, unless time is up.
func greedy(d *Draft, ends time.Time, fails func(*Draft) bool) *Draft {
	try := func(change func(c *Draft)) bool {
		c := d.Clone()
		change(c)
		if reflect.DeepEqual(c, d) {
			return false
		}
		if !time.Now().Before(ends) || !fails(c) {
			return false
		}
		d = c
		return true
	}
	for again := true; again; {
		again = false
		for size := max(1, len(d.Acts)/2); size > 0; size /= 2 {
			for at := 0; at < len(d.Acts); {
				to := min(at+size, len(d.Acts))
				if try(func(c *Draft) { c.Acts = slices.Delete(c.Acts, at, to) }) {
					again = true
				} else {
					at = to
				}
			}
		}
		for _, change := range d.plainer() {
			again = try(change) || again
		}
	}
	return d
}

// plainer lists the changes that make a part of a draft plain and are not made
// yet. Each is about what it finds: others may have been made before it.
func (d *Draft) plainer() (list []func(*Draft)) {
	put := func(wanted bool, change func(*Draft)) {
		if wanted {
			list = append(list, change)
		}
	}
	put(d.Identity != nil, func(c *Draft) { c.Identity = nil })
	put(d.Processors != nil, func(c *Draft) { c.Processors = nil })
	put(d.Threads > 1, func(c *Draft) { c.Threads = 1 })
	put(d.Threads > 2, func(c *Draft) { c.Threads = min(c.Threads, 2) })
	put(d.End != traces.EndDrain, func(c *Draft) { c.End = traces.EndDrain })
	for i := range d.Acts {
		a := &d.Acts[i]
		put(a.Spin != 0, func(c *Draft) { c.Acts[i].Spin = 0 })
		put(a.Beside != 0, func(c *Draft) { c.Acts[i].Beside = 0 })
		put(a.Thread != 0, func(c *Draft) { c.Acts[i].Thread = 0 })
		put(a.Timeout != 0, func(c *Draft) { c.Acts[i].Timeout = 0 })
		put(a.Do == Submit && a.Of != 0, func(c *Draft) { c.Acts[i].Of, c.Acts[i].Nth = 0, 0 })
		for k := len(a.Requests) - 1; k >= 0; k-- {
			// The others are named by their place, so the last one goes first.
			put(a.Do == Submit && k > 0, func(c *Draft) {
				if len(c.Acts[i].Requests) == k+1 {
					c.Acts[i].Requests = c.Acts[i].Requests[:k]
				}
			})
		}
		for k := range a.Requests {
			r := &a.Requests[k]
			at := func(c *Draft, change func(*traces.RequestDecl)) {
				if k < len(c.Acts[i].Requests) {
					change(&c.Acts[i].Requests[k])
				}
			}
			put(r.Eventfd != 0, func(c *Draft) { at(c, func(r *traces.RequestDecl) { r.Eventfd = 0 }) })
			put(r.Opcode.Transfers() && r.Offset != 0, func(c *Draft) { at(c, func(r *traces.RequestDecl) { r.Offset = 0 }) })
			put(r.Segments > 1, func(c *Draft) { at(c, func(r *traces.RequestDecl) { r.Segments = 1 }) })
			put(r.Bytes > sector, func(c *Draft) { at(c, func(r *traces.RequestDecl) { r.Bytes = sector }) })
			put(r.Via != 0, func(c *Draft) { at(c, func(r *traces.RequestDecl) { r.Via = 0 }) })
		}
	}
	return list
}
