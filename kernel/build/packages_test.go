package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMissing(t *testing.T) {
	bin := fakeTools(t, nil)
	t.Setenv("PATH", bin)
	ctx := context.Background()
	if got := Missing(ctx); !slices.Equal(got, []string{"tar"}) {
		t.Errorf("missing %v, want tar", got)
	}
	// The compiler does not find one of the headers.
	write(t, filepath.Join(bin, "gcc"), "#!/bin/sh\nread line\ncase $line in *gelf*) exit 1;; esac\n")
	if err := os.Remove(filepath.Join(bin, "flex")); err != nil {
		t.Fatal(err)
	}
	if got := Missing(ctx); !slices.Equal(got, []string{"flex", "libelf-dev", "tar"}) {
		t.Errorf("missing %v", got)
	}
}

// What is missing is named, or installed if asked for, by apt-get as root.
func TestInstall(t *testing.T) {
	bin := fakeTools(t, nil)
	t.Setenv("PATH", bin)
	log := filepath.Join(t.TempDir(), "log")
	script := func(name, text string) {
		write(t, filepath.Join(bin, name), "#!/bin/sh\n"+text+"\n")
		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script("sudo", `exec "$@"`)
	script("apt-get", `echo "$@" >> `+log)
	ctx, quiet := context.Background(), func(string) {}
	err := needTools(ctx, false, quiet)
	if err == nil || !strings.Contains(err.Error(), "packages are missing: tar\nrun apt-get install --no-install-recommends tar as root, or give --install") {
		t.Errorf("error %v", err)
	}
	if err := needTools(ctx, true, quiet); err == nil || !strings.Contains(err.Error(), "what they should hold is not found: tar") {
		t.Errorf("installed in vain: %v", err)
	}
	script("tar", "exit 0")
	if err := needTools(ctx, true, quiet); err != nil {
		t.Error(err)
	}
	said, err := os.ReadFile(log)
	if want := "-qq update\n-qq install --yes --no-install-recommends tar\n"; err != nil || string(said) != want {
		t.Errorf("apt-get was run with %q, %v", said, err)
	}
	os.Remove(filepath.Join(bin, "tar"))
	script("apt-get", "echo no network >&2; exit 100")
	if err := needTools(ctx, true, quiet); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("no network: %v", err)
	}
}

// The distribution's package is fetched once.
func TestPackageSource(t *testing.T) {
	dir := fakeSource(t)
	bin := fakeTools(t, map[string]string{
		"apt-get":  `touch linux-source-6.1_6.1.5-1_all.deb`,
		"dpkg-deb": `mkdir -p "$3/usr/src" && /bin/tar -C "` + filepath.Dir(dir) + `" -cf "$3/usr/src/linux-source-6.1.tar.xz" linux`,
	})
	c := Cache{t.TempDir()}
	write(t, filepath.Join(c.sources(), "linux-source-6.1_6.1.4-1.partial/Makefile"), "half")
	var r told
	image, _, err := c.Build(context.Background(), r.options(Options{}))
	if err != nil || image.Source != "linux-source-6.1_6.1.5-1" || image.Version != "6.1.5" {
		t.Fatalf("image %+v, %v", image, err)
	}
	write(t, filepath.Join(bin, "apt-get"), "#!/bin/sh\nexit 100\n")
	if _, built, err := c.Build(context.Background(), r.options(Options{})); err != nil || built {
		t.Errorf("second time: %v, %v", built, err)
	}
	if left, _ := filepath.Glob(filepath.Join(c.sources(), "*")); len(left) != 1 {
		t.Errorf("left %v", left)
	}
	// Another release's package is another source.
	if _, _, err := c.Build(context.Background(), r.options(Options{Release: "6.12"})); err == nil ||
		!slices.Contains(r.phases, "fetching the package linux-source-6.12") {
		t.Errorf("other release: %v, phases %q", err, r.phases)
	}
	empty := Cache{t.TempDir()}
	if _, _, err := empty.Build(context.Background(), r.options(Options{})); err == nil || !strings.Contains(err.Error(), "run apt-get update, or name a source") {
		t.Errorf("no package: %v", err)
	}
	write(t, filepath.Join(bin, "apt-get"), "#!/bin/sh\ntouch linux-source-6.1_6.1.5-1_all.deb\n")
	write(t, filepath.Join(bin, "dpkg-deb"), "#!/bin/sh\necho 'tar: ./usr/src/linux-source-6.1.tar.xz: Wrote only 1024 of 10240 bytes' >&2\nexit 2\n")
	if _, _, err := empty.Build(context.Background(), r.options(Options{})); !errors.Is(err, ErrNoSpace) {
		t.Errorf("no space for the package: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(empty.sources(), "*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
