package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoSpace marks errors of a full file system.
var ErrNoSpace = errors.New("no space left")

// roomFor is what a build needs, rounded up: the source, and the objects of
// the largest variant.
const roomFor = "5 GB"

// noSpace makes an error of a full file system say so and what to do; other
// errors stay as they are.
func noSpace(err error, where string) error {
	if err == nil || errors.Is(err, ErrNoSpace) ||
		!errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) && !saysNoSpace(err.Error()) {
		return err
	}
	// Of what failed one line will do: tar has a complaint for each file.
	what, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%w in %s: a build needs up to %s; free some, run \"aiocheck kernel clean\", or set XDG_CACHE_HOME to another file system\n%s",
		ErrNoSpace, where, roomFor, what)
}

// saysNoSpace looks for strerror(ENOSPC) and strerror(EDQUOT) in what a
// program has said, and for what tar says of a write that was cut short; all
// programs are run with LC_ALL=C.
func saysNoSpace(text string) bool {
	return strings.Contains(text, "No space left on device") || strings.Contains(text, "Disk quota exceeded") ||
		strings.Contains(text, "tar: ") && strings.Contains(text, ": Wrote only ")
}

// stopGrace is how long a program may take to end when it is told to: make
// removes the file that it was making.
const stopGrace = 10 * time.Second

// program is one that ends when ctx does, and with all its children: it
// is a process group of its own, which a terminal's Ctrl-C does not reach, so
// that it is stopped in one way only.
func program(ctx context.Context, dir string, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "LC_ALL=C"), env...)
	// If this process is killed, so is make, and with it what it made last.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGTERM}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGTERM) }
	cmd.WaitDelay = stopGrace
	return cmd
}

// runProgram starts a program and waits for it. It stays on one thread, for
// Pdeathsig is sent when the thread that started the program ends.
func runProgram(ctx context.Context, cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if cmd.Process != nil && ctx.Err() != nil {
		// Whatever did not end when told to.
		unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// output runs a program and returns what it wrote to its standard output.
// The error has the end of what it wrote to either.
func output(ctx context.Context, dir string, stdin io.Reader, name string, args ...string) ([]byte, error) {
	cmd := program(ctx, dir, nil, name, args...)
	var out bytes.Buffer
	said := &tail{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, io.MultiWriter(&out, said), said
	if err := runProgram(ctx, cmd); err != nil {
		return out.Bytes(), noSpace(fmt.Errorf("%s: %w%s", name, err, said), dir)
	}
	return out.Bytes(), nil
}

// Of what a program has said, an error shows the last lines.
const (
	tailLines = 12
	tailBytes = 200 * tailLines
)

// tail keeps the end of what is written to it.
type tail struct{ buf []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if cut := len(t.buf) - tailBytes; cut > 0 {
		t.buf = t.buf[cut:]
	}
	return len(p), nil
}

// String is empty, or begins with a line feed.
func (t *tail) String() string {
	text := strings.TrimSpace(string(t.buf))
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	return "\n" + strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
