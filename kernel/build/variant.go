package build

import (
	"bytes"
	"fmt"
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

// files are the names of the variant's fragments, in the order in which they
// are merged.
func (v variant) files(unpatched bool) []string {
	files := v.fragments
	if !unpatched {
		files = append([]string{}, files...)
		files = append(files, threadFragment)
	}
	return files
}

// Fragments are the fragments of a variant, one after the other, with their
// comments.
func Fragments(name string, unpatched bool) ([]byte, error) {
	v, err := findVariant(name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, f := range v.files(unpatched) {
		text, err := config.Files.ReadFile(f + ".config")
		if err != nil {
			return nil, fmt.Errorf("read configuration fragment: %w", err)
		}
		fmt.Fprintf(&out, "# ---- %s.config\n\n%s\n", f, text)
	}
	return out.Bytes(), nil
}

// wanted is everything that a variant asks kconfig for.
func (v variant) wanted(unpatched bool) ([]setting, error) {
	var merged []setting
	for _, f := range v.files(unpatched) {
		name := f + ".config"
		text, err := config.Files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read configuration fragment: %w", err)
		}
		settings, err := parseSettings(name, text)
		if err != nil {
			return nil, err
		}
		merged = mergeSettings(merged, settings)
	}
	return merged, nil
}
