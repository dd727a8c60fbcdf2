package build

import (
	"testing"

	"aiocheck/kernel/patches"
)

// Whatever goes into a kernel goes into its key.
func TestKey(t *testing.T) {
	base := func() inputs {
		return inputs{source{"id", "/dir", "6.1.5"}, []patches.Patch{{Name: "0001-a.patch", Text: []byte("a")}},
			[]setting{{"CONFIG_AIO", "y"}}, "gcc 12"}
	}
	seen := map[string]string{base().key(): "the same"}
	for what, change := range map[string]func(*inputs){
		"source":        func(in *inputs) { in.source.id = "other" },
		"version":       func(in *inputs) { in.source.version = "6.1.6" },
		"compiler":      func(in *inputs) { in.compiler = "gcc 13" },
		"value":         func(in *inputs) { in.wanted[0].value = "n" },
		"setting":       func(in *inputs) { in.wanted = append(in.wanted, setting{"CONFIG_NET", "y"}) },
		"patch's text":  func(in *inputs) { in.patches[0].Text = []byte("b") },
		"patch's name":  func(in *inputs) { in.patches[0].Name = "0002-a.patch" },
		"another patch": func(in *inputs) { in.patches = append(in.patches, in.patches[0]) },
		"no patch":      func(in *inputs) { in.patches = nil },
	} {
		in := base()
		change(&in)
		if other, twice := seen[in.key()]; twice {
			t.Errorf("another %s: the key of %s", what, other)
		}
		seen[in.key()] = what
	}
	moved := base()
	moved.source.dir = "/elsewhere"
	if moved.key() != base().key() {
		t.Error("the key is of the source's place, not of its contents")
	}
}

// A kernel's name tells variant, release and patches, and which command makes
// it.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		variant, release string
		unpatched        bool
		name, command    string
	}{
		{"plain", "6.1", false, "plain", "aiocheck kernel build plain"},
		{"debug", "6.1", true, "debug-unpatched", "aiocheck kernel build debug --unpatched"},
		{"plain", "6.12", false, "plain-6.12", "aiocheck kernel build plain --release 6.12"},
		{"coverage", "6.12", true, "coverage-6.12-unpatched", "aiocheck kernel build coverage --release 6.12 --unpatched"},
	} {
		name := imageName(c.variant, c.release, c.unpatched)
		if name != c.name || buildCommand(name) != c.command {
			t.Errorf("%+v: %s, %s", c, name, buildCommand(name))
		}
	}
}
