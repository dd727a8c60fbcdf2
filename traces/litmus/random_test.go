package litmus

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/model/design"
)

// drawer draws the parts of a random test.
type drawer struct {
	*rapid.T
	names int
}

func (d *drawer) upTo(n int) int { return rapid.IntRange(0, n).Draw(d.T, "n") }
func (d *drawer) yes() bool      { return rapid.Bool().Draw(d.T, "yes") }

func pick[T any](d *drawer, from []T) T { return rapid.SampledFrom(from).Draw(d.T, "pick") }

// name is a new name.
func (d *drawer) name() string {
	d.names++
	return fmt.Sprintf("%s%d", rapid.StringMatching(`[A-Za-z]([-_A-Za-z0-9]{0,4}[A-Za-z])?`).Draw(d.T, "name"), d.names)
}

func (d *drawer) size(least int64) int64 {
	return pick(d, []int64{least, 8, 512, 4096, 12288, 1<<20 + 1, 1 << 20, 3 << 20, maxSize - 1})
}

// prose is a text of one line.
func (d *drawer) prose() string {
	text := rapid.StringMatching(`[ -~äß#|]{1,30}`).Draw(d.T, "prose")
	if text = strings.TrimSpace(text); text == "" {
		return "x"
	}
	return text
}

func (d *drawer) designs() (words []string) {
	for range d.upTo(2) {
		words = append(words, pick(d, append(allDesigns(), append(Groups(), "thread-6.1+fatal-once+destroy-twice")...)))
	}
	return words
}

func drawTest(rt *rapid.T) *Test {
	d := &drawer{T: rt}
	t := &Test{Name: d.name(), Designs: d.designs(), CPUs: d.upTo(3), Workers: d.upTo(2)}
	for range d.upTo(2) {
		t.About = append(t.About, d.prose())
	}
	if d.yes() {
		t.Source = d.prose()
	}
	for range d.upTo(3) {
		f := File{Kind: design.FileKind(d.upTo(int(design.Directory))), Name: d.name()}
		if f.Kind.Stream() {
			f.Holds, f.NoWriter = d.size(0), d.yes()
			if f.Kind != design.Eventfd && d.yes() {
				f.Bytes = d.size(1)
			}
		}
		t.Files = append(t.Files, f)
	}
	for range d.upTo(2) {
		t.Contexts = append(t.Contexts, Context{d.name(), 1 + d.upTo(99)})
	}
	ops := []model.Opcode{model.PRead, model.PWrite, model.FSync, model.FDSync, model.Poll, NoOp, model.PReadV, model.PWriteV, model.OpenAt, model.UnlinkAt, model.ReadAhead, model.RenameAt}
	for i := 0; i < 3 && len(t.Files) > 0; i++ {
		r := Request{Name: d.name(), Op: pick(d, ops), File: pick(d, t.Files).Name, Eventfd: d.yes(), NoFile: d.yes()}
		if r.sized() {
			r.Bytes, r.Offset = d.size(1), d.size(0)
		}
		if d.yes() {
			r.Iocb = pick(d, []string{"x", "y-2"})
		}
		t.Requests = append(t.Requests, r)
	}
	for range 1 + d.upTo(2) {
		th := Thread{Name: d.name(), CPU: d.upTo(max(t.CPUs, 1) - 1)}
		for range d.upTo(3) {
			th.Calls = append(th.Calls, d.call(t))
		}
		t.Threads = append(t.Threads, th)
	}
	t.Threads[0].Calls = append(t.Threads[0].Calls, Call{Do: Exit})
	for range d.upTo(3) {
		t.Conditions = append(t.Conditions, Condition{d.designs(), Quantifier(d.upTo(2)), d.expr(t, 3)})
	}
	d.comments(t)
	return t
}

func (d *drawer) call(t *Test) Call {
	c := Call{Do: Do(d.upTo(int(numCalls) - 1))}
	if len(t.Requests) == 0 {
		c.Do = pick(d, []Do{GetEvents, Reap, Destroy, Exit, Chdir})
	}
	switch c.Do {
	case Submit, Cancel:
		for range 1 + d.upTo(2) {
			c.Requests = append(c.Requests, pick(d, t.Requests).Name)
		}
	case Rewrite:
		c.Requests = []string{pick(d, t.Requests).Name}
	case GetEvents:
		c.Min = d.upTo(3)
		c.Nr, c.Timeout = max(1, c.Min+d.upTo(2)), d.yes()
	case Close, Write, Read:
		c.File = pick(d, t.Files).Name
		if c.Do != Close {
			c.Bytes = d.size(1)
		}
	}
	if c.Do.onContext() && len(t.Contexts) > 1 && d.yes() {
		c.Context = pick(d, t.Contexts[1:]).Name
		if c.Do == Cancel {
			c.Context = pick(d, t.Contexts).Name
		}
	}
	return c
}

func (d *drawer) expr(t *Test, depth int) Expr {
	op := Op(d.upTo(int(Or)))
	if depth == 0 || op == Is {
		return Expr{Atom: d.atom(t)}
	}
	args := []Expr{d.expr(t, depth-1)}
	for range d.upTo(1) {
		args = append(args, d.expr(t, depth-1))
	}
	if op != Not {
		args = append(args, d.expr(t, depth-1))
	}
	if op == Not {
		args = args[:1]
	}
	return Expr{Op: op, Args: args}
}

// atom draws a statement; hangs if what it would speak of is not there.
func (d *drawer) atom(t *Test) Atom {
	a := Atom{Kind: AtomKind(d.upTo(int(Violates)))}
	var streams, writers []string
	for _, f := range t.Files {
		if f.Kind.Stream() {
			streams = append(streams, f.Name)
		}
	}
	for _, r := range t.Requests {
		if r.Op.Writes() {
			writers = append(writers, r.Name)
		}
	}
	ref := func(of func(Do) bool) (refs []CallRef) {
		for _, th := range t.Threads {
			n := map[Do]int{}
			for _, c := range th.Calls {
				n[c.Do]++
				if of(c.Do) {
					refs = append(refs, CallRef{th.Name, c.Do, n[c.Do]})
				}
			}
		}
		return refs
	}
	reaps := ref(func(do Do) bool { return do == GetEvents || do == Reap })
	numbered := func(words []string) Value {
		if d.yes() {
			return Value{Number: d.size(0)}
		}
		return Value{Word: pick(d, append(slices.Clone(words), "-EINTR", "-EAGAIN"))}
	}
	hangs := Atom{Kind: Hangs}
	switch a.Kind {
	case CallIs:
		a.Call, a.Unequal = pick(d, ref(func(Do) bool { return true })), d.yes()
		a.Value = numbered(callValues)
	case RequestIs:
		if len(t.Requests) == 0 {
			return hangs
		}
		a.Name, a.Field, a.Unequal = pick(d, t.Requests).Name, Field(d.upTo(int(numFields)-1)), d.yes()
		switch a.Field {
		case Res:
			a.Value = numbered(fieldValues[Res])
		case Covers:
			a.Value.Number = d.size(0)
		default:
			a.Value.Word = pick(d, fieldValues[a.Field])
		}
	case StreamIs:
		if len(streams) == 0 {
			return hangs
		}
		a.Name, a.Unequal, a.Value.Number = pick(d, streams), d.yes(), d.size(0)
	case UnitIs:
		if len(t.Files) == 0 {
			return hangs
		}
		a.Name, a.Offset, a.Unequal = pick(d, t.Files).Name, d.size(0), d.yes()
		a.Value.Word = pick(d, append(slices.Clone(unitValues), writers...))
	case Got:
		if len(t.Requests) == 0 || len(reaps) == 0 {
			return hangs
		}
		a.Call, a.Name = pick(d, reaps), pick(d, t.Requests).Name
	case Before:
		if len(t.Requests) == 0 {
			return hangs
		}
		a.Name, a.Other = t.Requests[0].Name, t.Requests[1].Name
	case Violates:
		a.Name = pick(d, model.Properties()).Name
	}
	return a
}

// comments puts some before statements that are there, by place.
func (d *drawer) comments(t *Test) {
	places := []Place{{PartName, 0}}
	for part, n := range map[Part]int{
		PartAbout: min(len(t.About), 1), PartSource: min(len(t.Source), 1), PartDesigns: min(len(t.Designs), 1), PartCPUs: min(t.CPUs, 1),
		PartWorkers: min(t.Workers, 1), PartFile: len(t.Files), PartContext: len(t.Contexts), PartRequest: len(t.Requests),
		PartThreads: 1, PartCondition: len(t.Conditions), PartEnd: 1,
	} {
		for i := range n {
			places = append(places, Place{part, i})
		}
	}
	slices.SortFunc(places, func(a, b Place) int { return 100*(int(a.Part)-int(b.Part)) + a.Index - b.Index })
	for _, place := range places {
		if d.upTo(5) == 0 {
			text := ""
			if d.yes() {
				text = d.prose()
			}
			t.Comments = append(t.Comments, Comment{place, text})
		}
	}
}

// What is written is read back the same, and written the same again.
func TestParseOfFormat(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		test := drawTest(rt)
		text := Format(test)
		back, err := Parse("random.litmus", text)
		if err != nil {
			rt.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(test, back); d != "" {
			rt.Fatalf("%s\n%s", d, text)
		}
		if again := Format(back); !bytes.Equal(text, again) {
			rt.Fatalf("%s", cmp.Diff(string(text), string(again)))
		}
	})
}

// Whatever can be read at all is read back the same after it is written.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	library, err := filepath.Glob("../../litmus/*/*.litmus")
	if err != nil || len(library) == 0 {
		f.Fatalf("no library: %v", err)
	}
	for _, path := range library {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("litmus t\nthreads A | B # c\n exit|\n\talways  not not hangs"))
	f.Fuzz(func(t *testing.T, text []byte) {
		test, err := Parse("fuzz.litmus", text)
		if err != nil {
			return
		}
		written := Format(test)
		back, err := Parse("written.litmus", written)
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if d := cmp.Diff(test, back); d != "" {
			t.Fatalf("%s\n%s", d, written)
		}
	})
}
