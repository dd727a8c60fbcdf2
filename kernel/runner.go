package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// runnerEnv, set to 1, makes the program a runner.
const runnerEnv = "AIOCHECK_RUNNER"

// The runner's descriptors besides standard error.
const (
	runnerSocket  = 3 // messages to and from the parent
	runnerMemory  = 4 // the shared memory
	runnerStorage = 5 // the storage under test
)

// settings is the parent's first message to a runner; all others are programs.
type settings struct {
	Sizes  sizes  `json:"sizes"`
	Run    uint32 `json:"run"`
	Origin int64  `json:"origin"` // of the run's clock, in CLOCK_MONOTONIC
	Leaks  bool   `json:"leaks,omitempty"`
	Own    bool   `json:"own,omitempty"` // nobody else uses this kernel
}

// order is the parent's message for one round.
type order struct {
	Program *traces.Program `json:"program"`
	Arena   int             `json:"arena"` // which of the two to use
	// Of programs with directories, or with an identity:
	Directories string `json:"directories,omitempty"` // what has the directories
	Limit       uint64 `json:"limit,omitempty"`       // RLIMIT_NOFILE
}

// report is the runner's message to its parent.
type report struct {
	What  what   `json:"what"`
	Error string `json:"error,omitempty"`
	// ClockError is how far the runner's clock may be off, of started.
	ClockError int64 `json:"clock_error,omitempty"`
}

type what string

// What a runner reports.
const (
	started what = "started" // the settings were taken
	over    what = "over"    // the round is over
	killMe  what = "kill me" // thread 0 of a round that ends by a kill is at its last step
	failure what = "failure" // Error says why there cannot be another round
	leaking what = "leaking" // the round is over, and Error says what it left behind
)

// MaybeRunner makes this process a runner and does not return if its parent
// started it as one. A program that uses Host calls it first in main, a test
// first in TestMain.
func MaybeRunner() {
	if os.Getenv(runnerEnv) != "1" {
		return
	}
	if err := runnerMain(); err != nil {
		fmt.Fprintln(os.Stderr, "aiocheck runner:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runnerMain runs one round after the other until the parent hangs up.
func runnerMain() error {
	// The name that ps and top show; it would be "exe".
	if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(unsafe.StringData("aiocheck-runner\x00"))), 0, 0, 0); err != nil {
		return fmt.Errorf("name the process: %w", err)
	}
	unix.Umask(runnerUmask)
	socket := os.NewFile(runnerSocket, "socket to the parent")
	var conf settings
	in := json.NewDecoder(socket)
	if err := in.Decode(&conf); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	r := runner{conf: conf, socket: socket, mask: blockedSignals()}
	if err := r.start(); err != nil {
		return r.tell(report{What: failure, Error: err.Error()})
	}
	if err := r.tell(report{What: started, ClockError: r.clock.error}); err != nil {
		return err
	}
	for {
		var o order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read program: %w", err)
		}
		answer := report{What: over}
		if err := r.watched(&o); errors.Is(err, ErrLeak) {
			answer = report{What: leaking, Error: err.Error()}
		} else if err != nil {
			answer = report{What: failure, Error: err.Error()}
		}
		if o.Program.End == traces.EndKill && answer.What == over {
			// The kill is on its way, or is asked for by having nothing left.
			answer.What = killMe
		}
		if err := r.tell(answer); err != nil {
			return err
		}
		collectGarbage()
	}
}

// runner is a process that runs programs.
type runner struct {
	conf   settings
	socket *os.File
	clock  clock
	memory *shared
	mask   unix.Sigset_t
}

func (r *runner) start() error {
	var err error
	if r.clock, err = newClock(r.conf.Origin); err != nil {
		return err
	}
	r.memory, err = mapShared(runnerMemory, r.conf.Sizes)
	return err
}

func (r *runner) tell(what report) error {
	message, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("tell the parent: %w", err)
	}
	if _, err := r.socket.Write(message); err != nil {
		return fmt.Errorf("tell the parent: %w", err)
	}
	return nil
}

// watched runs one program, and looks for what it leaves behind, if that is
// asked for.
func (r *runner) watched(o *order) error {
	if !r.conf.Leaks || !gives(o.Program) {
		return r.round(o)
	}
	before, err := r.holdings()
	if err != nil {
		return err
	}
	if err := r.round(o); err != nil {
		return err
	}
	return r.leaked(before, leakSettles)
}

// round runs one program.
func (r *runner) round(o *order) error {
	made, err := newRound(o.Program, r.conf.Run, &r.memory.arenas[o.Arena], runnerStorage, o.Directories)
	if err != nil {
		return err
	}
	id, err := made.identity()
	restore := func() error { return nil }
	if err == nil && o.Limit != 0 {
		restore, err = limitDescriptors(o.Limit)
		if err == nil && id != nil && id.Descriptors != 0 {
			err = fillDescriptors(runnerStorage, o.Limit, id.Descriptors)
		}
	}
	if err == nil {
		err = r.play(o.Program, made, id)
	}
	if restore != nil {
		err = errors.Join(err, restore())
	}
	return errors.Join(err, made.close())
}

// play runs the threads of a round. Each has an OS thread of its own that ends
// with it. A program that ends by an exit does not return.
func (r *runner) play(p *traces.Program, made *round, id *identity) error {
	killing, err := json.Marshal(report{What: killMe})
	if err != nil {
		return fmt.Errorf("prepare the last message: %w", err)
	}
	ready := make(chan struct{})            // closed when the contexts are set up
	failed := make([]error, len(p.Threads)) // complete once that is closed
	var prepared, stepping, closing, done sync.WaitGroup
	prepared.Add(len(p.Threads))
	stepping.Add(len(p.Threads))
	closing.Add(len(p.Threads))
	for n := range p.Threads {
		t := &thread{round: made, number: uint16(n), area: &made.areas[n], rec: r.memory.rings[n],
			clock: &r.clock, shared: r.memory.control}
		if n == 0 && p.End == traces.EndKill {
			t.last = func() {
				call(unix.SYS_WRITE, runnerSocket, uintptr(unsafe.Pointer(unsafe.SliceData(killing))), uintptr(len(killing)), 0, 0, 0)
			}
		}
		done.Go(func() {
			// Never unlocked, so that the thread ends here and takes signals
			// that are pending on it with it.
			runtime.LockOSThread()
			err := t.prepare(r.mask)
			if id != nil && err == nil {
				err = id.adopt()
			}
			t.rec.Record(traces.RoundRecord(t.number, t.now(), p.Round, p.End))
			failed[n] = err
			prepared.Done()
			if t.number == 0 {
				prepared.Wait()
				for c := 0; c < len(t.contexts) && failed[0] == nil; c++ {
					failed[0] = t.setup(uint32(c))
				}
				close(ready)
			}
			<-ready
			err = errors.Join(failed...)
			if err == nil {
				t.work()
			}
			stepping.Done()
			stepping.Wait()
			if err != nil || p.End == traces.EndKill {
				return
			}
			if p.End == traces.EndExit {
				t.step(&traces.Step{Do: traces.DoExit})
			}
			if t.number == 0 && made.frozen.Load() {
				t.thaw() // what waits for it has to end
			}
			t.closeContexts()
			closing.Done()
			if t.number == 0 && p.End == traces.EndDrain {
				closing.Wait()
				t.readEventfds()
			}
		})
	}
	done.Wait()
	if ret := made.unkept.Load(); ret != 0 {
		failed = append(failed, fmt.Errorf("keep a file open: %w", unix.Errno(-ret)))
	}
	return errors.Join(failed...)
}

// prepare blocks signals on the thread, so that no call is interrupted, and
// gives io_pgetevents the same mask.
func (t *thread) prepare(mask unix.Sigset_t) error {
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &mask, nil); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	t.shared.gates[t.number].thread.Store(uint32(unix.Gettid()))
	*t.area.mask = *(*[sigsetBytes]byte)(unsafe.Pointer(&mask))
	*t.area.sigset = aioSigset{mask: uintptr(unsafe.Pointer(t.area.mask)), size: sigsetBytes}
	return t.settle()
}

// settle keeps the thread to its processor.
func (t *thread) settle() error {
	if int(t.number) >= len(t.program.Processors) || t.program.Processors[t.number] == 0 {
		return nil
	}
	var set unix.CPUSet
	set.Set(int(t.program.Processors[t.number]) - 1)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("keep thread %d to processor %d: %w", t.number, t.program.Processors[t.number]-1, err)
	}
	return nil
}

// blockedSignals is all but those by which a fault in this process is told.
func blockedSignals() unix.Sigset_t {
	var set unix.Sigset_t
	for i := range set.Val {
		set.Val[i] = ^set.Val[i]
	}
	bits := 8 * int(unsafe.Sizeof(set.Val[0]))
	for _, s := range []unix.Signal{unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT} {
		set.Val[(int(s)-1)/bits] &^= 1 << ((int(s) - 1) % bits)
	}
	return set
}

// garbageBytes is how much garbage a runner lets gather before it collects it
// between two rounds. During a round there is no collection: it would have to
// stop threads that are inside system calls which Go does not know of.
const garbageBytes = 64 << 20

func collectGarbage() {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > garbageBytes {
		runtime.GC()
	}
}

// runnerEnviron is the environment of a runner: no garbage collection but the
// one above, no signals to preempt threads, and a processor for every thread
// even if all are blocked in system calls that Go does not know of.
func runnerEnviron(threads int) []string {
	// Of two values for a name Go takes the first.
	return append([]string{runnerEnv + "=1", "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMEMLIMIT=off",
		fmt.Sprintf("GOMAXPROCS=%d", threads+4)}, os.Environ()...)
}
