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

// Kernel is what a plan has to know of the kernel that is to run it.
type Kernel struct {
	// Abilities say among others whether contexts have threads.
	Abilities traces.Abilities
	// Workers is how many requests that end by themselves a context with
	// threads executes at the same time; 0 if that can be chosen for each run
	// (Plan.Workers).
	Workers int
	// Processors is how many there are for threads to be placed on; 0 if they
	// cannot be placed. Single is set when there can be one only.
	Processors int
	Single     bool
	// Patience is the order of magnitude of the longest wait before a call: 2
	// to this power turns of a loop.
	Patience int
	// Sizes is set when a pipe can be given a size.
	Sizes bool
	// Grain is how many bytes of a buffered write are copied between two looks
	// for a signal: a page; of the simulated kernel a sector.
	Grain int64
}

// Design names the design by which runs on the kernel are judged.
func (k *Kernel) Design() string {
	if k.Abilities.Threaded {
		return "thread-6.1"
	}
	return "mainline-6.1"
}

// Plan is a test as a program for targets, with the outcomes that the model
// allows, as far as a program can observe them.
type Plan struct {
	Test   *litmus.Test
	Kernel Kernel
	// Unrunnable says why there is no such program; then nothing else is set.
	Unrunnable string
	// Allowed are the outcomes, in the order in which they were found.
	Allowed []string
	// Direct is set when the storage is to be opened with O_DIRECT.
	Direct bool
	// Single is set when the programs have to run on a kernel with one
	// processor: each keeps some of a context's slots, so that all are free to
	// everybody only then.
	Single bool
	// Workers is how many requests that end by themselves a context has to
	// execute at the same time; 0 if that is the kernel's affair.
	Workers int

	outcomes  []machine.Observation // those that may come
	blind     []string              // Allowed, without what only the end of a whole run shows
	unit      int64                 // bytes of the storage that stand for a unit of the model
	ordered   []bool                // by context: the order of its events can be observed
	destroyed []bool                // by context: the test destroys it
	cells     []int                 // by file: units of it that can be observed at the end
	full      []bool                // by context: its slots have to be filled but for those of the test
	files     []int                 // by file: its place in Program.Files
	position  []int                 // by request: its place in Program.Requests, or -1
	declared  []traces.FileDecl     // the files of a round, but for the storage
	names     []traces.NameDecl
	named     []naming // by request
	identity  *traces.Identity
	requests  []planned
	threads   [][]traces.Step // those of the test, then the helper
	end       traces.End
	exits     int // the thread that exits, or -1
	shut      int // the number of a file that is closed; 0 for none
	// waits is set when some outcome leaves a request or a call waiting: then
	// the helper ends it, by its call number released and later ones.
	waits    bool
	released int
	prepared int // steps of the helper before it ends the round
}

// planned is a request of the program, of the first round.
type planned struct {
	traces.RequestDecl
	file   int            // of the test
	other  int            // instead, a number in Program.Files; 0 for none
	offset int64          // in units, on storage
	writer machine.Writer // who it is in outcomes
}

// NewPlan explores a test under the design of a kernel and makes a program of
// it, if it can be one. An exploration stopped by opts is an error.
func NewPlan(ctx context.Context, t *litmus.Test, k Kernel, opts explore.Options) (*Plan, error) {
	return NewPlanWith(ctx, t, k, nil, opts)
}

// NewPlanWith is NewPlan for a kernel that is known to have seeded bugs: they
// change nothing in what is allowed, but the program ends by itself what waits
// because of them.
func NewPlanWith(ctx context.Context, t *litmus.Test, k Kernel, bugs []design.Bug, opts explore.Options) (*Plan, error) {
	p := &Plan{Test: t, Kernel: k, exits: exiting(t)}
	if p.Unrunnable = p.refuse(); p.Unrunnable != "" {
		return p, nil
	}
	d, err := design.Named(k.Design())
	if err != nil {
		return nil, err
	}
	if p.outcomes, err = p.explore(ctx, &d, opts); err != nil || p.Unrunnable != "" {
		return p, err
	}
	p.observable()
	p.waits = slices.Contains(p.full, true)
	if p.Unrunnable = p.waiting(); p.Unrunnable != "" {
		return p, nil
	}
	p.Allowed, p.blind = p.views(false), p.views(true)
	if len(bugs) > 0 {
		wrong := d.With(bugs...)
		more, err := p.explore(ctx, &wrong, opts)
		if err != nil {
			return nil, err
		}
		p.outcomes = append(p.outcomes, more...)
		if p.Unrunnable = p.waiting(); p.Unrunnable != "" {
			return p, nil
		}
	}
	p.layOut()
	return p, nil
}

// explore finds the ends of the test's behaviours under a design.
func (p *Plan) explore(ctx context.Context, d *design.Design, opts explore.Options) (ends []machine.Observation, err error) {
	// Ask for everything that an outcome can tell and a program can see.
	everything := litmus.Expr{Op: litmus.And}
	for _, kind := range []litmus.AtomKind{litmus.Got, litmus.Before, litmus.UnitIs} {
		everything.Args = append(everything.Args, litmus.Expr{Atom: litmus.Atom{Kind: kind}})
	}
	r, err := Run(ctx, p.pooled(), d, opts, everything)
	switch {
	case err != nil:
		return nil, err
	case r.Stop != explore.StopComplete:
		return nil, fmt.Errorf("test %s under %s: the exploration was stopped (%s)", p.Test.Name, d.Name, r.Stop)
	case r.Inapplicable != "":
		p.Unrunnable = r.Inapplicable
		return nil, nil
	}
	for i := range r.Outcomes {
		ends = append(ends, r.Outcomes[i].Observation)
	}
	return ends, nil
}

// views are the allowed outcomes, each once; blind leaves out what only the
// end of a whole run shows.
func (p *Plan) views(blind bool) (texts []string) {
	for i := range p.outcomes {
		if text := p.view(&p.outcomes[i], blind); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// pooled is the test with as many workers as the kernel has, and sets
// p.Workers. The kernel's pools are those of contexts, the model's those of
// processors: one pool with the workers of all allows what either does.
func (p *Plan) pooled() *litmus.Test {
	t := *p.Test
	if !p.Kernel.Abilities.Threaded {
		return &t
	}
	all := len(t.Requests)
	workers := p.Kernel.Workers
	if workers == 0 {
		p.Workers = max(1, t.Workers) * max(1, t.CPUs)
		workers = p.Workers
	}
	workers *= max(1, len(t.Contexts))
	t.CPUs, t.Workers = 1, max(1, min(workers, all))
	return &t
}

// exiting is the thread of a test that exits, or -1.
func exiting(t *litmus.Test) int {
	return slices.IndexFunc(t.Threads, func(th litmus.Thread) bool {
		return slices.ContainsFunc(th.Calls, func(c litmus.Call) bool { return c.Do == litmus.Exit })
	})
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

// callers are the threads that make such a call on a context.
func (p *Plan) callers(context int, do litmus.Do) (threads []int) {
	for i, th := range p.Test.Threads {
		if slices.ContainsFunc(th.Calls, func(c litmus.Call) bool { return c.Do == do && contextIndex(p.Test, c.Context) == context }) {
			threads = append(threads, i)
		}
	}
	return threads
}

// observable finds what a program can see of an outcome, and how large a unit
// of its storage is.
func (p *Plan) observable() {
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
		if p.onStorage(i) && !slices.ContainsFunc(t.Requests, func(r litmus.Request) bool { return r.File == t.Files[i].Name && p.setuid(&r) }) {
			p.cells[i] = len(p.outcomes[0].Contents[i])
		}
	}
	reads := slices.ContainsFunc(t.Requests, func(r litmus.Request) bool { return r.Op.Reads() })
	direct := slices.ContainsFunc(t.Files, func(f litmus.File) bool { return f.Kind == design.DirectIO })
	p.unit = max(sectorBytes, p.Kernel.Grain)
	switch {
	case p.readsAhead():
		p.unit = litmus.Unit // it goes by pages
	case direct || !p.Kernel.Abilities.Threaded:
		p.unit = sectorBytes
	case reads && p.Kernel.Grain > sectorBytes:
		// The page cache does not keep a read from a write to the same page:
		// with units of one line, few are seen half written.
		p.unit = lineBytes
	}
}

// readsAhead reports whether some request of the test is a READAHEAD.
func (p *Plan) readsAhead() bool {
	return slices.ContainsFunc(p.Test.Requests, func(r litmus.Request) bool { return r.Op == model.ReadAhead })
}

// sectorBytes is the least that direct transfers take.
const sectorBytes = 512

// onStorage reports whether a file of the test is a part of the storage.
func (p *Plan) onStorage(file int) bool {
	kind := p.Test.Files[file].Kind
	return kind == design.Regular || kind == design.DirectIO
}
