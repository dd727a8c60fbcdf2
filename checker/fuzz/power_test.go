package fuzz_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"aiocheck/checker/fuzz"
	"aiocheck/checker/fuzz/simulated"
	"aiocheck/sim"
)

var update = flag.Bool("update", false, "write docs/fuzz-power.md anew")

const powerFile = "../../docs/fuzz-power.md"

// find is how many programs a campaign takes to find a misbehaviour: until one
// violates any property, and which. It is 0 if it does not, within so many.
func find(m *sim.Misbehaviour, profile string, seed uint64, most int64) (programs int64, property string, err error) {
	p, err := fuzz.FindProfile(profile)
	if err != nil {
		return 0, "", err
	}
	conf := fuzz.Config{Open: func(context.Context) (fuzz.Target, error) { return &simulated.Target{Misbehaviour: m}, nil },
		Profile: p, Seed: seed, Programs: most, Stop: true,
		Found: func(_ string, f *fuzz.Finding) {
			if property == "" || f.Property == m.Expect.Name {
				programs, property = f.Program, f.Property
			}
		}}
	_, err = fuzz.Run(context.Background(), conf)
	return programs, property, err
}

// power is what several campaigns against a misbehaviour come to.
type power struct {
	median, worst int64 // programs; 0 is none found
	found, seeds  int
	named         int // of found, those that name the expected property
}

func (p *power) String() string {
	if p.found*2 <= p.seeds {
		return fmt.Sprintf("– (%d of %d)", p.found, p.seeds)
	}
	return fmt.Sprintf("%d", p.median)
}

func powerOf(m *sim.Misbehaviour, profile string, seeds int, most int64) (power, error) {
	p := power{seeds: seeds}
	var all []int64
	for seed := range uint64(seeds) {
		n, property, err := find(m, profile, seed+1, most)
		if err != nil {
			return p, fmt.Errorf("%s, profile %s, seed %d: %w", m.Name, profile, seed+1, err)
		}
		if n == 0 {
			n = most + 1
		} else {
			p.found++
			p.named += count(property == m.Expect.Name)
		}
		all = append(all, n)
	}
	slices.Sort(all)
	p.median, p.worst = all[len(all)/2], all[len(all)-1]
	return p, nil
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

const (
	mostPrograms = 5000 // of a campaign
	mostUnbiased = 600
)

// Every misbehaviour of the simulated kernel is found, whatever the seed. What
// the test has found is the table of docs/fuzz-power.md; the columns of the
// unbiased programs, which take longer, are made with -update only.
func TestPower(t *testing.T) {
	ms := sim.Misbehaviours()
	biased, unbiased := make([]power, len(ms)), make([]power, len(ms))
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			for i := w; i < len(ms); i += workers {
				var err error
				if biased[i], err = powerOf(&ms[i], "default", powerSeeds, mostPrograms); err != nil {
					t.Error(err)
				}
				if *update {
					if unbiased[i], err = powerOf(&ms[i], "unbiased", powerSeeds, mostUnbiased); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	golden, err := os.ReadFile(powerFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var doc strings.Builder
	fmt.Fprintf(&doc, powerHead, powerSeeds, mostPrograms, mostUnbiased)
	for i := range ms {
		if biased[i].found < powerSeeds {
			t.Errorf("%s: found by %d of %d campaigns", ms[i].Name, biased[i].found, powerSeeds)
		}
		row := fmt.Sprintf("| %s | %s | %v | %d | %d of %d |", ms[i].Name, ms[i].Expect.Name, &biased[i], biased[i].worst, biased[i].named, biased[i].seeds)
		last := fmt.Sprintf(" %v |", &unbiased[i])
		if !*update {
			last = lastColumn(string(golden), row)
		}
		fmt.Fprintf(&doc, "%s%s\n", row, last)
	}
	if !powerTable {
		return
	}
	if *update {
		if err := os.WriteFile(powerFile, []byte(doc.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if doc.String() != string(golden) {
		t.Errorf("docs/fuzz-power.md is out of date: go test ./checker/fuzz -run TestPower -update, and look at what has changed")
	}
}

// lastColumn is what follows a row's beginning in a table.
func lastColumn(table, row string) string {
	for line := range strings.Lines(table) {
		if rest, ok := strings.CutPrefix(line, row); ok {
			return strings.TrimSuffix(rest, "\n")
		}
	}
	return " of another time |"
}

const powerHead = `# What the fuzzer finds on a simulated kernel, and how soon

Every row is a bug that the simulated kernel can be told to have; see
[misbehaviours.md](misbehaviours.md) for what goes wrong and which bug of a real
kernel is like it. %d campaigns (aiocheck fuzz --misbehave NAME --seed 1, 2, …)
run until a program violates a property, %d programs at most. *Median* and
*worst* are the numbers of that program; *as expected* is how many campaigns
named the property that the bug is made to violate, the others named another
one first. *Unbiased* is the median of programs whose calls and arguments are
drawn evenly, without stories and without a corpus (--profile unbiased), %d of them at
most; a dash says that half of the campaigns or more found nothing, and how many
did.

A thousand programs take about half a second on one core; see
[figures.md](figures.md).

This file is written by the tests: go test ./checker/fuzz -run TestPower -update

| bug | property | median | worst | as expected | unbiased |
|---|---|---:|---:|---:|---:|
`
