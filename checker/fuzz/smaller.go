package fuzz

import (
	"slices"

	"pgregory.net/rapid"

	"aiocheck/traces"
)

// simpler generates what is left of a draft if some of its parts are left out
// or made plain. Each decision is a number of rapid's in which 0 is the simpler
// way, and their number is always the same: so rapid's shrinking takes one
// decision after the other to 0 and leaves the rest as it was. First come the
// decisions to leave out whole acts.
func simpler(d *Draft) *rapid.Generator[*Draft] {
	return rapid.Custom(func(t *rapid.T) *Draft {
		c := d.Clone()
		dropped := make([]bool, len(c.Acts))
		for i := range c.Acts {
			first, second := zero(t), zero(t)
			dropped[i] = first && second
		}
		for i := range c.Acts {
			c.Acts[i].simplify(t)
		}
		rare := zero(t)
		for _, plain := range []func(){
			func() { c.End = traces.EndDrain },
			func() { c.Identity = nil },
			func() { c.Processors = nil },
			func() { c.Threads = max(1, c.Threads-1) },
			func() { c.Threads = 1 },
		} {
			if zero(t) && rare {
				plain()
			}
		}
		i := -1
		c.Acts = slices.DeleteFunc(c.Acts, func(Act) bool { i++; return dropped[i] })
		return c
	})
}

// decision is 0 for about one in ten draws.
var decision = rapid.IntRange(0, 255)

// zero draws a decision. Conditions call it before all else, so that the
// number of draws does not depend on others.
func zero(t *rapid.T) bool { return decision.Draw(t, "keep") == 0 }

// simplify makes parts of an act plain, if the first decision says that it
// is about this one.
func (a *Act) simplify(t *rapid.T) {
	here := zero(t)
	for _, plain := range []func(){
		func() { a.Spin = 0 },
		func() { a.Beside = 0 },
		func() { a.Thread = 0 },
		func() { a.Timeout = 0 },
	} {
		if zero(t) && here {
			plain()
		}
	}
	if a.Do == Submit && len(a.Requests) > 1 {
		for k := len(a.Requests) - 1; k >= 0; k-- {
			if zero(t) && here && k == len(a.Requests)-1 { // the others are named by their place
				a.Requests = a.Requests[:k]
			}
		}
	}
	for k := range a.Requests {
		r := a.Requests[k]
		for _, plain := range []func(){
			func() { r.Eventfd = 0 },
			func() { r.Offset = 0; r.Bytes = min(r.Bytes, sector); r.Segments = 1 },
		} {
			if zero(t) && here {
				plain()
			}
		}
		a.Requests[k] = r
	}
}

// Tidy leaves out contexts, files and names that no act is about.
func (d *Draft) Tidy() *Draft {
	c := d.Clone()
	contexts, files := make([]bool, max(1, len(c.Contexts))), make([]bool, len(c.Files))
	names := false
	for i := range c.Acts {
		a := &c.Acts[i]
		switch a.Do {
		case Submit, Cancel, Glance, Collect, ReapRing, Destroy:
			contexts[int(a.Context)%len(contexts)] = true
		case Feed, Take, CloseRead, CloseWrite, Chdir:
			if int(a.File) < len(files) {
				files[a.File] = true
			}
		}
		// Where there are names nothing is frozen.
		names = names || a.Do == Stat || a.Do == Named || a.Do == Chdir || a.Do == Freeze
		for k := range a.Requests {
			r := &a.Requests[k]
			if int(r.File) < len(files) {
				files[r.File] = true
				names = names || c.Files[r.File].Kind == traces.Directory
			}
		}
	}
	if !names {
		c.Names, c.Identity = nil, nil
	}
	for i := range c.Files {
		if i < fixedFiles || len(c.Names) > 0 && c.Files[i].Kind == traces.Directory {
			files[i] = true
		}
	}
	context, file := renumber(contexts), renumber(files)
	for i := range c.Acts {
		a := &c.Acts[i]
		a.Context = context[int(a.Context)%len(context)]
		if int(a.File) < len(file) {
			a.File = file[a.File]
		}
		for k := range a.Requests {
			if r := &a.Requests[k]; int(r.File) < len(file) {
				r.File = file[r.File]
			}
		}
	}
	for i := range c.Names {
		if int(c.Names[i].Directory) < len(file) {
			c.Names[i].Directory = file[c.Names[i].Directory]
		}
	}
	if id := c.Identity; id != nil {
		for _, f := range []*uint16{&id.Cwd, &id.Root} {
			if *f != 0 && int(*f) <= len(file) {
				*f = file[*f-1] + 1
			}
		}
	}
	c.Contexts, c.Files = only(c.Contexts, contexts), only(c.Files, files)
	return c
}

// renumber gives each used number its new one, and 0 to the others.
func renumber(used []bool) []uint16 {
	to, n := make([]uint16, len(used)), uint16(0)
	for i := range used {
		if used[i] {
			to[i] = n
			n++
		}
	}
	return to
}

func only[E any](list []E, used []bool) (kept []E) {
	for i := range list {
		if used[i] {
			kept = append(kept, list[i])
		}
	}
	return kept
}
