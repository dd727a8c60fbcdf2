package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Tool is a program that a build runs or a header that it includes, and the
// Debian package that has it.
type Tool struct{ Name, Package string }

// header reports whether the tool is one, rather than a program.
func (t Tool) header() bool { return strings.HasSuffix(t.Name, ".h") }

// Tools are those of the kernel's Documentation/process/changes.rst that our
// configurations use, and those for fetching and patching.
var Tools = []Tool{
	{"gcc", "gcc"}, {"stdlib.h", "libc6-dev"}, {"ld", "binutils"}, {"make", "make"},
	{"flex", "flex"}, {"bison", "bison"}, {"bc", "bc"}, {"perl", "perl"}, {"gelf.h", "libelf-dev"},
	{"tar", "tar"}, {"xz", "xz-utils"}, {"gzip", "gzip"}, {"patch", "patch"},
}

// Missing are the packages to install before a build. Programs are looked for
// in PATH; the compiler is asked for headers, and without one they are taken
// to be missing.
func Missing(ctx context.Context) []string {
	var packages []string
	for _, t := range Tools {
		var err error
		if t.header() {
			_, err = output(ctx, "", strings.NewReader("#include <"+t.Name+">\n"), "gcc", "-E", "-x", "c", "-")
		} else {
			_, err = exec.LookPath(t.Name)
		}
		if err != nil {
			packages = append(packages, t.Package)
		}
	}
	return packages
}

// InstallCommand is what installs packages.
func InstallCommand(packages []string) string {
	return "apt-get install --no-install-recommends " + strings.Join(packages, " ")
}

// install installs packages as root, through sudo for other users, which may
// ask for a password on the terminal.
func install(ctx context.Context, packages []string) error {
	for _, args := range [][]string{
		{"apt-get", "-qq", "update"},
		append([]string{"apt-get", "-qq", "install", "--yes", "--no-install-recommends"}, packages...),
	} {
		if os.Geteuid() != 0 {
			args = append([]string{"sudo"}, args...)
		}
		// It stays in our process group: in another one, sudo could not ask.
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		said := &tail{}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, said, said
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("install packages: %s: %w%s", strings.Join(args, " "), err, said)
		}
	}
	return nil
}

// needTools installs what is missing if asked to, and otherwise says what it
// is.
func needTools(ctx context.Context, mayInstall bool, phase func(string)) error {
	missing := Missing(ctx)
	if len(missing) == 0 {
		return nil
	}
	if !mayInstall {
		return fmt.Errorf("packages are missing: %s\nrun %s as root, or give --install", strings.Join(missing, ", "), InstallCommand(missing))
	}
	phase("installing " + strings.Join(missing, ", "))
	if err := install(ctx, missing); err != nil {
		return err
	}
	if missing := Missing(ctx); len(missing) > 0 {
		return fmt.Errorf("packages are installed, but what they should hold is not found: %s", strings.Join(missing, ", "))
	}
	return nil
}
