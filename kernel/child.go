package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"aiocheck/traces"
)

// child is a runner as its parent sees it.
type child struct {
	process *os.Process
	socket  *os.File
	stderr  *os.File
	reports chan report   // closed when the runner has hung up
	gone    chan struct{} // closed when wait4 has returned
	goneAt  traces.Time   // valid once gone
	state   *os.ProcessState
	waitErr error
}

// startChild starts this program again as a runner that shares memory and
// storage with it.
func startChild(conf settings, memory, storage *os.File, c *clock) (*child, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket for the runner: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "the runner's socket")
	defer theirs.Close()
	if err := unix.SetNonblock(pair[0], true); err != nil {
		unix.Close(pair[0])
		return nil, fmt.Errorf("set up the socket to the runner: %w", err)
	}
	k := &child{
		socket:  os.NewFile(uintptr(pair[0]), "socket to the runner"),
		reports: make(chan report, 4),
		gone:    make(chan struct{}),
	}
	// What the runner says on its standard error is wanted only if it fails.
	fd, err := unix.MemfdCreate("runner stderr", unix.MFD_CLOEXEC)
	if err != nil {
		k.socket.Close()
		return nil, fmt.Errorf("make a file for the runner's errors: %w", err)
	}
	k.stderr = os.NewFile(uintptr(fd), "the runner's errors")

	begun := make(chan error)
	go k.attend(begun, []*os.File{nil, nil, k.stderr, theirs, memory, storage}, conf.Sizes.Threads, c)
	if err := <-begun; err != nil {
		k.close()
		return nil, fmt.Errorf("start a runner: %w", err)
	}
	go k.listen()
	if err := k.send(conf); err != nil {
		k.kill()
		<-k.gone
		return nil, errors.Join(err, k.close())
	}
	return k, nil
}

// attend starts the process and waits for it on one thread, because the
// runner is killed when the thread that started it ends.
func (k *child) attend(begun chan<- error, files []*os.File, threads int, c *clock) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var err error
	k.process, err = os.StartProcess("/proc/self/exe", []string{"aiocheck-runner"}, &os.ProcAttr{
		Env:   runnerEnviron(threads),
		Files: files,
		// A process group of its own keeps a terminal's Ctrl-C from it.
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	})
	begun <- err
	if err != nil {
		return
	}
	k.state, k.waitErr = k.process.Wait()
	k.goneAt = c.now()
	close(k.gone)
}

// listen passes the runner's reports on until it hangs up.
func (k *child) listen() {
	defer close(k.reports)
	in := json.NewDecoder(k.socket)
	for {
		var r report
		if in.Decode(&r) != nil {
			return
		}
		k.reports <- r
	}
}

// send gives the runner a message.
func (k *child) send(message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("write a message for the runner: %w", err)
	}
	if _, err := k.socket.Write(text); err != nil {
		return fmt.Errorf("send a message to the runner: %w", err)
	}
	return nil
}

// kill sends SIGKILL. That the process is gone already is no error.
func (k *child) kill() { _ = k.process.Kill() }

// obituary says how the runner ended, once it is gone.
func (k *child) obituary() string {
	if k.waitErr != nil {
		return k.waitErr.Error()
	}
	text := k.state.String()
	if said := k.said(); said != "" {
		text += "; it said: " + said
	}
	return text
}

// said is what the runner wrote to its standard error: the first part of it.
func (k *child) said() string {
	said, err := io.ReadAll(io.NewSectionReader(k.stderr, 0, 4<<10))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(said))
}

// close hangs up, which ends an idle runner, and frees what the parent holds.
// The reports are read to their end, so that listen ends.
func (k *child) close() error {
	err := k.socket.Close()
	if k.process != nil {
		for range k.reports {
		}
	}
	return errors.Join(err, k.stderr.Close())
}
