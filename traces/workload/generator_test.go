package workload

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/traces"
)

// everything is a target that is able to do all.
var everything = traces.Abilities{Threaded: true, Names: true, Identity: true, Freeze: true}

// drawAbilities draws what a target is able to do.
func drawAbilities(t *rapid.T) traces.Abilities {
	some := rapid.Bool()
	return traces.Abilities{Threaded: some.Draw(t, "threaded"), Names: some.Draw(t, "names"),
		Identity: some.Draw(t, "identity"), Freeze: some.Draw(t, "freeze")}
}

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

func programs(t rapid.TB, load traces.Workload, dev traces.Device, able traces.Abilities, most int) []*traces.Program {
	g, err := New(load, dev, 2, able)
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
		able := drawAbilities(t)
		if d := cmp.Diff(programs(t, load, dev, able, 3), programs(t, load, dev, able, 3)); d != "" {
			t.Fatal(d)
		}
	})
}

// Every program names only what it declares, stays within the storage, has
// dense request IDs and submits each request at most once.
func TestProgramsAreWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		load, dev := drawGenerator(t)
		able := drawAbilities(t)
		next := traces.RequestID(1)
		for _, p := range programs(t, load, dev, able, 4) {
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
			checkWaits(t, p)
			checkNames(t, p)
			checkAbilities(t, p, able)
		}
	})
}

// checkWaits runs through the program as if every call ended by itself.
func checkWaits(t *rapid.T, p *traces.Program) {
	begun := make([]int, len(p.Threads))
	for moved := true; moved; {
		moved = false
		for i, steps := range p.Threads {
			for begun[i] < len(steps) && begun[steps[begun[i]].Thread] >= int(steps[begun[i]].After) {
				begun[i]++
				moved = true
			}
		}
	}
	for i, steps := range p.Threads {
		if begun[i] < len(steps) {
			t.Fatalf("round %d: thread %d waits for ever at step %d: %+v", p.Round, i, begun[i], steps[begun[i]])
		}
	}
}

// checkNames wants every name to be there, to be told in a way that leads to
// it, and the file system to be thawed as often as it is frozen.
func checkNames(t *rapid.T, p *traces.Program) {
	directory := func(f uint16) bool { return int(f) < len(p.Files) && p.Files[f].Kind == traces.Directory }
	for i, n := range p.Names {
		if !directory(n.Directory) {
			t.Fatalf("name %d is in file %d", i, n.Directory)
		}
	}
	for i, r := range p.Requests {
		if !r.Opcode.Names() {
			if directory(r.File) && p.Names[r.Name].Kind != traces.Regular {
				t.Fatalf("request %d is on name %d, which is no file", i, r.Name)
			}
			continue
		}
		if p.Names[r.Name].Directory != r.File || int(r.NewName) >= len(p.Names) {
			t.Fatalf("request %d names %d and %d in directory %d", i, r.Name, r.NewName, r.File)
		}
		if r.Via == traces.ViaCwd && (p.Identity == nil || p.Identity.Cwd == 0) {
			t.Fatalf("request %d goes by a working directory that is not the round's", i)
		}
		if r.Plain && r.Opcode == model.OpenAt && r.Flags&unix.O_NONBLOCK == 0 {
			t.Fatalf("request %d is an open that waits for a FIFO", i)
		}
	}
	if id := p.Identity; id != nil && (id.Cwd > 0 && !directory(id.Cwd-1) || id.Root > 0 && !directory(id.Root-1)) {
		t.Fatalf("identity %+v", *id)
	}
	frozen := 0
	for i, steps := range p.Threads {
		for _, s := range steps {
			switch s.Do {
			case traces.DoFreeze:
				frozen++
			case traces.DoThaw:
				frozen--
			case traces.DoChdir:
				if p.Identity == nil {
					t.Fatal("a thread changes the directory of all")
				}
			}
			if frozen < 0 || frozen > 1 || s.Do == traces.DoChdir && !directory(s.File) || int(s.Name) >= max(len(p.Names), 1) {
				t.Fatalf("thread %d: %+v, frozen %d times", i, s, frozen)
			}
		}
	}
	if frozen != 0 {
		t.Fatal("the round ends frozen")
	}
}

// checkAbilities wants nothing that the target is not able to do.
func checkAbilities(t *rapid.T, p *traces.Program, able traces.Abilities) {
	for i, r := range p.Requests {
		if r.Opcode > model.PWriteV && (!able.Threaded || r.Opcode != model.ReadAhead && !able.Names) {
			t.Fatalf("request %d is %v", i, r.Opcode)
		}
	}
	if p.Identity != nil && !able.Identity || len(p.Names) > 0 && !able.Names {
		t.Fatalf("identity %+v, %d names", p.Identity, len(p.Names))
	}
	for _, steps := range p.Threads {
		for _, s := range steps {
			if s.Do == traces.DoFreeze && (!able.Freeze || p.End == traces.EndExit || p.End == traces.EndKill) {
				t.Fatalf("a freeze in a round that ends by %v", p.End)
			}
		}
	}
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
	for _, c := range []struct {
		name string
		able traces.Abilities
		last traces.Do // from DoSubmit on
		ops  string
	}{
		{"mainline", traces.Abilities{}, traces.DoAwait, "PREAD storage, PWRITEV storage, FSYNC storage, POLL eventfd, POLL pipe, POLL socket, PREAD pipe, PWRITE socket"},
		{"threaded", everything, traces.DoThaw, "READAHEAD storage, PWRITEV pipe, PWRITEV storage, PWRITE directory, OPENAT directory, UNLINKAT directory, RENAMEAT directory, POLL pipe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			load := traces.Workload{Seed: 1, Threads: 4, Depth: 16, Mix: "default", MinBytes: 512, MaxBytes: 1 << 20, Requests: 60000}
			did := map[traces.Do]int{}
			ops := map[string]int{}
			ends := map[traces.End]int{}
			for _, p := range programs(t, load, traces.Device{Align: 512, MemAlign: 512, Bytes: 64 << 20, Direct: true}, c.able, 1000) {
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
			for do := traces.DoSubmit; do <= c.last; do++ {
				if did[do] == 0 {
					t.Errorf("step %d never made", do)
				}
			}
			for _, op := range strings.Split(c.ops, ", ") {
				if ops[op] == 0 {
					t.Errorf("no %s", op)
				}
			}
			if len(ends) != 4 {
				t.Errorf("ends: %v", ends)
			}
		})
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
