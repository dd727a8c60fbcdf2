package qemu

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Release reads the release of a bzImage, what uname -r will say, from its
// header (Documentation/arch/x86/boot.rst, field kernel_version).
func Release(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open kernel: %w", err)
	}
	defer f.Close()
	release, err := imageRelease(f)
	if err == nil {
		err = isWhole(f)
	}
	if err != nil {
		return "", fmt.Errorf("%s is not a kernel that QEMU can boot: %w: name a bzImage, like Debian's /boot/vmlinuz-*", path, err)
	}
	return release, nil
}

func imageRelease(f io.ReaderAt) (string, error) {
	var head [0x212]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return "", fmt.Errorf("read its header: %w", err)
	}
	if !bytes.Equal(head[0x202:0x206], []byte("HdrS")) {
		return "", errors.New("it has no boot header")
	}
	at := int64(binary.LittleEndian.Uint16(head[0x20e:])) + 0x200
	text := make([]byte, 256)
	n, err := f.ReadAt(text, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read its version: %w", err)
	}
	version, _, ended := bytes.Cut(text[:n], []byte{0})
	fields := strings.Fields(string(version))
	if !ended || len(fields) == 0 {
		return "", errors.New("its header names no version")
	}
	return fields[0], nil
}

// isWhole compares the size of an image with what its header says (fields
// setup_sects and syssize). Half a kernel would halt without a word to QEMU.
func isWhole(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var fields [7]byte
	if _, err := f.ReadAt(fields[:], 0x1f1); err != nil {
		return fmt.Errorf("read its header: %w", err)
	}
	sectors := int64(fields[0])
	if sectors == 0 {
		sectors = 4 // for the sake of old boot loaders
	}
	want := (sectors+1)*512 + int64(binary.LittleEndian.Uint32(fields[3:]))*16
	if info.Size() < want {
		return fmt.Errorf("it has %d bytes of %d", info.Size(), want)
	}
	return nil
}

func fileEntry(path string) (entry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return entry{}, err
	}
	return entry{name: path, size: info.Size(), open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
}

// program is a statically linked aiocheck, to be the guest's init: this very
// process's program, or else one built from the sources in the working
// directory. dir is where to put it.
func program(dir string) (entry, error) {
	const self = "/proc/self/exe"
	static, err := isStatic(self)
	if err != nil {
		return entry{}, fmt.Errorf("look at this program: %w", err)
	}
	if static {
		return fileEntry(self)
	}
	info, err := buildinfo.ReadFile(self)
	if err != nil {
		return entry{}, fmt.Errorf("look at this program: %w", err)
	}
	path := dir + "/aiocheck"
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, info.Main.Path+"/cmd/aiocheck")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return entry{}, fmt.Errorf("the guest has no shared libraries, this program needs some, and building one that does not fails: %w: %s"+
			"\nrun this in a clone of the sources, or build it with CGO_ENABLED=0 go build ./cmd/aiocheck", err, bytes.TrimSpace(out))
	}
	return fileEntry(path)
}

// isStatic reports whether a program runs without a dynamic linker.
func isStatic(path string) (bool, error) {
	f, err := elf.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false, nil
		}
	}
	return true, nil
}
