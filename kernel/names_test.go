package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// The files of namedProgram beside those of program: two directories.
const (
	firstDir  = 4
	secondDir = 5
)

// namedProgram makes a round with the names 0 (a regular file), 1 (absent) and 2 (a
// FIFO) in one directory, and 3 (a regular file) and 4 (absent) in another.
func namedProgram(end traces.End, requests []traces.RequestDecl, threads ...[]traces.Step) *traces.Program {
	p := program(end, requests, threads...)
	p.Files = append(p.Files, traces.FileDecl{Kind: traces.Directory}, traces.FileDecl{Kind: traces.Directory})
	p.Contexts[0].Slots = 64
	p.Names = []traces.NameDecl{
		{Directory: firstDir, Kind: traces.Regular, Mode: 0o4750, UID: uint32(os.Geteuid())},
		{Directory: firstDir},
		{Directory: firstDir, Kind: traces.Fifo, Mode: 0o666},
		{Directory: secondDir, Kind: traces.Regular, Mode: 0o600},
		{Directory: secondDir},
	}
	return p
}

// toldNames is told with what was found: "found 3 n0" is the file that name 0
// was bound to as the round began, "found 3 new" another one.
func toldNames(records collected, thread uint16) []string {
	files := map[uint64]string{}
	var lines []string
	var kind traces.CallKind
	for _, r := range records {
		if r.Kind == traces.KindName && r.A != 0 {
			files[r.A] = fmt.Sprintf("n%d", r.Context)
		}
	}
	for _, r := range records {
		if r.Thread != thread {
			continue
		}
		switch r.Kind {
		case traces.KindInvoke:
			kind = traces.CallKind(r.Code)
		case traces.KindReturn:
			ret := model.Result(r.B).String()
			if kind == traces.CallOpenAt && int64(r.B) >= 0 {
				ret = "fd"
			}
			lines = append(lines, fmt.Sprintf("%v %s", kind, ret))
		case traces.KindFound:
			name, ok := files[r.A]
			if !ok {
				name = "new"
			}
			lines = append(lines, fmt.Sprintf("found %d %s %o", r.Request, name, uint16(r.B>>32)))
		case traces.KindEvent:
			lines = append(lines, fmt.Sprintf("event %d %v", uint32(r.A), model.Result(r.C)))
		case traces.KindData:
			lines = append(lines, fmt.Sprintf("data %d %v %d+%d by %d", r.Request, traces.DataClass(r.Code), r.A, r.B, r.C))
		}
	}
	return lines
}

// wantTold compares what a thread was told with lines and parts of lines, of
// which the round's closing calls are left out.
func wantTold(t *testing.T, got []string, text string) {
	t.Helper()
	want := []string{}
	for line := range strings.Lines(text) {
		for part := range strings.SplitSeq(line, ";") {
			if part = strings.TrimSpace(part); part != "" {
				want = append(want, part)
			}
		}
	}
	if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" {
		t.Errorf("%s\nall: %q", diff, got)
	}
}

func plainOpen(name uint16, flags uint32) traces.RequestDecl {
	file := uint16(firstDir)
	if name > 2 {
		file = secondDir
	}
	return traces.RequestDecl{Opcode: model.OpenAt, File: file, Name: name, Flags: flags, Mode: 0o666, Plain: true}
}

func step(do traces.Do, request int) traces.Step {
	return traces.Step{Do: do, Request: traces.RequestID(request)}
}

func statOf(name uint16) traces.Step { return traces.Step{Do: traces.DoStat, Name: name} }

// TestNamedSteps runs operations on names by threads themselves.
func TestNamedSteps(t *testing.T) {
	unlink := traces.RequestDecl{Opcode: model.UnlinkAt, File: firstDir, Name: 0, Plain: true}
	rename := traces.RequestDecl{Opcode: model.RenameAt, File: firstDir, Name: 0, NewName: 4, Plain: true}
	cwd, root := rename, rename
	cwd.Via, root.Via = traces.ViaCwd, traces.ViaRoot
	cwd.NewName = 1
	named := func(i int) traces.Step { return step(traces.DoNamed, i) }
	for _, row := range []struct {
		name     string
		identity *traces.Identity
		requests []traces.RequestDecl
		steps    []traces.Step
		want     string
		back     string // the controller's stats
	}{
		{"nothing happens", nil, nil, []traces.Step{statOf(0), statOf(1)},
			"stat 0; found 0 n0 104750; stat -ENOENT",
			"stat 0; found 0 n0 104750; stat -ENOENT; stat 0; found 0 n2 10666; stat 0; found 0 n3 100600; stat -ENOENT"},
		{"open", nil, []traces.RequestDecl{plainOpen(0, unix.O_RDONLY), plainOpen(1, unix.O_RDWR), plainOpen(1, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL), plainOpen(1, unix.O_CREAT|unix.O_EXCL)},
			[]traces.Step{named(0), named(1), named(2), named(3), statOf(1)},
			"openat fd; found 1 n0 104750; openat -ENOENT; openat fd; found 3 new 100644; openat -EEXIST; stat 0; found 0 new 100644",
			"stat 0; found 0 n0 104750; stat 0; found 0 new 100644"},
		{"unlink", nil, []traces.RequestDecl{unlink, unlink}, []traces.Step{named(0), named(1), statOf(0)},
			"unlinkat 0; unlinkat -ENOENT; stat -ENOENT", "stat -ENOENT; stat -ENOENT; stat 0"},
		{"rename", nil, []traces.RequestDecl{rename}, []traces.Step{named(0), statOf(0), statOf(4)},
			"renameat 0; stat -ENOENT; stat 0; found 0 n0 104750", "stat -ENOENT; stat -ENOENT; stat 0; found 0 n2 10666; stat 0; found 0 n3 100600; stat 0; found 0 n0 104750"},
		{"absolute", nil, []traces.RequestDecl{root}, []traces.Step{named(0), statOf(4)}, "renameat 0; stat 0; found 0 n0 104750", ""},
		{"working directory", &traces.Identity{Cwd: firstDir + 1, Umask: 0o77}, []traces.RequestDecl{cwd, {Opcode: model.OpenAt, File: firstDir, Name: 0, Flags: unix.O_CREAT, Mode: 0o666, Via: traces.ViaCwd, Plain: true},
			{Opcode: model.OpenAt, File: firstDir, Name: 0, Flags: unix.O_CREAT, Mode: 0o666, Via: traces.ViaCwd, Plain: true}},
			[]traces.Step{named(0), named(1), {Do: traces.DoChdir, File: secondDir}, named(2), statOf(0)},
			"renameat 0; openat fd; found 2 new 100600; chdir 0; openat fd; found 3 new 100600; stat 0; found 0 new 100600", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := namedProgram(traces.EndDrain, row.requests, row.steps)
			p.Identity = row.identity
			records := runOn(t, openTest(t), list(p))
			h := history(t, records)
			wantTold(t, toldNames(records, 0)[1:], row.want)
			wantTold(t, toldNames(records, traces.Controller), row.back)
			if len(h.Names) != 5 || h.Rounds[0].Descriptors == 0 || row.identity != nil && h.Rounds[0].Identity != *row.identity {
				t.Errorf("%d names, %+v", len(h.Names), h.Rounds[0])
			}
		})
	}
}

// asRoot ends the test of what only root can do.
func asRoot(t *testing.T) bool {
	if os.Geteuid() != 0 {
		t.Log("not tried: only root can do this")
		return false
	}
	return true
}

// TestIdentities: threads are what the program says, and no others are.
func TestIdentities(t *testing.T) {
	if !asRoot(t) {
		return
	}
	absolute := plainOpen(1, unix.O_CREAT|unix.O_RDWR)
	absolute.Via = traces.ViaRoot
	inRoot := plainOpen(4, unix.O_CREAT|unix.O_RDWR)
	p := namedProgram(traces.EndDrain, []traces.RequestDecl{
		plainOpen(0, unix.O_RDONLY), plainOpen(3, unix.O_RDONLY), absolute, inRoot,
		{Opcode: model.PWrite, File: firstDir, Name: 0, Offset: 64, Bytes: 128, Plain: true},
		{Opcode: model.PRead, File: firstDir, Name: 0, Bytes: 256, Plain: true},
	}, []traces.Step{step(traces.DoNamed, 0), step(traces.DoNamed, 1), step(traces.DoNamed, 2), step(traces.DoNamed, 3),
		statOf(0), step(traces.DoWrite, 4), statOf(0), step(traces.DoRead, 5)}, []traces.Step{statOf(0)})
	p.Identity = &traces.Identity{UID: 1234, Umask: 0o27, Root: firstDir + 1}
	records := runOn(t, openTest(t), list(p))
	h := history(t, records)
	// Name 3 is root's; a write by somebody else than root takes S_ISUID away.
	wantTold(t, toldNames(records, 0)[1:], `openat -EACCES; openat -EACCES; openat fd; found 3 new 100640; openat fd; found 4 new 100640
		stat 0; found 0 n0 104750; write 128; stat 0; found 0 n0 100750
		read 192; data 6 zero 0+64 by 0; data 6 written 64+128 by 5`)
	for i := range h.Found {
		if f := &h.Found[i]; f.Request != 0 && f.Inode.UID != 1234 {
			t.Errorf("request %d found %+v", f.Request, *f)
		}
	}
	// The next round is as if nothing had been.
	q := namedProgram(traces.EndDrain, []traces.RequestDecl{plainOpen(1, unix.O_CREAT)}, []traces.Step{step(traces.DoNamed, 0)})
	r := *p
	q.First, r.Round = 7, 1
	q.Round = 2
	records = runOn(t, openTest(t), list(&r, q))
	for i := range history(t, records).Found {
		if f := &history(t, records).Found[i]; f.Request == 7 && (f.Inode.UID != 0 || f.Inode.Mode != 0o100644) {
			t.Errorf("found %+v", f)
		}
	}
}

// TestDescriptorsAreLimited: exactly so many can be opened, and are closed as
// soon as they are recorded.
func TestDescriptorsAreLimited(t *testing.T) {
	var requests []traces.RequestDecl
	var steps []traces.Step
	for i := range 40 {
		requests = append(requests, plainOpen(uint16(i%2)*3, unix.O_RDWR))
		steps = append(steps, step(traces.DoNamed, i))
	}
	p := namedProgram(traces.EndDrain, requests, steps)
	p.Identity = &traces.Identity{Descriptors: 2}
	h := history(t, runOn(t, openTest(t), list(p)))
	if len(h.Found) < 40 {
		t.Fatalf("%d found", len(h.Found))
	}
	for i := range h.Found {
		if f := &h.Found[i]; f.Request != 0 && uint64(f.FD) != h.Rounds[0].Descriptors-2 {
			t.Errorf("descriptor %d, limit %d", f.FD, h.Rounds[0].Descriptors)
		}
	}
	// Without a limit descriptors stay open, so that they are all different.
	p.Identity = nil
	seen := map[int32]bool{}
	h = history(t, runOn(t, openTest(t), list(p)))
	for i := range h.Found {
		if f := &h.Found[i]; f.Request != 0 {
			if seen[f.FD] || f.Flags&unix.O_ACCMODE != unix.O_RDWR {
				t.Errorf("found %+v", *f)
			}
			seen[f.FD] = true
		}
	}
}

// TestRefusedOpcodes: a kernel without threads refuses what is new. One with
// threads is tried in a guest.
func TestRefusedOpcodes(t *testing.T) {
	requests := []traces.RequestDecl{
		{Opcode: model.OpenAt, File: firstDir, Name: 0},
		{Opcode: model.UnlinkAt, File: firstDir, Name: 0},
		{Opcode: model.RenameAt, File: firstDir, Name: 0, NewName: 1},
		{Opcode: model.ReadAhead, Bytes: 4096},
		{Opcode: model.OpenAt, File: firstDir, Name: 0, Via: traces.ViaRoot},
	}
	records := runOn(t, openTest(t), list(namedProgram(traces.EndDrain, requests,
		[]traces.Step{submitting(0, 1), submitting(1, 1), submitting(2, 1), submitting(3, 1), submitting(4, 1)})))
	history(t, records)
	wantTold(t, toldNames(records, 0)[1:], "io_submit -EINVAL; io_submit -EINVAL; io_submit -EBADF; io_submit -EINVAL; io_submit -EBADF")
}

// TestReusedMemory: a correct kernel does not notice that an iocb and what it
// points to are written over, and tells requests with one iocb apart.
func TestReusedMemory(t *testing.T) {
	requests := []traces.RequestDecl{
		{Opcode: model.PRead, Offset: 4096, Bytes: 8192},
		{Opcode: model.PWriteV, Offset: 16384, Bytes: 12288, Segments: 3},
		{Opcode: model.Poll, File: pipeFile, Offset: unix.POLLIN},
		{Opcode: model.PRead, Offset: 16384, Bytes: 4096, Reuse: 1},
		{Opcode: model.Poll, File: eventFile, Offset: unix.POLLOUT, Reuse: 4},
	}
	get := func(n int32) traces.Step {
		return traces.Step{Do: traces.DoGetEvents, Min: n, Max: n, Timeout: forEver}
	}
	reuse := func(i int) traces.Step { return step(traces.DoReuse, i) }
	records := runOn(t, openTest(t), list(program(traces.EndDrain, requests, []traces.Step{
		submitting(2, 1), reuse(2), submitting(1, 1), reuse(1), get(1), submitting(0, 1), reuse(0), submitting(3, 1), get(2), submitting(4, 1), get(1), step(traces.DoCancel, 2), get(1)})))
	h := history(t, records)
	results := map[traces.RequestID]model.Result{}
	for i := range h.Events {
		results[h.Events[i].Request] = h.Events[i].Res
	}
	want := map[traces.RequestID]model.Result{1: 8192, 2: 12288, 3: 0, 4: 4096, 5: unix.POLLOUT}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Error(diff)
	}
	if r := h.Requests; r[0].Obj != r[3].Obj || r[3].Obj != r[4].Obj || r[0].Data == r[3].Data || r[1].Obj == r[0].Obj {
		t.Errorf("iocbs at %#x %#x %#x", r[0].Obj, r[3].Obj, r[4].Obj)
	}
}

// TestNothingIsFrozen: a host never freezes a file system that is not its own.
func TestNothingIsFrozen(t *testing.T) {
	h := newTestHost(t, openTest(t))
	if h.Abilities().Freeze {
		t.Error("the storage's file system would be frozen")
	}
	if err := h.check(program(traces.EndDrain, nil, []traces.Step{{Do: traces.DoFreeze}})); err == nil || !strings.Contains(err.Error(), "must not be frozen") {
		t.Errorf("a program that freezes: %v", err)
	}
}

// TestDirectoriesAreRemoved looks for them after a run whose rounds end in
// every way.
func TestDirectoriesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	storage, err := OpenStorage(StorageOptions{Path: dir, Bytes: testBytes, Run: testRun})
	if err != nil {
		t.Fatal(err)
	}
	defer storage.Close()
	h := newTestHost(t, storage)
	requests := []traces.RequestDecl{plainOpen(1, unix.O_CREAT)}
	steps := []traces.Step{step(traces.DoNamed, 0), {Do: traces.DoAwait}}
	var programs []*traces.Program
	for _, end := range []traces.End{traces.EndDrain, traces.EndDestroy, traces.EndExit, traces.EndKill} {
		p := namedProgram(end, requests, steps)
		p.Round, p.First = uint64(len(programs)+1), traces.RequestID(len(programs)+1)
		programs = append(programs, p)
	}
	var records collected
	if err := h.Run(t.Context(), list(programs...), &records); err != nil {
		t.Fatal(err)
	}
	got := history(t, records)
	back := 0
	for i := range got.Calls {
		if c := &got.Calls[i]; c.Kind == traces.CallStat && c.Thread == traces.Controller {
			back++
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if h.namesIn != dir || len(left) != 0 || back != 4*5 {
		t.Errorf("%d things are left, %d names were looked at", len(left), back)
	}
}
