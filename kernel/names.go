package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// nameSpace is the directories of a round as the parent sees them: it makes
// them, keeps every file that is there at the start open, so that no inode
// number is used twice, looks at every name in the end, and removes them.
type nameSpace struct {
	base  string // has the directories
	lock  int    // of base; -1 for none
	dirs  []int  // descriptors by file number; -1 for other files
	held  []int  // descriptors of the names' files; -1 for absent ones
	found []traces.Inode
}

// directoryOf is where file f of a round is, if it is a directory.
func directoryOf(base string, f int) string { return filepath.Join(base, fmt.Sprintf("d%d", f)) }

// nameText is what name n is called in its directory.
func nameText(n int) string { return fmt.Sprintf("n%d", n) }

// makeNames makes the directories of p and what is in them; nil if p has none.
func (h *Host) makeNames(p *traces.Program) (*nameSpace, error) {
	if !hasDirectories(p) {
		return nil, nil
	}
	base, err := os.MkdirTemp(h.namesIn, namesPrefix+"*")
	if err != nil {
		return nil, fmt.Errorf("make directories: %w", err)
	}
	s := &nameSpace{base: base}
	// Where directories cannot be locked, nobody removes those of others either.
	s.lock, _ = lock(base)
	if err := s.fill(p); err != nil {
		return nil, errors.Join(fmt.Errorf("make directories: %w", err), s.remove())
	}
	return s, nil
}

func hasDirectories(p *traces.Program) bool {
	for i := range p.Files {
		if p.Files[i].Kind == traces.Directory {
			return true
		}
	}
	return false
}

func (s *nameSpace) fill(p *traces.Program) error {
	// Whoever a program's threads are, they may go there.
	if err := os.Chmod(s.base, 0o711); err != nil {
		return err
	}
	for f := range p.Files {
		fd := -1
		if p.Files[f].Kind == traces.Directory {
			var err error
			if fd, err = makeDirectory(directoryOf(s.base, f)); err != nil {
				return err
			}
		}
		s.dirs = append(s.dirs, fd)
	}
	for n := range p.Names {
		if err := s.makeName(n, &p.Names[n]); err != nil {
			return fmt.Errorf("name %d: %w", n, err)
		}
	}
	return nil
}

// makeDirectory makes a directory in which everybody may do everything, and
// opens it.
func makeDirectory(path string) (int, error) {
	if err := os.Mkdir(path, 0o700); err != nil {
		return -1, err
	}
	if err := os.Chmod(path, 0o777); err != nil {
		return -1, err
	}
	fd, err := unix.Open(path, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	return fd, nil
}

func (s *nameSpace) makeName(n int, decl *traces.NameDecl) error {
	fd := -1
	var found traces.Inode
	if decl.Kind != traces.Absent {
		dir, name := s.dirs[decl.Directory], nameText(n)
		kind := uint32(unix.S_IFREG)
		if decl.Kind == traces.Fifo {
			kind = unix.S_IFIFO
		}
		if err := unix.Mknodat(dir, name, kind|0o600, 0); err != nil {
			return fmt.Errorf("make it: %w", err)
		}
		var err error
		if fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
			return fmt.Errorf("open it: %w", err)
		}
	}
	s.held = append(s.held, fd)
	if fd >= 0 {
		dir, name := s.dirs[decl.Directory], nameText(n)
		// The owner first: giving a file away takes S_ISUID from it.
		if os.Geteuid() == 0 {
			if err := unix.Fchownat(dir, name, int(decl.UID), int(decl.UID), 0); err != nil {
				return fmt.Errorf("give it an owner: %w", err)
			}
		}
		if err := unix.Fchmodat(dir, name, uint32(decl.Mode), 0); err != nil {
			return fmt.Errorf("give it a mode: %w", err)
		}
		var err error
		if found, err = look(dir, name); err != nil {
			return err
		}
	}
	s.found = append(s.found, found)
	return nil
}

// look is the stat of a name.
func look(dir int, name string) (traces.Inode, error) {
	var st unix.Statx_t
	if err := unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &st); err != nil {
		return traces.Inode{}, err
	}
	return inodeOf(&st), nil
}

// inodeOf is what a trace says of a file.
func inodeOf(st *unix.Statx_t) traces.Inode {
	return traces.Inode{Number: st.Ino, Device: uint32(unix.Mkdev(st.Dev_major, st.Dev_minor)), Mode: st.Mode, UID: st.Uid}
}

// declare are the records of the names.
func (s *nameSpace) declare(p *traces.Program) []traces.Record {
	var records []traces.Record
	for n := range p.Names {
		decl := &p.Names[n]
		records = append(records, traces.NameRecord(uint16(n), decl.Directory, decl.Kind, s.found[n]))
	}
	return records
}

// readNamesBack looks at every name of the round that has ended.
func (h *Host) readNamesBack(p *traces.Program, s *nameSpace, sink Sink) error {
	var records []traces.Record
	for n := range p.Names {
		decl := &p.Names[n]
		begun := h.controllerCalls()
		found, err := look(s.dirs[decl.Directory], nameText(n))
		h.called = h.latest()
		ret := model.Result(0)
		var errno unix.Errno
		if errors.As(err, &errno) {
			ret = -model.Result(errno)
		}
		records = append(records,
			traces.InvokeRecord(traces.Controller, traces.NoContext, traces.CallStat, 0, decl.Directory, begun, int64(n), 0, 0),
			traces.ReturnRecord(traces.Controller, h.called, ret, 0, 0))
		if err == nil {
			records = append(records, traces.FoundRecord(traces.Controller, 0, found, 0, 0))
		}
	}
	return sink.Append(records)
}

// remove removes the directories with all that the round has left there.
func (s *nameSpace) remove() error {
	for _, fds := range [...][]int{s.dirs, s.held, {s.lock}} {
		for _, fd := range fds {
			if fd >= 0 {
				unix.Close(fd)
			}
		}
	}
	if err := os.RemoveAll(s.base); err != nil {
		return fmt.Errorf("remove directories: %w", err)
	}
	return nil
}

// namesPlace is where directories of rounds can be made: beside the storage,
// so that they are on its file system, or in the directory for temporary
// files, if everybody may go there. Empty for nowhere.
func namesPlace(s *Storage) string {
	places := []string{os.TempDir()}
	if s.Device.Kind == storageFile {
		places = []string{filepath.Dir(s.Device.Path), os.TempDir()}
	}
	for _, place := range places {
		path, err := absolute(place)
		if err == nil && searchable(path) && unix.Access(path, unix.W_OK|unix.X_OK) == nil {
			return path
		}
	}
	return ""
}

// searchable reports whether everybody may search a directory and all above it.
func searchable(path string) bool {
	for ; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() || info.Mode()&1 == 0 {
			return false
		}
		if path == "/" {
			return true
		}
	}
}
