package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"aiocheck/kernel"
	"aiocheck/kernel/build"
	"aiocheck/kernel/qemu"
	"aiocheck/traces"
)

// guestFlags is the flags of every command that boots a guest.
type guestFlags struct {
	Kernel string `help:"Kernel to boot in QEMU: a bzImage, like Debian's /boot/vmlinuz-*, or the name of one that was built: plain, debug." placeholder:"FILE|NAME"`
	Append string `help:"Further parameters of that kernel." placeholder:"PARAMETERS"`
	Memory size   `help:"Memory of the guest." default:"512M" placeholder:"SIZE"`
	CPUs   int    `name:"cpus" help:"Virtual processors of the guest." default:"2"`
}

// runFlags is the flags of every command that runs programs in a guest.
type runFlags struct {
	Device      string `help:"What a guest's storage is on: ${enum}." enum:"${devices}" default:"virtio"`
	FS          string `name:"fs" help:"File system on the device, with the storage as a file: ${enum}." enum:"${filesystems}" default:"none"`
	AutoThreads *bool  `help:"AIO contexts with threads, if the kernel has them (default: in guests, not of --target sim)." negatable:""`
	Defects     string `help:"Defects to switch on in the guest's kernel, separated by commas: see kernel/patches/README.md." placeholder:"NAMES"`
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
	case qemu.NoDisk(r.FS) && r.Device != qemu.Devices()[0]:
		return fmt.Errorf("--fs %s is in memory, on no device: leave out --device %s", r.FS, r.Device)
	}
	return nil
}

// leastMemory is what the kernel, the initramfs and the runner's shared
// memory need together.
const leastMemory = 256 << 20

// boot starts a guest. Mistakes on the command line are told before.
func (m *guestFlags) boot(ctx context.Context, run runFlags, bytes int64, console io.Writer) (*qemu.Guest, error) {
	switch {
	case m.Kernel == "":
		return nil, usageError(errors.New("name the kernel to boot: --kernel FILE, or the name of one that was built"))
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
	g, err := qemu.Boot(ctx, qemu.Config{Kernel: image, Append: m.Append, Device: run.Device, FileSystem: run.FS, Bytes: bytes,
		Memory: int64(m.Memory), CPUs: m.CPUs, Console: console})
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
	guest *qemu.Guest
	ready qemu.Ready
	run32 uint32
}

func (v *verifyCommand) openGuest(ctx context.Context, stderr io.Writer) (target, error) {
	g, err := v.boot(ctx, v.runFlags, int64(v.Region), nil)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(stderr, "aiocheck: Linux %s in QEMU (%s: %s), up after %.1f s\n", g.Hello.Kernel.Release, g.Accel, g.Why, g.Boot.Seconds())
	t := &guestTarget{guest: g, run32: rand.Uint32() | 1}
	t.ready, err = g.Open(ctx, qemu.Options{Buffered: v.Buffered, Unthreaded: !v.threads(true), Defects: v.Defects,
		Host: kernel.Options{Run: t.run32, Threads: v.programThreads(), Freeze: true}})
	if err != nil {
		return nil, errors.Join(machineError(err), g.Close())
	}
	return t, nil
}

func (t *guestTarget) header() traces.Header {
	return traces.Header{Target: "qemu", Started: time.Now().UTC().Format(time.RFC3339), Clock: t.ready.Clock, Run: t.run32,
		Kernel: t.guest.Hello.Kernel, Device: t.ready.Device, Contract: t.ready.Contract, Abilities: t.ready.Abilities}
}

func (t *guestTarget) run(ctx context.Context, next func() (*traces.Program, bool), sink kernel.Sink) error {
	return t.guest.Run(ctx, next, sink)
}

func (t *guestTarget) console() string { return t.guest.Console() }

func (t *guestTarget) close() error { return t.guest.Close() }

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
