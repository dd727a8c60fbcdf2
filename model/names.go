package model

// The name space: which file each name is bound to. It is the third object
// that histories are judged by, beside the storage and the context. Files are
// regular files and FIFOs; directories stay as they are.

// FileID tells the files of a name space apart: a position in a table of
// those that a history has seen, or one of the two below.
type FileID int8

// What a name is bound to, beside files that were seen.
const (
	NoFile     FileID = -1 // nothing
	UnseenFile FileID = -2 // a file of which nobody has seen which one it is
)

// Bounds of a name space that is judged as one: names that renames connect.
const (
	MaxNames = 16
	MaxFiles = 63
)

// NameState is the state of a name space. It is comparable.
type NameState struct {
	Bound [MaxNames]FileID // by name
	Born  FileSet          // the files that have been made so far
}

// FileSet is a set of files; bit MaxFiles stands for UnseenFile.
type FileSet uint64

// Has reports whether the set has the file.
func (s FileSet) Has(f FileID) bool { return f != NoFile && s>>f.bit()&1 != 0 }

// With is the set and the file.
func (s FileSet) With(f FileID) FileSet { return s | 1<<f.bit() }

func (f FileID) bit() uint {
	if f < 0 {
		return MaxFiles
	}
	return uint(f)
}

// NameDo is what is done with names.
type NameDo uint8

// The operations on names.
const (
	OpenName   NameDo = iota // openat(2)
	UnlinkName               // unlinkat(2), without flags
	RenameName               // renameat2(2)
	StatName                 // statx(2)
)

// The flags of open(2) and renameat2(2) that say what happens to names.
const (
	OpenCreate      = 0o100
	OpenExclusive   = 0o200
	RenameNoReplace = 1
	RenameExchange  = 2
)

// NameCall is an operation with its arguments.
type NameCall struct {
	Do       NameDo
	Name, To uint8 // To only of a rename
	Flags    uint32
	// Denied are the files that whoever asks may be refused to open.
	Denied FileSet
}

// creates reports whether the call makes a file where there is none.
func (c NameCall) creates() bool { return c.Do == OpenName && c.Flags&OpenCreate != 0 }

func (c NameCall) exclusive() bool {
	return c.creates() && c.Flags&OpenExclusive != 0
}

// NameAnswer is how an operation ended.
type NameAnswer struct {
	// Open is set when that is not known: it may have done what it was asked
	// for, or nothing.
	Open  bool
	Errno Errno  // 0 for success
	File  FileID // what an open or a stat has found; UnseenFile if not known
}

// Next gives every state that the name space can be in after the call, if it
// was in s at the instant when the call took effect. No state means that the
// call cannot have had this answer. Errors that say nothing of names (EMFILE,
// ENOSPC, EIO) leave everything as it was.
func (s NameState) Next(c NameCall, a NameAnswer) []NameState {
	if a.Open {
		return append([]NameState{s}, s.Next(c, NameAnswer{File: UnseenFile})...)
	}
	old := s.Bound[c.Name]
	switch {
	case a.Errno == ENOENT:
		absent := old == NoFile && !c.creates()
		if c.Do == RenameName && c.Flags&RenameExchange != 0 {
			absent = absent || s.Bound[c.To] == NoFile
		}
		return s.when(absent)
	case c.Do == OpenName && a.Errno == EEXIST:
		return s.when(old != NoFile && c.exclusive())
	case c.Do == OpenName && a.Errno == EACCES:
		return s.when(old != NoFile && !c.exclusive() && c.Denied.Has(old))
	case c.Do == OpenName && a.Errno == ENXIO: // a FIFO that nobody reads
		return s.when(old != NoFile && !c.exclusive())
	case c.creates() && a.Errno == EINTR && old == NoFile:
		// A cancelled open may have got as far as to make its file.
		return []NameState{s, s.bind(c.Name, UnseenFile)}
	case c.Do == RenameName && a.Errno == EEXIST:
		return s.when(old != NoFile && s.Bound[c.To] != NoFile && c.Flags&RenameNoReplace != 0)
	case a.Errno != 0:
		return []NameState{s}
	case c.Do == RenameName:
		return s.rename(c)
	case c.Do == UnlinkName && old != NoFile:
		return []NameState{s.bind(c.Name, NoFile)}
	case c.Do == UnlinkName:
		return nil
	case old == NoFile && !c.creates(), old != NoFile && c.exclusive():
		return nil
	case old == NoFile || old == UnseenFile && a.File != UnseenFile:
		// A file that is seen for the first time, here or where it was made.
		return s.bind(c.Name, a.File).when(a.File == UnseenFile || !s.Born.Has(a.File))
	}
	return s.when(a.File == UnseenFile || a.File == old)
}

// rename is a renameat2 that succeeded. A file that is renamed to its own name
// stays where it is.
func (s NameState) rename(c NameCall) []NameState {
	from, to := s.Bound[c.Name], s.Bound[c.To]
	switch {
	case from == NoFile, c.Flags&RenameNoReplace != 0 && to != NoFile, c.Flags&RenameExchange != 0 && to == NoFile:
		return nil
	case c.Name == c.To:
		return []NameState{s}
	case c.Flags&RenameExchange != 0:
		return []NameState{s.bind(c.Name, to).bind(c.To, from)}
	}
	return []NameState{s.bind(c.Name, NoFile).bind(c.To, from)}
}

// bind binds a name to a file, which is there from now on if it was seen.
func (s NameState) bind(name uint8, f FileID) NameState {
	s.Bound[name] = f
	if f >= 0 {
		s.Born = s.Born.With(f)
	}
	return s
}

func (s NameState) when(ok bool) []NameState {
	if !ok {
		return nil
	}
	return []NameState{s}
}
