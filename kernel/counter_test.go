package kernel

import (
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestCounterWakesEveryone lets many threads wait for every step of one that
// goes slowly enough for them to sleep and fast enough to race with them.
func TestCounterWakesEveryone(t *testing.T) {
	const steps, waiters = 300, 4
	// The raw futex calls keep their processors, as in a runner.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(waiters + 4))
	memory, err := unix.Mmap(-1, 0, pageBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(memory)
	c := (*counter)(unsafe.Pointer(&memory[0]))
	var done sync.WaitGroup
	for w := range waiters {
		done.Go(func() {
			for n := w + 1; n <= steps; n += w + 1 {
				if c.await(uint32(n)); c.steps.Load() < uint32(n) {
					t.Errorf("waiter %d returned before step %d", w, n)
				}
			}
		})
	}
	for n := range steps {
		for range n % 7 * 300 {
			yield()
		}
		c.set(uint32(n + 1))
	}
	done.Wait()
}
