package machine

// Kind is a step of the machine: an atomic transition of one actor. The names
// are those of thread-aio.md section 2.
type Kind uint8

// The steps.
const (
	S0 Kind = iota
	S1
	S1e
	S3
	S3e
	S5
	S6
	S6q
	S7
	S8
	S9
	SI
	SIi
	SIh
	SIr
	W1
	W1r
	W2
	W4a
	W4b
	W4l
	W4s
	W5
	W5i
	W5r
	W7
	W8
	W9
	W10
	W11
	W12
	W13
	W14
	W15
	C2
	C2n
	C3
	C3n
	C5
	C5q
	C6l
	C6n
	C7
	C7q
	C8
	C9
	G1
	G1n
	G2
	G2h
	G3
	G4t
	G4w
	U1
	U1n
	U2
	K1
	K1n
	K2
	K3
	K4
	K4c
	K4q
	K4s
	K5
	K6
	K7
	K8
	X0
	X2
	A1
	A2
	F1
	F2
	F3
	D1
	P1
	P2
	NumKinds
)

// KindInfo describes a kind of step.
type KindInfo struct {
	Name   string
	Text   string // with %r for the request that it concerns
	Lock   string // that it runs under, "" if none
	Source string
}

const (
	sheet = "thread-aio.md "
	ours  = "kernel/patches, "
)

var kindTable = [NumKinds]KindInfo{
	S0:  {"S0", "enters io_submit and looks up the context", "RCU", sheet + "2.2"},
	S1:  {"S1", "takes a slot for %r", "irq-off, CAS; refill under CMP", sheet + "2.2, 2.8"},
	S1e: {"S1e", "finds no slot for %r: -EAGAIN", "CMP", sheet + "2.2"},
	S3:  {"S3", "allocates %r, takes its file and copies the iocb", "", sheet + "2.2 S2, S3"},
	S3e: {"S3e", "refuses %r, gives its slot back", "", sheet + "2.2"},
	S5:  {"S5", "checks %r and pins the task context", "fs->lock", sheet + "2.2 S4, S5"},
	S6:  {"S6", "inserts %r into the active list, cancel slot EARLY", "CTX", sheet + "2.2"},
	S6q: {"S6q", "inserts %r into the active list and its queue, cancel slot EARLY", "CTX", ours + "aio_pool_queue"},
	S7:  {"S7", "queues %r on the pool of this CPU", "pool", sheet + "2.2"},
	S8:  {"S8", "releases the freeze protection of %r through its file", "", sheet + "2.2"},
	S9:  {"S9", "counts the accepted requests and leaves io_submit", "", sheet + "2.2"},
	SI:  {"SI", "executes a step of %r inside io_submit", "", sheet + "2.9"},
	SIi: {"SIi", "is interrupted while it executes %r", "", sheet + "2.9"},
	SIh: {"SIh", "would block in %r and hands it over", "", sheet + "6.3 to 6.8"},
	SIr: {"SIr", "ends %r inside io_submit", "", sheet + "2.9"},
	W1:  {"W1", "takes %r from the queue", "pool", sheet + "2.3"},
	W1r: {"W1r", "takes %r from its queue and is recorded as the one who executes it", "CTX", ours + "aio_worker"},
	W2:  {"W2", "records itself as the one who executes %r and takes on its context", "", sheet + "2.3 W2, W3"},
	W4a: {"W4a", "moves %r from EARLY to LATE", "CAS, no lock", sheet + "2.3"},
	W4b: {"W4b", "finds %r cancelled: -EINTR, not executed", "CAS", sheet + "2.3"},
	W4l: {"W4l", "loads the cancel slot of %r", "", "bugs.md T4"},
	W4s: {"W4s", "stores LATE in the cancel slot of %r", "", "bugs.md T4"},
	W5:  {"W5", "executes a step of %r", "", sheet + "2.3, 3.2"},
	W5i: {"W5i", "notices a signal in %r, which returns", "", sheet + "3.2"},
	W5r: {"W5r", "executes the last step of %r, which returns", "", sheet + "2.3 W5, W6"},
	W7:  {"W7", "gives back the task context of %r", "", sheet + "2.3"},
	W8:  {"W8", "unlinks %r", "CTX", sheet + "2.3"},
	W9:  {"W9", "posts the event of %r", "CMP", sheet + "2.3"},
	W10: {"W10", "signals the eventfd of %r", "", sheet + "2.3"},
	W11: {"W11", "frees %r", "", sheet + "2.3"},
	W12: {"W12", "wakes the waiters", "wait queue", sheet + "2.3"},
	W13: {"W13", "drops the reference of %r to its context", "", sheet + "2.3"},
	W14: {"W14", "flushes pending signals", "SIG", sheet + "2.3"},
	W15: {"W15", "is free again", "pool", sheet + "2.3"},
	C2:  {"C2", "enters io_cancel for %r and looks up the context", "RCU", sheet + "2.4"},
	C2n: {"C2n", "finds the context dead: -EINVAL", "RCU", sheet + "2.4"},
	C3:  {"C3", "takes the lock and finds %r", "CTX", sheet + "2.4"},
	C3n: {"C3n", "does not find %r, or finds it cancelled", "CTX", sheet + "2.4 C3, C4"},
	C5:  {"C5", "moves the cancel slot of %r to CANCELLED: early, or late with a signal to come", "CTX, CAS", sheet + "2.4"},
	C5q: {"C5q", "takes %r off its queue", "CTX", ours + "aio_pool_cancel"},
	C6l: {"C6l", "signals the worker of %r", "CTX, SIG", sheet + "2.4"},
	C6n: {"C6n", "finds no worker recorded for %r: -EAGAIN", "CTX", sheet + "2.4"},
	C7:  {"C7", "unlocks and answers for %r", "CTX", sheet + "2.4"},
	C7q: {"C7q", "unlocks", "CTX", ours + "aio_thread_cancel"},
	C9:  {"C9", "ends %r, which it took off its queue, and answers", "CMP", ours + "aio_thread_end_cancelled"},
	C8:  {"C8", "looks for %r, acts and answers", "the design's own lock", sheet + "6.2, 6.5, 6.7"},
	G1:  {"G1", "enters io_getevents", "RCU", sheet + "2.6"},
	G1n: {"G1n", "finds the context dead: -EINVAL", "RCU", sheet + "2.6"},
	G2:  {"G2", "reads head and tail and copies events, or sleeps if there are none", "RING", sheet + "2.6"},
	G2h: {"G2h", "moves head and drops the ring lock", "RING", sheet + "2.6"},
	G3:  {"G3", "finds the context dead and stops", "", sheet + "2.6"},
	G4t: {"G4t", "gives up: the timeout has passed", "", sheet + "2.6"},
	G4w: {"G4w", "wakes up", "wait queue", sheet + "2.6"},
	U1:  {"U1", "reads head, tail and an event from the mapped ring", "", sheet + "2.6"},
	U1n: {"U1n", "finds the mapped ring empty", "", sheet + "2.6"},
	U2:  {"U2", "moves head in the mapped ring", "", sheet + "2.6"},
	K1:  {"K1", "marks the context dead", "MM", sheet + "2.7"},
	K1n: {"K1n", "finds the context dead already", "MM", sheet + "2.7"},
	K2:  {"K2", "wakes all waiters", "wait queue", sheet + "2.7"},
	K3:  {"K3", "kills the reference for callers", "", sheet + "2.7"},
	K4:  {"K4", "has the last caller gone: takes the lock to cancel what is left", "CTX", sheet + "2.7"},
	K4c: {"K4c", "moves the cancel slot of %r to CANCELLED", "CTX, CAS", sheet + "2.7"},
	K4q: {"K4q", "takes %r off its queue", "CTX", ours + "aio_pool_cancel"},
	K4s: {"K4s", "signals the worker of %r and unlinks it", "CTX, SIG", sheet + "2.7"},
	K5:  {"K5", "drops the lock and the reference for requests", "CTX", sheet + "2.7"},
	K6:  {"K6", "frees the context after its last request", "", sheet + "2.7"},
	K7:  {"K7", "has waited for the context", "uninterruptible", sheet + "2.7"},
	K8:  {"K8", "ends %r, which was taken off its queue", "CMP", ours + "aio_thread_end_cancelled"},
	X0:  {"X0", "begins to exit", "", sheet + "2.7"},
	X2:  {"X2", "is gone", "", sheet + "2.7"},
	A1:  {"A1", "writes over the iocb of %r", "", sheet + "D1"},
	A2:  {"A2", "changes directory and credentials", "", sheet + "D20"},
	F1:  {"F1", "closes a file", "", sheet + "D16"},
	F2:  {"F2", "writes to a stream", "file", "write(2)"},
	F3:  {"F3", "reads from a stream", "file", "read(2)"},
	D1:  {"D1", "device: ends %r and posts its event", "CMP", sheet + "2.9"},
	P1:  {"P1", "work: samples the poll %r", "", sheet + "2.9"},
	P2:  {"P2", "work: re-arms the poll %r, or posts it", "CTX, waitq", sheet + "2.9"},
}

// Info is the description of a kind of step.
func (k Kind) Info() KindInfo { return kindTable[k] }

// String is the step's name: "W4a".
func (k Kind) String() string { return kindTable[k].Name }
