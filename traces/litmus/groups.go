package litmus

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/model/design"
)

// DefaultGroup is the designs of a test that names none.
const DefaultGroup = "thread-aio"

// groups are sets of designs under one word.
var groups = []struct {
	name    string
	members []string
}{
	{"all", allDesigns()},
	{"thread-aio", []string{"thread-2016-01", "thread-2016-01-table", "thread-2016-03", "thread-6.1"}},
	{"thread-2016", []string{"thread-2016-01", "thread-2016-01-table", "thread-2016-03"}},
	{"mainline", []string{"mainline-4.4", "mainline-6.1"}},
	{"handoff", []string{"fibrils", "syslets", "syslets-indirect", "threadlets", "async-syscall-2007"}},
	{"acalls", []string{"acall", "acall-pool"}},
}

func allDesigns() (names []string) {
	for _, d := range design.All() {
		names = append(names, d.Name)
	}
	return names
}

// Groups lists the words that stand for several designs.
func Groups() (names []string) {
	for _, g := range groups {
		names = append(names, g.name)
	}
	return names
}

// Expand gives the designs that words name, each a design, a group, or either
// with seeded bugs: "thread-6.1+signal-not-flushed". Each design comes once,
// in the order of the words.
func Expand(words []string) ([]design.Design, error) {
	var all []design.Design
	for _, word := range words {
		parts := strings.Split(word, "+")
		names := []string{parts[0]}
		for _, g := range groups {
			if g.name == parts[0] {
				names = g.members
			}
		}
		for _, name := range names {
			d, err := design.Named(name)
			if err != nil {
				return nil, fmt.Errorf("no design or group is named %q", name)
			}
			for _, bug := range parts[1:] {
				b, ok := design.ParseBug(bug)
				if !ok {
					return nil, fmt.Errorf("no seeded bug is named %q", bug)
				}
				d = d.With(b)
				d.Name += "+" + bug
			}
			if !slices.ContainsFunc(all, func(o design.Design) bool { return o.Name == d.Name }) {
				all = append(all, d)
			}
		}
	}
	return all, nil
}

// DesignsOf are the words of the designs that a condition speaks of.
func (t *Test) DesignsOf(c *Condition) []string {
	switch {
	case len(c.Designs) > 0:
		return c.Designs
	case len(t.Designs) > 0:
		return t.Designs
	}
	return []string{DefaultGroup}
}

// AllDesigns are the words of every design that some condition speaks of.
func (t *Test) AllDesigns() (words []string) {
	for i := range t.Conditions {
		for _, w := range t.DesignsOf(&t.Conditions[i]) {
			if !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	if len(words) == 0 {
		return t.DesignsOf(&Condition{})
	}
	return words
}
