//go:build spin

package explore

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSpinComparison explores the hand-written model of early and late cancel
// and docs/spin/cancel.pml with Spin, one right after the other, checks that
// the counts agree and prints how fast each was by its own processor time. It
// needs spin and gcc: docs/spin/README.md.
func TestSpinComparison(t *testing.T) {
	t.Logf("%-10s %-34s %10s %11s %7s %9s %7s", "req,w,can", "search", "states", "steps", "cpu s", "M/cpu-s", "bytes")
	for _, size := range [][3]int{{1, 1, 1}, {2, 1, 2}, {2, 2, 2}, {3, 2, 2}, {4, 2, 2}} {
		m := cancel{requests: size[0], workers: size[1], cancellers: size[2]}
		name := fmt.Sprintf("%d,%d,%d", size[0], size[1], size[2])
		exact := runSpin(t, size, "-DNOREDUCE")
		row(t, name, "spin", exact)
		if size[0] == 4 {
			row(t, name, "spin, collapse", runSpin(t, size, "-DNOREDUCE", "-DCOLLAPSE"))
			row(t, name, "spin, partial order", runSpin(t, size))
		}
		for _, o := range []Options{{Workers: 1}, {Workers: 2}, {Workers: 1, Symmetry: true}, {Workers: 1, PartialOrder: true}, {Workers: 1, Symmetry: true, PartialOrder: true}} {
			got := runOurs(t, m, o)
			row(t, name, fmt.Sprintf("explore, %d worker(s)%s%s", o.Workers, named(o.Symmetry, ", sym"), named(o.PartialOrder, ", order")), got)
			if !o.Symmetry && !o.PartialOrder && (got.states != exact.states || got.steps != exact.steps-1) {
				// Spin counts the way into the initial state as a transition.
				t.Errorf("%s: %d states, %d steps; spin has %d, %d", name, got.states, got.steps, exact.states, exact.steps)
			}
		}
	}
}

func named(on bool, text string) string {
	if on {
		return text
	}
	return ""
}

// run is what one search found and took.
type run struct {
	states, steps int64
	cpu, wall     time.Duration
	bytes         float64 // per state
}

func row(t *testing.T, size, who string, r run) {
	t.Logf("%-10s %-34s %10d %11d %7.2f %9.2f %7.1f   %.2f s, %.2f M/s", size, who, r.states, r.steps, r.cpu.Seconds(),
		float64(r.states)/r.cpu.Seconds()/1e6, r.bytes, r.wall.Seconds(), float64(r.states)/r.wall.Seconds()/1e6)
}

func runOurs(t *testing.T, m Model, o Options) run {
	runtime.GC()
	before, began := cpu(), time.Now()
	r, err := Run(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return run{r.States, r.Transitions, cpu() - before, time.Since(began), r.Cost.BytesPerState}
}

func runSpin(t *testing.T, size [3]int, flags ...string) run {
	dir := t.TempDir()
	model, err := filepath.Abs("../../docs/spin/cancel.pml")
	if err != nil {
		t.Fatal(err)
	}
	tool := func(name string, args ...string) (string, *exec.Cmd) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return string(out), cmd
	}
	tool("spin", fmt.Sprintf("-DR=%d", size[0]), fmt.Sprintf("-DW=%d", size[1]), fmt.Sprintf("-DC=%d", size[2]), "-a", model)
	tool("gcc", append([]string{"-O3", "-march=native", "-DSAFETY", "-DMEMLIM=8000", "-o", "pan", "pan.c"}, flags...)...)
	began := time.Now()
	// The table is large enough from the beginning: growing costs Spin more.
	out, cmd := tool(filepath.Join(dir, "pan"), "-m100000", "-w23", "-n")
	r := run{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	r.states = number(t, out, `(\d+) states, stored`)
	r.steps = number(t, out, `(\d+) transitions`)
	if !strings.Contains(out, "errors: 0") {
		t.Errorf("spin found an error:\n%s", out)
	}
	// The states themselves, and the table's 8 bytes for each of 2^23 places.
	if m := regexp.MustCompile(`([\d.]+)\s+actual memory usage for states`).FindStringSubmatch(out); m != nil {
		mb, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		r.bytes = (mb*(1<<20) + 8<<23) / float64(r.states)
	}
	return r
}

func number(t *testing.T, text, pattern string) int64 {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in:\n%s", pattern, text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
