package model

import (
	"fmt"
	"time"
)

// Contract is what a history is judged against: the promises of one kernel,
// or of the simulated target. Where the promise depends on the kernel's
// version or configuration, it is a field here.
type Contract struct {
	// Name says whose contract it is: "mainline 6.1", "simulated mainline".
	Name string `json:"name"`
	// Threaded is set when requests run on kernel worker threads: the ring's
	// compat flag 2 of thread-based AIO (patch 06 of 11 January 2016). Then
	// every request that has not returned is cancellable.
	Threaded bool `json:"threaded"`
	// Workers is how many requests of a context that end by themselves (of
	// files and block devices) a threaded kernel executes at the same time;
	// others are queued, in the order of submission. 0 if not known.
	Workers int `json:"workers,omitempty"`
	// CancelledPoll is the result of a POLL that io_cancel ended: 0 in
	// mainline (fs/aio.c, aio_poll_complete_work, without a mask), -EINTR on a
	// worker.
	CancelledPoll Result `json:"cancelled_poll"`
	// InlineOrder is set when requests on pipes, sockets and buffered files
	// run to their end inside io_submit, so that their events enter the ring
	// in the order of submission (fs/aio.c, io_submit_one, in mainline).
	InlineOrder bool `json:"inline_order"`
	// PostLag bounds the time between the moment from which io_cancel no
	// longer finds a request and the moment when its event is in the ring: a
	// few instructions, unless the processor is taken away in between. 0
	// means that both are one step.
	PostLag time.Duration `json:"post_lag_ns"`
	// Grace is how late the end of a wait or of a request may be seen before
	// it counts as never: scheduling delay, not a promise of the kernel.
	Grace time.Duration `json:"grace_ns"`
}

// Cancellable reports whether io_cancel can find a running request of this
// opcode. In mainline only POLL registers a cancel function (fs/aio.c,
// aio_poll); drivers that do so for reads and writes are not used here.
func (c Contract) Cancellable(op Opcode) bool { return c.Threaded || op == Poll }

// The bounds that real kernels are judged by. They are far above what a busy
// machine with few processors shows, because what exceeds them is reported as
// a bug: a preempted or stolen processor must not look like one. A round that
// is drained waits in vain for ten times one second before it gives up: that has to
// be more than realGrace for a lost event to be told from a late one.
const (
	realPostLag = time.Second
	realGrace   = 9 * time.Second
)

// boundedThreads is AIO_BOUNDED_THREADS of the patches in kernel/patches.
const boundedThreads = 64

// The releases whose fs/aio.c the contract was read from. 4.19 is the first
// with POLL as it is now and with io_cancel that never says 0 or -EAGAIN.
const (
	oldestMajor, oldestMinor = 4, 19
	newestMajor, newestMinor = 6, 18
)

// MainlineContract is the contract of an unpatched kernel, by its release as
// uname -r gives it. Releases before 4.19 are refused: their POLL and their
// io_cancel differ. Releases after the newest one known are judged as that
// one, and the name says so.
func MainlineContract(release string) (Contract, error) {
	major, minor, err := parseRelease(release)
	if err != nil {
		return Contract{}, err
	}
	if before(major, minor, oldestMajor, oldestMinor) {
		return Contract{}, fmt.Errorf("kernel release %q: the AIO contract before %d.%d is not known", release, oldestMajor, oldestMinor)
	}
	name := fmt.Sprintf("mainline %d.%d", major, minor)
	if before(newestMajor, newestMinor, major, minor) {
		name += fmt.Sprintf(" (judged as %d.%d, the newest known)", newestMajor, newestMinor)
	}
	return Contract{Name: name, InlineOrder: true, PostLag: realPostLag, Grace: realGrace}, nil
}

// ThreadContract is the contract of corrected thread-based AIO (a ring with
// compat flag 2): every request runs on a worker and can be cancelled.
func ThreadContract() Contract {
	return Contract{Name: "thread-based AIO", Threaded: true, Workers: boundedThreads, CancelledPoll: Fail(EINTR), PostLag: realPostLag, Grace: realGrace}
}

// SimulatedContract is mainline's in virtual time, where nothing is late.
func SimulatedContract() Contract {
	return Contract{Name: "simulated mainline", InlineOrder: true}
}

// Inline reports whether a transfer has ended, with its event in the ring,
// when its io_submit returns: direct tells O_DIRECT storage from buffered
// storage and streams (fs/aio.c, aio_rw_done: every value of ->read_iter but
// -EIOCBQUEUED completes the request there and then).
func (c Contract) Inline(op Opcode, direct bool) bool {
	return c.InlineOrder && op.Transfers() && !direct
}

func before(major, minor, otherMajor, otherMinor int) bool {
	return major < otherMajor || major == otherMajor && minor < otherMinor
}

// parseRelease reads the first two numbers of "6.1.0-13-amd64".
func parseRelease(release string) (major, minor int, err error) {
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 || major < 0 || minor < 0 {
		return 0, 0, fmt.Errorf("kernel release %q does not begin with two numbers", release)
	}
	return major, minor, nil
}
