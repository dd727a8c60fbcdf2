package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// line is a command line, taken apart.
type line struct {
	command string
	flags   []flagGiven
	files   []string
}

// flagGiven is a flag as it was written: one word or two.
type flagGiven struct {
	name  string // with its dashes
	words []string
}

// newLine takes apart what kong has parsed.
func newLine(args []string, flags []*kong.Flag) line {
	var l line
	for i := 0; i < len(args); i++ {
		name, _, whole := strings.Cut(args[i], "=")
		switch {
		case strings.HasPrefix(name, "--"):
			f := flagGiven{name, args[i : i+1]}
			takes := slices.ContainsFunc(flags, func(f *kong.Flag) bool { return "--"+f.Name == name && !f.IsBool() })
			if takes && !whole && i+1 < len(args) {
				i++
				f.words = args[i-1 : i+1]
			}
			l.flags = append(l.flags, f)
		case l.command == "":
			l.command = args[i]
		default:
			l.files = append(l.files, args[i])
		}
	}
	return l
}

// notAgain are flags that say where results go, or that are given anew.
var notAgain = []string{"--trace", "--report", "--json", "--format", "--overwrite", "--keep", "--guests"}

// again is the command that does the same, with these flags, and for these
// files, instead of what was given; none if no command line is known.
func (l *line) again(flags [][2]string, files ...string) string {
	if l.command == "" {
		return ""
	}
	words := []string{"aiocheck", l.command}
	for _, f := range l.flags {
		instead := slices.ContainsFunc(flags, func(i [2]string) bool { return i[0] == f.name })
		if !instead && !slices.Contains(notAgain, f.name) {
			words = append(words, f.words...)
		}
	}
	for _, f := range flags {
		words = append(words, f[0], f[1])
	}
	words = append(words, files...)
	for i, w := range words {
		if strings.ContainsAny(w, " \t\n'\"$&|;<>()*?[]#~\\`") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
