package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"syscall"
	"time"

	"aiocheck/checker/fuzz"
	"aiocheck/kernel"
	"aiocheck/kernel/qemu"
	"aiocheck/model"
	"aiocheck/traces"
)

const (
	// fuzzBatch is how many programs are the rounds of one run: enough that
	// preparing the run costs little, few enough that a finding is near.
	fuzzBatch = 64
	// fuzzBytes is the storage of a run: a window for each program of a batch. On
	// devices that work in pages, four share one.
	fuzzBytes = 1 << 20
	// fuzzArena is enough for the buffers of the largest program.
	fuzzArena = 16 << 20
	// fuzzGrace is longer than programs wait for what is certain to come.
	fuzzGrace = 15 * time.Second
	// fuzzSilence is longer than that: a guest in which nothing happens for so
	// long is ended.
	fuzzSilence = 20 * time.Second
)

func fuzzOptions(run uint32) kernel.Options {
	return kernel.Options{Run: run, Threads: fuzz.MaxThreads + 1, Records: 1 << 12, Arena: fuzzArena, Grace: fuzzGrace, Leaks: true}
}

// handOut hands out programs one after the other and counts them.
func handOut(programs []*traces.Program, ran *int) func() (*traces.Program, bool) {
	return func() (*traces.Program, bool) {
		if *ran == len(programs) {
			return nil, false
		}
		*ran++
		return programs[*ran-1], true
	}
}

// fuzzHost runs programs on the running kernel. Each run has a process and a
// file of its own.
type fuzzHost struct {
	*fuzzTarget
	kernel   traces.Kernel
	contract model.Contract
}

func (f *fuzzTarget) openFuzzHost() (fuzz.Target, error) {
	k, err := kernel.Running()
	if err != nil {
		return nil, machineError(err)
	}
	contract, err := kernel.Contract(k.Release)
	if err != nil {
		return nil, machineError(err)
	}
	return &fuzzHost{f, k, contract}, nil
}

func (t *fuzzHost) Batch() int    { return fuzzBatch }
func (t *fuzzHost) Patience() int { return 2 * fuzzBatch }
func (t *fuzzHost) Close() error  { return nil }

// Open prepares the storage and the process.
func (t *fuzzHost) Open(context.Context, uint64) (fuzz.Session, error) {
	r := &hostTarget{kernel: t.kernel, contract: t.contract, run32: rand.Uint32() | 1}
	var err error
	r.storage, err = kernel.OpenStorage(kernel.StorageOptions{Path: t.Path, Bytes: fuzzBytes, Run: r.run32, Buffered: t.Buffered})
	if err != nil {
		return nil, machineError(err)
	}
	if r.host, err = kernel.NewHost(r.storage, fuzzOptions(r.run32)); err != nil {
		return nil, errors.Join(machineError(err), r.storage.Close())
	}
	return &fuzzHostRun{r}, nil
}

type fuzzHostRun struct{ *hostTarget }

func (r *fuzzHostRun) Header() traces.Header { return r.header() }

// Do runs the programs and ends the process.
func (r *fuzzHostRun) Do(ctx context.Context, programs []*traces.Program) (*fuzz.Recorded, error) {
	rec, records := &fuzz.Recorded{Header: r.header()}, logs{}
	err := r.host.Run(ctx, handOut(programs, &rec.Ran), &records)
	switch {
	case errors.Is(err, kernel.ErrHung):
		rec.Hung, err = err.Error(), nil
	case errors.Is(err, kernel.ErrLeak):
		rec.Leaked, err = err.Error(), nil
	}
	rec.Logs = records
	return rec, errors.Join(err, r.close())
}

// fuzzGuest runs programs in a guest, and in a new one when it is lost.
type fuzzGuest struct {
	*fuzzTarget
	stderr io.Writer
	guest  *qemu.Guest
}

func (t *fuzzGuest) Batch() int    { return fuzzBatch }
func (t *fuzzGuest) Patience() int { return fuzzBatch }

// boot starts the guest.
func (t *fuzzGuest) boot(ctx context.Context) error {
	var err error
	if t.guest, err = t.fuzzTarget.guestFlags.boot(ctx, t.runFlags, fuzzBytes, nil); err == nil {
		introduce(t.stderr, t.guest)
	}
	return err
}

// Close ends the guest.
func (t *fuzzGuest) Close() error {
	if t.guest == nil {
		return nil
	}
	g := t.guest
	t.guest = nil
	return g.Close()
}

// Open prepares a run in the guest.
func (t *fuzzGuest) Open(ctx context.Context, _ uint64) (fuzz.Session, error) {
	if t.guest == nil {
		if err := t.boot(ctx); err != nil {
			return nil, err
		}
	}
	run, from := rand.Uint32()|1, len(t.guest.Console())
	ready, err := t.guest.Open(ctx, qemu.Options{Buffered: t.Buffered, Unthreaded: !t.threads(true), Defects: t.Defects, Host: fuzzOptions(run)})
	if err != nil {
		return nil, errors.Join(machineError(err), t.Close())
	}
	return &fuzzGuestRun{t, &guestTarget{guest: t.guest, ready: ready, run32: run, defects: t.Defects, from: from}}, nil
}

type fuzzGuestRun struct {
	*fuzzGuest
	target *guestTarget
}

func (r *fuzzGuestRun) Header() traces.Header { return r.target.header() }

// Do runs the programs. A guest that hangs or dies is ended; what it has sent
// until then is what was recorded.
func (r *fuzzGuestRun) Do(ctx context.Context, programs []*traces.Program) (*fuzz.Recorded, error) {
	rec, records := &fuzz.Recorded{Header: r.target.header()}, logs{}
	w := watch(r.guest, &records, fuzzSilence)
	err := r.guest.Run(ctx, handOut(programs, &rec.Ran), w)
	starved := w.over()
	rec.Logs = records
	rec.Console = r.target.console()
	rec.Reports = reportsOf(rec.Console)
	switch {
	case starved:
		rec.Hung, r.fuzzGuest.guest = fmt.Sprintf("nothing happened in the guest for %v", w.after), nil
		return rec, w.err
	case killedOutside(err): // which says nothing of the guest's kernel
		return nil, errors.Join(err, r.fuzzGuest.Close())
	case errors.Is(err, kernel.ErrHung), errors.Is(err, qemu.ErrSilent), errors.Is(err, qemu.ErrGone):
		rec.Hung = err.Error()
		return rec, r.fuzzGuest.Close()
	case errors.Is(err, kernel.ErrLeak):
		rec.Leaked = err.Error()
		return rec, nil
	case err != nil:
		return rec, errors.Join(err, r.fuzzGuest.Close())
	}
	return rec, nil
}

// killedOutside reports whether a guest is gone because a signal ended QEMU.
func killedOutside(err error) bool {
	var exit *exec.ExitError
	if !errors.Is(err, qemu.ErrGone) || !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}
