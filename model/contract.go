package model

import "time"

// Contract is what a history is judged against: the promises of one kernel,
// or of the simulated target. Where the promise depends on the kernel's
// version or configuration, it is a field here.
type Contract struct {
	// Name says whose contract it is: "mainline 6.1", "simulated mainline".
	Name string
	// Threaded is set when requests run on kernel worker threads: the ring's
	// compat flag 2 of thread-based AIO (patch 06 of 11 January 2016). Then
	// every request that has not returned is cancellable.
	Threaded bool
	// CancelledPoll is the result of a POLL that io_cancel ended: 0 in
	// mainline (fs/aio.c, aio_poll_complete_work, without a mask), -EINTR on a
	// worker.
	CancelledPoll Result
	// InlineOrder is set when requests on pipes, sockets and buffered files
	// run to their end inside io_submit, so that their events enter the ring
	// in the order of submission (fs/aio.c, io_submit_one, in mainline).
	InlineOrder bool
	// PostLag bounds the time between the moment from which io_cancel no
	// longer finds a request and the moment when its event is in the ring: a
	// few instructions, unless the processor is taken away in between. 0
	// means that both are one step.
	PostLag time.Duration
	// Grace is how late the end of a wait or of a request may be seen before
	// it counts as never: scheduling delay, not a promise of the kernel.
	Grace time.Duration
}

// Cancellable reports whether io_cancel can find a running request of this
// opcode. In mainline only POLL registers a cancel function (fs/aio.c,
// aio_poll); drivers that do so for reads and writes are not used here.
func (c Contract) Cancellable(op Opcode) bool { return c.Threaded || op == Poll }
