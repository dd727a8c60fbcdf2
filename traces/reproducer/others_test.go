package reproducer_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aiocheck/checker/fuzz"
	library "aiocheck/litmus"
	"aiocheck/sim/explore"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces"
	"aiocheck/traces/reproducer"
)

// The programs of litmus tests, and those that the fuzzer makes, compile.
func TestOtherProgramsCompile(t *testing.T) {
	var files [][]byte
	add := func(t rapid.TB, p *traces.Program) {
		var b bytes.Buffer
		err := reproducer.Write(&b, reproducer.About{}, p)
		if !slices.ContainsFunc(p.Threads, func(steps []traces.Step) bool { return len(steps) > 0 }) {
			if err == nil {
				t.Fatal("a program of nothing was written")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b.Bytes())
	}
	able := traces.Abilities{Threaded: true, Names: true, Identity: true, Freeze: true}
	entries, err := library.Library()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Path != "cancel/writer-arrives.litmus" && e.Path != "defects/d01-unlinkat.litmus" && e.Path != "exit/two-contexts.litmus" {
			continue
		}
		k := runner.Kernel{Sizes: true, Abilities: able}
		plan, err := runner.NewPlan(context.Background(), e.Test, k, explore.Options{Workers: 1, MaxStates: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		if plan.Unrunnable != "" {
			t.Fatalf("%s: %s", e.Path, plan.Unrunnable)
		}
		add(t, plan.Program(runner.Instance{Settle: time.Millisecond}, 1))
	}
	profiles := fuzz.Profiles()
	rapid.Check(t, func(t *rapid.T) {
		p := &profiles[rapid.IntRange(0, len(profiles)-1).Draw(t, "profile")]
		add(t, fuzz.Drafts(p, able).Draw(t, "draft").Compile(fuzz.Place{First: 1, Bytes: 1 << 16, Align: 512, Able: able}))
	})
	const compiled = 8 // those of the litmus tests, and some of the others
	dir, args := t.TempDir(), []string{"-c"}
	for i, text := range files[:min(len(files), compiled)] {
		path := filepath.Join(dir, fmt.Sprintf("%d.c", i))
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	gcc(t, dir, args...)
}

// The fuzzer's programs end, and do so as this machine's kernel promises.
func TestFuzzedProgramsRun(t *testing.T) {
	var rounds []*traces.Program
	profiles := fuzz.Profiles()
	at := fuzz.Place{First: 1, Bytes: 1 << 16, Align: 512}
	for i := range 24 {
		p := fuzz.Drafts(&profiles[i%len(profiles)], at.Able).Example(i).Compile(at)
		rounds = append(rounds, p)
		at.Round, at.First = at.Round+1, at.First+traces.RequestID(len(p.Requests))
	}
	var b bytes.Buffer
	if err := reproducer.Write(&b, reproducer.About{}, rounds...); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fuzzed.c"), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	gcc(t, dir, "-pthread", "-o", "fuzzed", "fuzzed.c")
	cmd := exec.Command("./fuzzed", "3")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func gcc(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("gcc", append([]string{"-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc (package build-essential): %v\n%s", err, out)
	}
}
