//go:build guest

package qemu

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"aiocheck/kernel"
	"aiocheck/model"
	"aiocheck/traces"
)

// openThreaded boots the kernel with an ext4 of its own and opens a run in
// which contexts have threads. A kernel that has none ends the test early.
func openThreaded(t *testing.T, defects string, grace time.Duration) (*Guest, Ready) {
	t.Helper()
	accel, err := accelerator()
	if err != nil {
		t.Fatal(err)
	}
	g, err := Boot(context.Background(), Config{Accel: accel, Kernel: image(t),
		Device: onVirtio, FileSystem: onExt4, Bytes: 1 << 20, Memory: 512 << 20, CPUs: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeGuest(t, g) })
	opts := guestOptions
	opts.Grace = grace
	ready, err := g.Open(context.Background(), Options{Defects: defects, Host: opts})
	if err != nil {
		t.Fatal(err)
	}
	return g, ready
}

// historyOf runs programs and builds their history, by way of a file as it is
// written when a run ends early.
func historyOf(t *testing.T, g *Guest, programs ...*traces.Program) (*traces.History, error) {
	t.Helper()
	f, err := os.Create(t.TempDir() + "/trace")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := traces.NewWriter(f, traces.Header{Run: guestOptions.Run})
	if err != nil {
		t.Fatal(err)
	}
	runErr := g.Run(context.Background(), func() (*traces.Program, bool) {
		if len(programs) == 0 {
			return nil, false
		}
		p := programs[0]
		programs = programs[1:]
		return p, true
	}, w)
	finish := traces.FinishComplete
	if runErr != nil {
		finish = traces.FinishFailed
	}
	if err := w.Close(finish, ""); err != nil {
		t.Fatal(err)
	}
	h, err := traces.Read(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return h, runErr
}

// The files of namedRound beside the storage.
const (
	roundPipe = 1 + iota
	firstDir
	secondDir
)

// namedRound has the names 0 (a regular file), 1 (absent) and 2 (a FIFO) in
// one directory, 3 (a file for root alone) and 4 (absent) in another.
func namedRound(round uint64, first int, end traces.End, requests []traces.RequestDecl, threads ...[]traces.Step) *traces.Program {
	return &traces.Program{Round: round, First: traces.RequestID(first), End: end, Contexts: []traces.ContextDecl{{Slots: 256}},
		Files: []traces.FileDecl{{Kind: traces.Storage, Bytes: 1 << 20}, {Kind: traces.Pipe}, {Kind: traces.Directory}, {Kind: traces.Directory}},
		Names: []traces.NameDecl{{Directory: firstDir, Kind: traces.Regular, Mode: 0o644}, {Directory: firstDir},
			{Directory: firstDir, Kind: traces.Fifo, Mode: 0o666}, {Directory: secondDir, Kind: traces.Regular, Mode: 0o600}, {Directory: secondDir}},
		Requests: requests, Threads: threads}
}

func submits(first, n int) traces.Step {
	return traces.Step{Do: traces.DoSubmit, Request: traces.RequestID(first), Count: uint32(n)}
}

func gets(n int32) traces.Step {
	return traces.Step{Do: traces.DoGetEvents, Min: n, Max: n, Timeout: 10 * time.Second}
}

func cancels(i int) traces.Step {
	return traces.Step{Do: traces.DoCancel, Request: traces.RequestID(i)}
}

// wantQuiet wants no report from the kernel.
func wantQuiet(t *testing.T, g *Guest) {
	t.Helper()
	for _, r := range g.Reports() {
		t.Errorf("the kernel reports %+v", r)
	}
}

// TestThreadedOperations runs what only a kernel with threads executes, as
// somebody else than root and with all arguments overwritten after io_submit.
func TestThreadedOperations(t *testing.T) {
	g, ready := openThreaded(t, "", 0)
	if want := (traces.Abilities{Threaded: ready.Contract.Threaded, Names: true, Identity: true, Freeze: true}); ready.Abilities != want {
		t.Errorf("able to %+v", ready.Abilities)
	}
	if !ready.Abilities.Threaded {
		t.Log("the kernel has no contexts with threads")
		return
	}
	requests := []traces.RequestDecl{
		{Opcode: model.OpenAt, File: firstDir, Name: 0, Flags: unix.O_RDWR}, // not allowed
		{Opcode: model.OpenAt, File: firstDir, Name: 1, Flags: unix.O_RDWR | unix.O_CREAT, Mode: 0o666, Via: traces.ViaCwd},
		{Opcode: model.OpenAt, File: secondDir, Name: 3}, // neither
		{Opcode: model.ReadAhead, Bytes: 4096},
		{Opcode: model.ReadAhead, Offset: 1<<20 - 4096, Bytes: 8192},
		{Opcode: model.RenameAt, File: firstDir, Name: 0, NewName: 4},
		{Opcode: model.UnlinkAt, File: firstDir, Name: 1, Via: traces.ViaCwd},
		{Opcode: model.OpenAt, File: firstDir, Name: 2, Flags: unix.O_RDONLY}, // waits for the next one
		{Opcode: model.OpenAt, File: firstDir, Name: 2, Flags: unix.O_WRONLY, Via: traces.ViaCwd},
		{Opcode: model.PRead, File: roundPipe, Bytes: 64}, // waits for ever
		{Opcode: model.PRead, Bytes: 4096, Reuse: 10},
		{Opcode: model.OpenAt, File: firstDir, Name: 0, Flags: unix.O_RDONLY}, // renamed away
	}
	reuse := func(i int) traces.Step {
		return traces.Step{Do: traces.DoReuse, Request: traces.RequestID(i), Name: 3}
	}
	p := namedRound(1, 1, traces.EndDrain, requests, []traces.Step{submits(0, 5), gets(5),
		submits(5, 2), reuse(5), reuse(6), {Do: traces.DoChdir, File: secondDir}, gets(2),
		{Do: traces.DoChdir, File: firstDir}, submits(7, 1), submits(8, 1), gets(2),
		submits(9, 1), cancels(9), submits(10, 1), gets(2), submits(11, 1), gets(1), {Do: traces.DoStat, Name: 4}})
	p.Identity = &traces.Identity{UID: 1000, Umask: 0o77, Cwd: firstDir + 1}
	h, err := historyOf(t, g, p)
	if err != nil {
		t.Fatal(err)
	}
	got := map[traces.RequestID]string{}
	for i := range h.Events {
		e := &h.Events[i]
		got[e.Request] = e.Res.String()
		if f := h.Requests[e.Request-1].Found; f != traces.None {
			if h.Found[f].FD != int32(e.Res) {
				t.Errorf("request %d found %+v", e.Request, h.Found[f])
			}
			got[e.Request] = "fd"
		}
	}
	if diff := cmp.Diff(map[traces.RequestID]string{1: "-EACCES", 2: "fd", 3: "-EACCES", 4: "4096", 5: "4096", 6: "0", 7: "0",
		8: "fd", 9: "fd", 10: "-EINTR", 11: "4096", 12: "-ENOENT"}, got); diff != "" {
		t.Error(diff)
	}
	if f := h.Found[h.Requests[1].Found]; f.Inode.UID != 1000 || f.Inode.Mode != unix.S_IFREG|0o600 {
		t.Errorf("request 2 found %+v", f)
	}
	var names []int32 // what the controller's stats say in the end
	for i := range h.Calls {
		if c := &h.Calls[i]; c.Thread == traces.Controller && c.Kind == traces.CallStat {
			names = append(names, int32(c.Ret))
		}
	}
	if diff := cmp.Diff([]int32{-2, -2, 0, 0, 0}, names); diff != "" {
		t.Error(diff)
	}
	if h.Found[len(h.Found)-1].Inode.Number != h.Names[0].Inode.Number {
		t.Errorf("name 4 is %+v, not %+v", h.Found[len(h.Found)-1], h.Names[0].Inode)
	}
	wantQuiet(t, g)
}

// TestNothingStaysFrozen: rounds of every end leave the file system frozen,
// and the next one writes to it.
func TestNothingStaysFrozen(t *testing.T) {
	g, ready := openThreaded(t, "", 0)
	if !ready.Abilities.Threaded {
		t.Log("without threads io_submit itself waits for the thaw")
		return
	}
	requests := make([]traces.RequestDecl, 80)
	for i := range requests {
		requests[i] = traces.RequestDecl{Opcode: model.PWrite, Offset: int64(i) * 4096, Bytes: 4096}
	}
	freeze, thaw := traces.Step{Do: traces.DoFreeze}, traces.Step{Do: traces.DoThaw}
	var rounds []*traces.Program
	for _, row := range []struct {
		end   traces.End
		steps []traces.Step
	}{
		{traces.EndDrain, []traces.Step{freeze, submits(0, 80), cancels(79), cancels(70), gets(2), thaw, gets(78)}},
		{traces.EndDrain, []traces.Step{freeze, submits(0, 80), freeze}},
		{traces.EndDestroy, []traces.Step{freeze, submits(0, 80)}},
		{traces.EndExit, []traces.Step{freeze, submits(0, 80)}},
		{traces.EndKill, []traces.Step{freeze, submits(0, 80), {Do: traces.DoAwait}}},
		{traces.EndDrain, []traces.Step{submits(0, 80), gets(80)}},
	} {
		rounds = append(rounds, namedRound(uint64(len(rounds)+1), 80*len(rounds)+1, row.end, requests, row.steps))
	}
	h, err := historyOf(t, g, rounds...)
	if err != nil {
		t.Fatal(err)
	}
	thaws := map[int32]uint16{} // by round, who thawed it
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Kind == traces.CallThaw && c.Ret == 0 {
			thaws[c.Round] = c.Thread
		}
		if c.Kind == traces.CallCancel && c.Ret != model.Fail(model.EINPROGRESS) {
			t.Errorf("cancel of request %d answers %v", c.Request, c.Ret)
		}
	}
	if diff := cmp.Diff(map[int32]uint16{0: 0, 1: 0, 2: 0, 3: traces.Controller, 4: traces.Controller}, thaws); diff != "" {
		t.Error(diff)
	}
	for _, i := range []int{0, 1, 5} {
		for id := 80*i + 1; id <= 80*(i+1); id++ {
			if res, _, ended := h.Outcome(&h.Requests[id-1]); !ended || res != 4096 && id != 71 && id != 80 {
				t.Errorf("request %d ended %v with %v", id, ended, res)
			}
		}
	}
	wantQuiet(t, g)
}

// TestHungRounds: rounds that never end are recorded with their open calls,
// whether the runner can be killed or not.
func TestHungRounds(t *testing.T) {
	reads := make([]traces.RequestDecl, 100)
	for i := range reads {
		reads[i] = traces.RequestDecl{Opcode: model.PRead, File: roundPipe, Bytes: 64}
	}
	threaded := true
	for _, row := range []struct {
		defect string
		hung   bool
		gone   bool // the runner could be killed
		open   int  // calls without return
	}{
		{"", false, false, 0}, // nobody tried to kill it
		{"T11", true, false, 1},
		{"M7", true, true, 2},
	} {
		t.Run("defect "+row.defect, func(t *testing.T) {
			if !threaded {
				t.Log("without threads io_submit itself waits for ever")
				return
			}
			if row.hung {
				t.Parallel()
			}
			g, ready := openThreaded(t, row.defect, 10*time.Second)
			if !row.hung {
				threaded = ready.Abilities.Threaded
			}
			if !threaded {
				return
			}
			h, err := historyOf(t, g, namedRound(1, 1, traces.EndDestroy, reads,
				[]traces.Step{submits(0, 100), {Do: traces.DoAwait, Thread: 1, After: 1}, {Do: traces.DoDestroy}},
				[]traces.Step{{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: -1}}))
			if errors.Is(err, kernel.ErrHung) != row.hung || !row.hung && err != nil {
				t.Errorf("error %v", err)
			}
			open := 0
			for i := range h.Calls {
				if !h.Calls[i].Completed() {
					open++
				}
			}
			r := h.Rounds[0]
			if open != row.open || (r.ExitBegun != traces.Never) != row.hung || (r.Gone != traces.Never) != row.gone {
				t.Errorf("%d open calls, round %+v", open, r)
			}
		})
	}
}
