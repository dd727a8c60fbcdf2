package workload

import (
	"fmt"
	"math/rand/v2"

	"aiocheck/traces"
)

// Generator makes the programs of a workload, one round after another.
type Generator struct {
	load  traces.Workload
	dev   traces.Device
	cpus  int
	able  traces.Abilities
	mix   Mix
	round uint64
	next  traces.RequestID
	left  int // requests still to be made; below 0 without end
}

// Limits of a workload. They keep a round within what a target prepares in
// memory before it starts.
const (
	MaxThreads = 64
	MaxDepth   = 1024
	MaxBytes   = 1 << 20  // of one request
	RoundBytes = 16 << 20 // of all requests of a round
	sector     = 512
	line       = 64
)

// roundRequests is how many requests a mixed round aims at: enough that the
// ring wraps around several times, few enough that a run has many rounds.
const roundRequests = 512

// New checks the workload against the device and returns its generator. cpus
// is the number of processors of the target: the kernel sizes rings by it. Of
// the mix only that is done which the target is able to do.
func New(load traces.Workload, dev traces.Device, cpus int, able traces.Abilities) (*Generator, error) {
	mix, err := ParseMix(load.Mix)
	if err != nil {
		return nil, err
	}
	if err := mix.leave(able); err != nil {
		return nil, err
	}
	switch {
	case load.Threads < 1 || load.Threads > MaxThreads:
		return nil, fmt.Errorf("threads: %d is not between 1 and %d", load.Threads, MaxThreads)
	case load.Depth < 1 || load.Depth > MaxDepth:
		return nil, fmt.Errorf("depth: %d is not between 1 and %d", load.Depth, MaxDepth)
	case load.MinBytes < sector || load.MinBytes%sector != 0:
		return nil, fmt.Errorf("smallest size: %d is not a positive multiple of %d", load.MinBytes, sector)
	case load.MaxBytes < load.MinBytes || load.MaxBytes > MaxBytes || load.MaxBytes%sector != 0:
		return nil, fmt.Errorf("largest size: %d is not a multiple of %d between the smallest size and %d", load.MaxBytes, sector, MaxBytes)
	case load.MaxBytes < dev.Align:
		return nil, fmt.Errorf("largest size: %d is below the %d bytes that O_DIRECT on %s works in", load.MaxBytes, dev.Align, dev.Path)
	case dev.Bytes < int64(load.MaxBytes):
		return nil, fmt.Errorf("%s: %d bytes to test on are fewer than the largest request of %d", dev.Path, dev.Bytes, load.MaxBytes)
	case load.Requests < 0:
		return nil, fmt.Errorf("requests: %d is below 0", load.Requests)
	}
	g := &Generator{load: load, dev: dev, cpus: max(cpus, 1), able: able, mix: mix, next: 1, left: load.Requests}
	if load.Requests == 0 {
		g.left = -1
	}
	return g, nil
}

// Next is the program of the next round, and false when the workload has
// made as many requests as it was asked for.
func (g *Generator) Next() (*traces.Program, bool) {
	if g.left == 0 {
		return nil, false
	}
	b := g.newBuilder(rand.New(rand.NewPCG(g.load.Seed, g.round)))
	b.build()
	g.round++
	g.next += traces.RequestID(len(b.p.Requests))
	if g.left > 0 {
		g.left = max(0, g.left-b.submitted)
	}
	return b.p, true
}

// pick chooses a key of the group by weight.
func (m Mix) pick(rng *rand.Rand, group []string) string {
	n := rng.IntN(m.sum(group))
	for _, k := range group {
		if n -= m.Weights[k]; n < 0 {
			return k
		}
	}
	panic("mix: weights changed while choosing")
}

// happens is true in that share of cases which the percentage key says.
func (m Mix) happens(rng *rand.Rand, key string) bool { return rng.IntN(100) < m.Weights[key] }
