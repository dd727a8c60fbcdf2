//go:build guest

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aiocheck/checker"
	"aiocheck/checker/inclusion"
	"aiocheck/kernel"
	"aiocheck/kernel/patches"
	"aiocheck/kernel/qemu"
	"aiocheck/model"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

var (
	allDefects  = flag.Bool("defects", false, "try every defect, not a sample")
	onlyDefects = flag.String("only", "", "try these defects, separated by commas")
	update      = flag.Bool("update", false, "write docs/defects.md, with -defects, or docs/coverage.md")
)

// The series whose kernel is tested.
const defectsRelease = "6.1"

// sampled are the defects that are tried without -defects: of each part of
// the state machine one, all quickly found.
var sampled = []string{"D1", "D3", "D6", "T1", "T8", "T15", "M3", "M5"}

// unfound says why a defect is not found from outside. Whoever finds one
// strikes it here.
var unfound = map[string]string{
	"M12": "a program has to read the eventfd and to look into the ring within the few instructions between the two; " +
		"the kernel's own transitions show at once that the eventfd comes first (*inside*)",
}

// broken is the promise that a defect breaks: one of these properties has to
// be named, whatever else is. Where there are several, the defect breaks each
// of them directly, in other orders of events.
var broken = map[string][]model.Property{
	"D1": {model.ArgsCaptured}, "D2": {model.FsCaptured}, "D3": {model.CredCaptured}, "D5": {model.LimitsCaptured},
	"D6": {model.RequestEnds}, "D8": {model.SubmitCount}, "D10": {model.RequestEnds}, "D11": {model.CancelledEnds},
	"D15": {model.LegalResult, model.CancelAnswer, model.CancelledEnds}, "D16": {model.FileHeld}, "D17": {model.CancelledEnds},
	"D20": {model.FsCaptured}, "D26": {model.ArgsCaptured},
	"T1": {model.LegalResult}, "T2": {model.LegalResult}, "T4": {model.CancelledNoEffect, model.CancelledEnds},
	"T6": {model.CancelledEnds, model.OneEvent}, "T7": {model.CancelAnswer, model.CancelledEnds},
	"T8": {model.ResultMatchesEffect}, "T9": {model.ResultMatchesEffect}, "T10": {model.SlotsConserved, model.RingNeverOverflows},
	"T11": {model.DestroyReturns}, "T15": {model.EventfdCount}, "T18": {model.LegalResult},
	"M3": {model.RingNeverOverflows, model.SlotsConserved}, "M5": {model.DestroyWaits, model.BufferReleased}, "M7": {model.WaiterWoken},
	"M12": {model.EventfdCount}, "M13": {model.SlotsConserved}, "M14": {model.DestroyOnce},
}

// names reports whether the broken promise of a defect is among the
// properties; with every defect off, whether there is any.
func names(defect string, properties []string) bool {
	if defect == "" {
		return len(properties) > 0
	}
	return slices.ContainsFunc(broken[defect], func(p model.Property) bool { return slices.Contains(properties, p.Name) })
}

// A hunt tries the workloads of a defect's kernel one after the other, small
// ones, until a property is violated.
const (
	huntSeeds    = 1   // hunts for each defect, each in a guest of its own
	huntRequests = 400 // of one workload
	huntRuns     = 40  // workloads before the hunt is given up
)

// find is the end of a hunt.
type find struct {
	properties []string
	mix        string
	seed       uint64
	runs       int // workloads run, the last of which found it; 0 if none did
	took       time.Duration
	inside     int // workloads until one had a transition that the model does not have; 0 if none had
}

// TestDefects switches defects on in the patched kernel, one by one, and
// wants each to be found by verify's workloads, from outside; and nothing to
// be found when all are off.
func TestDefects(t *testing.T) {
	image := os.Getenv("AIOCHECK_KERNEL")
	if image == "" {
		t.Fatal("AIOCHECK_KERNEL has to name a bzImage with thread-based AIO and its defects: see docs/kernels.md")
	}
	accel, _, err := qemu.Accelerator(t.Context(), "/dev/kvm")
	if err != nil {
		t.Fatal(err)
	}
	defects, err := patches.Defects(defectsRelease)
	if err != nil {
		t.Fatal(err)
	}
	h := hunter{image: image, accel: accel, dir: t.TempDir()}
	if f := h.hunt(t, "", 1, 2*len(workload.Mixes())); f.runs != 0 {
		t.Fatalf("with every defect off, mix %s with seed %d violates %s", f.mix, f.seed, f.properties)
	}
	found := map[string][]find{}
	for _, d := range defects {
		seeds := huntSeeds
		if !*allDefects {
			seeds = 1
			if wanted := strings.Split(*onlyDefects, ","); *onlyDefects == "" && !slices.Contains(sampled, d.Name) ||
				*onlyDefects != "" && !slices.Contains(wanted, d.Name) {
				continue
			}
		}
		for i := range seeds {
			f := h.hunt(t, d.Name, uint64(1000*(i+1)), huntRuns)
			found[d.Name] = append(found[d.Name], f)
			t.Logf("%s, seed %d: %s", d.Name, 1000*(i+1), f)
			switch _, known := unfound[d.Name]; {
			case f.runs == 0 && !known:
				t.Errorf("%s (%s) was not found in %d workloads", d.Name, d.Sentence, huntRuns)
			case f.runs != 0 && known:
				t.Errorf("%s was found, though it is listed as not found", d.Name)
			}
		}
	}
	if *allDefects && *update {
		writeDefects(t, defects, found)
	}
}

func (f find) String() string {
	if f.runs == 0 {
		return fmt.Sprintf("not found in %.0f s; inside after %d", f.took.Seconds(), f.inside)
	}
	return fmt.Sprintf("%s by mix %s with seed %d, after %d workloads and %.1f s; inside after %d", strings.Join(f.properties, ", "),
		f.mix, f.seed, f.runs, f.took.Seconds(), f.inside)
}

// hunter boots guests to hunt in.
type hunter struct {
	image, accel, dir string
	inside            inclusion.Coverage // of the last workload
}

// hunt runs workloads on the kernel with a defect until one is judged to
// violate something. What it took is without the boot.
func (h *hunter) hunt(t *testing.T, defect string, seed uint64, runs int) find {
	t.Helper()
	g := h.boot(t)
	defer h.end(t, g)
	var f find
	var err error
	mixes := workload.Mixes()
	began := time.Now()
	for i := range runs {
		mix := mixes[i%len(mixes)].Name
		f.properties, err = h.run(t.Context(), g, defect, traces.Workload{Seed: seed + uint64(i), Threads: 4, Depth: 16, Mix: mix,
			MinBytes: 512, MaxBytes: 1 << 20, Requests: huntRequests})
		f.took = time.Since(began)
		if f.inside == 0 && slices.Contains(f.properties, model.TransitionsAllowed.Name) {
			f.inside = i + 1
		}
		if names(defect, f.properties) {
			f.mix, f.seed, f.runs = mix, seed+uint64(i), i+1
			return f
		}
		if err != nil {
			t.Errorf("defect %q, mix %s, seed %d: the run ended early, and what was recorded violates %v: %v", defect, mix, seed+uint64(i), f.properties, err)
			return f
		}
	}
	return f
}

// boot boots a guest, which has to be ended.
func (h *hunter) boot(t *testing.T) *qemu.Guest {
	t.Helper()
	g, err := qemu.Boot(t.Context(), qemu.Config{Accel: h.accel, Kernel: h.image, Device: "virtio", FileSystem: "ext4", Bytes: 16 << 20, Memory: 512 << 20, CPUs: 2,
		Append: "sysctl.fs.aio-auto-threads=1"})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// end ends a guest.
func (h *hunter) end(t *testing.T, g *qemu.Guest) {
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// run runs one workload and names the properties that it violates, if any. An
// error is that of a run that ended early; what was recorded is judged.
func (h *hunter) run(ctx context.Context, g *qemu.Guest, defect string, load traces.Workload) ([]string, error) {
	const number = 7
	ready, err := g.Open(ctx, qemu.Options{Defects: defect, Host: kernel.Options{Run: number, Threads: load.Threads + helperThreads}})
	if err != nil {
		return nil, err
	}
	header := traces.Header{Target: "qemu", Run: number, Kernel: g.Hello.Kernel, Device: ready.Device, Workload: load,
		Contract: ready.Contract, Abilities: ready.Abilities}
	programs, err := workload.New(load, header.Device, header.Kernel.CPUs, header.Abilities)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(h.dir, "trace")
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w, err := traces.NewWriter(file, header)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	runErr := g.Run(ctx, programs.Next, w)
	for _, r := range g.Reports() {
		w.KernelReport(r.Kind + ": " + r.Summary)
	}
	finish, text := traces.FinishComplete, ""
	if runErr != nil {
		finish, text = traces.FinishFailed, runErr.Error()
	}
	if err := errors.Join(w.Close(finish, text), file.Close()); err != nil {
		return nil, err
	}
	history, err := traces.Read(path)
	if err != nil {
		return nil, err
	}
	j := checker.Check(history, checker.Limits{Time: time.Minute})
	h.inside = inclusion.Coverage{}
	if inside, err := judgeInside(j, path, history); err != nil {
		return nil, err
	} else if inside != nil {
		h.inside = *inside
	}
	var violated []string
	for _, v := range j.Verdicts {
		if v.Outcome == checker.Violated {
			violated = append(violated, v.Property.Name)
		}
	}
	return violated, runErr
}

// inside is the fewest workloads until a transition was not the model's.
func inside(finds []find) string {
	least := 0
	for _, f := range finds {
		if f.inside > 0 && (least == 0 || f.inside < least) {
			least = f.inside
		}
	}
	if least == 0 {
		return ""
	}
	return fmt.Sprint(least)
}

// writeDefects writes the document.
func writeDefects(t *testing.T, defects []patches.Defect, found map[string][]find) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Defects of the patched kernel, and how verify finds them

Every row is a defect that our Linux %s can be told to have
(aio_thread.defects=NAME, see kernel/patches/README.md). It is hunted from
outside, by what programs see: a guest is booted with the defect on, and the
workloads of `+"`aiocheck verify`"+` run in it one after the other, the mixes in turn
(%s), %d requests each, on a file on ext4, until a promise that the
defect breaks is named as violated, or %d have been run. *Found* are all the
properties that were named then; hunts for each: %d; *workloads* and *seconds* are the median hunt's, with
everything emulated (TCG) and without the boot. *Inside* is after how many
workloads of the same hunt the kernel's own transitions were not those of the
model (transitions-allowed), where they were; the hunt is over when the promise
is named from outside. *By* is the mix of the first hunt, which repeats its
last workload by

    aiocheck verify --target qemu --kernel plain --fs ext4 --requests %d --mix MIX --seed SEED --defects NAME

With all defects off, two workloads of each mix, with other seeds, violate nothing.

This file is written by a test: go test -tags guest ./cmd/aiocheck -run Defects -timeout 3h -defects -update

| defect | what the kernel does | found | by, seed | hunts | workloads | seconds | inside |
|---|---|---|---|---:|---:|---:|---:|
`, defectsRelease, workload.MixNames(), huntRequests, huntRuns, huntSeeds, huntRequests)
	var missed []patches.Defect
	for _, d := range defects {
		finds := found[d.Name]
		hits := slices.DeleteFunc(slices.Clone(finds), func(f find) bool { return f.runs == 0 })
		if len(hits) == 0 {
			missed = append(missed, d)
			fmt.Fprintf(&b, "| %s | %s | not found | | 0 of %d | | | %s |\n", d.Name, d.Sentence, len(finds), inside(finds))
			continue
		}
		var properties []string
		for _, f := range hits {
			properties = append(properties, f.properties...)
		}
		slices.Sort(properties)
		properties = slices.Compact(properties)
		first := hits[0]
		slices.SortFunc(hits, func(a, b find) int { return cmp.Compare(a.took, b.took) })
		median := hits[len(hits)/2]
		fmt.Fprintf(&b, "| %s | %s | %s | %s, %d | %d of %d | %d | %.1f | %s |\n", d.Name, d.Sentence, strings.Join(properties, ", "),
			first.mix, first.seed, len(hits), len(finds), median.runs, median.took.Seconds(), inside(finds))
	}
	fmt.Fprintf(&b, "\n%d of %d defects are found.\n", len(defects)-len(missed), len(defects))
	if len(missed) > 0 {
		fmt.Fprint(&b, "\n## Not found\n\n")
		for _, d := range missed {
			fmt.Fprintf(&b, "- **%s**: %s\n", d.Name, unfound[d.Name])
		}
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "defects.md"), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}
