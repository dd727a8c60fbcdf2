package explore

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// cpu is the processor time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure explores again and again and reports states and steps per second of
// wall clock and of processor time, and the memory of a state.
func measure(b *testing.B, m Model, o Options) {
	var r *Result
	before := cpu()
	for b.Loop() {
		var err error
		if r, err = Run(context.Background(), m, o); err != nil {
			b.Fatal(err)
		}
	}
	states := float64(r.States) * float64(b.N)
	steps := float64(r.Transitions) * float64(b.N)
	b.ReportMetric(states/b.Elapsed().Seconds()/1e6, "Mstates/s")
	b.ReportMetric(states/(cpu()-before).Seconds()/1e6, "Mstates/cpu-s")
	b.ReportMetric((cpu()-before).Seconds()/steps*1e9, "cpu-ns/step")
	b.ReportMetric(r.Cost.BytesPerState, "bytes/state")
	b.ReportMetric(float64(r.States), "states")
}

func BenchmarkCancel(b *testing.B) {
	m := cancel{requests: 4, workers: 2, cancellers: 2}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { measure(b, m, Options{Workers: workers}) })
	}
}

func BenchmarkGrid(b *testing.B) {
	m := grid{counters: 7, bound: 8, words: 2}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { measure(b, m, Options{Workers: workers}) })
	}
}

// BenchmarkSuccessors is what the model alone takes for its steps.
func BenchmarkSuccessors(b *testing.B) {
	m := cancel{requests: 4, workers: 2, cancellers: 2}
	s := m.Initial()
	var out []Successor
	steps := 0
	for b.Loop() {
		if out = m.Successors(&s, out[:0]); len(out) == 0 {
			s = m.Initial()
			continue
		}
		steps += len(out)
		s = out[steps%len(out)].State
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
}

func BenchmarkMachine(b *testing.B) {
	m := cancelMachine(b, "thread-6.1", 4, 2, 2)
	for _, o := range []Options{
		{Workers: 1}, {Workers: 2},
		{Workers: 1, Symmetry: true}, {Workers: 1, PartialOrder: true},
		{Workers: 1, Symmetry: true, PartialOrder: true}, {Workers: 2, Symmetry: true, PartialOrder: true},
	} {
		b.Run(fmt.Sprintf("workers=%d,symmetry=%v,order=%v", o.Workers, o.Symmetry, o.PartialOrder), func(b *testing.B) { measure(b, m, o) })
	}
}
