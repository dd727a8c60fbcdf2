package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"aiocheck/kernel"
	"aiocheck/kernel/qemu"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces"
)

// litmusMachine runs the programs of litmus tests.
type litmusMachine interface {
	kernel() runner.Kernel
	// storage is how many bytes of storage one run can use.
	storage() int64
	// run runs programs of a plan. Its error is one that ends everything.
	run(ctx context.Context, p *runner.Plan, programs []*traces.Program) (*recordedRun, error)
	close() error
}

// recordedRun is what a machine recorded.
type recordedRun struct {
	header  traces.Header
	logs    logs
	hung    string   // where the run hung
	reports []string // what the kernel reported of itself
	refused string   // why the programs were not run at all
}

// openMachine prepares the target, and asks it what it can do.
func (c *litmusCommand) openMachine(s *session) (litmusMachine, error) {
	if c.Target == "qemu" {
		return c.openLitmusGuest(s)
	}
	m := &litmusProcess{litmusCommand: c, session: s}
	t, err := m.target(s.ctx, &runner.Plan{})
	if err != nil {
		return nil, err
	}
	h := t.header()
	m.is = runner.Kernel{Abilities: h.Abilities, Workers: boundedThreads, Processors: h.Kernel.CPUs, Single: h.Kernel.CPUs == 1,
		Patience: 15, Sizes: true, Grain: pageBytes}
	if c.Target == "sim" {
		m.is.Grain, m.is.Processors = 512, 0
	}
	if err := t.close(); err != nil {
		return nil, machineError(err)
	}
	return m, nil
}

const (
	pageBytes = 4096
	// boundedThreads is how many requests that end by themselves a context
	// executes at the same time, in kernels with our patches.
	boundedThreads = 64
	// litmusBytes is the storage of a run: enough for a hundred rounds of
	// every test of the library.
	litmusBytes = 2 << 20
)

// litmusProcess runs each plan in a target of its own, as verify has them.
type litmusProcess struct {
	*litmusCommand
	*session
	is runner.Kernel
}

func (m *litmusProcess) kernel() runner.Kernel { return m.is }
func (m *litmusProcess) storage() int64        { return litmusBytes }
func (m *litmusProcess) close() error          { return nil }

func (m *litmusProcess) target(ctx context.Context, p *runner.Plan) (target, error) {
	v := verifyCommand{runFlags: m.runFlags, Target: m.Target, Seed: m.Seed, Buffered: !p.Direct, Threads: p.Threads(), Region: litmusBytes}
	return v.open(ctx, m.stderr)
}

func (m *litmusProcess) run(ctx context.Context, p *runner.Plan, programs []*traces.Program) (*recordedRun, error) {
	t, err := m.target(ctx, p)
	if err != nil {
		return nil, err
	}
	header := t.header()
	if why := undirected(p, &header); why != "" {
		return &recordedRun{refused: why}, t.close()
	}
	rec := &recordedRun{header: header}
	err = t.run(ctx, feed(programs, runTime), &rec.logs)
	if errors.Is(err, kernel.ErrHung) {
		rec.hung, err = err.Error(), nil
	}
	if err = errors.Join(err, t.close()); err != nil {
		return nil, machineError(err)
	}
	return rec, nil
}

// undirected says that a plan needs direct transfers that the storage does not
// do, "" if it does.
func undirected(p *runner.Plan, h *traces.Header) string {
	if p.Direct && (!h.Device.Direct || h.Device.Align > 512) {
		return fmt.Sprintf("the storage at %s does not do O_DIRECT in sectors", h.Device.Path)
	}
	return ""
}

// feed hands out programs one after the other, for the time of a run.
func feed(programs []*traces.Program, within time.Duration) func() (*traces.Program, bool) {
	ends := time.Now().Add(within)
	return func() (*traces.Program, bool) {
		if len(programs) == 0 || time.Now().After(ends) {
			return nil, false
		}
		p := programs[0]
		programs = programs[1:]
		return p, true
	}
}

// litmusGuest runs all plans in one guest, and in a new one if it hangs.
type litmusGuest struct {
	*litmusCommand
	*session
	is      runner.Kernel
	guest   *qemu.Guest
	reports int          // so many reports of the kernel were told
	plan    *runner.Plan // that it has run last
	runs    int          // so many
	single  *litmusGuest // with one processor, for the plans that need it
	// patience is how long nothing may happen in it.
	patience time.Duration
}

func (c *litmusCommand) openLitmusGuest(s *session) (*litmusGuest, error) {
	m := &litmusGuest{litmusCommand: c, session: s, patience: patience}
	if err := m.start(s.ctx); err != nil {
		return nil, err
	}
	// Ask the kernel what it can do, and whether contexts can have one thread.
	ready, err := m.open(s.ctx, &runner.Plan{Workers: 1}, 1)
	if err == nil {
		err = m.guest.Run(s.ctx, feed(nil, 0), new(logs))
	}
	if err != nil {
		return nil, errors.Join(machineError(err), m.close())
	}
	m.is = runner.Kernel{Abilities: ready.Abilities, Workers: boundedThreads, Processors: m.CPUs, Single: true,
		Patience: 18, Sizes: true, Grain: pageBytes}
	if ready.Contract.Workers == 1 {
		m.is.Workers = 0
	}
	return m, nil
}

// start boots a guest.
func (m *litmusGuest) start(ctx context.Context) error {
	var err error
	if m.guest, err = m.boot(ctx, m.runFlags, litmusBytes, nil); err != nil {
		return err
	}
	m.reports, m.runs = 0, 0
	g := m.guest
	fmt.Fprintf(m.stderr, "aiocheck: Linux %s in QEMU (%s: %s), up after %.1f s\n", g.Hello.Kernel.Release, g.Accel, g.Why, g.Boot.Seconds())
	return nil
}

func (m *litmusGuest) open(ctx context.Context, p *runner.Plan, run uint32) (qemu.Ready, error) {
	return m.guest.Open(ctx, qemu.Options{Buffered: !p.Direct, Unthreaded: !m.threads(true), Defects: m.Defects, Bounded: p.Workers,
		Host: kernel.Options{Run: run, Threads: max(1, p.Threads()), Records: 1 << 12, Arena: 1 << 20}})
}

func (m *litmusGuest) kernel() runner.Kernel { return m.is }
func (m *litmusGuest) storage() int64        { return litmusBytes }

func (m *litmusGuest) close() (err error) {
	if m.single != nil {
		err = m.single.close()
	}
	if m.guest != nil {
		err = errors.Join(err, m.guest.Close())
		m.guest = nil
	}
	return err
}

// alone is a guest of the same kernel with one processor.
func (m *litmusGuest) alone() *litmusGuest {
	if m.single == nil {
		c := *m.litmusCommand
		c.CPUs = 1
		m.single = &litmusGuest{litmusCommand: &c, session: m.session, is: m.is}
	}
	// What is switched on may have changed since.
	m.single.Defects, m.single.patience = m.Defects, m.patience
	return m.single
}

func (m *litmusGuest) run(ctx context.Context, p *runner.Plan, programs []*traces.Program) (*recordedRun, error) {
	if p.Single && m.CPUs != 1 {
		return m.alone().run(ctx, p, programs)
	}
	patience, within := m.patience, runTime
	if m.Deterministic {
		// Nothing must depend on this machine's time, nor on the tests before.
		patience, within = detPatience, math.MaxInt64
		if p != m.plan && m.guest != nil {
			if err := m.close(); err != nil {
				return nil, machineError(err)
			}
		}
		m.plan = p
	}
	if m.guest == nil {
		if err := m.start(ctx); err != nil {
			return nil, err
		}
	}
	run := m.runNumber(m.Seed + uint64(m.runs))
	m.runs++
	ready, err := m.open(ctx, p, run)
	if err != nil {
		return nil, machineError(err)
	}
	rec := &recordedRun{header: traces.Header{Target: "qemu", Started: m.started(), Clock: ready.Clock, Run: run,
		Kernel: m.guest.Hello.Kernel, Device: ready.Device, Contract: ready.Contract, Abilities: m.is.Abilities}}
	if why := undirected(p, &rec.header); why != "" {
		rec.refused, programs = why, nil
	}
	w := watch(m.guest, &rec.logs, patience)
	err = m.guest.Run(ctx, feed(programs, within), w)
	starved := w.over()
	lost := starved || errors.Is(err, kernel.ErrHung) || errors.Is(err, qemu.ErrSilent) || errors.Is(err, qemu.ErrGone)
	for _, r := range m.guest.Reports()[m.reports:] {
		m.reports++
		rec.reports = append(rec.reports, fmt.Sprintf("kernel-quiet (%s: %s)", r.Kind, r.Summary))
	}
	switch {
	case starved:
		rec.hung, m.guest, err = fmt.Sprintf("nothing happened for %v", patience), nil, w.err
	case lost:
		rec.hung, err = err.Error(), m.close()
	case err == nil && ctx.Err() != nil:
		err = ctx.Err()
	}
	if err != nil {
		return nil, machineError(err)
	}
	return rec, nil
}

// patience is how long nothing may happen in a guest by default: far longer than
// a step takes on a busy machine. A wait for an event that is owed is told once a
// second. Beyond that the guest is ended: what hangs is often past killing,
// and the next test needs a new guest anyway.
const patience = 12 * time.Second

// detPatience is for deterministic guests, who give up by themselves by their
// own time: what it ends is no longer deterministic.
const detPatience = 3 * time.Minute

// watchdog ends a guest in which nothing happens.
type watchdog struct {
	kernel.Sink
	timer *time.Timer
	after time.Duration
	bit   chan struct{} // closed when it has ended the guest
	err   error
}

func watch(g *qemu.Guest, sink kernel.Sink, patience time.Duration) *watchdog {
	w := &watchdog{Sink: sink, after: patience, bit: make(chan struct{})}
	w.timer = time.AfterFunc(patience, func() {
		defer close(w.bit)
		w.err = g.Close()
	})
	return w
}

// Append is a sign of life.
func (w *watchdog) Append(records []traces.Record) error {
	w.timer.Reset(w.after)
	return w.Sink.Append(records)
}

// over ends the watch, and says whether the guest was ended.
func (w *watchdog) over() bool {
	if w.timer.Stop() {
		return false
	}
	<-w.bit
	return true
}
