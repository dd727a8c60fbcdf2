package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"aiocheck/kernel/patches"
)

// Options say which kernel is wanted.
type Options struct {
	Variant   string // plain, debug or coverage
	Unpatched bool   // without our patches
	Source    string // a directory or a tarball; empty for the distribution's package
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
	v, err := findVariant(o.Variant)
	if err != nil {
		return Image{}, false, err
	}
	wanted, err := v.wanted(o.Unpatched)
	if err != nil {
		return Image{}, false, err
	}
	unlock, err := c.lock(ctx, func() { o.Phase("waiting for another build") })
	if err != nil {
		return Image{}, false, err
	}
	defer unlock()
	// What is missing is said before a long download, not after it; a source
	// that is named is looked at first, for that is quick.
	tools := sync.OnceValue(func() error { return needTools(ctx, o.Install, o.Phase) })
	if o.Source == "" {
		if err := tools(); err != nil {
			return Image{}, false, err
		}
	}
	in := inputs{wanted: wanted}
	if in.source, err = c.source(ctx, o.Source, o.Phase); err != nil {
		return Image{}, false, err
	}
	if !o.Unpatched {
		if in.patches, err = series(in.source); err != nil {
			return Image{}, false, err
		}
	}
	if err := tools(); err != nil {
		return Image{}, false, err
	}
	compiler, err := output(ctx, c.Dir, nil, "gcc", "--version")
	if err != nil {
		return Image{}, false, fmt.Errorf("ask the compiler for its version: %w", err)
	}
	in.compiler = firstLine(compiler)

	image = Image{Name: imageName(o.Variant, o.Unpatched), Key: in.key(), Version: in.source.version,
		Source: in.source.id, Compiler: in.compiler}
	for _, p := range in.patches {
		image.Patches = append(image.Patches, p.Name)
	}
	dir := image.Name + "-" + image.Key
	if have, err := readImage(filepath.Join(c.images(), dir)); !errors.Is(err, fs.ErrNotExist) {
		return have, false, err
	}
	w := work{name: image.Name, dir: filepath.Join(c.work(), dir), release: "-aiocheck-" + dir}
	if err := w.prepare(ctx, in, o.Phase); err != nil {
		return Image{}, false, err
	}
	o.Phase("configuring " + image.Name)
	if err := w.configure(ctx, in.wanted); err != nil {
		return Image{}, false, err
	}
	o.Phase("building " + image.Name)
	total := c.estimate(v)
	start := time.Now()
	image.Lines, err = w.make(ctx, func(lines int) { o.Progress(lines, max(lines, total)) })
	if err != nil {
		return Image{}, false, err
	}
	image.Built, image.Seconds = time.Now(), time.Since(start).Seconds()
	image.Release = image.Version + w.release
	if image, err = c.store(image, w.obj()); err != nil {
		return Image{}, false, err
	}
	if err := os.RemoveAll(w.dir); err != nil {
		return image, true, fmt.Errorf("remove objects: %w", err)
	}
	return image, true, nil
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
func (c Cache) estimate(v variant) int {
	images, err := c.List()
	if err != nil {
		return v.lines
	}
	for _, i := range images {
		if i.Name == imageName(v.name, true) || i.Name == imageName(v.name, false) {
			return i.Lines
		}
	}
	return v.lines
}
