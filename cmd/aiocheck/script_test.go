package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// status CODE PROGRAM ARG… runs a program and wants that exit status.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// truncate FILE BYTES cuts so many bytes off a file's end.
func truncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE BYTES")
	}
	path := ts.MkAbs(args[0])
	cut, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	info, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-cut))
}

// waitFor FILE BYTES waits until the file has grown to so many bytes. The
// test's own deadline bounds it.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE BYTES")
	}
	want, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	for {
		if info, err := os.Stat(ts.MkAbs(args[0])); err == nil && info.Size() >= want {
			return
		}
		runtime.Gosched()
	}
}
