package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"aiocheck/kernel/patches"
)

// Options say which kernel is wanted.
type Options struct {
	Variant   string // plain, debug or coverage
	Unpatched bool   // without our patches
	Source    string // a directory or a tarball; empty for the distribution's package
	Release   string // of the package: 6.1; empty for the default one
	Install   bool   // packages that are missing

	Phase    func(what string)      // called when something begins that takes time
	Progress func(lines, total int) // called as make makes files; total is an estimate
}

// recipe is part of every key: to be changed when kernels are built in
// another way from the same source, patches and configuration.
const recipe = "1"

// keyLength is that of keys, and of other names of contents, in hex digits:
// enough that no two kernels of one cache meet.
const keyLength = 12

// inputs are everything that goes into a kernel.
type inputs struct {
	source   source
	patches  []patches.Patch
	wanted   []setting
	compiler string
}

// key names the inputs: it differs if any of them does.
func (in inputs) key() string {
	sum := sha256.New()
	// Lengths keep one field's end from being taken for the next one's start.
	field := func(text string) { fmt.Fprintf(sum, "%d %s\n", len(text), text) }
	field(recipe)
	field(in.source.id)
	field(in.source.version)
	field(in.compiler)
	field(string(writeSettings(in.wanted)))
	for _, p := range in.patches {
		field(p.Name)
		field(string(p.Text))
	}
	return hex.EncodeToString(sum.Sum(nil))[:keyLength]
}

// Build returns a kernel out of the cache, or builds it. Errors are of kind
// ErrSource if the source that was named is at fault, ErrNoSpace if the file
// system is full. A build that ends early, by ctx or by an error of the
// machine, is taken up again by the next call; no half kernel is ever found.
func (c Cache) Build(ctx context.Context, o Options) (image Image, built bool, err error) {
	if image, have := c.lookUp(ctx, o); have {
		return image, false, nil
	}
	unlock, err := c.lock(ctx, func() { o.Phase("waiting for another build") })
	if err != nil {
		return Image{}, false, err
	}
	defer unlock()
	in, err := c.gather(ctx, o)
	if err != nil {
		return Image{}, false, err
	}
	image = in.image(imageName(o.Variant, in.source.release(), o.Unpatched))
	if have, err := readImage(c.imageDir(image)); !errors.Is(err, fs.ErrNotExist) {
		return have, false, err
	}
	w := work{name: image.Name, dir: filepath.Join(c.work(), filepath.Base(c.imageDir(image))),
		release: strings.TrimPrefix(image.Release, image.Version)}
	if err := w.prepare(ctx, in, o.Phase); err != nil {
		return Image{}, false, err
	}
	o.Phase("configuring " + image.Name)
	if err := w.configure(ctx, in.wanted); err != nil {
		return Image{}, false, err
	}
	o.Phase("building " + image.Name)
	total := c.estimate(o.Variant, in.source.release())
	start := time.Now()
	image.Lines, err = w.make(ctx, func(lines int) { o.Progress(lines, max(lines, total)) })
	if err != nil {
		return Image{}, false, err
	}
	image.Built, image.Seconds = time.Now(), time.Since(start).Seconds()
	if image, err = c.store(image, w.obj()); err != nil {
		return Image{}, false, err
	}
	if err := os.RemoveAll(w.dir); err != nil {
		return image, true, fmt.Errorf("remove objects: %w", err)
	}
	return image, true, nil
}

// lookUp finds a kernel that is there without waiting for another build, if
// its source is there as well. Whatever is in its way, Build meets it again.
func (c Cache) lookUp(ctx context.Context, o Options) (Image, bool) {
	if o.Source != "" {
		return Image{}, false
	}
	if _, err := c.unpackedPackage(sourcePackage(cmp.Or(o.Release, DefaultRelease))); err != nil {
		return Image{}, false
	}
	o.Install = false
	in, err := c.gather(ctx, o)
	if err != nil {
		return Image{}, false
	}
	image, err := readImage(c.imageDir(in.image(imageName(o.Variant, in.source.release(), o.Unpatched))))
	return image, err == nil
}

// gather finds everything that goes into the kernel wanted, and the tools to
// make it with.
func (c Cache) gather(ctx context.Context, o Options) (in inputs, err error) {
	v, err := findVariant(o.Variant)
	if err != nil {
		return in, err
	}
	// What is missing is said before a long download, not after it; a source
	// that is named is looked at first, for that is quick.
	tools := sync.OnceValue(func() error { return needTools(ctx, o.Install, o.Phase) })
	release := cmp.Or(o.Release, DefaultRelease)
	if o.Source == "" {
		if !o.Unpatched {
			if err := needSeries(release, "Linux "+release); err != nil {
				return in, err
			}
		}
		if err := tools(); err != nil {
			return in, err
		}
	}
	if in.source, err = c.source(ctx, o.Source, release, o.Phase); err != nil {
		return in, err
	}
	if in.wanted, err = v.wanted(in.source.release(), o.Unpatched); err != nil {
		return in, err
	}
	if !o.Unpatched {
		if err := needSeries(in.source.release(), in.source.dir+" is Linux "+in.source.version); err != nil {
			return in, err
		}
		if in.patches, err = patches.Series(in.source.release()); err != nil {
			return in, err
		}
	}
	if err := tools(); err != nil {
		return in, err
	}
	compiler, err := output(ctx, c.Dir, nil, "gcc", "--version")
	if err != nil {
		return in, fmt.Errorf("ask the compiler for its version: %w", err)
	}
	in.compiler = firstLine(compiler)
	return in, nil
}

// image describes the kernel to be made.
func (in inputs) image(name string) Image {
	i := Image{Name: name, Key: in.key(), Version: in.source.version, Source: in.source.id, Compiler: in.compiler, Patches: []string{}}
	i.Release = i.Version + "-aiocheck-" + i.Name + "-" + i.Key
	for _, p := range in.patches {
		i.Patches = append(i.Patches, p.Name)
	}
	return i
}

// prepare makes the patched source, unless an interrupted build has left it
// whole.
func (w work) prepare(ctx context.Context, in inputs, phase func(string)) error {
	if _, err := os.Stat(w.patched()); err == nil {
		return nil
	}
	phase(fmt.Sprintf("preparing Linux %s with %d patches", in.source.version, len(in.patches)))
	// Nor is what is left of other builds of the name: it would pile up.
	old, _ := filepath.Glob(filepath.Join(filepath.Dir(w.dir), w.name+"-*"))
	for _, dir := range old {
		if !ofName(w.name, filepath.Base(dir)) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove an incomplete build: %w", err)
		}
	}
	err := linkTree(ctx, in.source.dir, w.linux())
	if err != nil {
		err = noSpace(fmt.Errorf("copy source: %w", err), w.dir)
	}
	for i := 0; err == nil && i < len(in.patches); i++ {
		err = applyPatch(ctx, w.linux(), in.source.version, in.patches[i])
	}
	if err == nil {
		err = noSpace(os.WriteFile(w.patched(), nil, 0o666), w.dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(w.dir))
	}
	return nil
}

// estimate is how many lines make will say: as many as the last time.
func (c Cache) estimate(variant, release string) int {
	// Without the list, or the variant, there is no build to tell about.
	images, _ := c.List()
	for _, i := range images {
		if i.Name == imageName(variant, release, true) || i.Name == imageName(variant, release, false) {
			return i.Lines
		}
	}
	v, _ := findVariant(variant)
	return v.lines
}
