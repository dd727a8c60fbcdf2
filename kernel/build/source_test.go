package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMakefileVersion(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nEXTRAVERSION =\nNAME = Curry Ramen\n", "6.1.192"},
		{"VERSION = 6\nPATCHLEVEL = 13\nSUBLEVEL = 0\nEXTRAVERSION = -rc2\n", "6.13.0-rc2"},
		{"VERSION = 2\nPATCHLEVEL = 6\n", "2.6"},
		{"VERSION = 6\nPATCHLEVEL = 1\nVERSION = 7\n", "6.1"},
		{"all:\n\techo VERSION\n", ""},
	} {
		got, err := makefileVersion([]byte(c.text))
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v, want %q", c.text, got, err, c.want)
		}
	}
	for version, want := range map[string]string{"6.1.192": "6.1", "6.13.0-rc2": "6.13", "2.6": "2.6"} {
		if got := (source{version: version}).release(); got != want {
			t.Errorf("release of %s: %s, want %s", version, got, want)
		}
	}
}

// A directory's name changes with its files, and does not change without.
func TestDirectorySource(t *testing.T) {
	dir := fakeSource(t)
	first, err := directorySource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := directorySource(dir); err != nil || again != first {
		t.Errorf("%v, %v, want %v", again, err, first)
	}
	write(t, filepath.Join(dir, ".git/HEAD"), "ref")
	if again, err := directorySource(dir); err != nil || again != first {
		t.Errorf("with version control: %v, %v, want %v", again, err, first)
	}
	write(t, filepath.Join(dir, "fs/aio.c"), "int changed;\n")
	if other, err := directorySource(dir); err != nil || other.id == first.id {
		t.Errorf("changed: %v, %v", other, err)
	}
	write(t, filepath.Join(dir, ".config"), "")
	if _, err := directorySource(dir); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "mrproper") {
		t.Errorf("built in: %v", err)
	}
}

func TestBadSources(t *testing.T) {
	c := Cache{t.TempDir()}
	empty := t.TempDir()
	text := filepath.Join(t.TempDir(), "text")
	write(t, text, "no tarball")
	for path, want := range map[string]string{
		filepath.Join(empty, "nosuch"): "nosuch: no such file",
		empty:                          "is no Linux source",
		text:                           "unpack " + text,
	} {
		_, err := c.source(context.Background(), path, "", func(string) {})
		if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(c.sources(), "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A tarball is unpacked once, and known by its contents.
func TestTarball(t *testing.T) {
	dir := fakeSource(t)
	tarball := filepath.Join(t.TempDir(), "linux.tar")
	if out, err := output(context.Background(), filepath.Dir(dir), nil, "tar", "-cf", tarball, filepath.Base(dir)); err != nil {
		t.Fatal(err, out)
	}
	c := Cache{t.TempDir()}
	var phases []string
	var last source
	for range 2 {
		s, err := c.source(context.Background(), tarball, "", func(p string) { phases = append(phases, p) })
		if err != nil || s.version != "6.1.5" {
			t.Fatal(s, err)
		}
		last = s
	}
	if len(phases) != 1 {
		t.Errorf("phases %q, want one unpacking", phases)
	}
	moved := filepath.Join(t.TempDir(), "other.tar")
	if err := os.Rename(tarball, moved); err != nil {
		t.Fatal(err)
	}
	if s, err := c.source(context.Background(), moved, "", func(string) {}); err != nil || s != last {
		t.Errorf("moved: %v, %v, want %v", s, err, last)
	}
}

// A copy can be patched without changing the source, though it shares files
// with it.
func TestLinkTree(t *testing.T) {
	dir := fakeSource(t)
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.Symlink("aio.c", filepath.Join(dir, "fs/link.c")); err != nil {
		t.Fatal(err)
	}
	if err := linkTree(context.Background(), dir, to); err != nil {
		t.Fatal(err)
	}
	a, _ := os.Stat(filepath.Join(dir, "fs/aio.c"))
	b, err := os.Stat(filepath.Join(to, "fs/aio.c"))
	if err != nil || !os.SameFile(a, b) {
		t.Errorf("not linked: %v", err)
	}
	if target, err := os.Readlink(filepath.Join(to, "fs/link.c")); err != nil || target != "aio.c" {
		t.Errorf("symbolic link: %q, %v", target, err)
	}
	if err := copyFile(filepath.Join(dir, "Makefile"), filepath.Join(to, "Makefile.copy")); err != nil {
		t.Fatal(err)
	}
	a, _ = os.Stat(filepath.Join(dir, "Makefile"))
	b, _ = os.Stat(filepath.Join(to, "Makefile.copy"))
	if os.SameFile(a, b) || !a.ModTime().Equal(b.ModTime()) || a.Mode() != b.Mode() {
		t.Errorf("copied %v as %v", a, b)
	}
}
