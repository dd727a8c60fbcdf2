package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aiocheck/kernel/patches"
)

// told collects what a build tells.
type told struct {
	phases []string
	lines  []int
}

func (r *told) options(o Options) Options {
	o.Phase = func(p string) { r.phases = append(r.phases, p) }
	o.Progress = func(lines, total int) { r.lines = append(r.lines, lines) }
	if o.Variant == "" {
		o.Variant, o.Unpatched = "plain", true
	}
	return o
}

// A kernel is built once, and is found from then on by its name.
func TestBuild(t *testing.T) {
	bin := fakeTools(t, nil)
	c, dir := Cache{t.TempDir()}, fakeSource(t)
	var r told
	image, built, err := c.Build(context.Background(), r.options(Options{Source: dir}))
	if err != nil || !built {
		t.Fatal(built, err)
	}
	if !slices.Equal(r.lines, []int{1, 2, 3}) {
		t.Errorf("progress %v", r.lines)
	}
	if image.Name != "plain-unpatched" || image.Version != "6.1.5" || image.Lines != 3 || image.Bytes != 6 ||
		image.Release != "6.1.5-aiocheck-plain-unpatched-"+image.Key || image.Compiler != "gcc (Fake) 1.2" {
		t.Errorf("image %+v", image)
	}
	for _, path := range []string{image.BzImage(), image.Vmlinux(), image.Config()} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(c.work(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// Not built again: this make could not.
	write(t, filepath.Join(bin, "make"), "#!/bin/sh\nexit 1\n")
	again, built, err := c.Build(context.Background(), r.options(Options{Source: dir}))
	if err != nil || built || again.Key != image.Key || again.Dir != image.Dir {
		t.Errorf("again: %+v, %v, %v", again, built, err)
	}
	if found, err := c.Find("plain-unpatched"); err != nil || found.Key != image.Key || !found.Built.Equal(image.Built) {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err := c.Find("debug-unpatched"); !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "kernel build debug --unpatched") {
		t.Errorf("not built: %v", err)
	}
}

// A kernel that is there is found while another one is being built.
func TestFoundDuringABuild(t *testing.T) {
	fakeTools(t, nil)
	c := Cache{t.TempDir()}
	if err := os.MkdirAll(c.sources(), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fakeSource(t), filepath.Join(c.sources(), "linux-source-6.1_6.1.5-1")); err != nil {
		t.Fatal(err)
	}
	var r told
	image, built, err := c.Build(context.Background(), r.options(Options{}))
	if err != nil || !built {
		t.Fatal(built, err)
	}
	unlock, err := c.lock(context.Background(), func() { t.Error("waits for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	r = told{}
	again, built, err := c.Build(context.Background(), r.options(Options{}))
	if err != nil || built || again.Dir != image.Dir || len(r.phases) > 0 {
		t.Errorf("during another build: %+v, %v, %v, told %q", again, built, err, r.phases)
	}
	// One that is not there is waited for.
	ctx, cancel := context.WithCancel(context.Background())
	o := r.options(Options{Variant: "debug", Unpatched: true})
	o.Phase = func(string) { cancel() }
	if _, _, err := c.Build(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("one that is not there: %v", err)
	}
}

// A source that has changed is another kernel; both are listed, the newest
// first, and cleaned by name or all together.
func TestListAndClean(t *testing.T) {
	fakeTools(t, nil)
	c, dir := Cache{filepath.Join(t.TempDir(), "cache")}, fakeSource(t)
	if images, err := c.List(); err != nil || len(images) != 0 {
		t.Fatal(images, err)
	}
	if removed, err := c.Clean(context.Background(), ""); err != nil || len(removed) != 0 {
		t.Fatal(removed, err)
	}
	var r told
	for _, o := range []Options{{Source: dir}, {Source: dir, Variant: "debug", Unpatched: true}, {Source: dir}} {
		if _, _, err := c.Build(context.Background(), r.options(o)); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "fs/aio.c"), strings.Repeat("int more;\n", len(r.phases)))
	}
	images, err := c.List()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range images {
		names = append(names, i.Name)
	}
	if !slices.Equal(names, []string{"plain-unpatched", "debug-unpatched", "plain-unpatched"}) {
		t.Errorf("listed %v", names)
	}
	write(t, filepath.Join(c.work(), "plain-unpatched-0123456789ab/log"), "")
	write(t, filepath.Join(c.images(), "plain-unpatched-0123456789ab.partial/bzImage"), "")
	for _, clean := range []struct {
		name    string
		removed int
		left    int
	}{{"plain", 0, 3}, {"plain-unpatched", 4, 1}, {"", 1, 0}} {
		removed, err := c.Clean(context.Background(), clean.name)
		left, listErr := c.List()
		if err != nil || listErr != nil || len(removed) != clean.removed || len(left) != clean.left {
			t.Errorf("clean %q: removed %v, left %v, %v, %v", clean.name, removed, left, err, listErr)
		}
	}
}

// Kconfig leaves out what it does not know: that is an error which names it,
// and no kernel.
func TestSettingsThatDoNotMakeIt(t *testing.T) {
	fakeTools(t, map[string]string{"make": strings.Replace(fakeMake, `cat "$all"`, `grep -v -e CONFIG_AIO= "$all"`, 1)})
	c := Cache{t.TempDir()}
	var r told
	_, _, err := c.Build(context.Background(), r.options(Options{Source: fakeSource(t)}))
	if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "1 of ") || !strings.Contains(err.Error(), "CONFIG_AIO=y (no such symbol") {
		t.Errorf("error %v", err)
	}
	if images, _ := c.List(); len(images) != 0 {
		t.Errorf("images %v", images)
	}
}

func TestFailingMake(t *testing.T) {
	for script, want := range map[string]struct {
		text string
		kind error
	}{
		`echo "fs/aio.c:3: error: no" >&2; exit 2`:                          {"make: exit status 2; all that it said is in ", nil},
		`echo "ld: final link failed: No space left on device" >&2; exit 2`: {"a build needs up to ", ErrNoSpace},
	} {
		fakeTools(t, map[string]string{"make": strings.Replace(fakeMake, `echo "  LD      vmlinux"`, script, 1)})
		c := Cache{t.TempDir()}
		var r told
		_, _, err := c.Build(context.Background(), r.options(Options{Source: fakeSource(t)}))
		if err == nil || !strings.Contains(err.Error(), want.text) || want.kind != nil && !errors.Is(err, want.kind) {
			t.Errorf("%s: error %v", script, err)
		}
		if images, _ := c.List(); len(images) != 0 {
			t.Errorf("%s: images %v", script, images)
		}
	}
}

// An interrupted build ends make, leaves no kernel, and goes on from where it
// was.
func TestInterrupt(t *testing.T) {
	// The trap is set before the line that makes the test interrupt.
	script := strings.Replace(fakeMake, `echo "make: Entering directory"`, `trap 'echo removed > "$O/ended"; exit 1' TERM`, 1)
	script = strings.Replace(script, `mkdir -p`, `while :; do :; done; mkdir -p`, 1)
	bin := fakeTools(t, map[string]string{"make": script})
	c, dir := Cache{t.TempDir()}, fakeSource(t)
	ctx, cancel := context.WithCancel(context.Background())
	var r told
	o := r.options(Options{Source: dir})
	o.Progress = func(lines, total int) { cancel() }
	if _, _, err := c.Build(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if images, err := c.List(); err != nil || len(images) != 0 {
		t.Errorf("images %v, %v", images, err)
	}
	ended, _ := filepath.Glob(filepath.Join(c.work(), "*/linux/obj/ended"))
	if len(ended) != 1 {
		t.Error("make was not told to end")
	}
	write(t, filepath.Join(bin, "make"), "#!/bin/sh\n"+fakeMake)
	var second told
	image, built, err := c.Build(context.Background(), second.options(Options{Source: dir}))
	if err != nil || !built || image.Lines != 4 || !slices.Equal(second.lines, []int{2, 3, 4}) {
		t.Errorf("second build: %+v, %v, %v, lines %v", image, built, err, second.lines)
	}
	if slices.ContainsFunc(second.phases, func(p string) bool { return strings.HasPrefix(p, "preparing") }) {
		t.Errorf("prepared again: %q", second.phases)
	}
}

// Only the last unfinished build of a name is kept.
func TestUnfinishedBuildsDoNotPileUp(t *testing.T) {
	fakeTools(t, nil)
	c := Cache{t.TempDir()}
	old, other := filepath.Join(c.work(), "plain-unpatched-0123456789ab"), filepath.Join(c.work(), "plain-0123456789ab")
	write(t, filepath.Join(old, "log"), "")
	write(t, filepath.Join(other, "log"), "")
	var r told
	if _, _, err := c.Build(context.Background(), r.options(Options{Source: fakeSource(t)})); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(c.work(), "*")); !slices.Equal(left, []string{other}) {
		t.Errorf("left %v", left)
	}
}

// What patch rejects is named: patch, file and hunk; and nothing is left.
func TestPatchThatDoesNotApply(t *testing.T) {
	fakeTools(t, map[string]string{"patch": `printf 'patching file fs/aio.c\nHunk #2 FAILED at 40.\n1 out of 3 hunks FAILED\n'; exit 1`})
	dir := fakeSource(t)
	s, err := directorySource(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := work{name: "plain", dir: filepath.Join(t.TempDir(), "plain-0123456789ab")}
	err = w.prepare(context.Background(), inputs{source: s, patches: []patches.Patch{{Name: "0007-aio-cancel.patch"}}}, func(string) {})
	want := "patch 0007-aio-cancel.patch does not apply to Linux 6.1.5: fs/aio.c: hunk 2, at line 40, finds no place\n"
	if !errors.Is(err, ErrSource) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := os.Stat(w.dir); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

func TestDescribeRejects(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{"patching file fs/aio.c\nHunk #1 succeeded at 12 (offset 2 lines).\n", ""},
		{"patching file fs/aio.c\nHunk #1 FAILED at 12.\nHunk #3 FAILED at 99.\npatching file fs/Kconfig\nHunk #2 FAILED at 7.\n",
			"fs/aio.c: hunk 1, at line 12, finds no place; fs/aio.c: hunk 3, at line 99, finds no place; fs/Kconfig: hunk 2, at line 7, finds no place"},
		{"can't find file to patch at input line 12\nPerhaps you used the wrong -p or --strip option?\nThe text leading up to this was:\n" +
			"|--- a/fs/aio.c\n|+++ b/fs/aio.c\n--------------------------\nNo file to patch.  Skipping patch.\n1 out of 1 hunk ignored\n", "there is no fs/aio.c"},
		{"patching file fs/aio.c\nReversed (or previously applied) patch detected!  Skipping patch.\n1 out of 1 hunk ignored\n" +
			"The next patch would create the file fs/new.c,\nwhich already exists!  Skipping patch.\n1 out of 1 hunk ignored\n",
			"fs/aio.c has the change already; fs/new.c is there already"},
	} {
		if got := describeRejects(c.said); got != c.want {
			t.Errorf("%q:\n%q, want\n%q", c.said, got, c.want)
		}
	}
}

// One process changes the cache; another waits, says so, and gives up when
// told to.
func TestLock(t *testing.T) {
	c := Cache{t.TempDir()}
	unlock, err := c.lock(context.Background(), func() { t.Error("waits for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := c.lock(ctx, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	got := make(chan error)
	go func() {
		again, err := c.lock(context.Background(), unlock)
		if err == nil {
			again()
		}
		got <- err
	}()
	if err := <-got; err != nil {
		t.Errorf("after it was released: %v", err)
	}
}
