// Package patches holds our changes to Linux: one directory for each release
// of Linux, with a series of patches as git format-patch writes them.
package patches

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed *
var files embed.FS

// Patch is one change.
type Patch struct {
	Name string // of its file: 0001-….patch
	Text []byte
}

// directory is where the series for a release such as 6.1 is.
func directory(release string) string { return "linux-" + release }

// Series is the patches for a release of Linux such as 6.1, in order. There
// is none for most releases.
func Series(release string) ([]Patch, error) {
	names, err := fs.Glob(files, path.Join(directory(release), "*.patch"))
	if err != nil {
		return nil, fmt.Errorf("list patches: %w", err)
	}
	// Their numbers order them, as Glob does.
	series := make([]Patch, len(names))
	for i, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read patch: %w", err)
		}
		series[i] = Patch{path.Base(name), text}
	}
	return series, nil
}

// Releases are those that there is a series for.
func Releases() []string {
	var releases []string
	names, _ := fs.Glob(files, directory("*"))
	for _, name := range names {
		release := strings.TrimPrefix(name, directory(""))
		if s, err := Series(release); err == nil && len(s) > 0 {
			releases = append(releases, release)
		}
	}
	return releases
}
