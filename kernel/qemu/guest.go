// Package qemu runs programs on other kernels: in guests of QEMU whose init
// is this program. It boots a kernel image, talks to the guest over a virtio
// port, and keeps its console. It judges nothing.
package qemu

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

	"aiocheck/kernel"
	"aiocheck/traces"
)

// Config says what to boot.
type Config struct {
	Kernel     string    // a bzImage
	Append     string    // further kernel parameters
	Device     string    // what the storage is on: one of Devices
	FileSystem string    // what is on the device: one of FileSystems
	Bytes      int64     // of the storage's tested range; 0 for no storage
	Memory     int64     // bytes
	CPUs       int       // virtual processors
	Accel      string    // kvm or tcg; empty to find out which works, which takes seconds where KVM hangs
	Console    io.Writer // gets a copy of what the guest prints; may be nil

	// Deterministic makes everything that happens in the guest a function of
	// the kernel, this program, this configuration and what runs are asked for.
	// What would be on the virtio disk is on a null_blk device then.
	Deterministic bool
	Seed          uint64 // of a deterministic guest's random numbers

	shell entry // busybox, of a guest for a person; its open is nil for others
}

// Guest is a running guest.
type Guest struct {
	Hello   Hello
	Accel   string        // kvm, or tcg for emulation
	Why     string        // why that accelerator
	Boot    time.Duration // from the start of QEMU until the guest's init spoke
	conf    Config
	filled  []extent // what of a disk in the guest's memory is not zero
	machine machine
	parts   parts
	console *Console
	session *session
	socket  *os.File // to the guest
	box     *hostBox // at the other end of that, of a deterministic guest
	monitor *os.File // to QEMU
	process *os.Process
	errors  bytes.Buffer  // QEMU's own, valid once gone
	gone    chan struct{} // closed when QEMU has ended
	status  error         // how, once gone
}

// bootWithin is how long a guest may take until its init runs. A kernel with
// every debugging option needs most of a minute when emulated on a busy
// machine.
const bootWithin = 3 * time.Minute

// Boot starts a guest and waits until its init runs. If ctx is cancelled
// meanwhile the guest is killed.
func Boot(ctx context.Context, conf Config) (*Guest, error) {
	g, err := prepare(ctx, conf)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := g.start(); err != nil {
		return nil, errors.Join(err, g.parts.close())
	}
	defer context.AfterFunc(ctx, g.kill)()
	g.session = newSession(g.socket, bootWithin)
	g.Hello, err = g.session.greet()
	g.Boot = time.Since(began)
	g.session.silence = silence
	if err != nil {
		err = g.explain(fmt.Errorf("boot %s (%s): %w", conf.Kernel, g.Accel, err))
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// prepare makes everything that a guest boots from.
func prepare(ctx context.Context, conf Config) (*Guest, error) {
	if err := errors.Join(conf.checkStorage(), conf.checkDeterministic()); err != nil {
		return nil, err
	}
	release, err := Release(conf.Kernel)
	if err != nil {
		return nil, err
	}
	g := &Guest{Accel: conf.Accel, Why: "as asked for", conf: conf, console: &Console{out: conf.Console}, gone: make(chan struct{})}
	if conf.Deterministic {
		g.Accel, g.Why = "tcg", "deterministic"
	}
	if g.Accel == "" {
		if g.Accel, g.Why, err = Accelerator(ctx, "/dev/kvm"); err != nil {
			return nil, err
		}
	}
	g.machine = machineFor(conf.Kernel, g.Accel, hostClock, conf.Deterministic)
	if err := g.makeParts(release); err != nil {
		return nil, errors.Join(err, g.parts.close())
	}
	return g, nil
}

// makeParts makes what the guest boots from.
func (g *Guest) makeParts(release string) (err error) {
	if g.parts.disk, err = makeDisk(&g.conf); err != nil {
		return err
	}
	var image *os.File
	if g.conf.inMemory() && g.parts.disk != nil {
		image, g.parts.disk = g.parts.disk, nil
		defer image.Close()
		if g.filled, err = filledOf(image); err != nil {
			return err
		}
	}
	g.parts.initramfs, err = makeInitramfs(modulesOf(g.conf.Kernel, release), &g.conf, diskEntry(image, g.filled))
	if err != nil {
		return err
	}
	g.parts.memory, err = memoryFile("guest's memory", func(io.Writer) error { return nil })
	if err != nil {
		return err
	}
	if err := g.parts.memory.Truncate(g.conf.Memory); err != nil {
		return fmt.Errorf("make the guest's memory: %w", err)
	}
	return nil
}

// makeInitramfs makes it in memory.
func makeInitramfs(moduleDir string, conf *Config, image entry) (*os.File, error) {
	dir, err := os.MkdirTemp("", "aiocheck-init-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the initramfs: %w", err)
	}
	defer os.RemoveAll(dir)
	init, err := program(dir)
	if err != nil {
		return nil, err
	}
	var load []entry
	if moduleDir != "" {
		needs := []string{conf.Device, conf.FileSystem}
		if conf.inMemory() {
			needs = append(needs, onNullBlk)
		}
		if load, err = modules(moduleDir, needs...); err != nil {
			return nil, err
		}
	}
	return memoryFile("initramfs", func(w io.Writer) error { return writeInitramfs(w, layout(init, load, conf.shell, image)) })
}

// The descriptors that QEMU is given.
const (
	portFd      = 3
	initramfsFd = 4
	diskFd      = 5
	memoryFd    = 6
	monitorFd   = 7
	stateFd     = 8
)

// arguments is QEMU's command line: a computer without anything that is not
// needed, whose kernel is loaded directly. Nothing in it has a name in a file
// system or on the network, so that guests do not meet.
func (g *Guest) arguments() []string {
	c, m := &g.conf, &g.machine
	// Memory is written to its file when it may be saved, and mapped privately
	// when it was saved.
	cpu, share, restored := "max", "on", g.parts.state != nil
	if g.Accel == "kvm" {
		cpu = "host"
	}
	if restored {
		share = "off"
	}
	fd := func(n int) string { return fmt.Sprintf("/proc/self/fd/%d", n) }
	args := []string{
		"-name", "aiocheck-guest", "-M", m.name + ",memory-backend=memory", "-accel", g.Accel, "-cpu", cpu, "-smp", fmt.Sprint(c.CPUs),
		"-m", fmt.Sprintf("%dM", c.Memory>>20),
		"-object", fmt.Sprintf("memory-backend-file,id=memory,size=%dM,mem-path=%s,share=%s", c.Memory>>20, fd(memoryFd), share),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", m.kernel, "-initrd", fd(initramfsFd), "-append", c.parameters(m),
	}
	if c.shell.open != nil {
		// Ctrl-C is for the guest's shell.
		args = append(args, "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console")
	} else {
		args = append(args, "-serial", "stdio",
			"-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", monitorFd), "-mon", "chardev=monitor,mode=control",
			"-chardev", fmt.Sprintf("socket,id=port,fd=%d", portFd))
		if c.Deterministic {
			args = append(args, "-device", fmt.Sprintf("isa-debugcon,chardev=port,iobase=%#x", bellPort))
		} else {
			args = append(args, "-device", "virtio-serial"+m.bus, "-device", "virtserialport,chardev=port,name="+portName)
		}
	}
	if c.Deterministic {
		args = append(args, c.deterministicArguments()...)
	}
	if g.parts.disk != nil {
		args = append(args,
			"-blockdev", "driver=raw,node-name=disk,file.driver=file,file.filename="+fd(diskFd),
			"-device", "virtio-blk"+m.bus+",drive=disk")
	}
	if restored {
		args = append(args, "-incoming", "defer")
	}
	return args
}

// parameters is the kernel's command line. A panic resets the guest, by which
// QEMU ends. Warnings are printed, less is not: the emulated serial port is
// slow.
func (c *Config) parameters(m *machine) string {
	mode := serveMode
	switch {
	case c.shell.open != nil:
		mode = shellMode
	case c.Deterministic:
		mode = boxMode
	}
	return strings.TrimSpace("console=ttyS0 loglevel=5 panic=-1 reboot=t " + m.params + initEnv + "=" + mode + " " + c.Append)
}

// start starts QEMU.
func (g *Guest) start() error {
	port, err := g.connect()
	if err != nil {
		return errors.Join(fmt.Errorf("make a socket for the guest: %w", err), g.hangUp())
	}
	defer port.Close()
	mine, monitor, err := socketPair()
	if err != nil {
		return errors.Join(fmt.Errorf("make a socket for the guest: %w", err), g.hangUp())
	}
	defer monitor.Close()
	g.monitor = mine
	cmd := exec.Command(Program, g.arguments()...)
	// From descriptor portFd on; what is nil is closed in QEMU.
	cmd.ExtraFiles = []*os.File{port, g.parts.initramfs, g.parts.disk, g.parts.memory, monitor, g.parts.state}
	cmd.Stderr = &g.errors
	printed, err := cmd.StdoutPipe()
	if err != nil {
		return errors.Join(fmt.Errorf("start QEMU: %w", err), g.hangUp())
	}
	if g.conf.Deterministic {
		if err := widen(printed); err != nil {
			return errors.Join(fmt.Errorf("start QEMU: %w", err), g.hangUp())
		}
	}
	cmd.WaitDelay = time.Second
	// A process group of its own keeps a terminal's Ctrl-C from it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	begun := make(chan error)
	go func() {
		// QEMU is killed when the thread that started it ends: this one stays
		// until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		g.process = cmd.Process
		begun <- err
		if err == nil {
			_, _ = io.Copy(g.console, printed) // what it cannot read ends as well
			g.status = cmd.Wait()
			close(g.gone)
		}
	}()
	if err := <-begun; err != nil {
		return errors.Join(fmt.Errorf("start QEMU: %w", err), g.hangUp())
	}
	return nil
}

// connect makes the socket that the session speaks to, and returns what QEMU
// is given: the other end of it, or the mailbox's bell.
func (g *Guest) connect() (*os.File, error) {
	mine, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	g.socket = mine
	if !g.conf.Deterministic {
		return theirs, nil
	}
	var bell *os.File
	g.box, bell, err = openHostBox(g.parts.memory, theirs)
	if err != nil {
		return nil, errors.Join(err, theirs.Close())
	}
	return bell, nil
}

// socketPair makes both ends of a connection, of which another process gets
// the second.
func socketPair() (mine, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	// QEMU does the same to its own.
	if err := errors.Join(unix.SetNonblock(pair[0], true), unix.SetNonblock(pair[1], true)); err != nil {
		return nil, nil, errors.Join(err, unix.Close(pair[0]), unix.Close(pair[1]))
	}
	return os.NewFile(uintptr(pair[0]), "connection to the guest"), os.NewFile(uintptr(pair[1]), "the guest's end of it"), nil
}

// hangUp closes this end of all connections.
func (g *Guest) hangUp() error {
	var errs []error
	for _, f := range []*os.File{g.socket, g.monitor} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	if g.box != nil {
		errs = append(errs, g.box.close())
	}
	return errors.Join(errs...)
}

// kill sends SIGKILL. That QEMU is gone already is no error.
func (g *Guest) kill() { _ = g.process.Kill() }

// Options are what a run in the guest is made with.
type Options struct {
	Buffered   bool   // do not use O_DIRECT
	Unthreaded bool   // AIO contexts without threads, in kernels that have them
	Defects    string // to switch on in kernels that have them: names, separated by commas
	// Bounded is how many threads a context is to have for what ends by itself,
	// in kernels where that can be set: Ready.Contract.Workers says what it has.
	// 0 is the kernel's default.
	Bounded int
	Host    kernel.Options
}

// Open asks the guest for a run: it opens and fills the storage. If ctx is
// cancelled meanwhile the guest is killed.
func (g *Guest) Open(ctx context.Context, opts Options) (Ready, error) {
	defer context.AfterFunc(ctx, g.kill)()
	r, err := g.session.open(g.setup(opts))
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	return r, g.explain(err)
}

func (g *Guest) setup(opts Options) setup {
	return setup{Device: g.conf.Device, FileSystem: g.conf.FileSystem, Bytes: g.conf.Bytes, DiskBytes: diskBytes(&g.conf), InMemory: g.conf.inMemory(), Filled: g.filled,
		Buffered: opts.Buffered, Knobs: knobs{Unthreaded: opts.Unthreaded, Defects: opts.Defects, Bounded: opts.Bounded}, Options: opts.Host}
}

// Run runs programs in the guest until next has no more, or ctx is cancelled:
// then the current round is given a moment to end. The records reach sink as
// the run goes, so that a guest that hangs (ErrSilent, kernel.ErrHung) or
// dies (ErrGone) leaves all up to then.
func (g *Guest) Run(ctx context.Context, next func() (*traces.Program, bool), sink kernel.Sink) error {
	return g.explain(g.session.run(ctx, next, sink))
}

// consoleLines is how much of the console an error shows.
const consoleLines = 15

// explain adds how QEMU ended, and the console's last lines, to an error of
// the connection.
func (g *Guest) explain(err error) error {
	if !errors.Is(err, ErrGone) && !errors.Is(err, ErrSilent) {
		return err
	}
	if errors.Is(err, ErrGone) {
		<-g.gone // the socket is closed by its end
		if g.status != nil {
			err = fmt.Errorf("%w: QEMU: %w", err, g.status)
		}
		if said := strings.TrimSpace(g.errors.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
	}
	for _, r := range g.Reports() {
		err = fmt.Errorf("%w\nits kernel reports: %s", err, r.Summary)
	}
	if tail := g.console.Tail(consoleLines); tail != "" {
		return fmt.Errorf("%w\nthe end of its console:\n%s", err, tail)
	}
	return fmt.Errorf("%w; its console is empty: kernels need CONFIG_SERIAL_8250_CONSOLE to print", err)
}

// Console is what the guest has printed.
func (g *Guest) Console() string { return g.console.Text() }

// Reports are what the guest's kernel has found wrong with itself.
func (g *Guest) Reports() []Report { return Scan(g.console.Text()) }

// Close ends the guest. Nothing of it stays.
func (g *Guest) Close() error {
	g.kill()
	<-g.gone
	if err := errors.Join(g.hangUp(), g.parts.close()); err != nil {
		return fmt.Errorf("end the guest: %w", err)
	}
	return nil
}
