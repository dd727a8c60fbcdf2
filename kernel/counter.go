package kernel

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// counter is how many steps a thread has begun. Other threads wait for it:
// first awake, to be there at once when it comes soon, then asleep, to leave
// the processors to those who have something to do.
type counter struct {
	steps  atomic.Uint32
	wanted atomic.Uint32 // the fewest steps that a sleeper waits for; 0: nobody sleeps
	_      [56]byte
}

// The turns that a waiter stays awake: first it only looks, then it lets
// others run in between.
const (
	awaitLooks  = 100
	awaitYields = 20
)

// set says that n steps have begun, and wakes the sleepers if one of them
// waits for no more. They are woken all together; those who wait for more
// make themselves known again.
func (c *counter) set(n uint32) {
	c.steps.Store(n)
	if wanted := c.wanted.Load(); wanted != 0 && wanted <= n {
		// If it has changed, a new sleeper has replaced what was out of date.
		c.wanted.CompareAndSwap(wanted, 0)
		c.futex(futexWakePrivate, 1<<30)
	}
}

// await returns once n steps have begun.
func (c *counter) await(n uint32) {
	for turn := 0; c.steps.Load() < n; turn++ {
		switch {
		case turn < awaitLooks:
		case turn < awaitLooks+awaitYields:
			yield()
		default:
			c.sleep(n)
		}
	}
}

// sleep returns when n steps may have begun. What is wanted stays if its wake
// is still to come and early enough. The kernel compares the count once more
// before the thread sleeps, so a step that begins in between is not missed.
func (c *counter) sleep(n uint32) {
	seen := c.steps.Load()
	if seen >= n {
		return
	}
	for {
		wanted := c.wanted.Load()
		if wanted > seen && wanted <= n || c.wanted.CompareAndSwap(wanted, n) {
			break
		}
	}
	c.futex(futexWaitPrivate, seen)
}

// The operations of futex(2), with FUTEX_PRIVATE_FLAG: all who wait are
// threads of one process.
const (
	futexWaitPrivate = 0 | 128
	futexWakePrivate = 1 | 128
)

func (c *counter) futex(op int, value uint32) {
	call(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&c.steps)), uintptr(op), uintptr(value), 0, 0, 0)
}
