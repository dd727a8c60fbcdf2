package build

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"aiocheck/kernel/config"
)

// variant is a way of configuring a kernel.
type variant struct {
	name      string
	fragments []string
	lines     int // that make says when it builds all of it: an estimate until a build here has counted
}

var variants = []variant{
	{"plain", []string{"base"}, 1740},
	{"debug", []string{"base", "debug"}, 1780},
	{"coverage", []string{"base", "coverage"}, 1740},
}

// Names are those of the variants, the default one first.
func Names() []string {
	names := make([]string, len(variants))
	for i, v := range variants {
		names[i] = v.name
	}
	return names
}

func findVariant(name string) (variant, error) {
	for _, v := range variants {
		if v.name == name {
			return v, nil
		}
	}
	return variant{}, fmt.Errorf("no kernel is called %q: there are %s", name, strings.Join(Names(), ", "))
}

// threadFragment configures what our patches add.
const threadFragment = "thread"

// fragment is a part of a configuration.
type fragment struct {
	name string // of its file
	text []byte
}

// read reads the variant's fragments for a release, in the order in which
// they are merged: each may be followed by one for this release only.
func (v variant) read(release string, unpatched bool) ([]fragment, error) {
	names := slices.Clone(v.fragments)
	if !unpatched {
		names = append(names, threadFragment)
	}
	var read []fragment
	for _, n := range names {
		text, err := config.Files.ReadFile(n + ".config")
		if err != nil {
			return nil, fmt.Errorf("read configuration fragment: %w", err)
		}
		read = append(read, fragment{n + ".config", text})
		special := n + "-" + release + ".config"
		if text, err := config.Files.ReadFile(special); err == nil {
			read = append(read, fragment{special, text})
		}
	}
	return read, nil
}

// Fragments are the fragments of a variant for a release such as 6.1, one
// after the other, with their comments.
func Fragments(name, release string, unpatched bool) ([]byte, error) {
	v, err := findVariant(name)
	if err != nil {
		return nil, err
	}
	fragments, err := v.read(release, unpatched)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, f := range fragments {
		fmt.Fprintf(&out, "# ---- %s\n\n%s\n", f.name, f.text)
	}
	return out.Bytes(), nil
}

// wanted is everything that a variant asks kconfig for.
func (v variant) wanted(release string, unpatched bool) ([]setting, error) {
	fragments, err := v.read(release, unpatched)
	if err != nil {
		return nil, err
	}
	var merged []setting
	for _, f := range fragments {
		settings, err := parseSettings(f.name, f.text)
		if err != nil {
			return nil, err
		}
		merged = mergeSettings(merged, settings)
	}
	return merged, nil
}
