package workload

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/traces"
)

// drawGenerator draws a workload that New accepts.
func drawGenerator(t *rapid.T) (traces.Workload, traces.Device) {
	dev := traces.Device{Align: 1, MemAlign: 1}
	if rapid.Bool().Draw(t, "direct") {
		dev.Direct = true
		dev.Align = rapid.SampledFrom([]int{512, 4096}).Draw(t, "align")
		dev.MemAlign = rapid.SampledFrom([]int{4, 512, 4096}).Draw(t, "memalign")
	}
	load := traces.Workload{
		Seed:     rapid.Uint64().Draw(t, "seed"),
		Threads:  rapid.IntRange(1, 6).Draw(t, "threads"),
		Depth:    rapid.IntRange(1, 80).Draw(t, "depth"),
		Mix:      rapid.SampledFrom(mixNames()).Draw(t, "mix"),
		MinBytes: sector * rapid.IntRange(1, 8).Draw(t, "min"),
		Requests: rapid.IntRange(0, 2000).Draw(t, "requests"),
	}
	load.MaxBytes = max(load.MinBytes, dev.Align) * rapid.IntRange(1, 16).Draw(t, "max")
	dev.Bytes = int64(load.MaxBytes) * int64(rapid.IntRange(1, 64).Draw(t, "device"))
	return load, dev
}

func programs(t rapid.TB, load traces.Workload, dev traces.Device, most int) []*traces.Program {
	g, err := New(load, dev, 2, traces.Abilities{})
	if err != nil {
		t.Fatal(err)
	}
	var ps []*traces.Program
	for p, ok := g.Next(); ok && len(ps) < most; p, ok = g.Next() {
		ps = append(ps, p)
	}
	return ps
}

func TestSameSeedSamePrograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		load, dev := drawGenerator(t)
		if d := cmp.Diff(programs(t, load, dev, 3), programs(t, load, dev, 3)); d != "" {
			t.Fatal(d)
		}
	})
}

// Every program names only what it declares, stays within the storage, has
// dense request IDs and submits each request at most once.
func TestProgramsAreWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		load, dev := drawGenerator(t)
		next := traces.RequestID(1)
		for _, p := range programs(t, load, dev, 4) {
			if p.First != next {
				t.Fatalf("round %d starts at request %d, want %d", p.Round, p.First, next)
			}
			next += traces.RequestID(len(p.Requests))
			bytes := int64(0)
			for i, r := range p.Requests {
				bytes += int64(r.Bytes)
				if int(r.File) >= len(p.Files) || int(r.Eventfd) > len(p.Files) {
					t.Fatalf("request %d names file %d, eventfd %d of %d", i, r.File, r.Eventfd, len(p.Files))
				}
				if r.File == 0 && r.Opcode.Transfers() && (r.Offset < 0 || r.Bytes == 0 || r.Offset+int64(r.Bytes) > dev.Bytes) {
					t.Fatalf("request %d: %d bytes at %d leave the storage of %d", i, r.Bytes, r.Offset, dev.Bytes)
				}
			}
			if bytes > RoundBytes+MaxBytes {
				t.Fatalf("buffers of %d bytes", bytes)
			}
			checkSteps(t, p)
		}
	})
}

func checkSteps(t *rapid.T, p *traces.Program) {
	seen := make([]bool, len(p.Requests))
	for _, steps := range p.Threads {
		for i, s := range steps {
			if s.After > 0 && (int(s.Thread) >= len(p.Threads) || int(s.After) > len(p.Threads[s.Thread])) {
				t.Fatalf("step %d waits for step %d of thread %d", i, s.After, s.Thread)
			}
			if int(s.Context) >= len(p.Contexts) || int(s.File) >= len(p.Files) {
				t.Fatalf("step %d names context %d, file %d", i, s.Context, s.File)
			}
			if s.Do == traces.DoSubmit {
				for r := s.Request; r < s.Request+s.Count; r++ {
					if seen[r] || p.Requests[r].Plain {
						t.Fatalf("request %d is submitted twice or plain", r)
					}
					seen[r] = true
				}
			}
			if s.Min > s.Max+1 || (s.Timeout < 0 && s.Min == 0) {
				t.Fatalf("step %d: min %d, max %d, timeout %v", i, s.Min, s.Max, s.Timeout)
			}
		}
	}
}

// The default mix reaches every kind of step, request and end that it promises.
func TestDefaultMixReachesEverything(t *testing.T) {
	load := traces.Workload{Seed: 1, Threads: 4, Depth: 16, Mix: "default", MinBytes: 512, MaxBytes: 1 << 20, Requests: 60000}
	did := map[traces.Do]int{}
	ops := map[string]int{}
	ends := map[traces.End]int{}
	for _, p := range programs(t, load, traces.Device{Align: 512, MemAlign: 512, Bytes: 64 << 20, Direct: true}, 1000) {
		ends[p.End]++
		for _, steps := range p.Threads {
			for _, s := range steps {
				did[s.Do]++
			}
		}
		for _, r := range p.Requests {
			ops[r.Opcode.String()+" "+p.Files[r.File].Kind.String()]++
		}
	}
	for do := traces.DoSubmit; do <= traces.DoAwait; do++ {
		if did[do] == 0 {
			t.Errorf("step %d never made", do)
		}
	}
	for _, op := range []string{"PREAD storage", "PWRITEV storage", "FSYNC storage", "POLL eventfd", "POLL pipe", "POLL socket", "PREAD pipe", "PWRITE socket"} {
		if ops[op] == 0 {
			t.Errorf("no %s", op)
		}
	}
	if len(ends) != 4 {
		t.Errorf("ends: %v", ends)
	}
}

func TestParseMixRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"nosuch", "no mix is called"}, {"PREAD=x,drain=1", "not KEY=WEIGHT"}, {"FROB=1,drain=1", "no key"},
		{"PREAD=1", "at least one of drain"}, {"default,cancel=101", "percentage"}, {"default,PREAD=9999999", "above"}, {"", "no mix"},
	} {
		if _, err := ParseMix(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	if m, err := ParseMix("default,kill=0,POLL=40"); err != nil || m.Weights["kill"] != 0 || m.Weights["POLL"] != 40 || m.Weights["PREAD"] != 30 {
		t.Errorf("changed default: %+v, %v", m, err)
	}
}
