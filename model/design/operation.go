package design

import "aiocheck/model"

// FileKind is what a request's descriptor refers to.
type FileKind uint8

// The kinds of files.
const (
	Regular   FileKind = iota // through the page cache
	DirectIO                  // O_DIRECT
	Pipe                      // holds Capacity units
	Socket                    // like a pipe, but every write may be split
	Eventfd                   // reads wait for a count
	NFS                       // the server acts before its answer comes back
	FUSE                      // a daemon takes the request, then acts
	DeadDisk                  // never answers
	Directory                 // for OPENAT, UNLINKAT, RENAMEAT
)

var fileNames = [...]string{"regular", "direct", "pipe", "socket", "eventfd", "nfs", "fuse", "dead", "directory"}

// String is the kind's name in litmus tests.
func (k FileKind) String() string { return fileNames[k] }

// ParseFileKind is the inverse of String.
func ParseFileKind(s string) (FileKind, bool) {
	for k, name := range fileNames {
		if name == s {
			return FileKind(k), true
		}
	}
	return 0, false
}

// Stream reports whether the file has an order and no offsets.
func (k FileKind) Stream() bool { return k == Pipe || k == Socket || k == Eventfd }

func (k FileKind) direct() bool { return k == DirectIO || k == DeadDisk }

// Behaviour is where an operation can be interrupted and what it leaves
// behind: the rows of thread-aio.md 3.2.
type Behaviour uint8

// The behaviours.
const (
	Whole        Behaviour = iota // one step, uninterruptible, full effect
	Never                         // uninterruptible, never ends
	TakeStream                    // waits for data interruptibly, then takes what there is
	PutStream                     // waits for room interruptibly, all or nothing
	PutPieces                     // unit by unit, a wait before each may be interrupted
	Pieces                        // unit by unit, a look at the signal before each
	Remote                        // the effect comes first, then a killable wait for the answer
	Daemon                        // a killable wait, then uninterruptible
	WaitReady                     // poll: waits for readiness, no effect
	TwoStepWhole                  // device: started, then ended, uninterruptible
	WaitOpen                      // opens a FIFO: waits for its other end interruptibly, then as Whole
)

var behaviourText = [...]string{
	"uninterruptible, full effect", "uninterruptible, never ends", "interruptible while empty, then takes what there is",
	"interruptible while full, then all at once", "interruptible before each unit, prefix effect", "checks the signal before each unit, prefix effect",
	"the server acts, then a killable wait", "killable until the daemon has it, then not", "interruptible until ready", "started, then ended by the device, uninterruptible",
	"interruptible until somebody has the other end open, then at once",
}

// String says what the behaviour is.
func (b Behaviour) String() string { return behaviourText[b] }

// BehaviourOf is the behaviour of an operation of so many units on a file,
// where a write of up to atomic units is not split (PIPE_BUF).
func (d *Design) BehaviourOf(op model.Opcode, kind FileKind, units, atomic uint8) Behaviour {
	switch {
	case op == model.Poll:
		return WaitReady
	case kind == DeadDisk:
		return Never
	case op == model.ReadAhead:
		return d.ReadAhead
	case op.Syncs():
		return Whole
	case kind == NFS:
		return Remote
	case kind == FUSE:
		return Daemon
	case op == model.OpenAt && kind.Stream():
		return WaitOpen
	case !op.Transfers():
		return Whole
	case kind == DirectIO:
		return TwoStepWhole
	case kind.Stream() && op.Reads():
		return TakeStream
	case kind == Pipe && units <= atomic, kind == Eventfd:
		return PutStream
	case kind.Stream():
		return PutPieces
	}
	return Pieces
}
