package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"
)

// status CODE PROGRAM ARG… runs a program and wants that exit status.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// truncate FILE BYTES cuts so many bytes off a file's end.
func truncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE BYTES")
	}
	path := ts.MkAbs(args[0])
	cut, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	info, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-cut))
}

// waitFor FILE BYTES waits until the file has grown to so many bytes. The
// test's own deadline bounds it.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE BYTES")
	}
	want, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	for {
		if info, err := os.Stat(ts.MkAbs(args[0])); err == nil && info.Size() >= want {
			return
		}
		runtime.Gosched()
	}
}

// workflow FILE reads a workflow of GitHub Actions and writes the commands of
// each step that has an id to ID.sh.
func workflow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: workflow FILE")
	}
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	var w struct {
		Name string         `yaml:"name"`
		On   map[string]any `yaml:"on"`
		Jobs map[string]struct {
			RunsOn  string            `yaml:"runs-on"`
			Minutes int               `yaml:"timeout-minutes"`
			Env     map[string]string `yaml:"env"`
			Steps   []struct {
				Name string         `yaml:"name"`
				ID   string         `yaml:"id"`
				If   string         `yaml:"if"`
				Uses string         `yaml:"uses"`
				With map[string]any `yaml:"with"`
				Run  string         `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	ts.Check(yaml.UnmarshalWithOptions(text, &w, yaml.Strict()))
	if w.Name == "" || len(w.On) == 0 || len(w.Jobs) == 0 {
		ts.Fatalf("%s: no name, nothing that it runs on, or no jobs", args[0])
	}
	for name, job := range w.Jobs {
		if job.RunsOn == "" || len(job.Steps) == 0 {
			ts.Fatalf("%s: job %s has no machine or no steps", args[0], name)
		}
		for i, step := range job.Steps {
			if (step.Uses == "") == (step.Run == "") {
				ts.Fatalf("%s: job %s, step %d has to use an action or to run commands", args[0], name, i)
			}
			if step.ID != "" {
				ts.Check(os.WriteFile(ts.MkAbs(step.ID+".sh"), []byte(step.Run), 0o666))
			}
		}
	}
}
