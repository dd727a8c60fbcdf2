package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"aiocheck": func() { os.Exit(run(os.Args[1:])) }})
}

// Each script runs the command as a user does, with real files and, for
// verify, the kernel that the test runs on.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TMPDIR", e.WorkDir)
			examples, err := filepath.Abs("../../docs/examples")
			e.Setenv("EXAMPLES", examples)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   status,
			"truncate": truncate,
			"waitfor":  waitFor,
			"workflow": workflow,
		},
	})
}
