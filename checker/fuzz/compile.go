package fuzz

import (
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// Place is where a program is to run: which round of the run it is, and what
// the target is able to do.
type Place struct {
	Round  uint64
	First  traces.RequestID
	Able   traces.Abilities
	Align  int   // of offsets and sizes of O_DIRECT; 512 if smaller
	Window int64 // offset of the program's own piece of storage, of WindowBytes
	Bytes  int64 // of the whole storage
	CPUs   int   // processors that threads can keep to; 0 for none
}

// windowSectors is the storage that a draft speaks of.
const windowSectors = 16

// WindowBytes is how much storage one program uses, for an alignment.
func WindowBytes(align int) int64 { return windowSectors * int64(max(align, sector)) }

const (
	sector = 512
	line   = 64
	// patience is the timeout of waits for what is certain to come. It is above
	// the Grace of every contract, so that a wait in vain is evidence.
	patience = 10 * time.Second
	// maxBytes is the largest transfer, of streams: twice what a pipe holds.
	maxBytes = 128 << 10
	// smallBytes is what a pipe surely takes without blocking, however little of
	// each page of it is used.
	smallBytes = 8 * line
	smallSends = 12
)

// compiler makes a program from a draft.
type compiler struct {
	d  *Draft
	at Place
	p  *traces.Program
	// What is known of acts and requests so far.
	steps     map[uint16]position // by act
	submitted map[reference]*sent
	order     []*sent
	spare     int       // position plus one of the request that is never submitted
	idle      int       // number plus one of the context that stays empty
	freezer   int       // the thread that freezes, -1 if none does
	frozen    bool      // at this place of its acts
	away      []bool    // by thread: it is in another working directory
	reaped    []int     // by context: most events that were taken
	filled    []int     // by context: requests submitted
	streams   []*stream // by file, nil for others
	facts     facts
}

// position is a step of a thread.
type position struct {
	thread uint8
	step   int
}

// reference is a request of an act.
type reference struct {
	act uint16
	nth uint8
}

// sent is a request that a step submits.
type sent struct {
	id        traces.RequestID // position in the program
	decl      *traces.RequestDecl
	thread    uint8
	context   uint16
	cancelled bool // by its own thread, after its submission
	reused    bool // a later request has its iocb
	doubtful  bool // it may not be accepted
}

// stream is what is known of a stream so far.
type stream struct {
	fed, sends int  // bytes that plain writes have surely put in, and how many
	closed     bool // the writing end was closed by a thread's own step
	closedBy   uint8
}

// facts are what all acts of a draft together say, before any is compiled.
type facts struct {
	freezes bool
	closes  map[uint16]bool // files of which an end is closed
	big     map[uint16]bool // files with writes that may block
	pollOut map[uint16]bool // files whose writing end is polled
	mapped  map[uint16]bool // contexts reaped in user space
	reads   map[uint16]int  // files: bytes that all reads together ask for
	cancels map[reference]bool
	reuses  map[reference]bool
	users   map[uint16]uint16 // contexts: which threads submit or reap there, as bits
	opens   [2]int            // of FIFOs, for reading and for writing, never cancelled
}

// Compile makes a program of a draft. It ends under any kernel that keeps its
// contract: nothing waits for what only comes later in the order of the acts,
// and what still waits when the threads are through is ended then.
func (d *Draft) Compile(at Place) *traces.Program {
	c := &compiler{d: d, at: at, steps: map[uint16]position{}, submitted: map[reference]*sent{}, freezer: -1}
	c.at.Align = max(c.at.Align, sector)
	threads := max(1, min(d.Threads, MaxThreads))
	c.p = &traces.Program{Round: at.Round, First: at.First, End: d.End & 3, Threads: make([][]traces.Step, threads)}
	c.layTables()
	c.gather()
	c.away = make([]bool, threads)
	for i := range d.Acts {
		if len(c.p.Requests)+len(d.Acts[i].Requests) <= 2*MaxRequests {
			c.act(&d.Acts[i])
		}
	}
	c.finish()
	return c.p
}

func (c *compiler) layTables() {
	d, p := c.d, c.p
	p.Contexts = append(p.Contexts, d.Contexts...)
	if len(p.Contexts) == 0 {
		p.Contexts = []traces.ContextDecl{{Slots: 4}}
	}
	for i := range p.Contexts {
		p.Contexts[i].Slots = max(1, min(p.Contexts[i].Slots, 64))
	}
	p.Files = []traces.FileDecl{{Kind: traces.Storage, Bytes: c.at.Bytes}, {Kind: traces.Eventfd}, {Kind: traces.Eventfd}}
	for i := fixedFiles; i < len(d.Files); i++ {
		f := d.Files[i]
		switch f.Kind {
		case traces.Pipe, traces.Socket:
			// Without threads a transfer blocks inside io_submit.
			f.Nonblock = f.Nonblock || !c.at.Able.Threaded
		case traces.Directory:
			if !c.at.Able.Names {
				f = traces.FileDecl{Kind: traces.Eventfd}
			}
		default:
			f = traces.FileDecl{Kind: traces.Eventfd}
		}
		p.Files = append(p.Files, f)
	}
	if c.at.Able.Names {
		for _, n := range d.Names {
			if c.kind(n.Directory) == traces.Directory {
				p.Names = append(p.Names, n)
			}
		}
		if len(p.Names) != len(d.Names) {
			p.Names = nil // they go by number
		}
	}
	if c.at.Able.Identity && d.Identity != nil {
		id := *d.Identity
		for _, f := range []*uint16{&id.Cwd, &id.Root} {
			if *f != 0 && c.kind(*f-1) != traces.Directory {
				*f = 0
			}
		}
		p.Identity = &id
	}
	if c.at.CPUs > 0 {
		for _, n := range d.Processors {
			p.Processors = append(p.Processors, min(n, uint16(c.at.CPUs)))
		}
	}
	c.streams = make([]*stream, len(p.Files))
	for i := range p.Files {
		if k := p.Files[i].Kind; k == traces.Pipe || k == traces.Socket {
			c.streams[i] = &stream{}
		}
	}
	c.reaped, c.filled = make([]int, len(p.Contexts)), make([]int, len(p.Contexts))
}

// kind of a file of the program; Storage of those that are not there.
func (c *compiler) kind(file uint16) traces.FileKind {
	if int(file) >= len(c.p.Files) {
		return traces.Storage
	}
	return c.p.Files[file].Kind
}

func (c *compiler) context(n uint16) uint16 {
	return n % uint16(len(c.d.Contexts)+btoi(len(c.d.Contexts) == 0))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// gather finds the facts.
func (c *compiler) gather() {
	f := facts{closes: map[uint16]bool{}, big: map[uint16]bool{}, pollOut: map[uint16]bool{}, mapped: map[uint16]bool{}, reads: map[uint16]int{},
		cancels: map[reference]bool{}, reuses: map[reference]bool{}, users: map[uint16]uint16{}}
	for i := range c.d.Acts {
		a := &c.d.Acts[i]
		context := c.context(a.Context)
		switch a.Do {
		case Submit, Glance, Collect, ReapRing:
			f.users[context] |= 1 << c.thread(a)
			f.mapped[context] = f.mapped[context] || a.Do == ReapRing
		case Freeze:
			f.freezes = true
		case CloseRead, CloseWrite:
			f.closes[a.File] = true
		case Cancel:
			f.cancels[reference{a.Of, a.Nth}] = true
		}
		if a.Do == Submit && a.Of != 0 {
			f.reuses[reference{a.Of, a.Nth}] = true
		}
		for k := range a.Requests {
			r := &a.Requests[k]
			switch op := r.Opcode; {
			case a.Do == Take:
				f.reads[a.File] += int(max(line, r.Bytes))
			case a.Do == Feed:
			case op == model.Poll && r.Offset&pollIn == 0:
				f.pollOut[r.File] = true
			case op.Reads() && r.File != fileStorage:
				f.reads[r.File] += int(r.Bytes)
			case op.Writes() && r.Bytes > smallBytes && r.File != fileStorage:
				f.big[r.File] = true
			}
		}
	}
	for i := range c.d.Acts {
		a := &c.d.Acts[i]
		for k := range a.Requests {
			if r := &a.Requests[k]; a.Do == Submit && c.opensFifo(r) && !f.cancels[reference{a.ID, uint8(k)}] {
				f.opens[r.Flags&1]++
			}
		}
	}
	c.facts = f
}

func (c *compiler) thread(a *Act) uint8 { return a.Thread % uint8(len(c.p.Threads)) }

// opensFifo reports whether a request may wait for the other end of a FIFO.
func (c *compiler) opensFifo(r *traces.RequestDecl) bool {
	return r.Opcode == model.OpenAt && int(r.Name) < len(c.p.Names) && c.p.Names[r.Name].Kind == traces.Fifo
}

// Masks of poll(2), as on Linux.
const (
	pollIn  = 0x1
	pollOut = 0x4
)
