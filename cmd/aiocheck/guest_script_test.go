//go:build guest

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// Guests that go wrong, as a user sees them: $KERNEL is the one to boot. The
// program is a static one, as a guest needs it.
func TestGuestScripts(t *testing.T) {
	image := os.Getenv("AIOCHECK_KERNEL")
	if image == "" {
		t.Fatal("AIOCHECK_KERNEL has to name a bzImage: see docs/guests.md")
	}
	// What was found out about KVM counts for all scripts.
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("aiocheck") // as testscript has put it there
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/guest",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TMPDIR", e.WorkDir)
			e.Setenv("KERNEL", image)
			e.Setenv("AIOCHECK", program)
			e.Setenv("XDG_CACHE_HOME", cache)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "truncate": truncate, "waitfor": waitFor, "killguests": killGuests, "noguests": noGuests,
		},
	})
}

// guestsOf finds the processes of QEMU that a script has started: they have
// its directory in their environment.
func guestsOf(ts *testscript.TestScript) []int {
	comms, err := filepath.Glob("/proc/[0-9]*/comm")
	ts.Check(err)
	var found []int
	for _, path := range comms {
		// A process may end meanwhile.
		comm, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(comm), "qemu-system") {
			continue
		}
		environ, err := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if err != nil || !bytes.Contains(environ, []byte("TMPDIR="+ts.Getenv("WORK")+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		ts.Check(err)
		found = append(found, pid)
	}
	return found
}

// killguests kills the script's guests.
func killGuests(ts *testscript.TestScript, neg bool, args []string) {
	guests := guestsOf(ts)
	if neg || len(args) > 0 || len(guests) == 0 {
		ts.Fatalf("killguests: %d guests", len(guests))
	}
	for _, pid := range guests {
		ts.Check(unix.Kill(pid, unix.SIGKILL))
	}
}

// noguests waits until none of the script's guests is left: one that ends with
// its parent ends a moment later. The test's own deadline bounds it.
func noGuests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: noguests")
	}
	for len(guestsOf(ts)) > 0 {
		runtime.Gosched()
	}
}
