package graph

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
)

var update = flag.Bool("update", false, "rewrite generated pictures")

const pictures = "../../docs/pictures"

// drawn is the request that each design's picture shows: the one that takes
// the longest way through it. The others show a write to a file.
var drawn = map[string]struct {
	op   model.Opcode
	kind design.FileKind
}{
	"mainline-4.4":       {model.PWrite, design.DirectIO},
	"mainline-6.1":       {model.Poll, design.Pipe},
	"fibrils":            {model.PRead, design.Pipe},
	"syslets":            {model.PRead, design.Pipe},
	"syslets-indirect":   {model.PRead, design.Pipe},
	"threadlets":         {model.PRead, design.Pipe},
	"async-syscall-2007": {model.PRead, design.Pipe},
	"io_uring":           {model.FSync, design.Regular},
}

func lifeOf(t *testing.T, name string) *Graph {
	t.Helper()
	d, err := design.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	request, special := drawn[name]
	if !special {
		request.op, request.kind = model.PWrite, design.Regular
	}
	g, err := Life(&d, request.op, request.kind, false)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func scenario(op model.Opcode, kind design.FileKind) *machine.Scenario {
	s := lifeScenario(op, kind, false)
	s.Threads = s.Threads[:2]
	return s
}

// The pictures of the documents are what the code draws.
func TestPictures(t *testing.T) {
	graphs := map[string]*Graph{}
	for _, d := range design.All() {
		graphs["life-"+d.Name] = lifeOf(t, d.Name)
	}
	d := design.Thread61()
	s := scenario(model.PRead, design.Pipe)
	s.Name = "cancel-read"
	space, err := Space(&d, s, 500)
	if err != nil {
		t.Fatal(err)
	}
	graphs["states-cancel-read-thread-6.1"] = space
	for name, g := range graphs {
		var want bytes.Buffer
		if err := g.WriteSVG(context.Background(), &want); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, name, want.Bytes())
		file := filepath.Join(pictures, name+".svg")
		if *update {
			if err := os.WriteFile(file, want.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is not what the code draws: run go test ./sim/graph -run TestPictures -update", file)
		}
	}
}

func wellFormed(t *testing.T, name string, picture []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(picture))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// step finds an edge with this step between nodes with these names.
func step(g *Graph, from, kind, to string) bool {
	return slices.ContainsFunc(g.Edges, func(e Edge) bool {
		return strings.HasPrefix(g.Nodes[e.From].Name, from) && strings.HasPrefix(g.Nodes[e.To].Name, to) &&
			slices.ContainsFunc(e.Labels, func(l Label) bool { return l.Step == kind })
	})
}

// The life of a request in the posted series is the one of thread-aio.md 2.5.
func TestLifeIsThatOfTheSheet(t *testing.T) {
	g := lifeOf(t, "thread-2016-01")
	for _, want := range [][3]string{
		{"not submitted", "S1", "being submitted"}, {"being submitted", "S6", "armed"}, {"armed", "S7", "queued"},
		{"queued", "W1", "taken"}, {"taken", "W4a", "running"}, {"running", "W5r", "returned"}, {"returned", "W8", "returned"},
		{"returned", "W9", "event posted"}, {"event posted", "W11", "event posted"}, {"event posted", "G2h", "event reaped"},
		{"armed", "C5", "armed"}, {"queued", "C5", "queued"}, {"taken", "C5", "taken"}, {"taken", "W4b", "returned"},
		{"running", "C5", "running"}, {"running", "C6l", "running"}, {"running", "W5i", "returned"}, {"returned", "C5", "returned"},
		{"event posted", "W14", "event posted"},
	} {
		if !step(g, want[0], want[1], want[2]) {
			t.Errorf("no step %s from %q to %q", want[1], want[0], want[2])
		}
	}
	for _, never := range [][3]string{{"queued", "W1", "running"}, {"event posted", "C5", "event posted"}, {"event posted", "W9", "event posted"}} {
		if step(g, never[0], never[1], never[2]) {
			t.Errorf("a step %s from %q to %q", never[1], never[0], never[2])
		}
	}
	for _, e := range g.Edges {
		for _, l := range e.Labels {
			if l.Step == "W8" && l.Lock != "CTX" || l.Step == "W9" && l.Lock != "CMP" {
				t.Errorf("%s runs under %q", l.Step, l.Lock)
			}
		}
	}
}

// A bug changes the picture: the signal that outlives its request is in it.
func TestLifeShowsABug(t *testing.T) {
	d := design.Thread61().With(design.SignalNotFlushed)
	g, err := Life(&d, model.PWrite, design.Regular, false)
	if err != nil {
		t.Fatal(err)
	}
	if step(g, "event posted", "W14", "event posted") {
		t.Error("the signal is flushed")
	}
	if !slices.ContainsFunc(g.Violated, func(v string) bool { return strings.HasPrefix(v, "signal-outlives-request by") }) {
		t.Errorf("violated: %v", g.Violated)
	}
}

// Every design can be drawn with every operation that it has, or says why not.
func TestEveryLifeIsDrawn(t *testing.T) {
	ops := []model.Opcode{model.PRead, model.PWrite, model.FSync, model.Poll, model.OpenAt, model.UnlinkAt, model.RenameAt, model.ReadAhead}
	for _, d := range design.All() {
		for _, op := range ops {
			for _, kind := range []design.FileKind{design.Regular, design.DirectIO, design.Pipe} {
				for _, destroyed := range []bool{false, true} {
					g, err := Life(&d, op, kind, destroyed)
					if d.ExecutorOf(op, kind) == design.Unsupported {
						if err == nil {
							t.Errorf("%s draws %s, which it does not have", d.Name, op)
						}
						continue
					}
					if destroyed && errors.Is(err, machine.ErrNotApplicable) {
						continue
					}
					if err != nil {
						t.Fatalf("%s, %s, %s: %v", d.Name, op, kind, err)
					}
					if len(g.Nodes) < 3 || len(g.Edges) < 2 || len(g.Steps) == 0 {
						t.Errorf("%s, %s, %s: %d states", d.Name, op, kind, len(g.Nodes))
					}
				}
			}
		}
	}
}

func TestSpaceRefusesTooMuch(t *testing.T) {
	d := design.Thread61()
	_, err := Space(&d, scenario(model.PWrite, design.Regular), 50)
	if err == nil || !strings.Contains(err.Error(), "more than 50 states") {
		t.Errorf("%v", err)
	}
}

// The states drawn are those reached, each with its edges.
func TestSpaceIsWhole(t *testing.T) {
	d := design.Fibrils()
	s := scenario(model.PRead, design.Pipe)
	s.Threads = s.Threads[:1]
	g, err := Space(&d, s, 100)
	if err != nil {
		t.Fatal(err)
	}
	reached := map[int]bool{0: true}
	for _, e := range g.Edges {
		reached[e.To] = true
	}
	if len(reached) != len(g.Nodes) {
		t.Errorf("%d of %d states have a way to them", len(reached), len(g.Nodes))
	}
	var page bytes.Buffer
	if err := g.WriteHTML(context.Background(), &page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "Click a state", "thread-aio.md"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(page.String(), "src=") {
		t.Error("the page needs something else")
	}
}

// A promise that only a cancel could keep is broken where nobody else goes on,
// as nobody has to cancel; which is no end.
func TestSpaceMarksBrokenPromises(t *testing.T) {
	s := machine.CancelScenario(2, 1, 1)
	s.Files[0].Kind = design.Pipe
	for i := range s.Requests {
		s.Requests[i].Opcode = model.PRead
	}
	for _, c := range []struct {
		design design.Design
		want   bool
	}{{design.Thread201601(), true}, {design.Thread61(), false}} {
		g, err := Space(&c.design, s, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		goesOn := map[int]bool{}
		for _, e := range g.Edges {
			goesOn[e.From] = true
		}
		marked := false
		for i, n := range g.Nodes {
			marked = marked || goesOn[i] && n.Look == Bad && slices.Contains(n.Notes, "✗ pool-progress")
		}
		if marked != c.want {
			t.Errorf("%s: marked %v", c.design.Name, marked)
		}
	}
}
