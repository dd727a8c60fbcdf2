package model

// Phase is where a request is in its life.
type Phase uint8

// The phases. A request goes down this list, except that Refused is an end.
const (
	Unsubmitted Phase = iota // io_submit has not accepted it (yet)
	Running                  // accepted: io_cancel finds it if it can be cancelled
	Finished                 // its result is fixed and io_cancel finds it no more
	Posted                   // its event is in the ring
	Reaped                   // its event was taken from the ring
	Refused                  // io_submit did not accept it
)

// String is the phase in lower case.
func (p Phase) String() string {
	return [...]string{"unsubmitted", "running", "finished", "posted", "reaped", "refused"}[p]
}

// RequestState is the state of one request and of its context as far as the
// request is concerned. It is comparable.
type RequestState struct {
	Phase     Phase
	Cancelled bool // an io_cancel was answered -EINPROGRESS, or destroy cancelled it
	Ready     bool // what it waits for has been made to happen
	Dying     bool // io_destroy has begun to take effect on its context
	Gone      bool // io_destroy of its context has returned
}

// RequestSpec is what the specification has to know of an iocb.
type RequestSpec struct {
	Opcode Opcode
	Bytes  uint32 // of a transfer, or a READAHEAD
	// Least is how many bytes a READAHEAD covers if nothing ends it before: those
	// up to the end of the file.
	Least  uint32
	Events uint16 // POLL: the requested mask
	// Waits is set when the request cannot finish by itself before somebody
	// writes to its file or closes it: POLL for input on an empty stream.
	Waits bool
	// Inline is set when its event is in the ring as its io_submit returns.
	Inline bool
}

// Seen is a kind of observation about a request.
type Seen uint8

// The observations. Each takes effect at one instant of its interval.
const (
	// SeenAccepted is an io_submit that accepted the request. Its instant is
	// the one from which io_cancel can find the request, or if the request was
	// over by then, the one where io_submit drops its reference: the event is
	// posted when both the submission and the completion have dropped theirs
	// (fs/aio.c, iocb_put), so nothing tells the request from an unsubmitted
	// one before.
	SeenAccepted   Seen = iota
	SeenRefused         // an io_submit that did not accept it
	SeenSubmit          // an io_submit that was not seen to return
	SeenReady           // a write to its file, or a close, may have taken effect
	SeenCancel          // an io_cancel with an answer
	SeenCancelOpen      // an io_cancel that was not seen to return
	SeenEvent           // its event was reaped, with a result
	SeenReapOpen        // a reaping call whose events were not seen may have taken it
	// SeenMiss is an empty ring: a reaping call that returned fewer events
	// than it had room for and not this one (fs/aio.c, aio_read_events_ring
	// takes all there are up to the tail it has read).
	SeenMiss
	// SeenSettled is the passing of Contract.PostLag since an answer that only
	// a finished request gives, or since the return of an Inline request's
	// io_submit: what had finished then is posted now.
	SeenSettled
	SeenDying // io_destroy takes effect: fs/aio.c, kill_ioctx
	SeenGone  // io_destroy has returned: free_ioctx_users and free_ioctx_reqs are done
)

var seenNames = [...]string{
	SeenAccepted: "accepted", SeenRefused: "refused", SeenSubmit: "submit?", SeenReady: "ready", SeenCancel: "cancel",
	SeenCancelOpen: "cancel?", SeenEvent: "event", SeenReapOpen: "reap?", SeenMiss: "miss", SeenSettled: "settled",
	SeenDying: "dying", SeenGone: "gone",
}

// Observation is one observation with its answer or result.
type Observation struct {
	Seen   Seen
	Answer Result // of SeenCancel and SeenEvent
}

// String is "cancel -EINVAL" or "miss".
func (o Observation) String() string {
	if o.Seen == SeenCancel || o.Seen == SeenEvent {
		return seenNames[o.Seen] + " " + o.Answer.String()
	}
	return seenNames[o.Seen]
}

// Initial is the state of a request that nobody has submitted.
func (c Contract) Initial() RequestState { return RequestState{} }

// Next gives every state that the request can be in after o, if it was in s
// before: the invisible steps that may come first are taken into account. No
// state means that o cannot be observed in s.
func (c Contract) Next(r RequestSpec, s RequestState, o Observation) []RequestState {
	var next []RequestState
	for _, t := range c.reachable(r, s) {
		for _, u := range c.visible(r, t, o) {
			next = appendNew(next, u)
		}
	}
	return next
}

// reachable is s and every state that invisible steps lead to from it.
func (c Contract) reachable(r RequestSpec, s RequestState) []RequestState {
	states := []RequestState{s}
	for i := 0; i < len(states); i++ {
		t := states[i]
		// fs/aio.c, free_ioctx_users: destroy cancels whatever is on the list.
		if t.Phase == Running && t.Dying && c.Cancellable(r.Opcode) && !t.Cancelled {
			u := t
			u.Cancelled = true
			states = appendNew(states, u)
		}
		// finish: aio_complete_rw, aio_fsync_work, aio_poll_wake or
		// aio_poll_complete_work fixes the result and unlinks the request.
		if t.Phase == Running && (!r.Waits || t.Ready || t.Cancelled) {
			u := t
			u.Phase = Finished
			states = appendNew(states, u)
		}
		// post: aio_complete writes the event and moves the tail.
		if t.Phase == Finished {
			u := t
			u.Phase = Posted
			states = appendNew(states, u)
		}
	}
	return states
}

// visible is what an observation does in a state, without invisible steps.
func (c Contract) visible(r RequestSpec, s RequestState, o Observation) []RequestState {
	t := s
	switch o.Seen {
	case SeenAccepted:
		t.Phase = Running
		return only(t, s.Phase == Unsubmitted && !s.Gone)
	case SeenRefused:
		t.Phase = Refused
		return only(t, s.Phase == Unsubmitted)
	case SeenSubmit:
		return append(c.visible(r, s, Observation{Seen: SeenAccepted}), s)
	case SeenReady:
		t.Ready = true
		return only(t, true)
	case SeenCancel:
		return c.cancel(r, s, o.Answer)
	case SeenCancelOpen:
		return append(c.cancel(r, s, Fail(EINPROGRESS)), s)
	case SeenEvent:
		t.Phase = Reaped
		return only(t, s.Phase == Posted && !s.Gone && c.LegalResult(r, o.Answer, s.Cancelled || s.Dying, s.Ready))
	case SeenReapOpen:
		if s.Phase == Posted {
			t.Phase = Reaped
			return []RequestState{s, t}
		}
		return only(s, true)
	case SeenMiss:
		return only(s, s.Phase != Posted || s.Dying)
	case SeenSettled:
		late := s.Phase == Finished || s.Phase == Running && r.Inline
		return only(s, !late || s.Cancelled)
	case SeenDying:
		t.Dying = true
		return only(t, true)
	case SeenGone:
		t.Gone = true
		return only(t, s.Dying)
	}
	return nil
}

// cancel is io_cancel's answer in a state. fs/aio.c, io_cancel: a request on
// the list is unlinked (in thread-based AIO marked, thread-aio.md 2.4) and the
// answer is -EINPROGRESS; one that is not there, or a context that is dead,
// gives -EINVAL. No other answer exists since 4.19.
func (c Contract) cancel(r RequestSpec, s RequestState, answer Result) []RequestState {
	found := s.Phase == Running && !s.Cancelled && c.Cancellable(r.Opcode) && !s.Gone
	switch answer {
	case Fail(EINPROGRESS):
		t := s
		t.Cancelled = true
		return only(t, found)
	case Fail(EINVAL):
		return only(s, !found || s.Dying)
	}
	return nil
}

// lastErrno is EHWPOISON, the last error number of user space; what lies
// above it is internal to the kernel (restart codes, EIOCBQUEUED).
const lastErrno Errno = 133

// UserResult reports whether a result is one that programs may see at all: no
// restart code, no -EIOCBQUEUED.
func UserResult(res Result) bool {
	return res >= 0 || res.Errno() != 0 && res.Errno() <= lastErrno
}

// alwaysPolled are the events that POLL reports unasked (fs/aio.c, aio_poll).
const alwaysPolled = 0x8 | 0x10 // POLLERR, POLLHUP

// polledBits are the bits that a mask can have: POLLIN, POLLPRI, POLLOUT,
// POLLERR, POLLHUP, the four RD and WR bits, POLLMSG and POLLRDHUP.
const polledBits = 0x27df

// inputOnly are the bits that nobody but a writer or a close sets.
const inputOnly = 0x1 | 0x2 | 0x40 | 0x80 | 0x2000

// WaitsForInput reports whether a POLL mask asks only for what a writer or a
// close of the other end brings about.
func WaitsForInput(mask uint16) bool { return mask&^inputOnly == 0 }

// LegalResult reports whether an event of r may carry res. cancelled says
// that io_cancel or io_destroy may have ended the request, ready that what it
// waits for may have happened.
//
// A POLL's mask need not be a part of the requested one: aio_poll_wake passes
// on the whole mask of the wake-up (POLLIN with POLLRDNORM, say) if any bit of
// it was requested.
func (c Contract) LegalResult(r RequestSpec, res Result, cancelled, ready bool) bool {
	if !UserResult(res) {
		return false
	}
	natural := !r.Waits || ready
	switch {
	case r.Opcode == Poll:
		if res == c.CancelledPoll {
			return cancelled
		}
		return natural && res > 0 && res&^polledBits == 0 && res&Result(r.Events|alwaysPolled) != 0
	case c.Threaded && res == Fail(EINTR):
		return cancelled // no signal but a cancellation reaches a worker: thread-aio.md 3.1
	case r.Opcode.Transfers():
		return natural && res <= Result(r.Bytes)
	case r.Opcode.Syncs():
		return res <= 0
	case r.Opcode == ReadAhead:
		return res < 0 || res <= Result(r.Bytes) && (res >= Result(r.Least) || cancelled)
	case r.Opcode.Names():
		return res < 0 && !foreignToNames(res.Errno()) || res == 0 || res > 0 && r.Opcode == OpenAt
	}
	return true
}

// foreignToNames reports whether an errno is none that an event of an
// operation on names gives: those belong to other calls, to io_submit, or to a
// user pointer that is read again.
func foreignToNames(e Errno) bool {
	switch e {
	case EBADF, EAGAIN, EFAULT, EPIPE, ENOSYS, EOPNOTSUPP, ECONNRESET, EINPROGRESS:
		return true
	}
	return false
}

func only(s RequestState, ok bool) []RequestState {
	if !ok {
		return nil
	}
	return []RequestState{s}
}

func appendNew(states []RequestState, s RequestState) []RequestState {
	for _, t := range states {
		if t == s {
			return states
		}
	}
	return append(states, s)
}
