//go:build guest

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aiocheck/checker/inclusion"
	"aiocheck/kernel/qemu"
	"aiocheck/model/machine"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

// unseen says of steps that no workload makes the kernel take, or not each
// time, why that is so.
var unseen = map[machine.Kind]string{
	machine.S9:  deadContext,
	machine.C2n: deadContext,
	machine.G1n: deadContext,
	machine.G3:  "a thread has to be in io_getevents, or on its way into it, when another destroys the context; litmus/destroy/wakes-waiter does that each time",
	machine.K1n: "two threads have to find the context before one of them marks it, within microseconds: about every second time these workloads run, one does",
}

const deadContext = "a program of the workloads does not use a context that it has destroyed; litmus tests do (litmus/destroy, litmus/cancel/context-destroyed), and the kernel takes it there"

// coverageMixes are the workloads: all that there are, and one in which rounds
// end in every way.
func coverageMixes() (mixes []string) {
	for _, m := range workload.Mixes() {
		mixes = append(mixes, m.Name)
	}
	return append(mixes, "cancel,kill=10,exit=10,destroy=10")
}

const coverageRequests = 1500 // of each

// TestCoverage runs every mix on the patched kernel: all that it does inside is
// the model's, and all steps of the model are taken but those known not to be.
func TestCoverage(t *testing.T) {
	image := kernelImage(t)
	accel, _, err := qemu.Accelerator(t.Context(), "/dev/kvm")
	if err != nil {
		t.Fatal(err)
	}
	h := hunter{image: image, accel: accel, dir: t.TempDir()}
	g := h.boot(t)
	defer h.end(t, g)
	mixes := coverageMixes()
	covers := make([]inclusion.Coverage, len(mixes))
	var all inclusion.Coverage
	for i, mix := range mixes {
		violated, err := h.run(t.Context(), g, "", traces.Workload{Seed: uint64(i + 1), Threads: 4, Depth: 16, Mix: mix, MinBytes: 512, MaxBytes: 1 << 20, Requests: coverageRequests})
		if err != nil || len(violated) > 0 {
			t.Fatalf("mix %s violates %v: %v", mix, violated, err)
		}
		covers[i] = h.inside
		all.Add(&h.inside)
		t.Logf("%s: %v", mix, &h.inside)
	}
	if all.Transitions == 0 || all.Lost > 0 {
		t.Fatalf("%v", &all)
	}
	for _, k := range inclusion.Steps() {
		if slices.Contains(all.Never(), k) && unseen[k] == "" {
			t.Errorf("%v is never taken: %s", k, k.Info().Text)
		}
	}
	if *update && !t.Failed() {
		writeCoverage(t, mixes, covers, &all)
	}
}

// writeCoverage writes the document.
func writeCoverage(t *testing.T, mixes []string, covers []inclusion.Coverage, all *inclusion.Coverage) {
	var b bytes.Buffer
	steps := inclusion.Steps()
	fmt.Fprintf(&b, `# How much of the model the kernel covers

Our Linux tells of each of its steps, and each has to be one that the model
(%s) has there: the model is not too narrow. That it is not too wide is seen
here: which of its steps the kernel takes at all. `+"`aiocheck verify --target qemu`, `litmus --target qemu` and `check`"+`
print the same of each run (*inside*), and with --json every count.

Written by `+"`go test -tags guest ./cmd/aiocheck -run TestCoverage -update`"+`: each mix once, %d requests, on a file on
ext4 in an emulated guest with two processors: %d transitions of %d requests in %d contexts.

## Steps seen

%d of the %d kinds of steps that the kernel can tell of.

| step | what it is | %s |
|---|---|%s
`, all.Design, coverageRequests, all.Transitions, all.Requests, all.Contexts, len(steps)-len(all.Never()), len(steps), strings.Join(mixes, " | "), strings.Repeat("---:|", len(mixes)))
	for _, k := range steps {
		fmt.Fprintf(&b, "| %v | %s", k, strings.ReplaceAll(k.Info().Text, "%r", "a request"))
		for i := range covers {
			fmt.Fprintf(&b, " | %d", covers[i].Kinds[k])
		}
		fmt.Fprintln(&b, " |")
	}
	fmt.Fprint(&b, "\n## Steps never seen\n\n")
	if len(all.Never()) == 0 {
		fmt.Fprintln(&b, "None.")
	}
	for _, k := range all.Never() {
		fmt.Fprintf(&b, "- **%v**, %s: %s\n", k, strings.ReplaceAll(k.Info().Text, "%r", "a request"), unseen[k])
	}
	fmt.Fprint(&b, "\n## Steps that the kernel does not tell of\n\n")
	for k := range machine.NumKinds {
		if why := inclusion.Silent(k); why != "" {
			fmt.Fprintf(&b, "- **%v**: %s\n", k, why)
		}
	}
	fmt.Fprint(&b, "\n## Paths of the kernel that the model does not have\n\nNone of them is a violation; each is counted, and what else has to hold of it is judged.\n\n| path | seen | why the model is without it |\n|---|---:|---|\n")
	for p := range inclusion.NumBeyond {
		fmt.Fprintf(&b, "| %v | %d | %s |\n", p, all.Beyond[p], p.Why())
	}
	fmt.Fprint(&b, "\n## Transitions that are no step by themselves\n\n| transition | seen | why |\n|---|---:|---|\n")
	for p := traces.AtSetup; p < traces.NumPoints; p++ {
		if why := inclusion.Stepless(p); why != "" {
			fmt.Fprintf(&b, "| %v | %d | %s |\n", p, all.Points[p], why)
		}
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "coverage.md"), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}
