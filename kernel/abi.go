// Package kernel runs programs on real kernels and records what they do: the
// AIO ABI, the recorder, the process that a program runs in, and the storage
// under test. It judges nothing.
package kernel

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/model"
)

// aioContext is an aio_context_t: the address at which the kernel mapped the
// context's ring.
type aioContext uintptr

// iocb is struct iocb of include/uapi/linux/aio_abi.h, 64 bytes, in its
// little-endian layout.
type iocb struct {
	data     uint64
	key      uint32
	rwFlags  uint32
	opcode   uint16
	prio     int16
	fd       uint32
	buf      uint64
	nbytes   uint64
	offset   int64
	reserved uint64
	flags    uint32
	resfd    uint32
}

// iocbFlagResfd is IOCB_FLAG_RESFD: signal the eventfd in resfd.
const iocbFlagResfd = 1

// ioEvent is struct io_event of the same header.
type ioEvent struct {
	data uint64
	obj  uint64
	res  int64
	res2 int64
}

// aioRing is struct aio_ring of fs/aio.c, the header of the mapped ring. The
// events follow at headerLength.
type aioRing struct {
	id             uint32
	nr             uint32 // slots, one of which always stays empty
	head           uint32 // next event to take: written by whoever reaps
	tail           uint32 // next event to write: written by the kernel
	magic          uint32
	compatFeatures uint32
	incompat       uint32
	headerLength   uint32
}

const aioRingMagic = 0xa10a10a1

// aioSigset is struct __aio_sigset, the last argument of io_pgetevents.
type aioSigset struct {
	mask uintptr
	size uintptr
}

// sigsetBytes is what the kernel calls sizeof(sigset_t).
const sigsetBytes = 8

// call makes a raw system call: the Go scheduler does not learn of it, so a
// call that blocks keeps its processor. Runners have processors to spare.
func call(trap, a, b, c, d, e, f uintptr) model.Result {
	r, _, errno := unix.RawSyscall6(trap, a, b, c, d, e, f)
	if errno != 0 {
		return -model.Result(errno)
	}
	return model.Result(r)
}

func ioSetup(slots uint32, ctx *aioContext) model.Result {
	return call(unix.SYS_IO_SETUP, uintptr(slots), uintptr(unsafe.Pointer(ctx)), 0, 0, 0, 0)
}

func ioDestroy(ctx aioContext) model.Result {
	return call(unix.SYS_IO_DESTROY, uintptr(ctx), 0, 0, 0, 0, 0)
}

func ioSubmit(ctx aioContext, nr int64, iocbs *uintptr) model.Result {
	return call(unix.SYS_IO_SUBMIT, uintptr(ctx), uintptr(nr), uintptr(unsafe.Pointer(iocbs)), 0, 0, 0)
}

// ioCancel passes a place for a result that no kernel since 2.6 writes to.
func ioCancel(ctx aioContext, cb *iocb, result *ioEvent) model.Result {
	return call(unix.SYS_IO_CANCEL, uintptr(ctx), uintptr(unsafe.Pointer(cb)), uintptr(unsafe.Pointer(result)), 0, 0, 0)
}

// ioGetEvents waits for ever if timeout is nil.
func ioGetEvents(ctx aioContext, minNr, nr int64, events *ioEvent, timeout *unix.Timespec) model.Result {
	return call(unix.SYS_IO_GETEVENTS, uintptr(ctx), uintptr(minNr), uintptr(nr),
		uintptr(unsafe.Pointer(events)), uintptr(unsafe.Pointer(timeout)), 0)
}

func ioPGetEvents(ctx aioContext, minNr, nr int64, events *ioEvent, timeout *unix.Timespec, sig *aioSigset) model.Result {
	return call(unix.SYS_IO_PGETEVENTS, uintptr(ctx), uintptr(minNr), uintptr(nr),
		uintptr(unsafe.Pointer(events)), uintptr(unsafe.Pointer(timeout)), uintptr(unsafe.Pointer(sig)))
}

// yield lets another thread run.
func yield() { call(unix.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0) }

// ring is the context's ring as mapped by io_setup. It must not be used once
// io_destroy may have unmapped it.
func (c aioContext) ring() *aioRing {
	// The address comes from the kernel, not from Go memory, so going by way
	// of the variable's own address is what tells vet that it may be used.
	return *(**aioRing)(unsafe.Pointer(&c))
}

// valid reports whether user space may reap from the ring: the check that the
// kernel's ABI asks for (magic, and no feature that changes the layout).
func (r *aioRing) valid() bool {
	return r.magic == aioRingMagic && r.incompat == 0 &&
		r.headerLength == uint32(unsafe.Sizeof(aioRing{})) && r.nr > 0
}

// take copies up to len(into) events and moves the head past them. It says how
// many, and the head and tail that it worked with. Only one thread may take at
// a time, and none may be in io_getevents: the kernel reads the head under a
// mutex that user space cannot have (fs/aio.c, aio_read_events_ring).
func (r *aioRing) take(into []ioEvent) (n int, head, tail uint32) {
	nr := r.nr
	events := unsafe.Slice((*ioEvent)(unsafe.Add(unsafe.Pointer(r), r.headerLength)), nr)
	for {
		head = atomic.LoadUint32(&r.head)
		// The load of the tail orders the reading of the events after it, as
		// the kernel writes them before it moves the tail (aio_complete).
		tail = atomic.LoadUint32(&r.tail)
		at := head % nr
		n = 0
		for n < len(into) && at != tail%nr {
			into[n] = events[at]
			n++
			at++
			if at == nr {
				at = 0
			}
		}
		if n == 0 || atomic.CompareAndSwapUint32(&r.head, head, at) {
			return n, head, tail
		}
	}
}
