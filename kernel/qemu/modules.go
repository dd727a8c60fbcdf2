package qemu

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// wanted are the modules that a guest's devices and file systems need, where
// a kernel has not built them in. The order is that of loading.
var wanted = []string{"virtio_pci", "virtio_console", "virtio_blk"}

// wantedBy are those that only some devices and file systems need.
// crc32c_generic is what ext4's and xfs's checksums ask the crypto API for by
// name.
var wantedBy = map[string][]string{
	"null_blk": {"null_blk"}, "loop": {"loop"},
	"dm-delay": {"dm_mod", "dm_delay"}, "dm-error": {"dm_mod"}, "dm-flakey": {"dm_mod", "dm_flakey"},
	"ext4": {"crc32c_generic", "ext4"},
	"xfs":  {"crc32c_generic", "xfs"},
}

// modules finds the modules to load for devices and file systems, dependencies
// first, in a directory like /lib/modules/6.1.0-13-amd64. One that is not there is taken to be built in.
func modules(dir string, needs ...string) ([]entry, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name, isModule := moduleName(path); isModule && err == nil && d.Type().IsRegular() {
			files[name] = path
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for modules: %w", err)
	}
	l := loader{files: files, done: map[string]bool{}}
	names := wanted
	for _, of := range needs {
		names = append(slices.Clip(names), wantedBy[of]...)
	}
	for _, name := range names {
		if err := l.add(name); err != nil {
			return nil, err
		}
	}
	return l.order, nil
}

// moduleName is a module's name as others depend on it: the kernel takes
// dashes for underscores.
func moduleName(path string) (string, bool) {
	name, _, isModule := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_"), isModule
}

type loader struct {
	files map[string]string
	done  map[string]bool
	order []entry
}

// add puts a module after those that it depends on.
func (l *loader) add(name string) error {
	path, ok := l.files[name]
	if !ok || l.done[name] {
		return nil
	}
	l.done[name] = true
	if filepath.Ext(path) != ".ko" {
		return fmt.Errorf("%s is compressed: unpack the modules first", path)
	}
	depends, err := dependencies(path)
	if err != nil {
		return err
	}
	for _, d := range depends {
		if err := l.add(strings.ReplaceAll(d, "-", "_")); err != nil {
			return err
		}
	}
	e, err := fileEntry(path)
	if err != nil {
		return fmt.Errorf("add a module: %w", err)
	}
	l.order = append(l.order, e)
	return nil
}

// dependencies reads the "depends" of a module's .modinfo section
// (scripts/mod/modpost.c), strings that each end in a zero byte.
func dependencies(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", path, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("read module %s: it has no section .modinfo", path)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", path, err)
	}
	for field := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}

// modulesOf is the directory of a kernel's modules: beside its image as
// packages lay them out (boot/vmlinuz and lib/modules/RELEASE), else this
// machine's. Empty means that there are none: everything is built in.
func modulesOf(image, release string) string {
	for _, root := range []string{filepath.Join(filepath.Dir(image), ".."), "/"} {
		dir := filepath.Join(root, "lib", "modules", release)
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return ""
}
