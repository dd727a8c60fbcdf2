package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"aiocheck/kernel"
	"aiocheck/model"
	"aiocheck/sim"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

func (v *verifyCommand) open(ctx context.Context, stderr io.Writer) (target, error) {
	switch v.Target {
	case "sim":
		return v.openSim()
	case "qemu":
		return v.openGuest(ctx, stderr)
	}
	return v.openHost()
}

// helperThreads is how many threads a program has beside those that submit.
const helperThreads = 2

// programThreads is how many threads a program has at most.
func (v *verifyCommand) programThreads() int {
	return min(max(v.Threads, 1), workload.MaxThreads) + helperThreads
}

type hostTarget struct {
	host     *kernel.Host
	storage  *kernel.Storage
	kernel   traces.Kernel
	contract model.Contract
	run32    uint32
}

func (v *verifyCommand) openHost() (target, error) {
	k, err := kernel.Running()
	if err != nil {
		return nil, machineError(err)
	}
	contract, err := kernel.Contract(k.Release)
	if err != nil {
		return nil, machineError(err)
	}
	t := &hostTarget{kernel: k, contract: contract, run32: rand.Uint32() | 1}
	t.storage, err = kernel.OpenStorage(kernel.StorageOptions{Path: v.Path, Bytes: int64(v.Region), Run: t.run32,
		Buffered: v.Buffered, Overwrite: v.Overwrite, Destroy: v.Destroy})
	switch {
	case errors.Is(err, kernel.ErrHoldsData):
		return nil, machineError(fmt.Errorf("%w: give --destroy-data", err))
	case errors.Is(err, kernel.ErrFileExists):
		return nil, machineError(fmt.Errorf("%w: give --overwrite", err))
	case err != nil:
		return nil, machineError(err)
	}
	t.host, err = kernel.NewHost(t.storage, kernel.Options{Run: t.run32, Threads: v.programThreads()})
	if err != nil {
		return nil, errors.Join(machineError(err), t.storage.Close())
	}
	return t, nil
}

func (t *hostTarget) header() traces.Header {
	return traces.Header{Target: "host", Started: time.Now().UTC().Format(time.RFC3339), Clock: t.host.Clock(), Run: t.run32,
		Kernel: t.kernel, Device: t.storage.Device, Contract: t.contract, Abilities: t.host.Abilities()}
}

func (t *hostTarget) run(ctx context.Context, next func() (*traces.Program, bool), sink kernel.Sink) error {
	return t.host.Run(ctx, next, sink)
}

func (t *hostTarget) console() string { return "" }

func (t *hostTarget) close() error { return errors.Join(t.host.Close(), t.storage.Close()) }

type simTarget struct{ *sim.Target }

func (v *verifyCommand) openSim() (target, error) {
	cfg := sim.Config{Seed: v.Seed, StorageBytes: int64(v.Region), Direct: !v.Buffered, Threaded: v.threads(false)}
	if v.Misbehave != "" {
		var names []string
		for _, m := range sim.Misbehaviours() {
			names = append(names, m.Name)
			if m.Name == v.Misbehave {
				cfg.Misbehaviour = &m
			}
		}
		if cfg.Misbehaviour == nil {
			return nil, usageError(fmt.Errorf("no seeded bug is called %q: there are %s", v.Misbehave, strings.Join(names, ", ")))
		}
	}
	return &simTarget{sim.New(cfg)}, nil
}

func (t *simTarget) header() traces.Header { return t.Header() }

func (t *simTarget) run(ctx context.Context, next func() (*traces.Program, bool), sink kernel.Sink) error {
	for ctx.Err() == nil {
		p, ok := next()
		if !ok {
			break
		}
		if err := t.Run(p); err != nil {
			return err
		}
		if err := t.flush(sink); err != nil {
			return err
		}
	}
	t.Finish()
	return t.flush(sink)
}

// flush moves what the target has logged to the sink.
func (t *simTarget) flush(sink kernel.Sink) error {
	for _, l := range t.TakeLogs() {
		if err := sink.Append(l); err != nil {
			return err
		}
	}
	return nil
}

func (t *simTarget) console() string { return "" }

func (t *simTarget) close() error { return nil }
