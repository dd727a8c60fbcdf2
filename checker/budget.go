package checker

import (
	"fmt"
	"sync/atomic"
	"time"
)

// budget is what is left of a judgement's Limits. All judges share one and
// may use it from any goroutine. A judge polls spent between pieces of work
// of a few milliseconds, and accounts every table that grows with the history
// by take before it allocates it; when either says no, it stops and reports
// Undecided with why.
type budget struct {
	limits   Limits
	deadline time.Time // meaningless if limits.Time is 0
	used     atomic.Int64
	refused  atomic.Int64 // the first size that take refused
}

// newBudget starts the clock.
func newBudget(l Limits) *budget {
	return &budget{limits: l, deadline: time.Now().Add(l.Time)}
}

// spent reports whether the time has passed or memory was refused. It reads
// the clock, some 50 ns.
func (b *budget) spent() bool {
	return b.refused.Load() != 0 || b.limits.Time > 0 && !time.Now().Before(b.deadline)
}

// take accounts n bytes about to be allocated. When it reports false they
// must not be, and the whole judgement is over.
func (b *budget) take(n int64) bool {
	if b.limits.Memory > 0 && b.used.Add(n) > b.limits.Memory {
		b.used.Add(-n)
		b.refused.CompareAndSwap(0, n)
		return false
	}
	return true
}

// give returns n bytes that take had accounted and nothing refers to any more.
func (b *budget) give(n int64) {
	if b.limits.Memory > 0 {
		b.used.Add(-n)
	}
}

// why names the limit that ended the judgement, for Verdict.Why.
func (b *budget) why() string {
	if n := b.refused.Load(); n != 0 {
		return fmt.Sprintf("the memory limit of %d bytes was reached: %d more were needed", b.limits.Memory, n)
	}
	return fmt.Sprintf("the time limit of %v was reached", b.limits.Time)
}
