package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"aiocheck/kernel"
	"aiocheck/kernel/build"
	"aiocheck/kernel/patches"
	"aiocheck/kernel/qemu"
	"aiocheck/traces"
)

// guestFlags is the flags of every command that boots a guest.
type guestFlags struct {
	Kernel string `help:"Kernel to boot in QEMU: a bzImage, like Debian's /boot/vmlinuz-*, or the name of one that was built: plain, debug." placeholder:"FILE|NAME"`
	Source string `help:"Instead of --kernel: a Linux tree, which is built as it is (kept for the next time) and booted." placeholder:"DIR|TARBALL"`
	Append string `help:"Further parameters of that kernel." placeholder:"PARAMETERS"`
	Memory size   `help:"Memory of the guest." default:"512M" placeholder:"SIZE"`
	CPUs   int    `name:"cpus" help:"Virtual processors of the guest (default: 2; a deterministic guest has 1)." placeholder:"N"`
}

// runFlags is the flags of every command that runs programs in a guest.
type runFlags struct {
	Device      string `help:"What a guest's storage is on: ${enum}." enum:"${devices}" default:"virtio"`
	FS          string `name:"fs" help:"File system on the device, with the storage as a file: ${enum}." enum:"${filesystems}" default:"none"`
	AutoThreads *bool  `help:"AIO contexts with threads, if the kernel has them (default: in guests, not of --target sim)." negatable:""`
	Defects     string `help:"Defects to switch on in the guest's kernel, separated by commas: see kernel/patches/README.md." placeholder:"NAMES"`
	// Deterministic guests are a function of what they are given.
	Deterministic bool   `help:"Emulate the guest such that the same seed gives the same history, byte for byte."`
	RandomSeed    uint64 `kong:"-"` // of a deterministic guest's random numbers
	Line          line   `kong:"-"` // the command line
}

// threads is whether contexts are to have threads where nothing else is said.
func (r *runFlags) threads(unsaid bool) bool {
	if r.AutoThreads == nil {
		return unsaid
	}
	return *r.AutoThreads
}

// check refuses combinations without a meaning.
func (r *runFlags) check(target string) error {
	onGuest := target == "qemu"
	switch {
	case !onGuest && (r.Device != qemu.Devices()[0] || r.FS != qemu.FileSystems()[0]):
		return errors.New("--device and --fs are for --target qemu: the host's storage is named by --path")
	case target == "host" && r.AutoThreads != nil:
		return errors.New("--auto-threads is for --target qemu and sim: the host's sysctl fs.aio-auto-threads says it")
	case !onGuest && r.Defects != "":
		return errors.New("--defects is for --target qemu")
	case !onGuest && r.Deterministic:
		return errors.New("--deterministic is for --target qemu: see docs/guests.md")
	case qemu.NoDisk(r.FS) && r.Device != qemu.Devices()[0]:
		return fmt.Errorf("--fs %s is in memory, on no device: leave out --device %s", r.FS, r.Device)
	}
	return checkDefects(r.Defects)
}

// checkDefects refuses names that no kernel with our patches knows.
func checkDefects(names string) error {
	if names == "" {
		return nil
	}
	var known []string
	for _, release := range patches.Releases() {
		defects, err := patches.Defects(release)
		if err != nil {
			return err
		}
		for _, d := range defects {
			if !slices.Contains(known, d.Name) {
				known = append(known, d.Name)
			}
		}
	}
	for _, name := range strings.Split(names, ",") {
		if !slices.Contains(known, name) {
			return fmt.Errorf("--defects %s: no defect is called %q: there are %s", names, name, strings.Join(known, ", "))
		}
	}
	return nil
}

// buildSource builds the kernel that --source names, which is then that of
// --kernel.
func (m *guestFlags) buildSource(s *session, target string) error {
	switch {
	case m.Source == "":
		return nil
	case target != "qemu":
		return usageError(errors.New("--source needs --target qemu"))
	case m.Kernel != "":
		return usageError(errors.New("--kernel and --source exclude each other"))
	}
	image, _, _, err := buildKernel(s, build.Options{Variant: build.Names()[0], Unpatched: true, Source: m.Source})
	if err != nil {
		return err
	}
	m.Kernel, m.Source = image.BzImage(), ""
	return nil
}

// leastMemory is what the kernel, the initramfs and the runner's shared
// memory need together.
const leastMemory = 256 << 20

// config is what to boot. Mistakes on the command line are told before
// anything is started.
func (m *guestFlags) config(run runFlags, bytes int64) (*qemu.Config, error) {
	if m.CPUs == 0 {
		m.CPUs = 2
		if run.Deterministic {
			m.CPUs = 1
		}
	}
	switch {
	case run.Deterministic && m.CPUs != 1:
		return nil, usageError(fmt.Errorf("--cpus %d: a deterministic guest has 1", m.CPUs))
	case m.Kernel == "":
		return nil, usageError(errors.New("name the kernel to boot: --kernel FILE, or the name of one that was built; or --source with a tree to build"))
	case m.CPUs < 1 || m.CPUs > 64:
		return nil, usageError(fmt.Errorf("--cpus %d: a guest has 1 to 64", m.CPUs))
	case m.Memory < leastMemory:
		return nil, usageError(fmt.Errorf("--memory %s: a guest needs %s", humanize.IBytes(uint64(m.Memory)), humanize.IBytes(leastMemory)))
	}
	image, err := findKernel(m.Kernel)
	if err != nil {
		return nil, usageError(err)
	}
	if _, err := qemu.Release(image); err != nil {
		return nil, usageError(err)
	}
	return &qemu.Config{Kernel: image, Append: m.Append, Device: run.Device, FileSystem: run.FS, Bytes: bytes,
		Memory: int64(m.Memory), CPUs: m.CPUs, Deterministic: run.Deterministic, Seed: run.RandomSeed}, nil
}

// boot starts a guest.
func (m *guestFlags) boot(ctx context.Context, run runFlags, bytes int64, console io.Writer) (*qemu.Guest, error) {
	conf, err := m.config(run, bytes)
	if err != nil {
		return nil, err
	}
	conf.Console = console
	g, err := qemu.Boot(ctx, *conf)
	if err != nil {
		return nil, machineError(err)
	}
	return g, nil
}

// findKernel takes a word that names no file as the name of a built kernel.
func findKernel(name string) (string, error) {
	if _, err := os.Stat(name); err == nil || strings.ContainsRune(name, os.PathSeparator) {
		return name, nil
	}
	cache, err := build.UserCache()
	if err != nil {
		return "", err
	}
	built, err := cache.Find(name)
	if errors.Is(err, build.ErrNotBuilt) {
		return "", fmt.Errorf("there is no file %s, and %w", name, err)
	}
	if err != nil {
		return "", err
	}
	return built.BzImage(), nil
}

// guestTarget is a kernel in a guest.
type guestTarget struct {
	guest   *qemu.Guest
	ready   qemu.Ready
	run32   uint32
	defects string
	started string
	again   string // the command that does the same
	from    int    // where the console begins that is this target's
	kept    bool   // for the next run: close leaves the guest alone
	lost    bool   // it can run nothing more
}

func (v *verifyCommand) openGuest(ctx context.Context, stderr io.Writer) (target, error) {
	g, err := v.boot(ctx, v.runFlags, int64(v.Region), nil)
	if err != nil {
		return nil, err
	}
	introduce(stderr, g)
	t, err := v.openIn(ctx, g, 0)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return t, nil
}

// introduce says what a guest is.
func introduce(stderr io.Writer, g *qemu.Guest) {
	fmt.Fprintf(stderr, "aiocheck: Linux %s in QEMU (%s: %s), up after %.1f s\n", g.Hello.Kernel.Release, g.Accel, g.Why, g.Boot.Seconds())
}

// openIn opens a run in a guest. What the console has held before from was of
// an earlier one.
func (v *verifyCommand) openIn(ctx context.Context, g *qemu.Guest, from int) (*guestTarget, error) {
	t := &guestTarget{guest: g, run32: v.runNumber(v.Seed), defects: v.Defects, from: from, started: v.started(), again: v.again()}
	var err error
	if t.ready, err = g.Open(ctx, v.guestOptions(t.run32)); err != nil {
		return nil, machineError(err)
	}
	return t, nil
}

func (v *verifyCommand) guestOptions(run uint32) qemu.Options {
	return qemu.Options{Buffered: v.Buffered, Unthreaded: !v.threads(true), Defects: v.Defects,
		Host: kernel.Options{Run: run, Threads: v.programThreads(), Freeze: true}}
}

// runNumber is a new one; that of deterministic runs depends on their seed only.
func (r *runFlags) runNumber(seed uint64) uint32 {
	if r.Deterministic {
		return uint32(rand.New(rand.NewPCG(seed, 0)).Uint64()) | 1
	}
	return rand.Uint32() | 1
}

// started is when a run begins, for its trace: by the guest's calendar if it is
// deterministic.
func (r *runFlags) started() string {
	now := time.Now()
	if r.Deterministic {
		now = qemu.GuestEpoch
	}
	return now.UTC().Format(time.RFC3339)
}

func (t *guestTarget) header() traces.Header {
	return traces.Header{Target: "qemu", Started: t.started, Clock: t.ready.Clock, Run: t.run32,
		Kernel: t.guest.Hello.Kernel, Device: t.ready.Device, Contract: t.ready.Contract, Abilities: t.ready.Abilities, Misbehaviour: t.defects, Again: t.again}
}

func (t *guestTarget) run(ctx context.Context, next func() (*traces.Program, bool), sink kernel.Sink) error {
	err := t.guest.Run(ctx, next, sink)
	t.lost = err != nil
	return err
}

func (t *guestTarget) console() string { return t.guest.Console()[t.from:] }

func (t *guestTarget) close() error {
	if t.kept && !t.lost {
		return nil
	}
	return t.guest.Close()
}

type kernelShellCommand struct {
	Name   string `arg:"" name:"kernel" optional:"" help:"Kernel to boot: a bzImage, or the name of one that was built." default:"plain"`
	Append string `help:"Further parameters of that kernel." placeholder:"PARAMETERS"`
	Memory size   `help:"Memory of the guest." default:"512M" placeholder:"SIZE"`
	CPUs   int    `name:"cpus" help:"Virtual processors of the guest." default:"2"`
}

// shellBytes is the size of the disk of a guest with a shell.
const shellBytes = 64 << 20

// Run leaves the terminal to the guest until its shell ends.
func (k *kernelShellCommand) Run(s *session) error {
	flags := guestFlags{Kernel: k.Name, Append: k.Append, Memory: k.Memory, CPUs: k.CPUs}
	conf, err := flags.config(runFlags{Device: qemu.Devices()[0], FS: qemu.FileSystems()[0]}, shellBytes)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.stderr, "aiocheck: a disk of 64 MiB is /dev/vda; exit ends the guest")
	if err := qemu.Shell(s.ctx, *conf); err != nil {
		return machineError(err)
	}
	return nil
}

type kernelBootCommand struct {
	guestFlags `embed:""`
	Verbose    bool `help:"Print the guest's console as it comes."`
}

// Run boots the kernel as verify does, without any storage.
func (b *kernelBootCommand) Run(s *session) error {
	var console io.Writer
	if b.Verbose {
		console = s.stderr
	}
	if err := b.buildSource(s, "qemu"); err != nil {
		return err
	}
	g, err := b.boot(s.ctx, runFlags{}, 0, console)
	if err != nil {
		return err
	}
	reports := g.Reports()
	if err := g.Close(); err != nil {
		return machineError(err)
	}
	k := g.Hello.Kernel
	fmt.Fprintf(s.stdout, "kernel       Linux %s %s %s, %d processors\n", k.Release, k.Version, k.Machine, k.CPUs)
	fmt.Fprintf(s.stdout, "accelerator  %s: %s\n", g.Accel, g.Why)
	fmt.Fprintf(s.stdout, "init         after %.2f s of the guest's time, %.2f s in all\n", g.Hello.Uptime.Seconds(), g.Boot.Seconds())
	for _, r := range reports {
		fmt.Fprintf(s.stdout, "\nthe kernel reports (%s): %s\n%s\n", r.Kind, r.Summary, indent(r.Text))
	}
	if len(reports) > 0 {
		return machineError(fmt.Errorf("the kernel reports %d faults of its own", len(reports)))
	}
	return nil
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
