package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// DefaultRelease is the release that is built if none is named.
const DefaultRelease = "6.1"

// sourcePackage is the Debian package that holds the source of a release.
func sourcePackage(release string) string { return "linux-source-" + release }

// ErrSource marks errors about the source that was named: the caller's to
// correct, and no fault of the machine.
var ErrSource = errors.New("source")

// sourceError is an ErrSource that says nothing but its message.
type sourceError string

func (e sourceError) Error() string        { return string(e) }
func (e sourceError) Is(target error) bool { return target == ErrSource }

// source is an unpacked Linux source.
type source struct {
	id      string // names its contents
	dir     string
	version string // 6.1.192
}

// release is the part of the version that a series of patches is for: 6.1.
func (s source) release() string {
	parts := strings.SplitN(s.version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// source finds a directory, unpacks a tarball, or, if path is empty, takes
// the distribution's package of a release, out of the cache if it is there.
// The cache is locked by the caller.
func (c Cache) source(ctx context.Context, path, release string, phase func(string)) (source, error) {
	if path == "" {
		return c.packageSource(ctx, sourcePackage(release), phase)
	}
	info, err := os.Stat(path)
	if err != nil {
		return source{}, sourceError(fmt.Sprintf("find source: %v", err))
	}
	if path, err = filepath.Abs(path); err != nil {
		return source{}, fmt.Errorf("find source: %w", err)
	}
	if info.IsDir() {
		return directorySource(path)
	}
	sum, err := hashFile(path)
	if err != nil {
		return source{}, err
	}
	id := "tarball-" + sum
	dir := filepath.Join(c.sources(), id)
	if _, err := os.Stat(dir); err != nil {
		phase("unpacking " + path)
		if err := unpack(ctx, path, dir); err != nil {
			return source{}, err
		}
	}
	return openSource(id, dir)
}

// openSource reads the version of an unpacked source.
func openSource(id, dir string) (source, error) {
	text, err := os.ReadFile(filepath.Join(dir, "Makefile"))
	if err != nil {
		return source{}, sourceError(fmt.Sprintf("%s is no Linux source: %v", dir, err))
	}
	version, err := makefileVersion(text)
	if err != nil {
		return source{}, sourceError(fmt.Sprintf("%s is no Linux source: its Makefile %v", dir, err))
	}
	return source{id, dir, version}, nil
}

var versionLine = regexp.MustCompile(`(?m)^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *(\S*)$`)

// makefileVersion reads the version from the first lines of the top Makefile.
func makefileVersion(text []byte) (string, error) {
	parts := map[string]string{}
	for _, m := range versionLine.FindAllSubmatch(text, -1) {
		if _, twice := parts[string(m[1])]; !twice {
			parts[string(m[1])] = string(m[2])
		}
	}
	if parts["VERSION"] == "" || parts["PATCHLEVEL"] == "" {
		return "", errors.New("names no VERSION and PATCHLEVEL")
	}
	version := parts["VERSION"] + "." + parts["PATCHLEVEL"]
	if parts["SUBLEVEL"] != "" {
		version += "." + parts["SUBLEVEL"]
	}
	return version + parts["EXTRAVERSION"], nil
}

// directorySource is a source that the user has unpacked. It is known by the
// names, sizes and times of its files: reading all of it would take longer
// than a user waits for a kernel that is there already.
func directorySource(dir string) (source, error) {
	s, err := openSource("", dir)
	if err != nil {
		return s, err
	}
	// The kernel's own build refuses such a tree, but only after a while.
	for _, name := range []string{".config", "include/config"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return s, sourceError(fmt.Sprintf("%s was built in (it has %s): run make mrproper there, or name a clean source", dir, name))
		}
	}
	sum := sha256.New()
	err = walkSource(dir, func(rel string, d fs.DirEntry) error {
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !d.IsDir() {
			fmt.Fprintln(sum, rel, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("list source: %w", err)
	}
	s.id = "directory-" + hex.EncodeToString(sum.Sum(nil))[:keyLength]
	return s, nil
}

// walkSource visits everything in a source but version control.
func walkSource(dir string, visit func(rel string, d fs.DirEntry) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil // a worktree's pointer
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return visit(rel, d)
	})
}

// unpackedPackage is the source that a package had, from the cache; or
// fs.ErrNotExist.
func (c Cache) unpackedPackage(name string) (source, error) {
	have, err := filepath.Glob(filepath.Join(c.sources(), name+"_*"))
	if err != nil {
		return source{}, fmt.Errorf("look for a source: %w", err)
	}
	for _, dir := range have {
		if !strings.HasSuffix(dir, partial) {
			return openSource(filepath.Base(dir), dir)
		}
	}
	return source{}, fs.ErrNotExist
}

// packageSource takes the distribution's package. One that was unpacked
// before is taken as it is: which kernel is built changes with "kernel
// clean", and not with the package lists.
func (c Cache) packageSource(ctx context.Context, name string, phase func(string)) (source, error) {
	if s, err := c.unpackedPackage(name); !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	stale, _ := filepath.Glob(filepath.Join(c.sources(), "*"+partial))
	for _, dir := range stale {
		if err := os.RemoveAll(dir); err != nil {
			return source{}, fmt.Errorf("remove an incomplete source: %w", err)
		}
	}
	if err := os.MkdirAll(c.sources(), 0o777); err != nil {
		return source{}, fmt.Errorf("make directory for sources: %w", err)
	}
	tmp, err := os.MkdirTemp(c.sources(), "fetch-*"+partial)
	if err != nil {
		return source{}, fmt.Errorf("make directory to fetch into: %w", err)
	}
	defer os.RemoveAll(tmp)
	phase("fetching the package " + name)
	// Root's apt would switch to a user who cannot write to our directory.
	if _, err := output(ctx, tmp, nil, "apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name); err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrNoSpace) {
			err = fmt.Errorf("%w\nrun apt-get update, or name a source with --source DIR|TARBALL", err)
		}
		return source{}, fmt.Errorf("fetch source: %w", err)
	}
	debs, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if len(debs) != 1 {
		return source{}, fmt.Errorf("fetch source: apt-get left %d packages in %s", len(debs), tmp)
	}
	if _, err := output(ctx, tmp, nil, "dpkg-deb", "-x", debs[0], "root"); err != nil {
		return source{}, fmt.Errorf("open source package: %w", err)
	}
	tarball := filepath.Join(tmp, "root/usr/src", name+".tar.xz")
	// NAME_VERSION_ARCHITECTURE.deb; an epoch's colon is written %3a.
	id := strings.TrimSuffix(filepath.Base(debs[0]), "_all.deb")
	dir := filepath.Join(c.sources(), id)
	phase("unpacking " + id)
	if err := unpack(ctx, tarball, dir); err != nil {
		return source{}, err
	}
	return openSource(id, dir)
}

// partial ends the names of what is not complete yet: removed when found.
const partial = ".partial"

// unpack extracts a tarball's only top directory to dir, which comes to be
// only once all of it is there.
func unpack(ctx context.Context, tarball, dir string) error {
	tmp := dir + partial
	if err := errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o777)); err != nil {
		return fmt.Errorf("make directory to unpack into: %w", err)
	}
	if _, err := output(ctx, tmp, nil, "tar", "--extract", "--no-same-owner", "--strip-components=1", "--file", tarball); err != nil {
		return errors.Join(sourceErrorUnless(ctx, fmt.Errorf("unpack %s: %w", tarball, err)), os.RemoveAll(tmp))
	}
	if _, err := openSource("", tmp); err != nil {
		return errors.Join(sourceError(fmt.Sprintf("%s holds no Linux source: no top Makefile with a version", tarball)), os.RemoveAll(tmp))
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("unpack %s: %w", tarball, err)
	}
	return nil
}

// sourceErrorUnless blames the source for a failure, unless it was the user
// who stopped, or the disk that was full.
func sourceErrorUnless(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrNoSpace) {
		return err
	}
	return sourceError(err.Error())
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", sourceError(fmt.Sprintf("read source: %v", err))
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read source: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil))[:keyLength], nil
}

// linkTree makes a copy of a source whose files are hard links where the file
// system allows them. Whoever changes a file in it must put a new one in its
// place, as patch does.
func linkTree(ctx context.Context, from, to string) error {
	return walkSource(from, func(rel string, d fs.DirEntry) error {
		old, name := filepath.Join(from, rel), filepath.Join(to, rel)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir():
			return os.MkdirAll(name, 0o777)
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(old)
			if err != nil {
				return err
			}
			return os.Symlink(target, name)
		case !d.Type().IsRegular():
			return nil
		}
		if os.Link(old, name) == nil {
			return nil
		}
		return copyFile(old, name)
	})
}

// copyFile copies contents, mode and, for make, the time of modification.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// firstLine is what a program said first.
func firstLine(out []byte) string {
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimSpace(string(line))
}
