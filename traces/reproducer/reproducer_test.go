package reproducer

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

var update = flag.Bool("update", false, "write the golden file")

// gcc runs the compiler with the flags that a reproducer promises to bear.
func gcc(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("gcc")
	if err != nil {
		t.Fatal("reproducers are C: apt-get install build-essential")
	}
	cmd := exec.Command(path, append([]string{"-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"}, args...)...)
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// text is the C of programs.
func text(t rapid.TB, about About, programs ...*traces.Program) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, about, programs...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// write writes the C of programs to a file of its own.
func write(t *testing.T, about About, programs ...*traces.Program) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("reproducer-%p.c", &programs[0]))
	if err := os.WriteFile(path, text(t, about, programs...), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// drawRounds draws some rounds of a workload.
func drawRounds(t *rapid.T) []*traces.Program {
	some := rapid.Bool()
	able := traces.Abilities{Threaded: some.Draw(t, "threaded")}
	if able.Threaded {
		able.Names, able.Identity, able.Freeze = some.Draw(t, "names"), some.Draw(t, "identity"), some.Draw(t, "freeze")
	}
	mixes := workload.Mixes()
	load := traces.Workload{Seed: rapid.Uint64().Draw(t, "seed"), Threads: rapid.IntRange(1, 3).Draw(t, "threads"), Depth: 4,
		Mix: mixes[rapid.IntRange(0, len(mixes)-1).Draw(t, "mix")].Name, MinBytes: 512, MaxBytes: 8192, Requests: rapid.IntRange(1, 60).Draw(t, "requests")}
	g, err := workload.New(load, traces.Device{Align: 512, Direct: true, Bytes: 1 << 16}, 2, able)
	if err != nil {
		t.Fatal(err)
	}
	var rounds []*traces.Program
	for p, ok := g.Next(); ok && len(rounds) < 2; p, ok = g.Next() {
		rounds = append(rounds, p)
	}
	return rounds
}

// Whatever the generator makes is C that compiles without a warning: tried are
// the shortest files that together need every part.
func TestCompiles(t *testing.T) {
	dir := t.TempDir()
	kinds := map[string][]byte{}
	rapid.Check(t, func(t *rapid.T) {
		rounds := drawRounds(t)
		u, err := newUnit(About{}, rounds)
		if err != nil {
			t.Fatal(err)
		}
		u.about, u.programs, u.first = About{}, nil, nil
		u.total, u.steps, u.storage, u.threads, u.files, u.ctxs, u.paths, u.vectors = 0, 0, 0, 0, 0, 0, 0, 0
		kind, code := fmt.Sprintf("%+v", *u), text(t, About{}, rounds...)
		if old, ok := kinds[kind]; !ok || len(code) < len(old) {
			kinds[kind] = code
		}
	})
	all := make([][]byte, 0, len(kinds))
	for _, code := range kinds {
		all = append(all, code)
	}
	slices.SortFunc(all, func(a, b []byte) int { return len(a) - len(b) })
	args := []string{"-c"}
	const files = 6
	for i := range min(files, len(all)) { // from the shortest to the longest
		path := filepath.Join(dir, fmt.Sprintf("%d.c", i))
		if err := os.WriteFile(path, all[i*(len(all)-1)/max(1, min(files, len(all))-1)], 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	for _, p := range []*traces.Program{late(), queued(), full(), empty(), alone()} {
		args = append(args, write(t, About{}, p))
	}
	t.Logf("%d kinds of file, %d compiled", len(kinds), len(args)-1)
	gcc(t, args...)
}

// execute runs a compiled reproducer and returns what it printed and its exit
// code.
func execute(t *testing.T, bug string, binary string, attempts int) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, fmt.Sprint(attempts), t.TempDir())
	cmd.Env = append(os.Environ(), "BROKEN="+bug)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// This machine's kernel does all of a workload's rounds right.
func TestRunsOnThisKernel(t *testing.T) {
	for _, mix := range []string{"default", "cancel,drain=10,destroy=30,exit=30,kill=30"} {
		t.Run(mix, func(t *testing.T) {
			g, err := workload.New(traces.Workload{Seed: 3, Threads: 2, Depth: 8, Mix: mix, MinBytes: 512, MaxBytes: 1 << 16, Requests: 400},
				traces.Device{Align: 4096, Direct: true, Bytes: 1 << 20}, 2, traces.Abilities{})
			if err != nil {
				t.Fatal(err)
			}
			var rounds []*traces.Program
			ends := map[traces.End]bool{}
			for p, ok := g.Next(); ok; p, ok = g.Next() {
				rounds, ends[p.End] = append(rounds, p), true
			}
			binary := filepath.Join(t.TempDir(), "reproducer")
			gcc(t, "-o", binary, write(t, About{Direct: true}, rounds...))
			out, code := execute(t, "", binary, 3)
			if code != 0 || !strings.Contains(out, "\n# Totals: pass:") {
				t.Errorf("exit code %d:\n%s", code, out)
			}
			t.Logf("%d rounds, ends %v", len(rounds), ends)
		})
	}
}

// small is a program with a bit of everything that a bug can hit, of few calls.
func small() *traces.Program {
	return &traces.Program{
		Round: 3, First: 17,
		Contexts: []traces.ContextDecl{{Slots: 4}},
		Files:    []traces.FileDecl{{Kind: traces.Storage, Bytes: 16384}, {Kind: traces.Eventfd}},
		Requests: []traces.RequestDecl{
			{Opcode: model.PWrite, Offset: 4096, Bytes: 4096, Eventfd: 2},
			{Opcode: model.PRead, Offset: 4096, Bytes: 4096},
			{Opcode: model.FSync},
		},
		Threads: [][]traces.Step{
			{
				{Do: traces.DoSubmit, Request: 0, Count: 1},
				{Do: traces.DoGetEvents, Min: 1, Max: 2, Timeout: -1},
				{Do: traces.DoSubmit, Request: 1, Count: 2},
				{Do: traces.DoGetEvents, Min: 2, Max: 8, Timeout: 5 * time.Second},
				{Do: traces.DoDestroy, Thread: 1, After: 2},
				{Do: traces.DoDestroy},
			},
			{
				{Do: traces.DoCancel, Request: 1, Thread: 0, After: 3, Spin: 200},
				{Do: traces.DoAwait, Thread: 0, After: 4},
			},
		},
	}
}

// waiting is a program whose one thread leaves the reaping to the end.
func waiting() *traces.Program {
	p := small()
	p.Threads = [][]traces.Step{{
		{Do: traces.DoSubmit, Request: 0, Count: 1},
		{Do: traces.DoSubmit, Request: 1, Count: 2},
	}}
	return p
}

// Each check sees the bug that is made for it, and nothing else is seen where
// there is none.
func TestSeesBugs(t *testing.T) {
	dir := t.TempDir()
	broken, err := filepath.Abs("testdata/broken.h")
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]*traces.Program{"small": small(), "waiting": waiting()}
	for name, p := range programs {
		gcc(t, "-DPATIENCE=2", "-DHANG=2", "-include", broken, "-o", filepath.Join(dir, name), write(t, About{}, p))
		if out, code := execute(t, "", filepath.Join(dir, name), 5); code != 0 {
			t.Fatalf("%s without a bug: exit code %d:\n%s", name, code, out)
		}
	}
	for _, c := range []struct {
		bug, program string
		want         model.Property
	}{
		{"eagain", "small", model.SlotsConserved},
		{"nothing accepted", "waiting", model.SubmitCount},
		{"write to nowhere", "small", model.NoLostWrite},
		{"write elsewhere", "small", model.DataInPlace},
		{"read too far", "small", model.ResultMatchesEffect},
		{"no signal", "waiting", model.EventfdCount},
		{"rejected after all", "waiting", model.NoEventForRejected},
		{"cancel says 0", "small", model.CancelAnswer},
		{"cancel of nothing", "small", model.CancelAnswer},
		{"no wait", "small", model.EventCount},
		{"no wait", "small", model.Timeouts},
		{"destroy hangs", "small", model.DestroyReturns},
		{"destroy says 0", "small", model.DestroyOnce},
		{"small ring", "waiting", model.RingNeverOverflows},
		{"lost event", "waiting", model.RequestEnds},
		{"event twice", "small", model.OneEvent},
		{"other data", "waiting", model.EventIdentity},
		{"restart code", "small", model.LegalResult},
		{"too much", "small", model.LegalResult},
		{"too little", "small", model.ResultMatchesEffect},
		{"interrupted write", "small", model.CancelledNoEffect},
		{"late write", "small", model.BufferReleased},
	} {
		t.Run(c.bug+" "+c.want.Name, func(t *testing.T) {
			out, code := execute(t, c.bug, filepath.Join(dir, c.program), 20)
			if code != 1 || !strings.Contains(out, " "+c.want.Name+"\n") || !notOK(out, c.want.Name) {
				t.Errorf("exit code %d, and %s is not found violated:\n%s", code, c.want.Name, out)
			}
		})
	}
}

// notOK reports whether a test point failed.
func notOK(out, name string) bool {
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 4 && f[0] == "not" && f[3] == name {
			return true
		}
	}
	return false
}

// What a person gets to read.
func TestGolden(t *testing.T) {
	got := string(text(t, About{Property: model.NoLostWrite.Name, Direct: true,
		Seen:     "the read by request 18 returned the data of the beginning at bytes 4096 to 8191, after request 17 had written them",
		Expected: "the data of request 17, or of a write that was running",
		Found:    "round 3 of run.aiot: Linux 6.1.192, seed 7",
		Replay:   "aiocheck verify --seed 7 --requests 2000"}, small()))
	const golden = "testdata/small.c"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
}

// What cannot be checked is said, and so is what cannot be run.
func TestHeadAndRefusals(t *testing.T) {
	for property, want := range map[string]string{
		model.NamesInOrder.Name: "names-in-order cannot be seen simply from inside",
		model.KernelQuiet.Name:  "A reproducer for a violation of kernel-quiet:",
		"":                      "No property is known to be violated",
	} {
		if got := string(text(t, About{Property: property}, small())); !strings.Contains(got, want) {
			t.Errorf("%q: the head does not say %q", property, want)
		}
	}
	if got := string(text(t, About{Seen: "a comment */ in a comment"}, small())); strings.Count(got[:400], "*/") > 0 && !strings.Contains(got, "* /") {
		t.Error("the head's comment can be ended from outside")
	}
	broken := small()
	broken.Threads[0][0].Count = 9
	noStorage := small()
	noStorage.Files[0].Kind = traces.Pipe
	for _, programs := range [][]*traces.Program{nil, {broken}, {noStorage}, {{}}} {
		if err := Write(&bytes.Buffer{}, About{}, programs...); err == nil {
			t.Errorf("%+v was taken", programs)
		}
	}
}
