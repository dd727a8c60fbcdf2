package main

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"aiocheck/checker"
	"aiocheck/kernel"
	"aiocheck/kernel/qemu"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

type verifyCommand struct {
	judging
	guestFlags `embed:""`
	runFlags   `embed:""`
	Target     string        `help:"What to run on: ${enum}." enum:"host,qemu,sim" default:"host"`
	Path       string        `help:"File, block device, or directory for a temporary file (default: the system's temporary directory)." placeholder:"PATH"`
	Region     size          `help:"How much of the file or device to use." default:"16M" placeholder:"SIZE"`
	Buffered   bool          `help:"Do not use O_DIRECT."`
	Destroy    bool          `name:"destroy-data" help:"The data on the block device may be destroyed."`
	Threads    int           `help:"Threads that submit." default:"4"`
	Depth      int           `help:"Most requests of a thread in flight." default:"16"`
	Mix        string        `help:"What to do how often: ${mixes}, or changes such as default,POLL=40,kill=0." default:"default"`
	Sizes      sizeRange     `help:"Size of transfers, one or from-to." default:"512-1M" placeholder:"SIZE"`
	Requests   int           `help:"How many requests to submit (default: 20000)." placeholder:"N"`
	Duration   time.Duration `help:"How long to go on submitting, instead of --requests." placeholder:"TIME"`
	Seed       uint64        `help:"Seed of the program (default: a new one)." placeholder:"N"`
	Trace      string        `help:"Where to write the trace (default: a new file in the temporary directory)." placeholder:"FILE"`
	Guests     int           `help:"Guests side by side. Each runs shares of the requests, with a trace for each share." default:"1"`
	Fresh      bool          `help:"Run every few hundred requests in a guest of its own, restored from a snapshot, with a trace for each."`
	Misbehave  string        `help:"Seeded bug of --target sim; an unknown name lists them." placeholder:"NAME"`
}

const defaultRequests = 20000

// target runs programs and writes what happened to a sink.
type target interface {
	// header says what the target is: kernel, device, clock, contract.
	header() traces.Header
	run(ctx context.Context, next func() (*traces.Program, bool), sink kernel.Sink) error
	// console is what a guest has printed; empty for other targets.
	console() string
	close() error
}

// Run records, judges and prints. Whatever stops the recording, what was
// recorded until then is judged.
func (v *verifyCommand) Run(s *session) error {
	v.Line = s.line
	if err := v.complete(); err != nil {
		return usageError(err)
	}
	if err := v.refuseExisting(v.Report); err != nil {
		return err
	}
	if err := v.buildSource(s, v.Target); err != nil {
		return err
	}
	if v.Guests > 1 || v.Fresh {
		return v.runShares(s)
	}
	t, err := v.open(s.ctx, s.stderr)
	if err != nil {
		return err
	}
	p := newProgress(s.stderr, v.Requests, v.Duration)
	r, runErr := v.runOn(s.ctx, t, p)
	p.done()
	if r == nil {
		return runErr
	}
	if err := errors.Join(v.show(s, r), v.finish(s)); err != nil {
		return err
	}
	return ending(r.Outcome, runErr)
}

// ending is the error that a run ends with. What was found goes before what
// was in the way.
func ending(outcome checker.Outcome, runErr error) error {
	switch {
	case outcome == checker.Violated:
		return verdictError(outcome)
	case runErr != nil:
		return machineError(runErr)
	case outcome == checker.Undecided:
		return verdictError(outcome)
	}
	return nil
}

// runOn runs the workload on a target, closes it, and judges. Without a result
// nothing was recorded; with one, the error says what ended the run early.
func (v *verifyCommand) runOn(ctx context.Context, t target, p *progress) (*result, error) {
	h := t.header()
	h.Tool, h.Workload = version(), v.workload()
	programs, err := workload.New(h.Workload, h.Device, h.Kernel.CPUs, h.Abilities)
	if err != nil {
		return nil, errors.Join(usageError(err), t.close())
	}
	trace, runErr := v.record(ctx, t, h, programs, p)
	if trace == "" {
		return nil, errors.Join(runErr, t.close())
	}
	// The target may have a temporary file to remove, whatever comes now.
	runErr = errors.Join(runErr, t.close())
	history, err := traces.Read(trace)
	if err != nil {
		return nil, errors.Join(runErr, machineError(fmt.Errorf("read back what was recorded: %w", err)))
	}
	of := recorded{trace: trace}
	if of.console, err = v.keepConsole(trace, t.console()); err != nil {
		runErr = errors.Join(runErr, err)
	}
	of.reports = qemu.Scan(t.console())
	if of.problem = runErr; runErr != nil {
		of.note = "the run ended early: " + runErr.Error()
	} else if ctx.Err() != nil {
		of.note = "interrupted: what was recorded until then is judged"
	}
	r, err := v.result(of, history)
	if err != nil {
		return nil, err
	}
	return r, runErr
}

// keepConsole writes a guest's console to a file beside the trace.
func (v *verifyCommand) keepConsole(trace, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	path := trace + ".console"
	return path, writeFile(path, v.Overwrite, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// complete fills in what was left open on the command line.
func (v *verifyCommand) complete() error {
	if v.Requests != 0 && v.Duration != 0 {
		return errors.New("--requests and --duration exclude each other")
	}
	if v.Requests < 0 || v.Duration < 0 {
		return errors.New("--requests and --duration are above 0")
	}
	if v.Requests == 0 && v.Duration == 0 {
		v.Requests = defaultRequests
	}
	if v.Misbehave != "" && v.Target != "sim" {
		return errors.New("--misbehave needs --target sim")
	}
	if v.Kernel != "" && v.Target != "qemu" {
		return errors.New("--kernel needs --target qemu")
	}
	if v.Deterministic && (v.Duration != 0 || v.Fresh) {
		return errors.New("--deterministic excludes --duration and --fresh: those go by this machine's time and random numbers")
	}
	if err := v.runFlags.check(v.Target); err != nil {
		return err
	}
	if err := v.checkFormat(); err != nil {
		return err
	}
	if err := v.checkShares(); err != nil {
		return err
	}
	if v.Target == "qemu" && (v.Path != "" || v.Destroy) {
		return errors.New("--path and --destroy-data are for the host: a guest's storage is named by --device")
	}
	if v.Seed == 0 {
		var b [4]byte // short enough to type
		crand.Read(b[:])
		v.Seed = uint64(binary.LittleEndian.Uint32(b[:])) | 1
	}
	v.RandomSeed = v.Seed
	return nil
}

// again is the command of a deterministic run.
func (v *verifyCommand) again() string {
	if !v.Deterministic {
		return ""
	}
	return v.Line.again([][2]string{{"--seed", fmt.Sprint(v.Seed)}, {"--requests", fmt.Sprint(v.Requests)}})
}

func (v *verifyCommand) workload() traces.Workload {
	w := traces.Workload{Seed: v.Seed, Threads: v.Threads, Depth: v.Depth, Mix: v.Mix,
		MinBytes: int(v.Sizes.Min), MaxBytes: int(v.Sizes.Max), Requests: v.Requests}
	if v.Duration > 0 {
		w.Duration = v.Duration.String()
	}
	return w
}

// refuseExisting says before a long run what would be refused after it.
func (v *verifyCommand) refuseExisting(path string) error {
	if path == "" || v.Overwrite {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return usageError(fmt.Errorf("%s exists: give --overwrite or another name", path))
	}
	return nil
}

// record runs the programs and returns the trace's name, empty if there is none.
func (v *verifyCommand) record(ctx context.Context, t target, h traces.Header, programs *workload.Generator, p *progress) (string, error) {
	path, overwrite := v.Trace, v.Overwrite
	if path == "" {
		path = filepath.Join(os.TempDir(), fmt.Sprintf("aiocheck-%d-%d.aiot", v.Seed, os.Getpid()))
		overwrite = false
	}
	f, err := createFile(path, overwrite)
	if err != nil {
		return "", err
	}
	w, err := traces.NewWriter(f, h)
	if err != nil {
		return "", errors.Join(machineError(fmt.Errorf("write %s: %w", path, err)), f.Close())
	}
	sink := &recording{w, p}
	ends := time.Now().Add(v.Duration)
	runErr := t.run(ctx, func() (*traces.Program, bool) {
		if v.Duration > 0 && time.Now().After(ends) {
			return nil, false
		}
		return programs.Next()
	}, sink)
	for _, r := range qemu.Scan(t.console()) {
		w.KernelReport(r.Kind + ": " + r.Summary)
	}
	finish, text := traces.FinishComplete, ""
	if runErr != nil {
		finish, text = traces.FinishFailed, runErr.Error()
	} else if ctx.Err() != nil {
		finish = traces.FinishInterrupted
	}
	if err := errors.Join(w.Close(finish, text), f.Close()); err != nil {
		runErr = errors.Join(runErr, fmt.Errorf("write %s: %w", path, err))
	}
	return path, runErr
}

// recording writes records to the trace and tells the progress.
type recording struct {
	trace    *traces.Writer
	progress *progress
}

func (r *recording) Append(recs []traces.Record) error {
	r.progress.saw(recs)
	return r.trace.Append(recs)
}
