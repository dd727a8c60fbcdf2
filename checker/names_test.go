package checker

import (
	"strings"
	"testing"

	"aiocheck/model"
	"aiocheck/traces"
)

// nameScript writes a small history of names by hand: two directories, files 1
// and 2, with the names n0 (file 100), n1 (absent) and n2 (file 102, of root,
// 0600) in the first and n3 (file 103) in the second; threads of user 1000 with
// the umask 022, whose working directory is the second, and 64 descriptors.
type nameScript struct{ *script }

const dir0, dir1 = uint16(1), uint16(2)

func newNameScript() *nameScript {
	s := &nameScript{&script{end: traces.EndDrain, next: 1}}
	file := func(number uint64, mode uint16, uid uint32) traces.Inode {
		return traces.Inode{Number: number, Device: 7, Mode: 0o100000 | mode, UID: uid}
	}
	s.control = traces.Log{
		traces.RoundRecord(traces.Controller, 0, 1, traces.EndDrain),
		traces.FileRecord(onStorage, traces.Storage, 0, 1<<20),
		traces.FileRecord(dir0, traces.Directory, 0, 0),
		traces.FileRecord(dir1, traces.Directory, 0, 0),
		traces.ContextRecord(0, 8),
		traces.NameRecord(0, dir0, traces.Regular, file(100, 0o4666, 1000)),
		traces.NameRecord(1, dir0, traces.Absent, traces.Inode{}),
		traces.NameRecord(2, dir0, traces.Regular, file(102, 0o600, 0)),
		traces.NameRecord(3, dir1, traces.Regular, file(103, 0o666, 1000)),
		traces.IdentityRecord(traces.Identity{UID: 1000, Umask: 0o22, Cwd: 3, Descriptors: 40}, 64),
	}
	s.invoke(0, 0, traces.CallSetup, 0, 0, 0, 0, 8, 0, 0, testRing)
	return s
}

// named is an operation on a name to be submitted.
type named struct {
	op       model.Opcode
	name, to uint32
	flags    int64
	mode     int64
	via      traces.Via
}

func (s *nameScript) submit(from, to traces.Time, list ...named) {
	for _, n := range list {
		directory := dir0
		if n.name == 3 {
			directory = dir1
		}
		s.logs[0].Record(traces.RequestRecord(0, 0, s.next, n.op, directory, 0, n.flags|n.mode<<32, n.name|n.to<<16, uint32(n.via), dataOf(s.next), objOf(s.next)))
		s.next++
	}
	s.invoke(0, 0, traces.CallSubmit, 0, 0, from, to, int64(len(list)), 0, 0, 0)
	s.returns(0, to, model.Result(len(list)), 0, 0)
}

// opened says which file an open has found.
func (s *nameScript) opened(id traces.RequestID, number uint64, mode uint16, fd int32, flags uint32) {
	s.logs[0].Record(traces.FoundRecord(0, id, traces.Inode{Number: number, Device: 7, Mode: 0o100000 | mode, UID: 1000}, fd, flags|0o100000))
}

// stat looks at a name of the first three; number 0 for ENOENT.
func (s *nameScript) stat(from, to traces.Time, name int64, number uint64, mode uint16) {
	s.invoke(0, 0, traces.CallStat, 0, dir0, from, to, name, 0, 0, 0)
	if number == 0 {
		s.returns(0, to, model.Fail(model.ENOENT), 0, 0)
		return
	}
	s.returns(0, to, 0, 0, 0)
	s.logs[0].Record(traces.FoundRecord(0, 0, traces.Inode{Number: number, Device: 7, Mode: 0o100000 | mode, UID: 1000}, 0, 0))
}

func (s *nameScript) reuse(from, to traces.Time, id traces.RequestID, name int64) {
	s.invoke(0, 0, traces.CallReuse, id, dir0, from, to, name, 0, 0, 0)
	s.returns(0, to, 0, 0, 0)
}

// Each row is a history and what is wrong with it; nothing if want is empty.
func TestNameHistories(t *testing.T) {
	const creat, excl, rdwr, wronly = model.OpenCreate, model.OpenExclusive, 2, 1
	enoent, eintr, eacces := model.Fail(model.ENOENT), model.Fail(model.EINTR), model.Fail(model.EACCES)
	open := func(name uint32, flags int64) named {
		return named{op: model.OpenAt, name: name, flags: flags, mode: 0o666}
	}
	unlink := func(name uint32) named { return named{op: model.UnlinkAt, name: name} }
	rename := func(name, to uint32, flags int64) named {
		return named{op: model.RenameAt, name: name, to: to, flags: flags}
	}
	for _, row := range []struct {
		name, want string
		script     func(s *nameScript)
	}{
		{"open and unlink", "", func(s *nameScript) {
			s.submit(10, 20, open(0, rdwr), unlink(0))
			s.get(0, 30, 40, 2, 2, -1, reaped{1, 9}, reaped{2, 0})
			s.opened(1, 100, 0o666, 9, rdwr)
			s.stat(50, 60, 0, 0, 0)
		}},
		{"unlinked, but still there", "names-in-order", func(s *nameScript) {
			s.submit(10, 20, unlink(0))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0})
			s.stat(50, 60, 0, 100, 0o666)
		}},
		{"two exclusive opens", "names-in-order", func(s *nameScript) {
			s.submit(10, 20, open(1, rdwr|creat|excl), open(1, rdwr|creat|excl))
			s.get(0, 30, 40, 2, 2, -1, reaped{1, 9}, reaped{2, 10})
			s.opened(1, 201, 0o644, 9, rdwr)
			s.opened(2, 202, 0o644, 10, rdwr)
		}},
		{"renamed over", "", func(s *nameScript) {
			s.submit(10, 20, rename(0, 2, 0))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0})
			s.stat(50, 60, 0, 0, 0)
			s.stat(70, 80, 2, 100, 0o666)
		}},
		{"a rename that replaces nothing", "names-in-order", func(s *nameScript) {
			s.submit(10, 20, rename(0, 2, model.RenameNoReplace))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0})
			s.stat(70, 80, 2, 100, 0o666)
		}},
		{"in another directory it is another name", "", func(s *nameScript) {
			n := open(0, rdwr)
			n.via = traces.ViaCwd
			s.submit(10, 20, n)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, enoent})
			s.stat(50, 60, 0, 100, 0o666)
		}},
		{"made in another directory than that of the thread", "fs-captured", func(s *nameScript) {
			n := open(3, rdwr|creat)
			n.via = traces.ViaCwd
			s.submit(10, 20, n)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 9})
			s.opened(1, 301, 0o644, 9, rdwr)
		}},
		{"the umask of somebody else", "fs-captured", func(s *nameScript) {
			s.submit(10, 20, open(1, rdwr|creat))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 9})
			s.opened(1, 201, 0o666, 9, rdwr)
		}},
		{"the decoy is unlinked", "args-captured", func(s *nameScript) {
			s.submit(10, 20, unlink(0))
			s.reuse(22, 24, 1, 2)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0})
			s.stat(50, 60, 0, 100, 0o666)
			s.stat(70, 80, 2, 0, 0)
		}},
		{"a right kernel does not look at the decoy", "", func(s *nameScript) {
			s.submit(10, 20, unlink(0))
			s.reuse(22, 24, 1, 2)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0})
			s.stat(50, 60, 0, 0, 0)
			s.stat(70, 80, 2, 102, 0o600)
		}},
		{"other flags", "args-captured", func(s *nameScript) {
			s.submit(10, 20, open(0, wronly))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 9})
			s.opened(1, 100, 0o666, 9, rdwr)
		}},
		{"refused with reason", "", func(s *nameScript) {
			s.submit(10, 20, open(2, rdwr))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, eacces})
		}},
		{"refused without reason", "cred-captured", func(s *nameScript) {
			s.submit(10, 20, open(0, rdwr))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, eacces})
		}},
		{"an unlink is refused", "cred-captured", func(s *nameScript) {
			s.submit(10, 20, unlink(0))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, eacces})
		}},
		{"a descriptor beyond the limit", "limits-captured", func(s *nameScript) {
			s.submit(10, 20, open(0, rdwr))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 64})
			s.opened(1, 100, 0o666, 64, rdwr)
		}},
		{"no descriptor below it", "limits-captured", func(s *nameScript) {
			s.submit(10, 20, open(0, rdwr))
			s.get(0, 30, 40, 1, 1, -1, reaped{1, model.Fail(model.EMFILE)})
		}},
		{"interrupted, but done", "result-matches-effect", func(s *nameScript) {
			s.submit(10, 20, unlink(0))
			s.cancel(0, 22, 24, 1, einprogress)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, eintr})
			s.stat(50, 60, 0, 0, 0)
		}},
		{"an interrupted open may have made its file", "", func(s *nameScript) {
			s.submit(10, 20, open(1, rdwr|creat))
			s.cancel(0, 22, 24, 1, einprogress)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, eintr})
			s.stat(50, 60, 1, 201, 0o644)
		}},
	} {
		s := newNameScript()
		row.script(s)
		header := traces.Header{Run: testRun, Contract: model.ThreadContract(), Abilities: traces.Abilities{Threaded: true, Names: true, Identity: true}}
		h, err := traces.FromLogs(header, append([]traces.Log{s.control}, s.logs...)...)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		vs := judgeNames(h, newBudget(Limits{}))
		if got := violatedNames(vs); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		for _, v := range vs {
			for _, f := range v.Findings {
				if len(f.Steps) == 0 || f.Summary == "" || strings.Contains(f.Summary+f.Expected, "%!") {
					t.Errorf("%s: %s", row.name, describeFinding(&f))
				}
			}
		}
	}
}
