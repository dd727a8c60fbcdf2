package main

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// A runner and a guest's init begin before the large dependencies are
// initialised; see package roles.
func TestRolesComeFirst(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, large := range []string{"github.com/goccy/go-graphviz/internal/wasm", "aiocheck/checker/report"} {
		order := regexp.MustCompile(`(?s)init aiocheck/kernel/roles .*init ` + large + ` `)
		if !order.Match(out) {
			t.Errorf("%s is initialised before aiocheck/kernel/roles:\n%s", large, out)
		}
	}
}
