package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"aiocheck/kernel/build"
)

type kernelCommand struct {
	Build  kernelBuildCommand  `cmd:"" help:"Build a kernel for guests, or take it from the cache."`
	List   kernelListCommand   `cmd:"" help:"List the kernels that are built."`
	Config kernelConfigCommand `cmd:"" help:"Print what a kernel is configured with."`
	Boot   kernelBootCommand   `cmd:"" help:"Boot a kernel in QEMU, say which one it is and how long it took, and end it."`
	Shell  kernelShellCommand  `cmd:"" help:"Boot a kernel in QEMU with a shell on its console."`
	Clean  kernelCleanCommand  `cmd:"" help:"Remove built kernels, or everything that building has left."`
}

type kernelBuildCommand struct {
	Name      string `arg:"" optional:"" help:"Which one: plain, debug (KASAN, lockdep, checks of lists and objects) or coverage (KCOV)." enum:"plain,debug,coverage" default:"plain"`
	Unpatched bool   `help:"Without our patches: the baseline."`
	Release   string `help:"Linux of the distribution's package: 6.1 (the default) or 6.12." placeholder:"RELEASE"`
	Source    string `help:"Build this Linux source instead of the distribution's package." placeholder:"DIR|TARBALL"`
	Install   bool   `help:"Install the packages that are missing."`
	JSON      bool   `name:"json" help:"Print one JSON object."`
}

// Run builds, and prints where the kernel is.
func (k *kernelBuildCommand) Run(s *session) error {
	if k.Release != "" && k.Source != "" {
		return usageError(errors.New("--release is of the distribution's package, and --source is another source: give one of them"))
	}
	image, built, took, err := buildKernel(s, build.Options{Variant: k.Name, Unpatched: k.Unpatched, Source: k.Source, Release: k.Release, Install: k.Install})
	if err != nil {
		return err
	}
	if k.JSON {
		return printJSON(s.stdout, image)
	}
	how := "in the cache already"
	if built {
		how = "built in " + took.Round(time.Second).String()
	}
	fmt.Fprintf(s.stdout, "%s: Linux %s with %d patches, %s\n%s\n", image.Name, image.Version, len(image.Patches), how, image.BzImage())
	return nil
}

// buildKernel builds a kernel, or takes it from the user's cache, and tells
// how far it has come.
func buildKernel(s *session, o build.Options) (image build.Image, built bool, took time.Duration, err error) {
	cache, err := build.UserCache()
	if err != nil {
		return image, false, 0, machineError(err)
	}
	p := &buildProgress{out: s.stderr, start: time.Now()}
	o.Phase, o.Progress = p.phase, p.saw
	image, built, err = cache.Build(s.ctx, o)
	p.done()
	took = time.Since(p.start)
	switch {
	case s.ctx.Err() != nil:
		err = machineError(errors.New("interrupted: the same command goes on from here"))
	case errors.Is(err, build.ErrSource):
		err = usageError(err)
	case err != nil:
		err = machineError(err)
	}
	return image, built, took, err
}

type kernelListCommand struct {
	JSON bool `name:"json" help:"Print one JSON array."`
}

// Run prints a line for each kernel, the newest first.
func (k *kernelListCommand) Run(s *session) error {
	cache, err := build.UserCache()
	if err != nil {
		return machineError(err)
	}
	images, err := cache.List()
	if err != nil {
		return machineError(err)
	}
	if k.JSON {
		return printJSON(s.stdout, append([]build.Image{}, images...))
	}
	if len(images) == 0 {
		fmt.Fprintln(s.stdout, "no kernel is built: run aiocheck kernel build")
		return nil
	}
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKEY\tLINUX\tPATCHES\tSIZE\tBUILT\tPATH")
	for _, i := range images {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", i.Name, i.Key, i.Version, len(i.Patches), humanize.IBytes(uint64(i.Bytes)),
			i.Built.Local().Format(time.DateTime), i.Dir)
	}
	return w.Flush()
}

type kernelConfigCommand struct {
	Name      string `arg:"" optional:"" help:"Which one." enum:"plain,debug,coverage" default:"plain"`
	Release   string `help:"Linux that it is for." enum:"6.1,6.12" default:"6.1"`
	Unpatched bool   `help:"Without what our patches add."`
}

// Run prints the fragments that make up a kernel's configuration.
func (k *kernelConfigCommand) Run(s *session) error {
	text, err := build.Fragments(k.Name, k.Release, k.Unpatched)
	if err != nil {
		return err
	}
	_, err = s.stdout.Write(text)
	return err
}

type kernelCleanCommand struct {
	Name string `arg:"" optional:"" help:"Remove the kernels of this name, as list shows it; without it, sources and unfinished builds as well."`
}

// Run prints what it has removed.
func (k *kernelCleanCommand) Run(s *session) error {
	cache, err := build.UserCache()
	if err != nil {
		return machineError(err)
	}
	removed, err := cache.Clean(s.ctx, k.Name)
	for _, path := range removed {
		rel, _ := filepath.Rel(cache.Dir, path)
		fmt.Fprintf(s.stdout, "removed %s\n", rel)
	}
	if err != nil {
		return machineError(err)
	}
	if k.Name != "" && len(removed) == 0 {
		return usageError(fmt.Errorf("no kernel is called %q: see aiocheck kernel list", k.Name))
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// buildProgress tells how far a build has come: a bar with the time left on a
// terminal, a line now and then elsewhere.
type buildProgress struct {
	out   io.Writer
	start time.Time
	told  time.Time
	what  string
	bar   *progressbar.ProgressBar
}

// phase tells that something else begins.
func (p *buildProgress) phase(what string) {
	p.what, p.told = what, time.Now()
	fmt.Fprintf(p.out, "aiocheck: %s\n", what)
}

// saw tells how many of a total of files are made.
func (p *buildProgress) saw(files, total int) {
	if f, ok := p.out.(*os.File); ok && p.bar == nil && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(int64(total), progressbar.OptionSetWriter(p.out), progressbar.OptionSetItsString("files"),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionEnableColorCodes(false))
	}
	if p.bar != nil {
		p.bar.ChangeMax(total)
		p.bar.Set(files)
		return
	}
	if time.Since(p.told) >= plainEvery {
		p.told = time.Now()
		fmt.Fprintf(p.out, "aiocheck: %s: %d of about %d files, after %v\n", p.what, files, total, time.Since(p.start).Round(time.Second))
	}
}

func (p *buildProgress) done() {
	if p.bar != nil {
		p.bar.Finish()
	}
}
