package fuzz

import (
	"slices"
	"time"

	"aiocheck/traces"
)

// Draft is what a program is made from: acts in one order over all threads,
// with tables of what they are about. Any draft makes a program that ends, see
// Compile: acts without a meaning are left out. So drafts can be changed freely.
type Draft struct {
	Threads  int                  `json:"threads"` // 1 to MaxThreads
	Contexts []traces.ContextDecl `json:"contexts"`
	// Files begin with the storage, an eventfd that is polled, and one that
	// completions signal.
	Files    []traces.FileDecl `json:"files"`
	Names    []traces.NameDecl `json:"names,omitempty"`
	Identity *traces.Identity  `json:"identity,omitempty"`
	// Processors says by thread to which processor it keeps, as in a program.
	Processors []uint16   `json:"processors,omitempty"`
	Acts       []Act      `json:"acts"`
	End        traces.End `json:"end"`
}

// The files that every draft has.
const (
	fileStorage  = iota
	fileAwaited  // an eventfd that is polled
	fileComplete // an eventfd that completions signal
	fixedFiles
)

// Limits of a draft. They keep a program small enough to be understood.
const (
	MaxThreads  = 3
	MaxActs     = 48
	MaxRequests = 24
)

// Act is one thing that a thread does.
type Act struct {
	ID     uint16 `json:"id"` // names the act within its draft; not 0
	Do     Verb   `json:"do"`
	Thread uint8  `json:"thread"`
	// Beside is the act of another thread, earlier in the list, that has to
	// have begun; 0 for none.
	Beside  uint16 `json:"beside,omitempty"`
	Spin    uint32 `json:"spin,omitempty"`
	Context uint16 `json:"context,omitempty"`
	File    uint16 `json:"file,omitempty"`
	Name    uint16 `json:"name,omitempty"`
	// Of and Nth are the request that the act is about: the Nth of those that
	// the act Of submits. Of 0 is a request that is never submitted. Of a
	// submission: the earlier request whose iocb its first one is written into.
	Of  uint16 `json:"of,omitempty"`
	Nth uint8  `json:"nth,omitempty"`
	// Requests are those that the act submits, or makes by a call of its own.
	Requests []traces.RequestDecl `json:"requests,omitempty"`
	Min      int32                `json:"min,omitempty"`
	Max      int32                `json:"max,omitempty"`
	Timeout  time.Duration        `json:"timeout,omitempty"`
}

// Verb is what an act does.
type Verb string

// The verbs. Each is a call of a thread, but for Pause and Mark.
const (
	Submit      Verb = "submit"       // io_submit
	Cancel      Verb = "cancel"       // io_cancel
	Glance      Verb = "glance"       // io_getevents, with a timeout
	Collect     Verb = "collect"      // io_getevents of all that is certain to come
	ReapRing    Verb = "reap-ring"    // reaping in user space
	Destroy     Verb = "destroy"      // io_destroy
	Feed        Verb = "feed"         // write(2) to a stream, or to an eventfd
	Take        Verb = "take"         // read(2) of a stream
	ReadEventfd Verb = "read-eventfd" // read(2) of the eventfd of completions
	CloseRead   Verb = "close-read"   // close(2) of a stream's reading end
	CloseWrite  Verb = "close-write"  // close(2) of its writing end
	Exit        Verb = "exit"         // exit_group(2)
	Named       Verb = "named"        // openat(2), unlinkat(2), renameat2(2)
	Stat        Verb = "stat"         // statx(2)
	Reuse       Verb = "reuse"        // the memory of a submitted request is overwritten
	Chdir       Verb = "chdir"        // chdir(2)
	Freeze      Verb = "freeze"       // ioctl(FIFREEZE)
	Thaw        Verb = "thaw"         // ioctl(FITHAW)
	Pause       Verb = "pause"        // sleeps, in io_getevents on a context without requests
	Mark        Verb = "mark"         // nothing, for others to wait for
)

// verbs lists them all.
var verbs = []Verb{Submit, Cancel, Glance, Collect, ReapRing, Destroy, Feed, Take, ReadEventfd, CloseRead, CloseWrite, Exit,
	Named, Stat, Reuse, Chdir, Freeze, Thaw, Pause, Mark}

// Clone is a copy that shares nothing that is changed in place.
func (d *Draft) Clone() *Draft {
	c := *d
	c.Contexts, c.Files, c.Names = slices.Clone(d.Contexts), slices.Clone(d.Files), slices.Clone(d.Names)
	c.Processors, c.Acts = slices.Clone(d.Processors), slices.Clone(d.Acts)
	for i := range c.Acts {
		c.Acts[i].Requests = slices.Clone(c.Acts[i].Requests)
	}
	if d.Identity != nil {
		id := *d.Identity
		c.Identity = &id
	}
	return &c
}

// requests counts the requests of the acts.
func (d *Draft) requests() (n int) {
	for i := range d.Acts {
		n += len(d.Acts[i].Requests)
	}
	return n
}
