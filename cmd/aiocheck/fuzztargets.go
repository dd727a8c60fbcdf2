package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"aiocheck/checker/fuzz"
	"aiocheck/checker/fuzz/simulated"
	"aiocheck/kernel/qemu"
	"aiocheck/sim"
)

// fuzzTarget is the flags that say what programs run on. As JSON they are kept
// with findings.
type fuzzTarget struct {
	Target     string `help:"What to run on: ${enum}." enum:"sim,host,qemu" default:"sim" group:"Target"`
	guestFlags `embed:"" group:"Target"`
	runFlags   `embed:"" group:"Target"`
	Path       string `help:"File or directory of --target host for the storage (default: the system's temporary directory)." placeholder:"PATH" group:"Target"`
	Buffered   bool   `help:"Do not use O_DIRECT on the host and in guests. Simulated kernels have both by turns." group:"Target"`
	Misbehave  string `help:"Seeded bug of --target sim; an unknown name lists them." placeholder:"NAME" group:"Target"`
}

// check says what is wrong with the flags before anything is begun.
func (f *fuzzTarget) check() error {
	switch {
	case f.Misbehave != "" && f.Target != "sim":
		return usageError(errors.New("--misbehave needs --target sim"))
	case f.Kernel != "" && f.Target != "qemu":
		return usageError(errors.New("--kernel needs --target qemu"))
	case f.Path != "" && f.Target != "host":
		return usageError(errors.New("--path is for --target host"))
	}
	if f.Deterministic {
		return usageError(errors.New("--deterministic is for verify and litmus: each program of a campaign would need a guest of its own"))
	}
	if err := f.runFlags.check(f.Target); err != nil {
		return usageError(err)
	}
	if f.Target == "qemu" {
		if _, err := f.config(f.runFlags, fuzzBytes); err != nil {
			return err
		}
	}
	_, err := f.misbehaviour()
	return err
}

func (f *fuzzTarget) misbehaviour() (*sim.Misbehaviour, error) {
	if f.Misbehave == "" {
		return nil, nil
	}
	if m := sim.Find(f.Misbehave); m != nil {
		return m, nil
	}
	return nil, noMisbehaviour(f.Misbehave)
}

// noMisbehaviour lists the seeded bugs that there are.
func noMisbehaviour(name string) error {
	var names []string
	for _, m := range sim.Misbehaviours() {
		names = append(names, m.Name)
	}
	return usageError(fmt.Errorf("no seeded bug is called %q: there are %s", name, strings.Join(names, ", ")))
}

// open makes the target.
func (f *fuzzTarget) open(ctx context.Context, stderr io.Writer) (fuzz.Target, error) {
	switch f.Target {
	case "host":
		return f.openFuzzHost()
	case "qemu":
		g := &fuzzGuest{fuzzTarget: f, stderr: stderr}
		return g, g.boot(ctx)
	}
	m, err := f.misbehaviour()
	if err != nil {
		return nil, err
	}
	return &simulated.Target{Misbehaviour: m, Threaded: f.AutoThreads}, nil
}

// reportsOf are what a guest's console tells of its kernel.
func reportsOf(console string) (list []fuzz.Report) {
	for _, r := range qemu.Scan(console) {
		list = append(list, fuzz.Report{Kind: r.Kind, Summary: r.Summary, Text: r.Text})
	}
	return list
}
