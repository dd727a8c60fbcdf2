package qemu

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
)

func textEntry(name, text string) entry {
	return entry{name: name, size: int64(len(text)), open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

// The listing is what a guest starts with.
const listing = `
040755    0 dev
040755    0 proc
040755    0 sys
040755    0 tmp
040755    0 mnt
040755    0 modules
040755    0 bin
100755    5 bin/busybox
100600    5 disk
100644    4 modules/00-virtio_ring.ko
100644    6 modules/01-virtio.ko
100755    7 init
`

func TestInitramfs(t *testing.T) {
	entries := layout(textEntry("/proc/self/exe", "program"), []entry{
		textEntry("/lib/modules/6.1/kernel/drivers/virtio/virtio_ring.ko", "ring"),
		textEntry("/lib/modules/6.1/kernel/drivers/virtio/virtio.ko", "virtio"),
	}, textEntry(busybox, "shell"), textEntry("", "image"))
	var archive, again bytes.Buffer
	if err := writeInitramfs(&archive, entries); err != nil {
		t.Fatal(err)
	}
	if err := writeInitramfs(&again, entries); err != nil || !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Errorf("the same entries give another archive: %v", err)
	}
	var got strings.Builder
	got.WriteString("\n")
	in := cpio.NewReader(&archive)
	for {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%06o %4d %s\n", int(h.Mode), h.Size, h.Name)
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "init" && string(text) != "program" {
			t.Errorf("init is %q", text)
		}
	}
	if got.String() != listing {
		t.Errorf("the initramfs holds%s, not%s", got.String(), listing)
	}
}

// A file that changes while it is read makes no archive.
func TestInitramfsOfChangedFile(t *testing.T) {
	e := textEntry("/x", "text")
	e.size = 7
	if err := writeInitramfs(io.Discard, layout(e, nil, entry{}, entry{})); err == nil || !strings.Contains(err.Error(), "init: 4 bytes, not the 7 expected") {
		t.Error(err)
	}
}

// module writes a file that has of a module what is read: an ELF file with a
// section .modinfo.
func module(t *testing.T, dir, name, depends string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, elfWith("license=GPL\x00depends="+depends+"\x00name=x\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestModules(t *testing.T) {
	dir := t.TempDir()
	module(t, dir, "kernel/drivers/virtio/virtio.ko", "")
	module(t, dir, "kernel/drivers/virtio/virtio_ring.ko", "virtio")
	module(t, dir, "kernel/drivers/virtio/virtio_pci.ko", "virtio-ring,virtio")
	module(t, dir, "kernel/drivers/block/virtio_blk.ko", "virtio_ring,virtio")
	module(t, dir, "kernel/fs/jbd2/jbd2.ko", "")
	module(t, dir, "kernel/fs/ext4/ext4.ko", "jbd2")
	module(t, dir, "kernel/net/other.ko", "nothing")
	module(t, dir, "kernel/fs/configfs/configfs.ko", "")
	module(t, dir, "kernel/drivers/block/null_blk.ko", "configfs")
	const always = "virtio virtio_ring virtio_pci virtio_blk"
	for _, c := range []struct{ device, fileSystem, want string }{
		{onVirtio, bare, always},
		{onVirtio, onExt4, always + " jbd2 ext4"},
		{onNullBlk, onExt4, always + " configfs null_blk jbd2 ext4"},
		{onVirtio, onXFS, always}, // xfs is taken to be built in
	} {
		load, err := modules(dir, c.device, c.fileSystem)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range load {
			name, _ := moduleName(m.name)
			got = append(got, name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s, %s: %q, want %q", c.device, c.fileSystem, got, c.want)
		}
	}
	module(t, dir, "kernel/fs/xfs/xfs.ko.xz", "")
	if _, err := modules(dir, onVirtio, onXFS); err == nil || !strings.Contains(err.Error(), "compressed") {
		t.Errorf("a compressed module: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kernel/fs/ext4/ext4.ko"), []byte("no ELF"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := modules(dir, onVirtio, onExt4); err == nil || !strings.Contains(err.Error(), "read module") {
		t.Errorf("a broken module: %v", err)
	}
}

func TestModulesOf(t *testing.T) {
	root := t.TempDir()
	want := filepath.Join(root, "lib", "modules", "6.1.0-test")
	if err := os.MkdirAll(want, 0o755); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(root, "boot", "vmlinuz-6.1.0-test")
	if got := modulesOf(image, "6.1.0-test"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := modulesOf(image, "6.1.0-other"); got != "" {
		t.Errorf("%q for a kernel without modules", got)
	}
}
