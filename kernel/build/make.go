package build

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// work is the directory of a build under way.
type work struct {
	name    string // of the kernel
	dir     string
	release string // the end of what uname -r says
}

func (w work) linux() string   { return filepath.Join(w.dir, "linux") }
func (w work) obj() string     { return filepath.Join(w.linux(), "obj") }
func (w work) log() string     { return filepath.Join(w.dir, "log") }
func (w work) patched() string { return filepath.Join(w.dir, "patched") }

// makeArgs are the variables of every call of make. Objects go to a directory
// right below the source: there make names all files relative to it, so that
// ccache knows them again in another build's directory.
func (w work) makeArgs() []string {
	args := []string{"-C", w.linux(), "O=" + w.obj(), "ARCH=x86_64", "LOCALVERSION=" + w.release,
		// The same source makes the same image, whoever builds it when.
		"KBUILD_BUILD_TIMESTAMP=@0", "KBUILD_BUILD_USER=aiocheck", "KBUILD_BUILD_HOST=aiocheck", "KBUILD_BUILD_VERSION=1"}
	if _, err := exec.LookPath("ccache"); err == nil {
		args = append(args, "CC=ccache gcc")
	}
	return args
}

// configure makes a .config that has what is wanted and nothing else, and
// fails if kconfig has left anything out.
func (w work) configure(ctx context.Context, wanted []setting) error {
	if err := os.MkdirAll(w.obj(), 0o777); err != nil {
		return noSpace(fmt.Errorf("make directory for objects: %w", err), w.dir)
	}
	all := filepath.Join(w.dir, "wanted.config")
	if err := os.WriteFile(all, writeSettings(wanted), 0o666); err != nil {
		return noSpace(fmt.Errorf("write configuration: %w", err), w.dir)
	}
	if _, err := output(ctx, w.dir, nil, "make", append(w.makeArgs(), "KCONFIG_ALLCONFIG="+all, "allnoconfig")...); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	path := filepath.Join(w.obj(), ".config")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	got, err := parseSettings(path, text)
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if missing := findUnmet(wanted, got); len(missing) > 0 {
		lines := make([]string, len(missing))
		for i, u := range missing {
			lines[i] = "\n  " + u.String()
		}
		return sourceError(fmt.Sprintf("configure: %d of %d settings did not make it into .config:%s", len(missing), len(wanted), strings.Join(lines, "")))
	}
	return nil
}

// stepLine is a line in which make says that it makes a file:
// "  CC      fs/aio.o".
var stepLine = regexp.MustCompile(`^  [A-Z][A-Z0-9_]* +\S`)

// make builds the image. told is called with the number of files that make
// has said it makes, those of a build that was interrupted before included.
func (w work) make(ctx context.Context, told func(lines int)) (lines int, err error) {
	if lines, err = countSteps(w.log()); err != nil {
		return 0, err
	}
	log, err := os.OpenFile(w.log(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return lines, noSpace(fmt.Errorf("open log: %w", err), w.dir)
	}
	args := append(w.makeArgs(), fmt.Sprintf("-j%d", runtime.NumCPU()), "bzImage")
	cmd := program(ctx, w.dir, []string{"CCACHE_NOHASHDIR=1"}, "make", args...)
	said := &tail{}
	count := &lineWriter{line: func(line []byte) {
		if stepLine.Match(line) {
			lines++
			told(lines)
		}
	}}
	cmd.Stdout = io.MultiWriter(log, said, count)
	cmd.Stderr = cmd.Stdout
	err = runProgram(ctx, cmd)
	if closed := log.Close(); err == nil {
		err = closed
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("make: %w; all that it said is in %s%s", err, w.log(), said)
	}
	return lines, noSpace(err, w.dir)
}

// countSteps counts what make has said it makes in a log.
func countSteps(log string) (int, error) {
	text, err := os.ReadFile(log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("read log: %w", err)
	}
	n := 0
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if stepLine.Match(lines.Bytes()) {
			n++
		}
	}
	return n, nil
}

// lineWriter calls line with each whole line that is written to it.
type lineWriter struct {
	line func([]byte)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		w.line(w.rest[:end])
		w.rest = w.rest[end+1:]
	}
}
