package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// lineBytes is the grain of storage and streams: every 64-byte line carries
// the tag of the request that wrote it.
const lineBytes = 64

// sectorLines is how many lines take effect in one atomic step: a 512-byte
// sector.
const sectorLines = 512 / lineBytes

// Config says which kernel is simulated.
type Config struct {
	Seed uint64
	// Misbehaviour is the bug that the kernel has, nil for an honest one.
	Misbehaviour *Misbehaviour
	// StorageBytes is the size of the storage under test, a multiple of 512.
	StorageBytes int64
	// Direct is set when the storage is opened with O_DIRECT: its requests
	// then run beside their io_submit instead of inside it.
	Direct bool
	// Threaded is set when contexts have threads: the kernel then keeps the
	// contract of corrected thread-based AIO. A misbehaviour may imply it.
	Threaded bool
	// Workers is how many threads of a context execute requests that end by
	// themselves; 0 for as many as the kernel has.
	Workers int
	// Workload is copied to the header.
	Workload traces.Workload
}

// Target is a simulated kernel with one storage file that lasts over rounds.
type Target struct {
	cfg     Config
	rng     *rand.PCG
	now     traces.Time
	run     uint32
	logs    []*traces.Log // by thread
	control traces.Log
	storage storage
	lastID  traces.RequestID // highest ID of the rounds so far
	bug     bug
	fired   int

	// The rest belongs to the round under way and is reused by the next.
	program  *traces.Program
	contexts []context
	files    []file
	requests []request
	threads  []thread
	begun    []uint32 // by thread: steps that it has begun
	ready    []*thread
	jobs     []*request // requests that something in the kernel works on
	drawn    *request   // the job that may come next
	arena    []tag      // buffers of the round's reads
	jobBias  uint32     // of 16 turns, how many go to the kernel's own work
	latency  uint32     // of the device, in nanoseconds, at most
	exiting  bool       // a thread has called exit_group
	ticks    int
	unsent   []bool     // by request: an event was made up before its submission
	awake    []*request // jobs that can go on

	// The name space of the round and the file system that it is on.
	inodes      uint64   // the highest number so far
	entries     []*inode // by directory, then name
	formers     []*inode // misbehaviour: what they were bound to before
	leaks       int      // misbehaviour: descriptors lost
	held        []*inode // by name: what it was bound to when the round began
	descriptors []descriptor
	fs          fsState // what the round's threads begin with
	fileLimit   int     // RLIMIT_NOFILE
	frost       frost
	writers     int // writes inside the protection against freezing
}

// New makes a target whose storage holds initial lines only.
func New(cfg Config) *Target {
	cfg.Threaded = cfg.Threaded || cfg.Misbehaviour != nil && cfg.Misbehaviour.Threaded()
	t := &Target{
		cfg: cfg, rng: rand.NewPCG(cfg.Seed, 0x61696f), run: uint32(cfg.Seed) | 1,
		storage: newStorage(cfg.StorageBytes, cfg.Misbehaviour != nil),
	}
	if cfg.Misbehaviour != nil {
		t.bug = cfg.Misbehaviour.bug
	}
	return t
}

// Header describes the target's trace.
func (t *Target) Header() traces.Header {
	h := traces.Header{
		Target: "sim", Started: time.Unix(0, 0).UTC().Format(time.RFC3339),
		Clock: "virtual nanoseconds since the start of the run", Run: t.run,
		Kernel:   traces.Kernel{Release: "simulated", Version: t.contract().Name, Machine: "none", CPUs: 1},
		Device:   t.Device(),
		Workload: t.cfg.Workload,
		Contract: t.contract(),
	}
	if t.cfg.Threaded {
		h.Abilities = traces.Abilities{Threaded: true, Names: true, Identity: true, Freeze: true}
	}
	if t.cfg.Misbehaviour != nil {
		h.Misbehaviour = t.cfg.Misbehaviour.Name
	}
	return h
}

// Device describes the simulated storage.
func (t *Target) Device() traces.Device {
	d := traces.Device{Path: "simulated", Kind: "file", FileSystem: "none", Source: "memory",
		Direct: t.cfg.Direct, Align: 1, MemAlign: 1, Bytes: t.cfg.StorageBytes}
	if t.cfg.Direct {
		d.Align, d.MemAlign = 512, 512
	}
	return d
}

// contract is what the simulated kernel promises when it is honest.
func (t *Target) contract() model.Contract {
	if t.cfg.Threaded {
		return model.Contract{Name: "simulated thread-based AIO", Threaded: true, Workers: t.workers(), CancelledPoll: model.Fail(model.EINTR)}
	}
	return model.Contract{Name: "simulated mainline 6.1", InlineOrder: true}
}

// Fired is how many times the misbehaviour has really happened.
func (t *Target) Fired() int { return t.fired }

// Logs are the records so far: one log for each thread, the controller's last.
func (t *Target) Logs() []traces.Log {
	out := make([]traces.Log, 0, len(t.logs)+1)
	for _, l := range t.logs {
		out = append(out, *l)
	}
	return append(out, t.control)
}

// Run runs one round: all of p, and the end that p asks for. It fails when
// the program is malformed or when its threads wait for ever.
func (t *Target) Run(p *traces.Program) error {
	if err := t.begin(p); err != nil {
		return fmt.Errorf("begin round %d: %w", p.Round, err)
	}
	if err := t.play(); err != nil {
		return fmt.Errorf("run round %d: %w", p.Round, err)
	}
	return nil
}

// readBackBytes is how much one read of the final read-back asks for.
const readBackBytes = 1 << 20

// Finish reads the whole storage back, as the controller does after the last
// round.
func (t *Target) Finish() {
	for off := int64(0); off < t.cfg.StorageBytes; off += readBackBytes {
		n := min(readBackBytes, t.cfg.StorageBytes-off)
		t.lastID++
		id := t.lastID
		t.control.Record(traces.RequestRecord(traces.Controller, traces.NoContext, id, model.PRead, 0, 0, off, uint32(n), 0, t.dataOf(id), 0))
		t.control.Record(traces.InvokeRecord(traces.Controller, traces.NoContext, traces.CallRead, id, 0, t.tick(), n, off, 0))
		t.control.Record(traces.ReturnRecord(traces.Controller, t.tick(), model.Result(n), 0, 0))
		lo := off / lineBytes
		t.recordData(&t.control, traces.Controller, id, t.storage.lines[lo:lo+n/lineBytes], off, traces.Storage)
	}
}

// dataOf is the aio_data of a request: the run and the request's ID.
func (t *Target) dataOf(id traces.RequestID) uint64 { return uint64(t.run)<<32 | uint64(id) }

// tick moves the clock by a random small amount and returns the new time.
func (t *Target) tick() traces.Time {
	t.now += 1 + traces.Time(t.below(100))
	return t.now
}

// below draws a number from 0 to n-1.
func (t *Target) below(n uint32) uint32 {
	return uint32((t.rng.Uint64() >> 32) * uint64(n) >> 32)
}

// oneIn is true once in n draws on average.
func (t *Target) oneIn(n uint32) bool { return t.below(n) == 0 }
