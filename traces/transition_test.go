package traces

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawTransition is any transition that a record can hold.
func drawTransition(t *rapid.T) Transition {
	return Transition{Number: rapid.Uint64().Draw(t, "number"), Time: rapid.Int64().Draw(t, "time"),
		Point: Point(rapid.IntRange(0, int(NumPoints)-1).Draw(t, "point")), CPU: rapid.Uint16().Draw(t, "cpu"), Seen: rapid.Uint16().Draw(t, "seen"),
		Context: rapid.Uint32().Draw(t, "context"), Request: rapid.Uint32().Draw(t, "request"), Task: rapid.Uint32().Draw(t, "task"),
		Other: rapid.Uint32().Draw(t, "other"), Value: rapid.Int64().Draw(t, "value")}
}

func TestTransitionIsARecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawTransition(t)
		r := want.Record()
		if got := r.Transition(); got != want || r.Check() != nil {
			t.Fatalf("%+v became %+v: %v", want, got, r.Check())
		}
	})
}

// TestTransitionsBesideAHistory: a file with transitions among its frames has
// the same history as one without, and gives the transitions in their order.
func TestTransitionsBesideAHistory(t *testing.T) {
	logs := example()
	var want []Transition
	var inside Log
	for i := range 5 {
		tr := Transition{Number: uint64(i), Point: AtArmed + Point(i), Context: 1, Request: 2, Task: 77}
		want = append(want, tr)
		inside.Record(tr.Record())
	}
	path := filepath.Join(t.TempDir(), "t.aiot")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	synthFile(t, file, []Log{inside[:2], logs[0], logs[1], inside[2:]})
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := Read(path)
	if err != nil || h.Cut != nil || len(h.Calls) != 2 {
		t.Fatalf("%v, %+v", err, h)
	}
	var got []Transition
	if err := EachTransition(path, func(tr *Transition) error { got = append(got, *tr); return nil }); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v", err, got)
	}
	stop := errors.New("stop")
	if err := EachTransition(path, func(*Transition) error { return stop }); err != stop {
		t.Errorf("stopped with %v", err)
	}
}

func TestOnlyTransitionsAreTheKernels(t *testing.T) {
	tr := Transition{Point: AtArmed}
	asThread := tr.Record()
	asThread.Thread = 0
	asKernel := example()[1][0]
	asKernel.Thread = KernelThread
	for _, log := range []Log{{example()[1][0], asThread}, {asKernel}} {
		if _, err := FromLogs(synthHeader(1), example()[0], log); err == nil || !strings.Contains(err.Error(), "transition") && !strings.Contains(err.Error(), "of the kernel") {
			t.Errorf("%v", err)
		}
	}
}

// TestDocumentNamesPoints: FORMAT.md has each point under its number.
func TestDocumentNamesPoints(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for p := range NumPoints {
		if cell := fmt.Sprintf("| %d | %v |", p, p); !strings.Contains(string(doc), cell) {
			t.Errorf("no cells %q", cell)
		}
	}
}
