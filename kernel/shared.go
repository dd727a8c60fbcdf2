package kernel

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

const (
	pageBytes  = 4096
	maxThreads = 256
	arenas     = 2
)

// control is the first part of the memory that both processes share.
type control struct {
	// exitBegun is when a DoExit step was about to exit; 0 before.
	exitBegun atomic.Int64
	_         [56]byte
	// begun says for each thread how far it is, in a cache line of its own.
	begun [maxThreads]counter
	// gates keep threads of rounds with a script from their steps.
	gates [maxThreads]gate
}

// sizes says how the shared memory is divided. It is sent to the runner when
// it starts.
type sizes struct {
	Threads int   `json:"threads"`
	Records int   `json:"records"` // in each thread's ring, a power of two
	Arena   int64 `json:"arena"`   // bytes of each arena, whole pages
}

func (s sizes) ringBytes() int64 { return pageRound(int64(ringBytes(s.Records))) }

func (s sizes) total() int64 {
	return pageRound(int64(unsafe.Sizeof(control{}))) + int64(s.Threads)*s.ringBytes() + arenas*s.Arena
}

func pageRound(n int64) int64 { return (n + pageBytes - 1) &^ (pageBytes - 1) }

// shared is the memory that the runner and its parent share: it outlives the
// runner, so that what the kernel writes to buffers after the process is gone
// is still seen.
type shared struct {
	memory  []byte
	control *control
	rings   []*Ring
	arenas  [arenas]arena
}

// newMemory makes a memory file for shared.
func newMemory(s sizes) (*os.File, error) {
	fd, err := unix.MemfdCreate("aiocheck", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make shared memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "shared memory")
	if err := f.Truncate(s.total()); err != nil {
		f.Close()
		return nil, fmt.Errorf("size shared memory to %d bytes: %w", s.total(), err)
	}
	return f, nil
}

// mapShared maps a memory file made by newMemory.
func mapShared(fd int, s sizes) (*shared, error) {
	memory, err := unix.Mmap(fd, 0, int(s.total()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of shared memory: %w", s.total(), err)
	}
	m := &shared{memory: memory, control: (*control)(unsafe.Pointer(&memory[0]))}
	rest := memory[pageRound(int64(unsafe.Sizeof(control{}))):]
	for range s.Threads {
		m.rings = append(m.rings, newRing(rest[:s.ringBytes()], s.Records))
		rest = rest[s.ringBytes():]
	}
	for i := range m.arenas {
		m.arenas[i].memory = rest[:s.Arena]
		rest = rest[s.Arena:]
	}
	return m, nil
}

func (m *shared) unmap() error {
	if err := unix.Munmap(m.memory); err != nil {
		return fmt.Errorf("unmap shared memory: %w", err)
	}
	return nil
}

// clearRound makes the control ready for the next round.
func (m *shared) clearRound() {
	m.control.exitBegun.Store(0)
	for i := range m.control.begun {
		m.control.begun[i].steps.Store(0)
		m.control.begun[i].wanted.Store(0)
		g := &m.control.gates[i]
		g.thread.Store(0)
		g.arrived.Store(0)
		g.open.Store(0)
	}
}

// progress is a number that changes whenever a thread does something.
func (m *shared) progress() uint64 {
	var sum uint64
	for i, ring := range m.rings {
		sum += ring.header.written.Load() + uint64(m.control.begun[i].steps.Load())
	}
	return sum
}

// arena holds the buffers of one round, and before them a word for each
// request that says what became of its buffer. Two arenas take turns, so that
// a round's buffers stay untouched until the next round is over.
type arena struct {
	memory  []byte
	states  []atomic.Uint64
	buffers [][]byte
}

// The state of a buffer: in use, taken by the thread that will release it, or
// released: a traces.Release plus stateReleased in the low bits, and the time
// at which the buffer had been filled with the pattern above them.
const (
	stateInUse = iota
	stateTaken
	stateReleased
	stateBits = 3
)

// bufferBytes is the size of a request's buffer. A READAHEAD has none.
func bufferBytes(r *traces.RequestDecl) int64 {
	if r.Opcode == model.ReadAhead {
		return 0
	}
	return int64(r.Bytes)
}

// arenaBytes is what the buffers of p need.
func arenaBytes(p *traces.Program) int64 {
	n := pageRound(8 * int64(len(p.Requests)))
	for i := range p.Requests {
		n += pageRound(int64(p.Requests[i].Skew) + bufferBytes(&p.Requests[i]))
	}
	return n
}

// lay divides the arena among the requests of p: the same way in both
// processes.
func (a *arena) lay(p *traces.Program) {
	if need := arenaBytes(p); need > int64(len(a.memory)) {
		panic(fmt.Sprintf("kernel: round %d needs %d bytes of buffers, more than were checked", p.Round, need))
	}
	a.states = a.states[:0]
	a.buffers = a.buffers[:0]
	if len(p.Requests) == 0 {
		return
	}
	a.states = unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(&a.memory[0])), len(p.Requests))
	at := pageRound(8 * int64(len(p.Requests)))
	for i := range p.Requests {
		skew, bytes := int64(p.Requests[i].Skew), bufferBytes(&p.Requests[i])
		a.buffers = append(a.buffers, a.memory[at+skew:at+skew+bytes:at+skew+bytes])
		at += pageRound(skew + bytes)
	}
}

// take claims the buffer of request i for release: of all threads that try
// (a reaper, a destroyer, a reaper of a second event) one may touch it.
func (a *arena) take(i int) bool { return a.states[i].CompareAndSwap(stateInUse, stateTaken) }

// release fills a taken buffer with a pattern and notes when that was done.
func (a *arena) release(i int, why traces.Release, c *clock) {
	fill(a.buffers[i], patternReleased)
	a.states[i].Store(uint64(c.now())<<stateBits | uint64(why) + stateReleased)
}

// releaseAll releases what has not been released, once the process that owned
// the buffers is gone.
func (a *arena) releaseAll(c *clock) {
	for i := range a.states {
		if a.states[i].Load()&(1<<stateBits-1) < stateReleased {
			a.release(i, traces.AfterExit, c)
		}
	}
}

// look compares every released buffer with the pattern. It calls damaged for
// each one that does not hold it and returns how many it looked at.
func (a *arena) look(damaged func(i int, why traces.Release, poisoned traces.Time, first, bytes uint32)) (buffers, bytes uint64) {
	for i := range a.states {
		state := a.states[i].Load()
		low := state & (1<<stateBits - 1)
		if low < stateReleased || len(a.buffers[i]) == 0 {
			continue
		}
		buffers++
		bytes += uint64(len(a.buffers[i]))
		if !allWords(a.buffers[i], patternReleased) {
			first, n := difference(a.buffers[i], patternReleased)
			damaged(i, traces.Release(low-stateReleased), traces.Time(state>>stateBits), first, n)
			a.states[i].Store(stateTaken) // it is told once
		}
	}
	return buffers, bytes
}

// difference finds the first byte of buf that does not repeat word, and how
// many do not.
func difference(buf []byte, word uint64) (first, n uint32) {
	for i, b := range buf {
		if b == byte(word>>(8*(i&7))) {
			continue
		}
		if n == 0 {
			first = uint32(i)
		}
		n++
	}
	return first, n
}
