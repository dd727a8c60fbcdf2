package design

import (
	"regexp"
	"strings"
	"testing"

	"aiocheck/model"
)

// Every design has a name of its own, a title, and sources with marks; every
// parameter has a text.
func TestNamedDesigns(t *testing.T) {
	form := regexp.MustCompile(`^[a-z][a-z0-9._-]*$`)
	seen := map[string]bool{}
	for _, d := range All() {
		if !form.MatchString(d.Name) || seen[d.Name] || d.Title == "" || len(d.Sources) == 0 {
			t.Errorf("design %+v", d)
		}
		seen[d.Name] = true
		for _, s := range d.Sources {
			if s.Text == "" || !strings.Contains("CP?", string(s.Mark)) {
				t.Errorf("%s: source %+v", d.Name, s)
			}
		}
		back, err := Named(d.Name)
		if err != nil || back.Title != d.Title {
			t.Errorf("%s is not found by its name: %v", d.Name, err)
		}
		for _, text := range []string{d.Transfer.String(), d.Stream.String(), d.Queued.String(), d.Running.String(), d.Completion.String(), d.Order.String(), d.Exit.String()} {
			if text == "" {
				t.Errorf("%s has a parameter without a text", d.Name)
			}
		}
	}
	if _, err := Named("nothing"); err == nil {
		t.Error("a design that does not exist was found")
	}
}

// A variant does not change the design that it was made from.
func TestVariantsShareNothing(t *testing.T) {
	before := len(Thread201601Table().Sources)
	Thread201603()
	if len(Thread201601Table().Sources) != before {
		t.Error("a variant changed its base")
	}
	base := Thread61()
	if d := base.With(SignalNotFlushed, FatalOnce); base.Bugs != 0 || !d.Has(SignalNotFlushed) || !d.Has(FatalOnce) || d.Has(DoubleEvent) {
		t.Error("With does not give a changed copy")
	}
}

// The table has each bug in its own row, with a property that exists and a
// base that is a design.
func TestBugTable(t *testing.T) {
	known := map[string]bool{}
	for _, p := range append(model.Properties(), model.Internal()...) {
		known[p.Name] = true
	}
	for i, info := range BugTable() {
		if info.Bug != Bug(i) || info.Name == "" || info.Source == "" || !strings.HasSuffix(info.Sentence, ".") || !known[info.Property.Name] {
			t.Errorf("row %d: %+v", i, info)
		}
		if b, ok := ParseBug(info.Name); !ok || b != info.Bug || b.String() != info.Name {
			t.Errorf("%s is not found by its name", info.Name)
		}
		if _, err := Named(info.Base); err != nil {
			t.Errorf("%s: %v", info.Name, err)
		}
	}
	if _, ok := ParseBug("nothing"); ok {
		t.Error("a bug that does not exist was found")
	}
}

func TestFileKindsRoundTrip(t *testing.T) {
	for k := Regular; k <= Directory; k++ {
		if back, ok := ParseFileKind(k.String()); !ok || back != k {
			t.Errorf("%v: %v, %v", k, back, ok)
		}
	}
}

// The rows of thread-aio.md 3.2.
func TestBehaviours(t *testing.T) {
	d := Thread201601()
	for _, row := range []struct {
		op            model.Opcode
		kind          FileKind
		units, atomic uint8
		want          Behaviour
	}{
		{model.PRead, Pipe, 2, 1, TakeStream},
		{model.PWrite, Pipe, 1, 1, PutStream},
		{model.PWrite, Pipe, 2, 1, PutPieces},
		{model.PWrite, Socket, 1, 1, PutPieces},
		{model.PRead, Eventfd, 1, 1, TakeStream},
		{model.PRead, Regular, 1, 1, Pieces},
		{model.PWriteV, Regular, 1, 1, Pieces},
		{model.PWrite, DirectIO, 1, 1, TwoStepWhole},
		{model.FSync, Regular, 0, 1, Whole},
		{model.FSync, DeadDisk, 0, 1, Never},
		{model.Poll, Pipe, 0, 1, WaitReady},
		{model.OpenAt, Directory, 0, 1, Whole},
		{model.UnlinkAt, NFS, 0, 1, Remote},
		{model.PRead, FUSE, 1, 1, Daemon},
		{model.ReadAhead, Regular, 1, 1, Whole},
		{model.OpenAt, Pipe, 0, 1, WaitOpen},
	} {
		if got := d.BehaviourOf(row.op, row.kind, row.units, row.atomic); got != row.want {
			t.Errorf("%v on %v, %d of %d: %v, want %v", row.op, row.kind, row.units, row.atomic, got, row.want)
		}
	}
	for _, d := range All() {
		want := Whole
		if d.Name == corrected { // it looks for a cancel before each page
			want = Pieces
		}
		if got := d.BehaviourOf(model.ReadAhead, Regular, 2, 1); got != want {
			t.Errorf("%s: a READAHEAD is %v, want %v", d.Name, got, want)
		}
	}
}

func TestExecutors(t *testing.T) {
	d := Mainline61()
	for _, row := range []struct {
		op   model.Opcode
		kind FileKind
		want Executor
	}{
		{model.PRead, Regular, Inline}, {model.PRead, Pipe, Inline}, {model.PRead, DirectIO, Device}, {model.FSync, Regular, Pool},
		{model.Poll, Pipe, WaitQueue}, {model.OpenAt, Directory, Unsupported},
	} {
		if got := d.ExecutorOf(row.op, row.kind); got != row.want {
			t.Errorf("%v on %v: %v, want %v", row.op, row.kind, got, row.want)
		}
	}
	d = Thread61()
	if d.ExecutorOf(model.OpenAt, Directory) != Growing || d.ExecutorOf(model.UnlinkAt, Directory) != Pool {
		t.Error("an open may wait for the other end of a FIFO, an unlink for nobody")
	}
}
