package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// namesPrefix begins the names of directories of rounds.
const namesPrefix = "aiocheck-names-"

// staleAfter is how old a directory of a round is that is not locked, until it
// counts as left behind: far longer than it takes to lock a new one.
const staleAfter = time.Minute

// lock keeps a directory of a round from being taken for one whose process is
// gone, until the descriptor is closed or the process ends, however it ends.
func lock(dir string) (int, error) {
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", dir, err)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return -1, errors.Join(fmt.Errorf("lock %s: %w", dir, err), unix.Close(fd))
	}
	return fd, nil
}

// removeStale removes directories of rounds that killed processes have left in
// a place. Those that cannot be removed, as of other users, stay.
func removeStale(place string, now time.Time) {
	left, _ := filepath.Glob(filepath.Join(place, namesPrefix+"*")) // the pattern is right
	for _, dir := range left {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || now.Sub(info.ModTime()) < staleAfter {
			continue
		}
		fd, err := lock(dir)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir)
		_ = unix.Close(fd)
	}
}
