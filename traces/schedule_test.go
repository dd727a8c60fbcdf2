package traces

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
)

var opcodes = []model.Opcode{
	model.PRead, model.PWrite, model.FSync, model.FDSync, model.Poll, model.PReadV, model.PWriteV,
	model.OpenAt, model.UnlinkAt, model.ReadAhead, model.RenameAt,
}

// anyScenario draws a scenario that can be written, whether or not it makes sense.
func anyScenario(t *rapid.T) machine.Scenario {
	s := rapid.Make[machine.Scenario]().Draw(t, "scenario")
	for i := range s.Files {
		s.Files[i].Kind = design.FileKind(rapid.IntRange(0, int(design.Directory)).Draw(t, "kind"))
	}
	for i := range s.Requests {
		s.Requests[i].Opcode = rapid.SampledFrom(opcodes).Draw(t, "opcode")
	}
	for i := range s.Threads {
		s.Threads[i].Name = validText(s.Threads[i].Name)
		for j := range s.Threads[i].Calls {
			s.Threads[i].Calls[j].Kind = machine.CallKind(rapid.IntRange(0, int(machine.Read)).Draw(t, "call"))
		}
	}
	s.Name = validText(s.Name)
	return s
}

// validText is text that JSON can hold.
func validText(s string) string { return strings.ToValidUTF8(s, "?") }

// Slices that are empty and slices that are nil are written alike.
var alike = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().Type().Kind() == reflect.Slice },
	cmp.FilterValues(func(a, b any) bool { return reflect.ValueOf(a).Len()+reflect.ValueOf(b).Len() == 0 },
		cmp.Comparer(func(a, b any) bool { return true })))

func anyStep(t *rapid.T) ScheduleStep {
	return ScheduleStep{
		Kind:    machine.Kind(rapid.IntRange(0, int(machine.NumKinds)-1).Draw(t, "kind")),
		Actor:   Actor{Role(rapid.IntRange(0, int(RoleDevice)).Draw(t, "role")), rapid.Uint8().Draw(t, "number")},
		Request: rapid.Uint8().Draw(t, "request"),
		Choice:  rapid.Uint8().Draw(t, "choice"),
		Comment: rapid.StringMatching(`([!-~]([ -~]*[!-~])?)?`).Draw(t, "comment"),
	}
}

// What is written is read back as it was.
func TestScheduleRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9.-]+`)
		s := &Schedule{
			Design: name.Draw(t, "design"), Bugs: rapid.SliceOf(name).Draw(t, "bugs"), Scenario: anyScenario(t),
			Steps: rapid.SliceOfN(rapid.Custom(anyStep), 0, 5).Draw(t, "steps"), Cycle: rapid.SliceOfN(rapid.Custom(anyStep), 0, 3).Draw(t, "cycle"),
		}
		if rapid.Bool().Draw(t, "violates") {
			s.Violates, s.How = name.Draw(t, "property"), rapid.SampledFrom([]string{"state", "deadlock", "cycle"}).Draw(t, "how")
		}
		var b bytes.Buffer
		if err := WriteSchedule(&b, s); err != nil {
			t.Fatal(err)
		}
		back, err := ParseSchedule("x", b.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if d := cmp.Diff(s, back, alike); d != "" {
			t.Fatalf("%s\n%s", d, b.String())
		}
	})
}

const smallSchedule = `aiocheck schedule 1
# Any line may end in a comment.
design thread-6.1
bug signal-not-flushed
violates signal-outlives-request state
scenario {
  "contexts": [
    {}
  ],
  "files": [
    {"kind": "regular"}
  ],
  "requests": [
    {"op": "PWRITE", "units": 1}
  ],
  "threads": [
    {"calls": [{"call": "io_submit", "requests": [0]}]}
  ]
}
steps
  S0  thread0  request0  # enters io_submit
  W1  worker1  request0 choice2
cycle
  C2  thread0  request0
`

func TestScheduleParse(t *testing.T) {
	s, err := ParseSchedule("small", []byte(smallSchedule))
	if err != nil {
		t.Fatal(err)
	}
	want := []ScheduleStep{
		{Kind: machine.S0, Comment: "enters io_submit"},
		{Kind: machine.W1, Actor: Actor{RoleWorker, 1}, Choice: 2},
	}
	if d := cmp.Diff(want, s.Steps); d != "" || len(s.Cycle) != 1 || s.Bugs[0] != "signal-not-flushed" {
		t.Errorf("%s\n%+v", d, s)
	}
}

// A schedule that is wrong is refused with the line.
func TestScheduleErrors(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"schedule 1", "schedule 2", "x:1: this is no schedule file of a known version"},
		{"design thread-6.1\n", "", "the schedule ends without a design"},
		{"design thread-6.1", "design", "x:3: design takes 1 words, not 0"},
		{"bug signal-not-flushed", "bogus x", `x:4: "bogus" is none of design, bug`},
		{"bug signal-not-flushed", "design x", "x:4: a second design"},
		{"request state", "request often", `x:5: a property is violated in a state, a deadlock or a cycle, not in a "often"`},
		{`"PWRITE", "units": 1`, `"PWRITE", "unit": 1`, `x:14: scenario: a scenario has no field "unit"`},
		{`"units": 1`, `"units": 256`, `x:14: scenario: field "requests.units": a number of 0 to 255 is wanted, not number 256`},
		{`"units": 1`, `"units": }`, `x:14: scenario: invalid character`},
		{`"regular"`, `"clay"`, `x:6: scenario: file 0: there is no kind of file "clay"`},
		{`PWRITE`, `PAINT`, `x:6: scenario: request 0: unknown opcode "PAINT"`},
		{`io_submit"`, `io_uring"`, `x:6: scenario: thread 0, call 0: there is no call "io_uring"`},
		{`[0]`, `[-1]`, `x:6: scenario: thread 0, call 0: there is no request -1`},
		{"\n}\n", "\n", "the scenario has no end"},
		{"S0  thread0  request0", "S0 thread0", "x:21: a step is its name, who takes it and its request"},
		{"W1 ", "W99", `x:22: no step is called "W99"`},
		{"worker1", "walker1", `x:22: "walker1" is no actor such as`},
		{"worker1", "worker01", `x:22: "worker01" is not worker with a number`},
		{"choice2", "chance2", `x:22: "chance2" is not choice with a number`},
		{"cycle\n", "cycle\ncycle\n", "x:24: a second cycle"},
	} {
		text := strings.Replace(smallSchedule, c.old, c.new, 1)
		_, err := ParseSchedule("x", []byte(text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v, want %s", c.new, c.old, err, c.want)
		}
	}
}

// FuzzSchedule: no input makes the parser panic, and what it reads is written
// and read again as the same.
func FuzzSchedule(f *testing.F) {
	f.Add([]byte(smallSchedule))
	f.Add([]byte(scheduleHead + "\ndesign x\nscenario {\n}\nsteps\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSchedule("fuzz", data)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := WriteSchedule(&b, s); err != nil {
			t.Fatal(err)
		}
		back, err := ParseSchedule("written", b.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if d := cmp.Diff(s, back, alike); d != "" {
			t.Fatal(d)
		}
	})
}
