// Package bounds makes the scenarios that explorations of a given size need,
// from a handful of numbers.
package bounds

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
)

// Bounds are the numbers. The zero value of each means that there is none of
// it, or one where none would make no sense. The tags are those of the command
// line (github.com/alecthomas/kong).
type Bounds struct {
	Requests      int         `help:"Requests (default: 2)." placeholder:"N"`
	Workers       int         `help:"Workers of each CPU's bounded pool (default: 1)." placeholder:"N"`
	Cancels       int         `help:"Threads that cancel any request, again and again until all have ended." placeholder:"N"`
	CancelOnce    bool        `help:"These threads cancel only one request, once, and their answers are part of the outcome."`
	Op            []Operation `help:"What the requests ask for, in turn: OPCODE[:FILE[:UNITS]], such as PWRITE:regular:2,PREAD:pipe (default: PWRITE:regular:1)." placeholder:"OP,..."`
	Submitters    int         `help:"Threads that submit (default: 1)." placeholder:"N"`
	Batch         int         `help:"Requests of one io_submit (default: all of the thread's)." placeholder:"N"`
	Submitted     bool        `help:"The first io_submit is over before anything else begins."`
	CPUs          int         `name:"cpus" help:"CPUs with a pool each, for the submitters in turn (default: 1)." placeholder:"N"`
	Slots         int         `help:"Slots of the ring (default: enough)." placeholder:"N"`
	Getevents     int         `help:"Calls of a thread that waits for an event by io_getevents." placeholder:"N"`
	Timeout       bool        `help:"These calls may time out."`
	ReapRing      int         `help:"Looks of a thread into the mapped ring." placeholder:"N"`
	Destroy       int         `help:"Threads that destroy the context." placeholder:"N"`
	Exit          bool        `help:"A thread lets the process exit."`
	Close         bool        `help:"A thread closes the files."`
	Write         int         `help:"write(2) calls of a thread on the first stream." placeholder:"N"`
	Read          int         `help:"read(2) calls of a thread on the first stream." placeholder:"N"`
	ChangeIocb    bool        `help:"A thread writes over the iocb of the first request."`
	ChangeContext bool        `help:"A thread changes the directory and credentials."`
	SameIocb      bool        `help:"All requests have the same iocb address."`
	Eventfd       bool        `help:"Every request signals an eventfd."`
	Refused       int         `help:"How many of the last requests io_submit refuses." placeholder:"N"`
}

// Default is what is explored if nothing is asked for.
var Default = Bounds{Requests: 2, Workers: 1, Cancels: 1}

// Zero reports whether nothing is asked for.
func (b *Bounds) Zero() bool { return reflect.ValueOf(*b).IsZero() }

// Operation is what a request asks for.
type Operation struct {
	Opcode model.Opcode
	File   design.FileKind
	Units  uint8
}

// UnmarshalText reads OPCODE[:FILE[:UNITS]]; letters may be small or capital.
func (o *Operation) UnmarshalText(text []byte) error {
	parts := strings.Split(string(text), ":")
	op, err := model.ParseOpcode(strings.ToUpper(parts[0]))
	if err != nil {
		return err
	}
	o.Opcode, o.File, o.Units = op, usualFile(op), 0
	if op.Transfers() {
		o.Units = 1
	}
	if len(parts) > 1 {
		kind, ok := design.ParseFileKind(parts[1])
		if !ok {
			return fmt.Errorf("there is no kind of file %q", parts[1])
		}
		o.File = kind
	}
	if len(parts) > 2 {
		if n, err := fmt.Sscanf(parts[2], "%d", &o.Units); n != 1 || err != nil || fmt.Sprint(o.Units) != parts[2] {
			return fmt.Errorf("%q is not a number of units", parts[2])
		}
	}
	if len(parts) > 3 {
		return fmt.Errorf("%q is not OPCODE:FILE:UNITS", text)
	}
	return nil
}

// String is the inverse of UnmarshalText.
func (o Operation) String() string { return fmt.Sprintf("%s:%s:%d", o.Opcode, o.File, o.Units) }

// usualFile is the kind of file that an opcode is mostly used with.
func usualFile(op model.Opcode) design.FileKind {
	switch op {
	case model.Poll:
		return design.Pipe
	case model.OpenAt, model.UnlinkAt, model.RenameAt:
		return design.Directory
	}
	return design.Regular
}

// Args are the flags that give these bounds on the command line.
func (b Bounds) Args() (args []string) {
	v := reflect.ValueOf(b)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			continue
		}
		f := v.Type().Field(i)
		name := f.Tag.Get("name")
		if name == "" {
			name = hyphenated(f.Name)
		}
		args = append(args, "--"+name)
		switch field := v.Field(i); field.Kind() {
		case reflect.Int:
			args = append(args, fmt.Sprint(field.Int()))
		case reflect.Slice:
			var ops []string
			for _, o := range b.Op {
				ops = append(ops, o.String())
			}
			args = append(args, strings.Join(ops, ","))
		}
	}
	return args
}

// hyphenated is a field's name as a flag: "CancelOnce" is "cancel-once".
func hyphenated(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

// Scenario is the scenario within these bounds. Requests are not told apart
// in its outcomes.
func (b Bounds) Scenario() (*machine.Scenario, error) {
	if b.Zero() {
		b = Default
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	name := strings.Join(b.Args(), " ")
	orOne := func(n *int) { *n = max(*n, 1) }
	orOne(&b.Workers)
	orOne(&b.Submitters)
	orOne(&b.CPUs)
	if b.Requests == 0 {
		b.Requests = 2
	}
	if len(b.Op) == 0 {
		b.Op = []Operation{{model.PWrite, design.Regular, 1}}
	}
	s := &machine.Scenario{
		Name: name, CPUs: b.CPUs, Workers: b.Workers, Anonymous: true, Prologue: b.Submitted,
		Contexts: []machine.Context{{Slots: uint8(b.Slots)}},
	}
	b.requests(s)
	b.submitters(s)
	b.others(s)
	return s, nil
}

// check refuses what does not fit or fit together.
func (b *Bounds) check() error {
	v := reflect.ValueOf(*b)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Int && (f.Int() < 0 || f.Int() > 99) {
			return fmt.Errorf("--%s is 0 to 99, not %d", hyphenated(v.Type().Field(i).Name), f.Int())
		}
	}
	streams := slices.ContainsFunc(b.Op, func(o Operation) bool { return o.File.Stream() })
	switch {
	case (b.Write > 0 || b.Read > 0) && !streams:
		return errors.New("--write and --read need a request on a stream, such as --op PREAD:pipe")
	case b.CancelOnce && b.Cancels == 0:
		return errors.New("--cancel-once needs --cancels")
	case b.Timeout && b.Getevents == 0:
		return errors.New("--timeout needs --getevents")
	}
	return nil
}

// requests declares a file of each kind that there are operations on, and the
// requests, one operation after the other.
func (b *Bounds) requests(s *machine.Scenario) {
	fileOf := func(op Operation) int {
		return slices.IndexFunc(s.Files, func(f machine.File) bool { return f.Kind == op.File })
	}
	for _, op := range b.Op {
		if fileOf(op) < 0 {
			s.Files = append(s.Files, machine.File{Kind: op.File})
		}
	}
	for i := range b.Requests {
		op := b.Op[i%len(b.Op)]
		file := fileOf(op)
		r := machine.Request{Opcode: op.Opcode, File: uint8(file), Units: op.Units, Eventfd: b.Eventfd, Refused: i >= b.Requests-b.Refused}
		if b.SameIocb {
			r.Address = 1
		}
		s.Requests = append(s.Requests, r)
	}
}

// submitters deal the requests out to the threads that submit.
func (b *Bounds) submitters(s *machine.Scenario) {
	for t := range b.Submitters {
		var mine []uint8
		for i := t; i < b.Requests; i += b.Submitters {
			mine = append(mine, uint8(i))
		}
		thread := machine.Thread{Name: "submitter", CPU: uint8(t % b.CPUs)}
		batch := b.Batch
		if batch == 0 {
			batch = max(len(mine), 1)
		}
		for some := range slices.Chunk(mine, batch) {
			thread.Calls = append(thread.Calls, machine.Call{Kind: machine.Submit, Requests: some})
		}
		s.Threads = append(s.Threads, thread)
	}
}

// others are the threads that do not submit.
func (b *Bounds) others(s *machine.Scenario) {
	add := func(name string, n int, call machine.Call) {
		if n > 0 {
			s.Threads = append(s.Threads, machine.Thread{Name: name, Calls: slices.Repeat([]machine.Call{call}, n)})
		}
	}
	every := make([]uint8, b.Requests)
	for i := range every {
		every[i] = uint8(i)
	}
	for range b.Cancels {
		add("canceller", 1, machine.Call{Kind: machine.Cancel, Requests: every})
		s.Threads[len(s.Threads)-1].Forever = !b.CancelOnce
	}
	add("waiter", b.Getevents, machine.Call{Kind: machine.GetEvents, Min: 1, Nr: uint8(min(max(b.Requests, 1), 6)), Timeout: b.Timeout})
	add("reaper", b.ReapRing, machine.Call{Kind: machine.ReapRing})
	for range b.Destroy {
		add("destroyer", 1, machine.Call{Kind: machine.Destroy})
	}
	if b.Exit {
		add("leaver", 1, machine.Call{Kind: machine.Exit})
	}
	if b.Close {
		closer := machine.Thread{Name: "closer"}
		for f := range s.Files {
			closer.Calls = append(closer.Calls, machine.Call{Kind: machine.Close, File: uint8(f)})
		}
		s.Threads = append(s.Threads, closer)
	}
	stream := slices.IndexFunc(s.Files, func(f machine.File) bool { return f.Kind.Stream() })
	add("writer", b.Write, machine.Call{Kind: machine.Write, File: uint8(stream), Units: 1})
	add("reader", b.Read, machine.Call{Kind: machine.Read, File: uint8(stream), Units: 1})
	if b.ChangeIocb {
		add("changer", 1, machine.Call{Kind: machine.ChangeIocb, Requests: []uint8{0}})
	}
	if b.ChangeContext {
		add("mover", 1, machine.Call{Kind: machine.ChangeContext})
	}
}
