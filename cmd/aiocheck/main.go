// Command aiocheck records what the AIO of a Linux kernel does and judges it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"aiocheck/checker"
	"aiocheck/checker/fuzz"
	"aiocheck/checker/report"
	"aiocheck/kernel/qemu"
	_ "aiocheck/kernel/roles" // starts runners and guests before main
	"aiocheck/traces/workload"
)

// The exit codes, the same for every command.
const (
	exitHolds     = 0 // every property judged holds
	exitViolated  = 1 // a property is violated
	exitUsage     = 2 // the command line, or a file named on it, is wrong
	exitMachine   = 3 // this machine cannot run it
	exitUndecided = 4 // the limits given were reached first
)

// failure is an error with the exit code that it stands for.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usageError(err error) error   { return &failure{exitUsage, err} }
func machineError(err error) error { return &failure{exitMachine, err} }

// verdictError carries a verdict to the exit code; everything has been said.
type verdictError checker.Outcome

func (v verdictError) Error() string { return checker.Outcome(v).String() }

type commands struct {
	Verify  verifyCommand    `cmd:"" help:"Record the AIO history of a running kernel and judge it."`
	Check   checkCommand     `cmd:"" help:"Judge recorded traces again."`
	Trace   traceCommand     `cmd:"" help:"Show, summarise and convert traces."`
	Compare compareCommand   `cmd:"" help:"Compare designs of asynchronous I/O, property by property."`
	Graph   graphCommand     `cmd:"" help:"Draw the life of a request in a design, or the states that a program reaches."`
	Fuzz    fuzzCommands     `cmd:"" help:"Look for executions that violate a property: generate small programs, run, judge, shrink."`
	Litmus  litmusCommand    `cmd:"" help:"Run litmus tests in the model: what can happen, and what cannot."`
	Explore exploreCommand   `cmd:"" help:"Visit every state of a design's model and check every property."`
	Replay  replayCommand    `cmd:"" help:"Execute a schedule on the model, step by step."`
	Kernel  kernelCommand    `cmd:"" help:"Build, manage and boot kernels for guests."`
	Doctor  doctorCommand    `cmd:"" help:"Say what this machine can do, and what to install."`
	Version kong.VersionFlag `help:"Print the version." short:"V"`
}

// session is what commands print to and are stopped by.
type session struct {
	ctx    context.Context // ends with the first Ctrl-C
	stdout io.Writer
	stderr io.Writer
	suites []report.Suite // what is judged so far, where it is printed together
	line   line           // what was asked for
}

func main() {
	os.Exit(run(os.Args[1:]))
}

// run is main with an exit code, for tests.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second Ctrl-C ends the process at once.
	context.AfterFunc(ctx, stop)
	s := &session{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr}
	return exitCode(s.stderr, s.execute(args))
}

func (s *session) execute(args []string) error {
	var c commands
	parser, err := kong.New(&c, kong.Name("aiocheck"), kong.Description(description), kong.UsageOnError(),
		kong.Vars{"version": version(), "mixes": workload.MixNames(), "profiles": fuzz.ProfileNames(), "devices": strings.Join(qemu.Devices(), ","),
			"filesystems": strings.Join(qemu.FileSystems(), ",")}, kong.Bind(s), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return usageError(fmt.Errorf("%w\nsee aiocheck --help", err))
	}
	s.line = newLine(args, parsed.Flags())
	return parsed.Run()
}

const description = `Records what Linux asynchronous I/O does and judges it by its contract.

Exit codes: 0 every property holds, 1 one is violated, 2 wrong usage or input, 3 this machine cannot run it, 4 undecided within the limits given.`

// exitCode prints what is still to be said of err and maps it to a code.
func exitCode(stderr io.Writer, err error) int {
	var v verdictError
	var f *failure
	switch {
	case err == nil:
		return exitHolds
	case errors.As(err, &v):
		switch checker.Outcome(v) {
		case checker.Violated:
			return exitViolated
		case checker.Undecided:
			return exitUndecided
		}
		return exitHolds
	}
	fmt.Fprintf(stderr, "aiocheck: %s\n", strings.TrimSpace(err.Error()))
	if errors.As(err, &f) {
		return f.code
	}
	return exitMachine
}
