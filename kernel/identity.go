package kernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// runnerUmask is a runner's umask: that of threads without an identity.
const runnerUmask = 0o022

// identity is what a thread becomes, as descriptors.
type identity struct {
	traces.Identity
	cwd  int // descriptor of the working directory
	root int // of the root directory; -1 for the runner's own
}

// adopt makes the calling OS thread what id says, for good: nothing else may
// use the thread afterwards.
func (id *identity) adopt() error {
	steps := []struct {
		what          string
		wanted        bool
		trap, a, b, c uintptr
	}{
		{"unshare", true, unix.SYS_UNSHARE, unix.CLONE_FS, 0, 0},
		{"umask", true, unix.SYS_UMASK, uintptr(id.Umask), 0, 0},
		{"enter the root directory", id.root >= 0, unix.SYS_FCHDIR, uintptr(id.root), 0, 0},
		{"chroot", id.root >= 0, unix.SYS_CHROOT, uintptr(address(dot)), 0, 0},
		{"enter the working directory", true, unix.SYS_FCHDIR, uintptr(id.cwd), 0, 0},
		{"setgroups", id.UID != 0, unix.SYS_SETGROUPS, 0, 0, 0},
		{"setfsgid", id.UID != 0, unix.SYS_SETFSGID, uintptr(id.UID), 0, 0},
		// Last, because it takes away the powers over files.
		{"setfsuid", id.UID != 0, unix.SYS_SETFSUID, uintptr(id.UID), 0, 0},
	}
	for _, s := range steps {
		if !s.wanted {
			continue
		}
		if ret := call(s.trap, s.a, s.b, s.c, 0, 0, 0); ret < 0 {
			return fmt.Errorf("take on an identity: %s: %w", s.what, unix.Errno(-ret))
		}
	}
	// setfsuid(2) answers what was before, whether it worked or not.
	if now := call(unix.SYS_SETFSUID, uintptr(id.UID), 0, 0, 0, 0, 0); id.UID != 0 && now != model.Result(id.UID) {
		return fmt.Errorf("take on an identity: setfsuid(%d) is refused", id.UID)
	}
	return nil
}

// dot is a path for chroot(2).
var dot = []byte(".\x00")

// tryIdentity takes one on, on a thread that ends with it: whether this
// process may.
func tryIdentity(dir string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- fmt.Errorf("open %s: %w", dir, err)
			return
		}
		defer unix.Close(fd)
		id := identity{traces.Identity{UID: 1, Umask: runnerUmask}, fd, fd}
		done <- id.adopt()
	}()
	return <-done
}

// identity finds the descriptors of the program's identity; nil if it has none.
func (r *round) identity() (*identity, error) {
	decl := r.program.Identity
	if decl == nil {
		return nil, nil
	}
	id := &identity{Identity: *decl, root: -1}
	if decl.Root != 0 {
		id.root = r.files[decl.Root-1].ends[0]
	}
	if decl.Cwd != 0 {
		id.cwd = r.files[decl.Cwd-1].ends[0]
		return id, nil
	}
	// It is closed with the round, as all that was opened in it.
	var err error
	if id.cwd, err = unix.Open(".", unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("open the working directory: %w", err)
	}
	return id, nil
}

// descriptorLimit is this process's RLIMIT_NOFILE.
func descriptorLimit() (unix.Rlimit, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return limit, fmt.Errorf("read the limit of descriptors: %w", err)
	}
	return limit, nil
}

// limitOf is the RLIMIT_NOFILE that the round p is to have. Where the program
// says how many more descriptors there may be, it is above all that the
// runner itself has open; fillDescriptors leaves as many free below it.
func limitOf(p *traces.Program) (uint64, error) {
	if p.Identity != nil && p.Identity.Descriptors != 0 {
		return uint64(128+4*len(p.Files)+4*len(p.Threads)+len(p.Names)) + uint64(p.Identity.Descriptors), nil
	}
	limit, err := descriptorLimit()
	return limit.Cur, err
}

// limitDescriptors sets RLIMIT_NOFILE, and returns what sets it back.
func limitDescriptors(limit uint64) (restore func() error, err error) {
	old, err := descriptorLimit()
	if err != nil {
		return nil, err
	}
	set := func(l unix.Rlimit) error {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
			return fmt.Errorf("limit descriptors to %d: %w", l.Cur, err)
		}
		return nil
	}
	return func() error { return set(old) }, set(unix.Rlimit{Cur: limit, Max: old.Max})
}

// fillDescriptors duplicates fd until no more than free descriptors can be
// opened below limit.
func fillDescriptors(fd int, limit uint64, free uint32) error {
	for first := int(limit) - int(free); ; {
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		switch {
		case err != nil:
			return fmt.Errorf("use up descriptors: %w", err)
		case n < first:
			continue
		case n > first:
			err = fmt.Errorf("use up descriptors: %d of the %d to be left below %d are in use", n-first, free, limit)
		}
		return errors.Join(err, unix.Close(n))
	}
}

// openDescriptors lists what this process has open.
func openDescriptors() (map[int]bool, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, fmt.Errorf("list descriptors: %w", err)
	}
	set := map[int]bool{}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, fmt.Errorf("list descriptors: %w", err)
		}
		set[fd] = true
	}
	return set, nil
}

// closeOthers closes what was opened since, whoever did: opens of a program
// leave descriptors that nobody was told of.
func closeOthers(before map[int]bool) error {
	now, err := openDescriptors()
	if err != nil {
		return err
	}
	for fd := range now {
		if !before[fd] {
			unix.Close(fd) // the list's own is closed already
		}
	}
	return nil
}
