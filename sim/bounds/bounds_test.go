package bounds

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/explore"
	"aiocheck/sim/replay"
)

// anyBounds draws bounds whose machine is small.
func anyBounds(t *rapid.T) Bounds {
	few := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
	flag := func(name string) bool { return rapid.IntRange(0, 3).Draw(t, name) == 0 }
	op := rapid.SampledFrom([]Operation{
		{model.PWrite, design.Regular, 1}, {model.PWrite, design.Regular, 2}, {model.PRead, design.Pipe, 1}, {model.PWrite, design.Pipe, 1},
		{model.Poll, design.Pipe, 0}, {model.FSync, design.Regular, 0}, {model.OpenAt, design.Directory, 0}, {model.PWrite, design.DirectIO, 1},
	})
	b := Bounds{
		Requests: 1 + few("requests", 1), Workers: few("workers", 2), Cancels: few("cancels", 1), Op: rapid.SliceOfN(op, 0, 2).Draw(t, "op"),
		Submitters: few("submitters", 2), Batch: few("batch", 1), CPUs: few("cpus", 2), Slots: few("slots", 2),
		Getevents: few("getevents", 1), ReapRing: few("reap", 1), SameIocb: flag("same"), Eventfd: flag("eventfd"), Refused: few("refused", 1),
	}
	b.CancelOnce = b.Cancels > 0 && flag("once")
	b.Timeout = b.Getevents > 0 && flag("timeout")
	switch few("end", 4) { // one of these at most: together they are many states
	case 0:
		b.Destroy = 1
	case 1:
		b.Exit = true
	case 2:
		b.Close = true
	case 3:
		b.ChangeIocb, b.ChangeContext = flag("iocb"), flag("context")
	}
	if slices.ContainsFunc(b.Op, func(o Operation) bool { return o.File.Stream() }) {
		b.Write, b.Read = few("write", 1), few("read", 1)
	}
	return b
}

// Bounds written as flags are read back from the command line as they were.
func TestArgs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := anyBounds(t)
		var back Bounds
		parser, err := kong.New(&back)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(b.Args()); err != nil {
			t.Fatalf("%v: %v", b.Args(), err)
		}
		if len(b.Op) == 0 {
			b.Op, back.Op = nil, nil
		}
		if !reflect.DeepEqual(b, back) {
			t.Fatal(cmp.Diff(b, back))
		}
	})
}

// Random scenarios walked at random give only outcomes and violations that
// exploration lists.
func TestWalksStayWithinExploration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := anyBounds(t).Scenario()
		if err != nil {
			t.Fatal(err)
		}
		d := rapid.SampledFrom(replay.DesignNames()).Draw(t, "design")
		var bugs []string
		if rapid.Bool().Draw(t, "broken") {
			bugs = append(bugs, rapid.SampledFrom(replay.BugNames()).Draw(t, "bug"))
		}
		u, err := replay.New(d, bugs, s)
		if errors.Is(err, machine.ErrNotApplicable) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		all, err := explore.Run(context.Background(), u.Machine, explore.Options{MaxStates: 15_000})
		if err != nil {
			t.Fatal(err)
		}
		if !all.Complete() {
			return // larger than it pays to search here
		}
		walked, err := explore.Walk(context.Background(), u.Machine, explore.WalkOptions{Seed: rapid.Uint64().Draw(t, "seed"), Walks: 30})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range walked.Outcomes {
			if !slices.ContainsFunc(all.Outcomes, func(a explore.Outcome) bool { return a.Text == o.Text }) {
				t.Errorf("exploration lists no outcome\n%s", o.Text)
			}
		}
		for _, v := range walked.Violations {
			i := slices.IndexFunc(all.Violations, func(a explore.Violation) bool { return a.Property == v.Property && a.How == v.How })
			if i < 0 || len(all.Violations[i].Path) > len(v.Path) {
				t.Errorf("exploration has no violation of %s in a %s as short as %d steps", v.Property, v.How, len(v.Path))
			}
		}
	})
}

// Over many walks of small scenarios every outcome and every violation that
// exploration lists is met.
func TestWalksMeetEverything(t *testing.T) {
	for _, c := range []struct {
		name   string
		design string
		bugs   []string
		bounds Bounds
	}{
		{"cancel once", "thread-6.1", nil, Bounds{Requests: 1, Cancels: 1, CancelOnce: true}},
		{"cancel of two units", "thread-6.1", nil, Bounds{Requests: 1, Cancels: 1, CancelOnce: true, Op: []Operation{{model.PWrite, design.Regular, 2}}}},
		{"two cancellers", "thread-2016-01", nil, Bounds{Requests: 1, Cancels: 2, CancelOnce: true}},
		{"pipe", "thread-6.1", nil, Bounds{Op: []Operation{{model.PRead, design.Pipe, 1}, {model.PWrite, design.Pipe, 1}}, Cancels: 1, CancelOnce: true}},
		{"reap or wait", "mainline-6.1", nil, Bounds{Requests: 2, Getevents: 1, ReapRing: 1}},
		{"poll", "mainline-6.1", nil, Bounds{Requests: 1, Op: []Operation{{model.Poll, design.Pipe, 0}}, Write: 1, Cancels: 1, CancelOnce: true}},
		{"destroy", "thread-6.1", nil, Bounds{Requests: 1, Destroy: 2}},
		{"io_uring", "io_uring", nil, Bounds{Requests: 1, Cancels: 1, CancelOnce: true, Op: []Operation{{model.PRead, design.Pipe, 1}}, Write: 1}},
		{"leaked signal", "thread-6.1", []string{"signal-not-flushed"}, Bounds{Requests: 2, Cancels: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := c.bounds.Scenario()
			if err != nil {
				t.Fatal(err)
			}
			u, err := replay.New(c.design, c.bugs, s)
			if err != nil {
				t.Fatal(err)
			}
			all, err := explore.Run(context.Background(), u.Machine, explore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			walked, err := explore.Walk(context.Background(), u.Machine, explore.WalkOptions{Seed: 1, Walks: 5000})
			if err != nil {
				t.Fatal(err)
			}
			text := func(os []explore.Outcome) (texts []string) {
				for _, o := range os {
					texts = append(texts, o.Text)
				}
				return texts
			}
			if d := cmp.Diff(text(all.Outcomes), text(walked.Outcomes)); d != "" {
				t.Errorf("explored and walked outcomes differ: %s", d)
			}
			if len(all.Violations) != len(walked.Violations) {
				t.Errorf("explored %d violations, walked %d", len(all.Violations), len(walked.Violations))
			}
			if len(all.Outcomes) < 2 && len(all.Violations) == 0 {
				t.Errorf("the scenario is too simple to show anything: %v", text(all.Outcomes))
			}
		})
	}
}

func TestBoundsErrors(t *testing.T) {
	for _, c := range []struct {
		b    Bounds
		want string
	}{
		{Bounds{Requests: 100}, "--requests is 0 to 99, not 100"},
		{Bounds{Write: 1}, "need a request on a stream"},
		{Bounds{CancelOnce: true}, "--cancel-once needs --cancels"},
		{Bounds{Timeout: true}, "--timeout needs --getevents"},
	} {
		if _, err := c.b.Scenario(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.b, err, c.want)
		}
	}
	for text, want := range map[string]string{
		"PAINT": "unknown opcode", "pread:lake": "no kind of file", "pread:pipe:x": "not a number of units", "pread:pipe:01": "not a number of units",
		"pread:pipe:1:2": "is not OPCODE:FILE:UNITS", "pread:pipe:300": "not a number of units",
	} {
		if err := new(Operation).UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Without bounds the default is explored.
func TestDefault(t *testing.T) {
	var none Bounds
	a, err := none.Scenario()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Default.Scenario()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, b); d != "" || !none.Zero() || Default.Zero() {
		t.Error(d)
	}
}
