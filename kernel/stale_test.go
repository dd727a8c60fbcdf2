package kernel

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a killed process has left of its rounds goes; what is in use, new, or
// somebody else's stays.
func TestRemoveStale(t *testing.T) {
	place := t.TempDir()
	var dirs []string
	for _, name := range []string{namesPrefix + "left", namesPrefix + "used", "other"} {
		dir := filepath.Join(place, name)
		if err := os.MkdirAll(filepath.Join(dir, "d0", "n1"), 0o700); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	fd, err := lock(dirs[1])
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	remaining := func() (left []string) {
		for _, dir := range dirs {
			if _, err := os.Stat(dir); err == nil {
				left = append(left, filepath.Base(dir))
			}
		}
		return left
	}
	removeStale(place, time.Now())
	if got := remaining(); len(got) != 3 {
		t.Errorf("of new ones %v are left", got)
	}
	removeStale(place, time.Now().Add(2*staleAfter))
	if got := remaining(); len(got) != 2 || got[0] != namesPrefix+"used" || got[1] != "other" {
		t.Errorf("of old ones %v are left", got)
	}
}
