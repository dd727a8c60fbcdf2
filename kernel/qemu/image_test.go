package qemu

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// elfWith makes a 64-bit ELF file with a section .modinfo.
func elfWith(info string) []byte {
	names := "\x00.modinfo\x00.shstrtab\x00"
	var b bytes.Buffer
	const head = 64
	h := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1, Ehsize: head, Shentsize: 64, Shnum: 3, Shstrndx: 2,
		Shoff: uint64(head + len(info) + len(names))}
	copy(h.Ident[:], []byte{0x7f, 'E', 'L', 'F', 2, 1, 1})
	binary.Write(&b, binary.LittleEndian, h)
	b.WriteString(info + names)
	for _, s := range []elf.Section64{
		{},
		{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: head, Size: uint64(len(info))},
		{Name: 10, Type: uint32(elf.SHT_STRTAB), Off: uint64(head + len(info)), Size: uint64(len(names))},
	} {
		binary.Write(&b, binary.LittleEndian, s)
	}
	return b.Bytes()
}

// bzImage is the part of a kernel image that is read.
func bzImage(version string) []byte {
	b := make([]byte, 0x400)
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(b[0x20e:], 0x100) // from 0x200 on
	b = append(b[:0x300], version...)
	return append(b, make([]byte, 5*512)...) // as much as no setup_sects stands for
}

// cutShort is an image that says that it is longer.
func cutShort() []byte {
	b := bzImage("6.1.0 (a@b)\x00")
	binary.LittleEndian.PutUint32(b[0x1f4:], 1000)
	return b
}

func TestRelease(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name  string
		image []byte
		want  string
		err   string
	}{
		{"good", bzImage("6.1.0-56-amd64 (a@b) #1 SMP\x00"), "6.1.0-56-amd64", ""},
		{"cut short", cutShort(), "", "bytes of 18560"},
		{"no version", bzImage("\x00"), "", "names no version"},
		{"an ELF file", elfWith("x"), "", "read its header"},
		{"a text", bytes.Repeat([]byte("#!/bin/sh\n"), 100), "", "no boot header"},
		{"empty", nil, "", "read its header"},
	} {
		path := filepath.Join(dir, "image")
		if err := os.WriteFile(path, c.image, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Release(path)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && (!strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "name a bzImage")) {
			t.Errorf("%s: %q, %v; want %q, %q", c.name, got, err, c.want, c.err)
		}
	}
	if _, err := Release(filepath.Join(dir, "nosuch")); err == nil {
		t.Error("a file that is not there has a release")
	}
}

func FuzzImageRelease(f *testing.F) {
	f.Add(bzImage("6.1.0-56-amd64 (a@b) #1 SMP\x00"))
	f.Add([]byte("MZ"))
	f.Fuzz(func(t *testing.T, image []byte) {
		release, err := imageRelease(bytes.NewReader(image))
		if err == nil && (release == "" || strings.ContainsAny(release, " \x00")) {
			t.Errorf("release %q", release)
		}
	})
}

// What the guest is given on QEMU's command line is all there is: no network,
// no default devices, nothing with a name that two guests could share.
func TestArguments(t *testing.T) {
	g := Guest{Accel: "tcg", conf: Config{Kernel: "/boot/bzImage", Append: "aio_thread.defects=3", Memory: 512 << 20, CPUs: 2},
		machine: machine{"pc", "-pci", "/boot/bzImage", "tsc=reliable "}, parts: parts{disk: os.Stdin}}
	line := strings.Join(g.arguments(), " ")
	for _, want := range []string{"-nodefaults", "-no-reboot", "-display none", "-m 512M", "-smp 2", "-accel tcg -cpu max", "-kernel /boot/bzImage",
		"panic=-1", "tsc=reliable", "virtio-serial-pci", "virtio-blk-pci", initEnv + "=1", "aio_thread.defects=3", "fd=3", "/proc/self/fd/4", "/proc/self/fd/5",
		"share=on"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %q", want, line)
		}
	}
	g.Accel, g.parts = "kvm", parts{state: os.Stdin}
	if got := g.arguments(); slices.Contains(got, "virtio-blk-pci,drive=disk") || !slices.Contains(got, "host") || !slices.Contains(got, "defer") ||
		!strings.Contains(strings.Join(got, " "), "share=off") {
		t.Errorf("restored, without a disk, with KVM: %q", got)
	}
}

func TestMakeDisk(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, err := makeDisk(&Config{Device: onVirtio, FileSystem: bare, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() != 1<<20 {
		t.Errorf("%v, %v", info, err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, c := range []Config{{}, {Device: onVirtio, FileSystem: onTmpfs, Bytes: 1 << 20}, {Device: onNullBlk, FileSystem: bare, Bytes: 1 << 20}} {
		if f, err := makeDisk(&c); f != nil || err != nil {
			t.Errorf("%+v: %v, %v", c, f, err)
		}
	}
}

// What no guest can have is refused with what there is.
func TestCheckStorage(t *testing.T) {
	for _, c := range []struct {
		conf Config
		want string
	}{
		{Config{}, ""},
		{Config{Device: onLoop, FileSystem: onXFS, Bytes: 1 << 30, Memory: 512 << 20}, ""},
		{Config{Device: "floppy", FileSystem: bare, Bytes: 1}, "virtio, null_blk, loop, dm-delay, dm-error, dm-flakey"},
		{Config{Device: onVirtio, FileSystem: "vfat", Bytes: 1}, "none, ext4, xfs, tmpfs"},
		{Config{Device: onNullBlk, FileSystem: bare, Bytes: 1 << 30, Memory: 1 << 30}, "1024 MiB of storage in the guest's memory"},
		{Config{Device: onVirtio, FileSystem: onTmpfs, Bytes: 1 << 30, Memory: 1 << 30}, "1024 MiB of storage in the guest's memory"},
	} {
		err := c.conf.checkStorage()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.conf, err, c.want)
		}
	}
}

// A copy of a disk needs what is not a hole.
func TestDataOf(t *testing.T) {
	f, err := memoryFile("disk", func(io.Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := int64(os.Getpagesize())
	for _, at := range []int64{3 * page, 9 * page} {
		if _, err := f.WriteAt(make([]byte, page), at); err != nil {
			t.Fatal(err)
		}
	}
	want := []extent{{3 * page, page}, {9 * page, page}}
	if got, err := dataOf(f); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// An image holds what of a disk is not zero, and nothing else.
func TestDiskEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pages := rapid.SliceOf(rapid.SampledFrom([]byte{0, 0, 1, 2})).Draw(t, "pages")
		var want []byte
		f, err := memoryFile("disk", func(w io.Writer) error {
			for _, p := range pages {
				page := bytes.Repeat([]byte{p}, pageBytes)
				if p != 0 {
					want = append(want, page...)
				}
				if _, err := w.Write(page); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		filled, err := filledOf(f)
		if err != nil {
			t.Fatal(err)
		}
		e := diskEntry(f, filled)
		in, err := e.open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in)
		if err != nil || e.size != int64(len(want)) || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v, want %d", len(got), err, len(want))
		}
		for i, e := range filled {
			if pages[e.At/pageBytes] == 0 || i > 0 && filled[i-1].At+filled[i-1].Bytes == e.At {
				t.Fatalf("%+v of %v", filled, pages)
			}
		}
	})
}

// A program for the guest is linked statically, or built so.
func TestIsStatic(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "program")
	if err := os.WriteFile(path, elfWith("x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if static, err := isStatic(path); !static || err != nil {
		t.Errorf("%v, %v", static, err)
	}
	if static, err := isStatic("/bin/sh"); static || err != nil {
		t.Errorf("/bin/sh: %v, %v", static, err)
	}
	if _, err := isStatic(dir); err == nil {
		t.Error("a directory is a program")
	}
}
