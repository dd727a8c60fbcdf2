package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// shellMode is the value of initEnv that makes init start a shell for a
// person, instead of serving a host.
const shellMode = "shell"

const busybox = "bin/busybox"

// ErrNoShell says that there is no shell to put into a guest.
var ErrNoShell = errors.New("the guest's shell is a statically linked busybox: apt-get install busybox-static")

// Shell boots a guest with a shell for a person: the guest's console is on
// this process's standard input and output. It returns when the shell has
// ended, or ctx is cancelled.
func Shell(ctx context.Context, conf Config) error {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return ErrNoShell
	}
	if static, err := isStatic(path); err != nil || !static {
		return fmt.Errorf("%w (%s is not)", ErrNoShell, path)
	}
	conf.shell, err = fileEntry(path)
	if err != nil {
		return fmt.Errorf("read busybox: %w", err)
	}
	conf.shell.name = busybox
	g, err := prepare(ctx, conf)
	if err != nil {
		return err
	}
	return errors.Join(g.interact(ctx), g.parts.close())
}

// interact runs QEMU on this process's terminal, whose state it puts back.
func (g *Guest) interact(ctx context.Context) error {
	stdin := int(os.Stdin.Fd())
	if state, err := term.GetState(stdin); err == nil {
		defer term.Restore(stdin, state)
		if width, height, err := term.GetSize(stdin); err == nil {
			g.conf.Append += fmt.Sprintf(" COLUMNS=%d LINES=%d", width, height)
		}
	}
	cmd := exec.CommandContext(ctx, Program, g.arguments()...)
	cmd.ExtraFiles = []*os.File{nil, g.parts.initramfs, g.parts.disk, g.parts.memory}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	// QEMU is killed when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("QEMU: %w", err)
	}
	return nil
}

// runShell is init with a person at the console.
func runShell() error {
	if out, err := exec.Command("/"+busybox, "--install", "-s", "/bin").CombinedOutput(); err != nil {
		return fmt.Errorf("install busybox: %w: %s", err, out)
	}
	tty, err := os.OpenFile("/dev/ttyS0", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the console: %w: the kernel needs CONFIG_SERIAL_8250_CONSOLE", err)
	}
	defer tty.Close()
	var size unix.Winsize
	fmt.Sscan(os.Getenv("COLUMNS"), &size.Col)
	fmt.Sscan(os.Getenv("LINES"), &size.Row)
	if size.Col > 0 && size.Row > 0 {
		if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &size); err != nil {
			return fmt.Errorf("set the console's size: %w", err)
		}
	}
	shell := exec.Command("/bin/sh", "-l")
	shell.Args[0] = "sh"
	shell.Env = []string{"PATH=/bin", "HOME=/tmp", "TERM=" + os.Getenv("TERM"), "PS1=guest \\w # "}
	shell.Stdin, shell.Stdout, shell.Stderr = tty, tty, tty
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	var exit *exec.ExitError
	if err := shell.Run(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("run the shell: %w", err)
	}
	return nil
}
