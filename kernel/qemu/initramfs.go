package qemu

import (
	"fmt"
	"io"
	"path"

	"github.com/cavaliergopher/cpio"
)

// entry is a file of the initramfs.
type entry struct {
	name string
	mode cpio.FileMode
	size int64
	open func() (io.ReadCloser, error) // nil for a directory
}

// moduleDir is where init finds the modules to load, in the order of names.
const moduleDir = "modules"

// diskImage is what is on a disk in the guest's memory at first: the parts
// that are not zero, one after the other.
const diskImage = "disk"

// layout is what the initramfs holds: this program as /init, places to mount
// on, modules, and a shell and a disk's image if there are. The console's node is in every kernel's built-in initramfs
// (usr/default_cpio_list).
func layout(program entry, modules []entry, shell, image entry) []entry {
	program.name, program.mode = "init", cpio.TypeReg|0o755
	var all []entry
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "mnt", moduleDir} {
		all = append(all, entry{name: dir, mode: cpio.TypeDir | 0o755})
	}
	if shell.open != nil {
		shell.mode = cpio.TypeReg | 0o755
		all = append(all, entry{name: path.Dir(shell.name), mode: cpio.TypeDir | 0o755}, shell)
	}
	if image.open != nil {
		image.name, image.mode = diskImage, cpio.TypeReg|0o600
		all = append(all, image)
	}
	for i, m := range modules {
		m.name = path.Join(moduleDir, fmt.Sprintf("%02d-%s", i, path.Base(m.name)))
		m.mode = cpio.TypeReg | 0o644
		all = append(all, m)
	}
	return append(all, program)
}

// writeInitramfs writes entries in the "newc" format
// (Documentation/driver-api/early-userspace/buffer-format.rst).
func writeInitramfs(w io.Writer, entries []entry) error {
	archive := cpio.NewWriter(w)
	for _, e := range entries {
		if err := writeEntry(archive, e); err != nil {
			return fmt.Errorf("write initramfs: %s: %w", e.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("write initramfs: %w", err)
	}
	return nil
}

func writeEntry(archive *cpio.Writer, e entry) error {
	if err := archive.WriteHeader(&cpio.Header{Name: e.name, Mode: e.mode, Size: e.size}); err != nil || e.open == nil {
		return err
	}
	in, err := e.open()
	if err != nil {
		return err
	}
	defer in.Close()
	n, err := io.Copy(archive, in)
	if err == nil && n != e.size {
		err = fmt.Errorf("%d bytes, not the %d expected", n, e.size)
	}
	return err
}
