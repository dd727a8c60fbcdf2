package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"aiocheck/kernel/transitions"
	"aiocheck/traces"
)

// Sink takes the records of a run. All records of one Append are of one
// thread, in its order, and valid only during the call.
type Sink interface {
	Append(records []traces.Record) error
}

// Options say how a Host runs programs. Zero values stand for the defaults.
type Options struct {
	Run     uint32        // the run's number in every line; not 0
	Threads int           // most threads of a program, at most 256
	Records int           // in a thread's ring, a power of two; default 65536
	Arena   int64         // bytes of buffers that one round may need; default 64 MiB
	Grace   time.Duration // without any progress for so long a round counts as hung; default 30 s
	Finish  time.Duration // how long a round may go on after its context is cancelled; default 2 s
	// Freeze says that the storage's file system is this target's own and may
	// be frozen: that of a guest, never one of a machine that others use.
	Freeze bool
	// Leaks says that a round which leaves something behind ends the run, with
	// ErrLeak: descriptors, and where Freeze is set slots and threads.
	Leaks bool
}

// ErrHung is wrapped by the error of a run whose round made no progress. The
// records up to then are in the sink; calls that were open have no return.
var ErrHung = errors.New("no progress")

// Host runs programs on the kernel that this process runs on. The programs
// run in a process of their own, the runner, which is replaced whenever a
// round ends with it.
type Host struct {
	opts    Options
	storage *Storage
	clock   clock
	origin  int64
	sizes   sizes
	file    *os.File // the shared memory
	shared  *shared
	child   *child
	inside  *transitions.Reader // nil if the kernel does not tell of its steps
	// error of the clocks of both processes together, in nanoseconds
	clockError int64
	watches    [arenas]watch
	next       traces.RequestID // the first ID that no program has used
	rounds     int
	abilities  traces.Abilities
	namesIn    string      // where directories of rounds are made
	called     traces.Time // when the controller's last call returned
	wedged     bool        // the runner cannot be killed
	forcing    *forcing    // of the round that runs, if it has a script
}

// NewHost prepares the shared memory and starts a runner. The run's clock
// begins now.
func NewHost(storage *Storage, opts Options) (*Host, error) {
	defaults(&opts.Records, 1<<16)
	defaults(&opts.Arena, 64<<20)
	defaults(&opts.Grace, 30*time.Second)
	defaults(&opts.Finish, 2*time.Second)
	switch {
	case opts.Run == 0:
		return nil, errors.New("run number 0 is reserved")
	case opts.Threads < 1 || opts.Threads > maxThreads:
		return nil, fmt.Errorf("%d threads: there can be 1 to %d", opts.Threads, maxThreads)
	case opts.Records < 1 || opts.Records&(opts.Records-1) != 0:
		return nil, fmt.Errorf("rings of %d records: not a power of two", opts.Records)
	}
	h := &Host{opts: opts, storage: storage, next: 1,
		sizes: sizes{Threads: opts.Threads, Records: opts.Records, Arena: pageRound(opts.Arena)}}
	var err error
	if err := h.findAbilities(); err != nil {
		return nil, err
	}
	if h.namesIn != "" {
		removeStale(h.namesIn, time.Now())
	}
	if h.origin, err = monotonic(); err != nil {
		return nil, err
	}
	if h.clock, err = newClock(h.origin); err != nil {
		return nil, err
	}
	if h.file, err = newMemory(h.sizes); err != nil {
		return nil, err
	}
	if h.shared, err = mapShared(int(h.file.Fd()), h.sizes); err != nil {
		return nil, errors.Join(err, h.file.Close())
	}
	for i := range h.watches {
		h.watches[i].arena = &h.shared.arenas[i]
	}
	if h.inside, err = openInside(h.origin); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if err := h.spawn(); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func defaults[T comparable](value *T, instead T) {
	var zero T
	if *value == zero {
		*value = instead
	}
}

// Close ends the runner and frees the shared memory. It does not close the
// storage. A runner that could not be killed keeps what it has.
func (h *Host) Close() error {
	if h.wedged {
		return nil
	}
	var err error
	if h.child != nil {
		h.child.kill()
		<-h.child.gone
		err = h.child.close()
		h.child = nil
	}
	return errors.Join(err, h.closeInside(), h.shared.unmap(), h.file.Close())
}

// Clock says what the times of the run's records are.
func (h *Host) Clock() string {
	return fmt.Sprintf("%s; the controller's to within %d ns of the threads'", clockName, h.clockError)
}

// spawn starts a runner and waits until it is ready.
func (h *Host) spawn() error {
	conf := settings{Sizes: h.sizes, Run: h.opts.Run, Origin: h.origin, Leaks: h.opts.Leaks, Own: h.opts.Freeze}
	k, err := startChild(conf, h.file, h.storage.file, &h.clock)
	if err != nil {
		return err
	}
	h.child = k
	r, ok := <-k.reports
	switch {
	case !ok:
		<-k.gone
		return fmt.Errorf("start a runner: %s", k.obituary())
	case r.What != started:
		return fmt.Errorf("start a runner: %s", r.Error)
	}
	h.clockError = max(h.clockError, h.clock.error+r.ClockError)
	return nil
}

// Run runs programs until next has no more, or ctx is cancelled: then the
// current round is given a moment to end and killed otherwise. Both ways the
// storage is read back at the end. Programs are used one at a time.
func (h *Host) Run(ctx context.Context, next func() (*traces.Program, bool), sink Sink) error {
	arena := 0
	for ctx.Err() == nil {
		p, ok := next()
		if !ok {
			break
		}
		if err := h.check(p); err != nil {
			return err
		}
		h.next = max(h.next, p.First+traces.RequestID(len(p.Requests)))
		h.rounds++
		if err := h.round(ctx, p, arena, sink); err != nil {
			err = fmt.Errorf("round %d: %w", p.Round, err)
			switch {
			case h.wedged:
				err = errors.Join(err, h.lookLast(sink))
			case errors.Is(err, ErrHung), errors.Is(err, ErrLeak):
				err = errors.Join(err, h.finish(sink))
			}
			return err
		}
		arena = (arena + 1) % arenas
		// The other arena's round is over since one round, and is next.
		if err := h.watches[arena].look(h, sink); err != nil {
			return err
		}
	}
	return h.finish(sink)
}

// finish reads the storage back and looks at the buffers a last time.
func (h *Host) finish(sink Sink) error {
	if err := h.readBack(sink); err != nil {
		return err
	}
	for i := range h.watches {
		if err := h.watches[i].look(h, sink); err != nil {
			return err
		}
	}
	return h.lookLast(sink)
}

// round runs p in the runner, writes its records to sink, and leaves a runner
// ready for the next round.
func (h *Host) round(ctx context.Context, p *traces.Program, arena int, sink Sink) error {
	if h.child == nil {
		if err := h.spawn(); err != nil {
			return err
		}
	}
	names, err := h.makeNames(p)
	if err != nil {
		return err
	}
	err = h.play(ctx, p, names, arena, sink)
	// A runner that cannot be killed may still be at work there.
	if names != nil && !h.wedged {
		err = errors.Join(err, h.readNamesBack(p, names, sink), names.remove())
	}
	return err
}

// play runs p in the runner that is there.
func (h *Host) play(ctx context.Context, p *traces.Program, names *nameSpace, arena int, sink Sink) error {
	o := order{Program: p, Arena: arena}
	if names != nil || p.Identity != nil {
		var err error
		if o.Limit, err = limitOf(p); err != nil {
			return err
		}
	}
	if names != nil {
		o.Directories = names.base
	}
	if err := sink.Append(h.declare(p, names, o.Limit)); err != nil {
		return err
	}
	h.shared.clearRound()
	h.watches[arena].begin(p)
	if p.Script != nil {
		if err := h.force(p); err != nil {
			return err
		}
	}
	if err := h.child.send(o); err != nil {
		h.child.kill()
		<-h.child.gone
		return errors.Join(fmt.Errorf("%w: %s", err, h.child.obituary()), h.forced(sink))
	}
	end, begun, err := h.attend(ctx, p, sink)
	err = errors.Join(err, h.forced(sink))
	if err != nil || end {
		return errors.Join(err, h.bury(p, arena, begun, sink))
	}
	return nil
}

// declare makes the controller's first records of a round.
func (h *Host) declare(p *traces.Program, names *nameSpace, limit uint64) []traces.Record {
	records := []traces.Record{traces.RoundRecord(traces.Controller, h.earliest(), p.Round, p.End)}
	for i, f := range p.Files {
		var flags, bytes uint64
		if f.Kind == traces.Storage {
			bytes = uint64(h.storage.Device.Bytes)
			if h.storage.Device.Direct {
				flags |= traces.FileDirect
			}
		}
		// Eventfds never block: see traces.DoReadEventfd.
		if f.Nonblock || f.Kind == traces.Eventfd {
			flags |= traces.FileNonblock
		}
		records = append(records, traces.FileRecord(uint16(i), f.Kind, flags, bytes))
	}
	for i, c := range p.Contexts {
		records = append(records, traces.ContextRecord(uint32(i), c.Slots))
	}
	if names != nil {
		records = append(records, names.declare(p)...)
	}
	if limit != 0 {
		id := traces.Identity{Umask: runnerUmask}
		if p.Identity != nil {
			id = *p.Identity
		}
		records = append(records, traces.IdentityRecord(id, limit))
	}
	return records
}

// earliest and latest are now on the clock of the threads, with the error of
// the clocks taken into account.
func (h *Host) earliest() traces.Time { return max(0, h.clock.now()-h.clockError) }
func (h *Host) latest() traces.Time   { return h.clock.now() + h.clockError }

// controllerCalls is the earliest time of a call that the controller is about
// to make: a thread's calls do not overlap.
func (h *Host) controllerCalls() traces.Time { return max(h.earliest(), h.called) }

// pollEvery is how often the rings are looked at while nothing comes.
const pollEvery = time.Millisecond

// attend drains the rings until the round is over. It reports whether the
// runner is or must be gone, and since when that was asked for.
func (h *Host) attend(ctx context.Context, p *traces.Program, sink Sink) (end bool, begun traces.Time, err error) {
	started := h.earliest()
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	progress, since := uint64(0), time.Now()
	cancelled := ctx.Done()
	var deadline <-chan time.Time
	for {
		n, err := h.drain(sink)
		if err != nil {
			return true, h.earliest(), err
		}
		// Taking records seldom leaves the processors to the runner; only a
		// ring that fills up cannot wait.
		wait := pollEvery
		if n > h.opts.Records/4 {
			wait = 0
		}
		timer.Reset(wait)
		select {
		case r, ok := <-h.child.reports:
			switch {
			case !ok:
				// It hung up: it has exited by a step, or died.
				return h.exited(started)
			case r.What == failure:
				return true, h.earliest(), errors.New(r.Error)
			case r.What == leaking:
				return true, h.earliest(), &LeakError{r.Error}
			case r.What == killMe:
				return true, h.earliest(), nil
			case r.What == over:
				_, thawing := h.thaw(p, sink)
				_, err := h.drain(sink)
				return false, 0, errors.Join(thawing, err)
			}
		case <-cancelled:
			cancelled = nil
			deadline = time.After(h.opts.Finish)
		case <-deadline:
			return true, h.earliest(), nil
		case <-timer.C:
			// An exit waits for requests that may wait for the thaw.
			if h.shared.control.exitBegun.Load() != 0 {
				if _, err := h.thaw(p, sink); err != nil {
					return true, h.earliest(), err
				}
			}
		}
		if now := h.shared.progress(); now != progress || n > 0 {
			progress, since = now, time.Now()
		} else if time.Since(since) > h.opts.Grace {
			if thawed, err := h.thaw(p, sink); err != nil {
				return true, h.earliest(), err
			} else if thawed {
				since = time.Now()
				continue // and what waited for that goes on
			}
			return true, h.earliest(), fmt.Errorf("%w for %v: %s", ErrHung, h.opts.Grace, h.whereabouts(p))
		}
	}
}

// whereabouts says how far each thread is.
func (h *Host) whereabouts(p *traces.Program) string {
	at := make([]string, len(p.Threads))
	for t := range p.Threads {
		at[t] = fmt.Sprintf("thread %d has begun %d of %d steps", t, h.shared.control.begun[t].steps.Load(), len(p.Threads[t]))
	}
	return strings.Join(at, ", ")
}

// exited says what a runner that hung up by itself did.
func (h *Host) exited(started traces.Time) (bool, traces.Time, error) {
	if begun := h.shared.control.exitBegun.Load(); begun != 0 {
		return true, begun, nil
	}
	select {
	case <-h.child.gone:
		return true, started, fmt.Errorf("the runner ended: %s", h.child.obituary())
	case <-time.After(goneWithin):
		return true, started, errors.New("the runner hung up")
	}
}

// bury makes sure that the runner is gone, takes what it left in the rings,
// and from then on watches all buffers of the round. Of a runner that cannot
// be killed the trace says that it was to end, and not that it has.
func (h *Host) bury(p *traces.Program, arena int, begun traces.Time, sink Sink) error {
	k := h.child
	end := traces.EndKill
	if asked := h.shared.control.exitBegun.Load(); asked != 0 {
		end, begun = traces.EndExit, asked
	} else {
		k.kill()
	}
	if err := h.awaitGone(p, sink); err != nil {
		h.wedged = true
		return errors.Join(err, sink.Append([]traces.Record{traces.ExitRecord(end, begun, traces.Never)}))
	}
	if _, err := h.drain(sink); err != nil {
		return err
	}
	h.child = nil
	h.watches[arena].arena.releaseAll(&h.clock)
	return errors.Join(
		sink.Append([]traces.Record{traces.ExitRecord(end, begun, k.goneAt+h.clockError)}),
		k.close())
}

// goneWithin is how long a runner may take to be gone once its end has begun:
// the kernel waits for its direct I/O.
const goneWithin = 30 * time.Second

// awaitGone waits for the end of the process and drains the rings meanwhile,
// in which a thread may be waiting for room.
func (h *Host) awaitGone(p *traces.Program, sink Sink) error {
	deadline := time.After(goneWithin)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-h.child.gone:
			_, err := h.thaw(p, sink)
			return err
		case <-deadline:
			return fmt.Errorf("%w: the killed runner, process %d, is not gone after %v", ErrHung, h.child.process.Pid, goneWithin)
		case <-tick.C:
			if _, err := h.drain(sink); err != nil {
				return err
			}
			// A freeze that was under way may have come to its end.
			if _, err := h.thaw(p, sink); err != nil {
				return err
			}
		}
	}
}

// drain writes what is in the rings to sink and returns how many records that
// were.
func (h *Host) drain(sink Sink) (int, error) {
	total := 0
	for _, ring := range h.shared.rings {
		n, err := ring.Drain(sink.Append)
		total += n
		if err != nil {
			return total, fmt.Errorf("write records: %w", err)
		}
	}
	return total, h.look(sink)
}
