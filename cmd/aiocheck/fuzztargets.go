package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"aiocheck/checker/fuzz"
	"aiocheck/checker/fuzz/simulated"
	"aiocheck/sim"
)

// fuzzTarget is the flags that say what programs run on. As JSON they are kept
// with findings.
type fuzzTarget struct {
	Target    string `help:"What to run on: ${enum}." enum:"sim" default:"sim" json:"target"`
	Misbehave string `help:"Seeded bug of --target sim; an unknown name lists them." placeholder:"NAME" json:"misbehave,omitempty"`
	// AutoThreads is of --target sim: by turns if nothing is said.
	AutoThreads *bool `help:"AIO contexts with threads (default: by turns)." negatable:"" json:"auto_threads,omitempty"`
}

// check says what is wrong with the flags before anything is begun.
func (f *fuzzTarget) check() error {
	if f.Misbehave != "" && f.Target != "sim" {
		return usageError(errors.New("--misbehave needs --target sim"))
	}
	_, err := f.misbehaviour()
	return err
}

func (f *fuzzTarget) misbehaviour() (*sim.Misbehaviour, error) { return findMisbehaviour(f.Misbehave) }

// findMisbehaviour is the seeded bug of a name, nil for an empty one.
func findMisbehaviour(name string) (*sim.Misbehaviour, error) {
	if name == "" {
		return nil, nil
	}
	if m := sim.Find(name); m != nil {
		return m, nil
	}
	var names []string
	for _, m := range sim.Misbehaviours() {
		names = append(names, m.Name)
	}
	return nil, usageError(fmt.Errorf("no seeded bug is called %q: there are %s", name, strings.Join(names, ", ")))
}

// open makes the target.
func (f *fuzzTarget) open(ctx context.Context, stderr io.Writer) (fuzz.Target, error) {
	m, err := f.misbehaviour()
	if err != nil {
		return nil, err
	}
	return &simulated.Target{Misbehaviour: m, Threaded: f.AutoThreads}, nil
}
