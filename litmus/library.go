// Package litmus holds the library of litmus tests: files by subject, each of
// which shows one thing (docs/litmus.md has the format, README.md the index).
package litmus

import (
	"embed"
	"fmt"
	"io/fs"

	"aiocheck/traces/litmus"
)

//go:embed */*.litmus
var files embed.FS

// Entry is a test of the library.
type Entry struct {
	Path string // "cancel/queued.litmus"
	Test *litmus.Test
}

// Library is every test, by path.
func Library() ([]Entry, error) {
	paths, err := fs.Glob(files, "*/*.litmus")
	if err != nil {
		return nil, fmt.Errorf("list the litmus library: %w", err)
	}
	entries := make([]Entry, len(paths))
	for i, path := range paths {
		text, err := files.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the litmus library: %w", err)
		}
		t, err := litmus.Parse(path, text)
		if err != nil {
			return nil, fmt.Errorf("litmus library: %w", err)
		}
		entries[i] = Entry{path, t}
	}
	return entries, nil
}

// Text is the text of a test, "" if there is none at the path.
func Text(path string) string {
	text, err := files.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}
