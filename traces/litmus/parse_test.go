package litmus

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aiocheck/model"
	"aiocheck/model/design"
)

const example = `litmus example
about A test with everything,
about on two lines # not a comment.
source thread-aio.md 3.1
designs thread-aio, mainline-6.1

cpus 2
workers 3
pipe p 8K holds 4K nowriter
# The file that is written.
regular f
eventfd e holds 1
context c1 slots 4
context c2 slots 1

request a pread p 4K
request b pwrite f 1M at 512 iocb x eventfd
request s fsync f iocb x
request u unlinkat f nofd

threads T0                    | T1 cpu 1
        submit a b on c2      | cancel a or b
        getevents 1 2 timeout | cancel s
        getevents 0 1         | write p 4K
        exit

exists T1.cancel2 = -EINPROGRESS and (a.res = 4K or not hangs)
thread-6.1+fatal-once: forbidden f[0] = b and T0.getevents1 got a
always a before b or violates one-event or p != 0
# The end.
`

func parse(t *testing.T, text string) *Test {
	t.Helper()
	test, err := Parse("x.litmus", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return test
}

func TestParse(t *testing.T) {
	cancel2 := CallRef{"T1", Cancel, 2}
	atom := func(a Atom) Expr { return Expr{Atom: a} }
	want := &Test{
		Name: "example", About: []string{"A test with everything,", "on two lines # not a comment."}, Source: "thread-aio.md 3.1",
		Designs: []string{"thread-aio", "mainline-6.1"}, CPUs: 2, Workers: 3,
		Files: []File{
			{Kind: design.Pipe, Name: "p", Bytes: 8192, Holds: 4096, NoWriter: true},
			{Kind: design.Regular, Name: "f"}, {Kind: design.Eventfd, Name: "e", Holds: 1},
		},
		Contexts: []Context{{"c1", 4}, {"c2", 1}},
		Requests: []Request{
			{Name: "a", Op: model.PRead, File: "p", Bytes: 4096},
			{Name: "b", Op: model.PWrite, File: "f", Bytes: 1 << 20, Offset: 512, Iocb: "x", Eventfd: true},
			{Name: "s", Op: model.FSync, File: "f", Iocb: "x"},
			{Name: "u", Op: model.UnlinkAt, File: "f", NoFile: true},
		},
		Threads: []Thread{
			{Name: "T0", Calls: []Call{
				{Do: Submit, Context: "c2", Requests: []string{"a", "b"}}, {Do: GetEvents, Min: 1, Nr: 2, Timeout: true},
				{Do: GetEvents, Nr: 1}, {Do: Exit},
			}},
			{Name: "T1", CPU: 1, Calls: []Call{
				{Do: Cancel, Requests: []string{"a", "b"}}, {Do: Cancel, Requests: []string{"s"}}, {Do: Write, File: "p", Bytes: 4096},
			}},
		},
		Conditions: []Condition{
			{Quantifier: Exists, Expr: Expr{Op: And, Args: []Expr{
				atom(Atom{Kind: CallIs, Call: cancel2, Value: Value{Word: "-EINPROGRESS"}}),
				{Op: Or, Args: []Expr{
					atom(Atom{Kind: RequestIs, Name: "a", Value: Value{Number: 4096}}),
					{Op: Not, Args: []Expr{atom(Atom{Kind: Hangs})}},
				}},
			}}},
			{Designs: []string{"thread-6.1+fatal-once"}, Quantifier: Forbidden, Expr: Expr{Op: And, Args: []Expr{
				atom(Atom{Kind: UnitIs, Name: "f", Value: Value{Word: "b"}}),
				atom(Atom{Kind: Got, Call: CallRef{"T0", GetEvents, 1}, Name: "a"}),
			}}},
			{Quantifier: Always, Expr: Expr{Op: Or, Args: []Expr{
				atom(Atom{Kind: Before, Name: "a", Other: "b"}),
				atom(Atom{Kind: Violates, Name: "one-event"}),
				atom(Atom{Kind: StreamIs, Name: "p", Unequal: true}),
			}}},
		},
		Comments: []Comment{{Place{PartFile, 1}, "The file that is written."}, {Place{PartEnd, 0}, "The end."}},
	}
	got := parse(t, example)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(example, string(Format(got))); d != "" {
		t.Error(d)
	}
}

// A file in any order, with any spacing, is formatted like one in order.
func TestFormatIsCanonical(t *testing.T) {
	loose := "litmus   l\n\n\nregular f # why\nrequest a   pwrite f 4096\n\nabout late\nthreads A|B # two\n\n  |cancel a\n\tsubmit   a|\nexists a.res=4096 and A.submit!=0\nworkers 2"
	want := `litmus l
about late

workers 2
# why
regular f

request a pwrite f 4K

# two
threads A        | B
        submit a | cancel a

exists a.res = 4K and A.submit != 0
`
	if d := cmp.Diff(want, string(Format(parse(t, loose)))); d != "" {
		t.Error(d)
	}
}

func TestParseErrors(t *testing.T) {
	head := "litmus t\nregular f\npipe p\nrequest a pread p 4K\nrequest b pwrite f 4K\nthreads T0 | T1\n        submit a b | cancel a\n        getevents 1 1 | cancel b\n"
	for _, c := range []struct {
		text         string
		line, column int
		want, found  string // parts of the message
	}{
		{"", 2, 1, `"litmus NAME"`, "the end of the file"},
		{"regular f", 1, 1, `"litmus NAME"`, `"regular"`},
		{"litmus", 1, 7, "the name of the test", "the end of the line"},
		{"litmus 1st", 1, 8, "letters, digits", `"1st"`},
		{"litmus t\n", 2, 1, `"threads"`, "the end of the file"},
		{"litmus t\nthreads T0\n", 3, 1, "a call of a thread", "the end of the file"},
		{"litmus t\nlitmus u", 2, 1, "one test in a file", `"litmus"`},
		{"litmus t\nabout", 2, 6, "text", "the end of the line"},
		{"litmus t\ndesigns thread-7", 2, 9, "io_uring, all, thread-aio", `"thread-7"`},
		{"litmus t\ndesigns thread-6.1+nosuch", 2, 9, "+BUG", `"thread-6.1+nosuch"`},
		{"litmus t\ncpus 0", 2, 6, "a number of CPUs from 1 to 64", `"0"`},
		{"litmus t\npipe p 4X", 2, 8, "a size", `"4X"`},
		{"litmus t\nregular f\nregular f", 3, 9, "not in use", `"f"`},
		{"litmus t\nregular and", 2, 9, "not in use", `"and"`},
		{"litmus t\nregular f 4K", 2, 11, "the end of the line", `"4K"`},
		{"litmus t\ncontext c 4", 2, 11, `"slots"`, `"4"`},
		{"litmus t\nregular f\nrequest a raed f 4K", 3, 11, "pread, pwrite", `"raed"`},
		{"litmus t\nregular f\nrequest a pread g 4K", 3, 17, "a file: f", `"g"`},
		{"litmus t\nrequest a pread g 4K", 2, 17, "nothing (none is declared)", `"g"`},
		{"litmus t\nregular f\nrequest a pread f", 3, 18, "a size such as 4K", "the end of the line"},
		{"litmus t\nregular f\nrequest a fsync f 4K", 3, 19, "the end of the line", `"4K"`},
		{"litmus t\nregular f\nrequest a pread f 0", 3, 19, "a size above 0", `"0"`},
		{"litmus t\nthreads T0 cpu 1", 2, 16, "from 0 to 0", `"1"`},
		{"litmus t\nthreads T0\n  open f", 3, 3, "a call: submit, cancel", `"open"`},
		{"litmus t\nthreads T0\n  submit x", 3, 10, "a request: nothing", `"x"`},
		{"litmus t\nthreads T0\n  exit | exit", 3, 8, "at most 1 columns", `"|"`},
		{"litmus t\nthreads T0\n  getevents 2 1", 3, 15, "from 2 to", `"1"`},
		{head + "exist a.res = 0", 9, 1, "a statement", `"exist"`},
		{head + "thread-6.1: exist a.res = 0", 9, 13, "exists, forbidden or always", `"exist"`},
		{head + "exists a.res", 9, 13, "= or !=", "the end of the line"},
		{head + "exists a.rez = 0", 9, 8, "a.res, effect", `"a.rez"`},
		{head + "exists a.res = lots", 9, 16, "an error such as -EINTR", `"lots"`},
		{head + "exists a.effect = 4K", 9, 19, "none, partial or full", `"4K"`},
		{head + "exists T1.cancel = 0", 9, 8, "T1.cancel1 or T1.cancel2", `"T1.cancel"`},
		{head + "exists T1.cancel3 = 0", 9, 8, "T1.cancel1 or T1.cancel2", `"T1.cancel3"`},
		{head + "exists T2.cancel = 0", 9, 8, "T0 or T1", `"T2.cancel"`},
		{head + "exists T0.submit got a", 9, 18, "only getevents and reap", `"got"`},
		{head + "exists f = 0", 9, 8, "a stream", `"f"`},
		{head + "exists f[x] = b", 9, 8, "such as f[4K]", `"f[x]"`},
		{head + "exists f[0] = a", 9, 15, "old, plain, none or b", `"a"`},
		{head + "exists a before a", 9, 17, "another request", `"a"`},
		{head + "exists violates fun", 9, 17, "the name of a property", `"fun"`},
		{head + "exists (hangs", 9, 14, `")"`, "the end of the line"},
		{head + "exists hangs hangs", 9, 14, "the end of the line", `"hangs"`},
		{head + "exists hangs and", 9, 17, "hangs, violates", "the end of the line"},
		{head + "threads T3", 9, 1, "declared above", `"threads"`},
		{"litmus t\xff", 1, 1, "UTF-8", "other bytes"},
	} {
		_, err := Parse("x.litmus", []byte(c.text))
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if e.Line != c.line || e.Column != c.column || !strings.Contains(e.Want, c.want) || !strings.Contains(e.Found, c.found) {
			t.Errorf("%q: %v\nwant %d:%d, %s, %s", c.text, e, c.line, c.column, c.want, c.found)
		}
	}
}

func TestParseExprOfOutcome(t *testing.T) {
	test := parse(t, example)
	e, err := ParseExpr(test, "--outcome", "a.res = 4K, a.effect = full; p = 0")
	if err != nil {
		t.Fatal(err)
	}
	if got := test.ExprText(&e); got != "a.res = 4K and a.effect = full and p = 0" {
		t.Error(got)
	}
	if _, err := ParseExpr(test, "--outcome", "a.res = 4K)"); err == nil || err.Error() != `--outcome:1:11: expected the end of the line, found ")"` {
		t.Error(err)
	}
}

func TestExpand(t *testing.T) {
	designs, err := Expand([]string{"mainline", "mainline-6.1+fsync-as-worker", "mainline-4.4"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range designs {
		names = append(names, d.Name)
	}
	if d := cmp.Diff([]string{"mainline-4.4", "mainline-6.1", "mainline-6.1+fsync-as-worker"}, names); d != "" {
		t.Error(d)
	}
	if !designs[2].Has(design.FsyncAsWorker) || designs[1].Has(design.FsyncAsWorker) {
		t.Error("the bug is not where it was asked for")
	}
	for _, g := range Groups() {
		if _, err := Expand([]string{g}); err != nil {
			t.Error(err)
		}
	}
}
