package build

import (
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// fakeSource is as much of Linux 6.1.5 as is looked at here.
func fakeSource(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "linux")
	write(t, filepath.Join(dir, "Makefile"), "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 5\nEXTRAVERSION =\n")
	write(t, filepath.Join(dir, "fs/aio.c"), "int aio;\n")
	return dir
}

// fakeMake configures what it is told to, and makes three files.
const fakeMake = `
for a in "$@"; do case $a in O=*) O=${a#O=};; KCONFIG_ALLCONFIG=*) all=${a#*=};; esac; done
case "$*" in
*allnoconfig*) cat "$all" > "$O/.config";;
*bzImage*)
	echo "make: Entering directory"
	echo "  CC      fs/aio.o"
	mkdir -p "$O/arch/x86/boot"; echo elf > "$O/vmlinux"
	echo "  LD      vmlinux"
	echo image > "$O/arch/x86/boot/bzImage"
	echo "  BUILD   arch/x86/boot/bzImage"
	echo "Kernel: arch/x86/boot/bzImage is ready";;
esac`

// fakeTools makes a PATH in which each tool that a build needs does nothing,
// make and gcc as much as is looked at here, and others what scripts say. What
// the scripts themselves call comes after it.
func fakeTools(t *testing.T, scripts map[string]string) (bin string) {
	t.Helper()
	bin = t.TempDir()
	all := map[string]string{"make": fakeMake, "gcc": "echo 'gcc (Fake) 1.2'"}
	for _, tool := range Tools {
		// tar is the real one: it is part of every system.
		if !tool.header() && tool.Name != "tar" && all[tool.Name] == "" {
			all[tool.Name] = "exit 0"
		}
	}
	for name, script := range scripts {
		all[name] = script
	}
	for name, script := range all {
		write(t, filepath.Join(bin, name), "#!/bin/sh\n"+script+"\n")
		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	return bin
}
