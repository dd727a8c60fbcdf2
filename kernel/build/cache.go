// Package build makes kernels for guests: it fetches a Linux source, applies
// our patches, configures from small fragments and builds in the user's cache,
// where a kernel that was built before is found by what went into it.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Cache is the directory that kernels are made and kept in.
//
//	sources/ID           an unpacked source, never changed
//	work/NAME-KEY/linux  a build under way: a source with our patches
//	work/NAME-KEY/log    what make has said
//	images/NAME-KEY      a kernel: bzImage, vmlinux, config, image.json
//	lock                 held while any of this is changed
type Cache struct{ Dir string }

// UserCache is the cache of the user that runs this program:
// $XDG_CACHE_HOME/aiocheck/kernels, or ~/.cache/aiocheck/kernels.
func UserCache() (Cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return Cache{}, fmt.Errorf("find the user's cache directory: %w", err)
	}
	return Cache{filepath.Join(dir, "aiocheck", "kernels")}, nil
}

func (c Cache) sources() string { return filepath.Join(c.Dir, "sources") }
func (c Cache) work() string    { return filepath.Join(c.Dir, "work") }
func (c Cache) images() string  { return filepath.Join(c.Dir, "images") }

// lockPoll is how often a lock that another process holds is tried again.
const lockPoll = 200 * time.Millisecond

// lock keeps other processes from changing the cache until unlock is called.
// If one holds it already, waiting is called once, and lock waits for it or
// for the end of ctx.
func (c Cache) lock(ctx context.Context, waiting func()) (unlock func(), err error) {
	if err := os.MkdirAll(c.Dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the cache directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(c.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("open the cache's lock: %w", err)
	}
	for told := false; ; told = true {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		if !told {
			waiting()
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another build: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}
