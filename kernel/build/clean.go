package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Clean removes the kernels of a name, and what an interrupted build of one
// has left; or, if the name is empty, everything: kernels, builds, sources. It
// returns the names of the directories that it has removed.
func (c Cache) Clean(ctx context.Context, name string) ([]string, error) {
	if _, err := os.Stat(c.Dir); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	unlock, err := c.lock(ctx, func() {})
	if err != nil {
		return nil, err
	}
	defer unlock()
	parents := []string{c.images(), c.work(), c.sources()}
	if name != "" {
		parents = parents[:2]
	}
	var removed []string
	for _, parent := range parents {
		entries, err := os.ReadDir(parent)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, fmt.Errorf("list cache: %w", err)
		}
		for _, e := range entries {
			if name != "" && !ofName(name, e.Name()) {
				continue
			}
			path := filepath.Join(parent, e.Name())
			if err := os.RemoveAll(path); err != nil {
				return removed, fmt.Errorf("clean: %w", err)
			}
			removed = append(removed, path)
		}
	}
	return removed, nil
}

var keySuffix = regexp.MustCompile(fmt.Sprintf(`-[0-9a-f]{%d}(\%s)?$`, keyLength, partial))

// ofName reports whether a directory of work or images is of the kernel of
// that name.
func ofName(name, dir string) bool {
	rest, cut := strings.CutPrefix(dir, name)
	return cut && keySuffix.FindString(rest) == rest
}
