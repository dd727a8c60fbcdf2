package litmus

import (
	"context"
	"fmt"
	"slices"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/traces"
	"aiocheck/traces/litmus"
)

// TargetDesign is the design by which runs on targets are judged: that of the
// kernels that there are, and of the simulated one.
const TargetDesign = "mainline-6.1"

// Plan is a test as a program for targets, with the outcomes that the model
// allows, as far as a program can observe them.
type Plan struct {
	Test *litmus.Test
	// Unrunnable says why there is no such program; then nothing else is set.
	Unrunnable string
	// Allowed are the outcomes, in the order in which they were found.
	Allowed []string
	// Direct is set when the storage is to be opened with O_DIRECT.
	Direct bool

	ordered   []bool // by context: the order of its events can be observed
	destroyed []bool // by context: the test destroys it
	cells     []int  // by file: units of it that can be observed at the end
	files     []int  // by file: its place in Program.Files
	position  []int  // by request: its place in Program.Requests, or -1
	streams   []traces.FileDecl
	requests  []planned
	threads   [][]traces.Step // those of the test, then the one that prepares streams
}

// planned is a request of the program, of the first round.
type planned struct {
	traces.RequestDecl
	file   int            // of the test
	offset int64          // in units, on storage
	writer machine.Writer // who it is in outcomes
}

// NewPlan explores a test under TargetDesign and makes a program of it, if it
// can be one. An exploration stopped by opts is an error.
func NewPlan(ctx context.Context, t *litmus.Test, opts explore.Options) (*Plan, error) {
	p := &Plan{Test: t}
	if p.Unrunnable = p.refuse(); p.Unrunnable != "" {
		return p, nil
	}
	d, err := design.Named(TargetDesign)
	if err != nil {
		return nil, err
	}
	// Ask for everything that an outcome can tell and a program can see.
	everything := litmus.Expr{Op: litmus.And}
	for _, kind := range []litmus.AtomKind{litmus.Got, litmus.Before, litmus.UnitIs} {
		everything.Args = append(everything.Args, litmus.Expr{Atom: litmus.Atom{Kind: kind}})
	}
	r, err := Run(ctx, t, &d, opts, everything)
	switch {
	case err != nil:
		return nil, err
	case r.Stop != explore.StopComplete:
		return nil, fmt.Errorf("test %s under %s: the exploration was stopped (%s)", t.Name, d.Name, r.Stop)
	case r.Inapplicable != "":
		p.Unrunnable = r.Inapplicable
		return p, nil
	}
	if p.Unrunnable = p.mayHang(r); p.Unrunnable != "" {
		return p, nil
	}
	p.observable(r)
	for i := range r.Outcomes {
		if text := p.view(&r.Outcomes[i].Observation); !slices.Contains(p.Allowed, text) {
			p.Allowed = append(p.Allowed, text)
		}
	}
	p.layOut()
	return p, nil
}

// refuse says what of the test no program can do.
func (p *Plan) refuse() string {
	t := p.Test
	kinds := map[design.FileKind]bool{}
	for i := range t.Files {
		f := &t.Files[i]
		kinds[f.Kind] = true
		switch {
		case f.Kind != design.Regular && f.Kind != design.DirectIO && !f.Kind.Stream():
			return fmt.Sprintf("programs have no %s", f.Kind)
		case f.Kind != design.Eventfd && f.Bytes > 0 && f.Bytes < p.written(f):
			return fmt.Sprintf("a program cannot set the size of %s", f.Name)
		}
	}
	if kinds[design.Regular] && kinds[design.DirectIO] {
		return "a program has one storage, buffered or direct"
	}
	iocbs := map[string]bool{}
	for i := range t.Requests {
		r := &t.Requests[i]
		switch f := &t.Files[fileIndex(t, r.File)]; {
		case !r.Op.Transfers() && !r.Op.Syncs() && r.Op != model.Poll && r.Op != litmus.NoOp:
			return fmt.Sprintf("programs have no %s", opcodeText(r.Op))
		case r.NoFile:
			return "a program has no descriptor that is not open"
		case iocbs[r.Iocb] && r.Iocb != "":
			return "each request of a program has an iocb of its own"
		case f.Kind == design.Eventfd && r.Op.Transfers():
			return "a program's eventfds do not block"
		}
		iocbs[r.Iocb] = true
	}
	for i, c := range t.Contexts {
		n := 0
		for k := range t.Requests {
			if contextOf(t, k) == i {
				n++
			}
		}
		if c.Slots < n {
			return fmt.Sprintf("a program cannot limit the slots of %s", c.Name)
		}
	}
	for c := range max(1, len(t.Contexts)) {
		if user, system := p.callers(c, litmus.Reap), p.callers(c, litmus.GetEvents); len(user) > 0 && slices.ContainsFunc(system, func(th int) bool { return len(user) > 1 || th != user[0] }) {
			return "a program does not take a context's events from the ring and by io_getevents in different threads"
		}
	}
	for _, th := range t.Threads {
		for i := range th.Calls {
			switch c := &th.Calls[i]; {
			case c.Do == litmus.Exit || c.Do == litmus.Rewrite || c.Do == litmus.Chdir:
				return fmt.Sprintf("%s is no step of a program that goes on", c.Do)
			case c.Do == litmus.Close && !t.Files[fileIndex(t, c.File)].Kind.Stream():
				return "a program's storage stays open"
			case c.Do == litmus.Read && t.Files[fileIndex(t, c.File)].Kind == design.Eventfd:
				return "a program's eventfds do not block"
			}
		}
	}
	return ""
}

// callers are the threads that make such a call on a context.
func (p *Plan) callers(context int, do litmus.Do) (threads []int) {
	for i, th := range p.Test.Threads {
		if slices.ContainsFunc(th.Calls, func(c litmus.Call) bool { return c.Do == do && contextIndex(p.Test, c.Context) == context }) {
			threads = append(threads, i)
		}
	}
	return threads
}

func opcodeText(op model.Opcode) string { return "request " + op.String() }

// written is all that a stream holds at first and that is written to it.
func (p *Plan) written(f *litmus.File) int64 {
	total := f.Holds
	for i := range p.Test.Requests {
		if r := &p.Test.Requests[i]; r.File == f.Name && r.Op.Writes() {
			total += r.Bytes
		}
	}
	for _, th := range p.Test.Threads {
		for _, c := range th.Calls {
			if c.Do == litmus.Write && c.File == f.Name {
				total += c.Bytes
			}
		}
	}
	return total
}

// mayHang says whether some behaviour leaves a call or a request waiting for
// what nobody in the test does: such a round would not end by itself.
func (p *Plan) mayHang(r *Result) string {
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		for thread := range p.Test.Threads {
			for c, reply := range o.Observation.Calls[thread] {
				if !reply.Returned {
					return fmt.Sprintf("%s may never return", p.Test.CallName(thread, c))
				}
			}
		}
		for k := range o.Observation.Requests {
			if end := &o.Observation.Requests[k]; end.Accepted && !end.Ended && p.submitted(o, k) {
				return fmt.Sprintf("%s may never end", p.Test.Requests[k].Name)
			}
		}
	}
	return ""
}

// submitted reports whether io_submit said that it took request k.
func (p *Plan) submitted(o *Outcome, k int) bool {
	for i, th := range p.Test.Threads {
		for c, call := range th.Calls {
			if n := slices.Index(call.Requests, p.Test.Requests[k].Name); call.Do == litmus.Submit && n >= 0 {
				return n < int(o.Observation.Calls[i][c].Count)
			}
		}
	}
	return false
}

// contextOf is the context that request k is submitted to, or -1.
func contextOf(t *litmus.Test, k int) int {
	for _, th := range t.Threads {
		for i := range th.Calls {
			if c := &th.Calls[i]; c.Do == litmus.Submit && slices.Contains(c.Requests, t.Requests[k].Name) {
				return contextIndex(t, c.Context)
			}
		}
	}
	return -1
}

// contextIndex is the context of a name, the first if it is "".
func contextIndex(t *litmus.Test, name string) int {
	return max(0, slices.IndexFunc(t.Contexts, func(c litmus.Context) bool { return c.Name == name }))
}

// observable finds what a program can see of an outcome.
func (p *Plan) observable(r *Result) {
	t := p.Test
	n := max(1, len(t.Contexts))
	p.ordered, p.destroyed = make([]bool, n), make([]bool, n)
	for c := range n {
		p.destroyed[c] = len(p.callers(c, litmus.Destroy)) > 0
		// Events that two threads take have no order that anybody sees.
		p.ordered[c] = len(p.callers(c, litmus.Reap)) < 2 && len(p.callers(c, litmus.GetEvents)) < 2
	}
	p.cells = make([]int, len(t.Files))
	for i := range t.Files {
		if !t.Files[i].Kind.Stream() {
			p.cells[i] = len(r.Outcomes[0].Observation.Contents[i])
		}
	}
}
