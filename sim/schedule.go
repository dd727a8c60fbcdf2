package sim

import (
	"errors"
	"fmt"
	"strings"

	"aiocheck/traces"
)

// errStuck says that threads wait and nothing will ever wake them.
var errStuck = errors.New("deadlock")

// anyThread reports whether a thread has something left to do.
func (t *Target) anyThread() bool {
	for i := range t.threads {
		if t.threads[i].phase != over {
			return true
		}
	}
	return false
}

// schedule makes one atomic step of a thread or of the kernel's own work,
// chosen at random, or lets a timer go off.
func (t *Target) schedule() error {
	t.ticks++
	t.ready = t.ready[:0]
	alarm := traces.Never
	var sleeper *thread
	for i := range t.threads {
		th := &t.threads[i]
		if th.phase == over {
			continue
		}
		if t.enabled(th) {
			t.ready = append(t.ready, th)
		}
		if at := t.alarm(th); at < alarm {
			alarm, sleeper = at, th
		}
	}
	t.drawJob()
	if len(t.ready) == 0 && t.drawn == nil && sleeper == nil {
		return t.stuck()
	}
	step := 1 + traces.Time(t.below(100))
	switch {
	case len(t.ready) > 0 || t.drawn != nil && t.drawn.due <= t.now+step:
	case t.drawn != nil:
		step = t.drawn.due - t.now
	default:
		step = alarm - t.now
	}
	if t.now+step >= alarm {
		// A timer never goes off late: virtual processors are not busy.
		t.now = max(t.now, alarm)
		t.advance(sleeper)
		return nil
	}
	t.now += step
	if t.drawn != nil && t.drawn.due <= t.now && (len(t.ready) == 0 || t.below(16) < t.jobBias) {
		t.work(t.drawn)
		return nil
	}
	t.advance(t.ready[t.below(uint32(len(t.ready)))])
	return nil
}

// drawJob chooses which of the kernel's jobs may come next.
func (t *Target) drawJob() {
	t.drawn = nil
	jobs := t.jobs
	if t.cfg.Threaded {
		jobs = t.awake[:0]
		for _, r := range t.jobs {
			if t.able(r) {
				jobs = append(jobs, r)
			}
		}
		t.awake = jobs
	}
	if len(jobs) > 0 {
		t.drawn = jobs[t.below(uint32(len(jobs)))]
	}
}

// workOff makes one step of some job while no thread runs; it reports false
// if none can go on.
func (t *Target) workOff() bool {
	t.drawJob()
	if t.drawn == nil {
		return false
	}
	t.now = max(t.tick(), t.drawn.due)
	t.work(t.drawn)
	return true
}

// stuck names the threads that wait, and for what.
func (t *Target) stuck() error {
	var names []string
	for i := range t.threads {
		th := &t.threads[i]
		switch {
		case th.phase == over:
		case th.phase == idle:
			s := th.steps[th.pc]
			names = append(names, fmt.Sprintf("thread %d before step %d waits for step %d of thread %d", i, th.pc, s.After-1, s.Thread))
		default:
			names = append(names, fmt.Sprintf("thread %d is in %s of step %d", i, th.call, th.pc))
		}
	}
	return fmt.Errorf("%w: %s", errStuck, strings.Join(names, "; "))
}
