package explore

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func walked(t *testing.T, m Model, o WalkOptions) *Partial {
	t.Helper()
	p, err := Walk(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	replayAll(t, m, p)
	return p
}

func bitSearched(t *testing.T, m Model, o BitstateOptions) *Partial {
	t.Helper()
	p, err := SearchBits(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	replayAll(t, m, p)
	return p
}

func replayAll(t *testing.T, m Model, p *Partial) {
	t.Helper()
	for _, v := range p.Violations {
		if _, err := Replay(m, v.Path); err != nil {
			t.Errorf("%s: %v", v.Property, err)
		}
	}
	for _, o := range p.Outcomes {
		states, err := Replay(m, o.Path)
		if err != nil || m.Outcome(&states[len(states)-1]) != o.Text {
			t.Errorf("%s: %v", o.Text, err)
		}
	}
}

func TestWalks(t *testing.T) {
	m := cancel{requests: 2, workers: 2, cancellers: 1}
	whole := explored(t, m, Options{})
	p := walked(t, m, WalkOptions{Seed: 1, Walks: 5000})
	if p.Walks != 5000 || p.Stop != StopComplete || len(p.Violations) != 0 || p.Depth > whole.Depth {
		t.Errorf("%+v", p)
	}
	if d := cmp.Diff(texts(whole.Outcomes), texts(p.Outcomes)); d != "" {
		t.Errorf("5000 walks do not show every outcome: %s", d)
	}
	if p.States > whole.States*102/100 || p.States < whole.States/2 {
		t.Errorf("%d states estimated, %d exist", p.States, whole.States)
	}
	if few := walked(t, m, WalkOptions{Seed: 1, Walks: 50}); few.Missed <= p.Missed {
		t.Errorf("missed %g after 50 walks, %g after 5000", few.Missed, p.Missed)
	}
	again := walked(t, m, WalkOptions{Seed: 1, Walks: 5000})
	p.Cost, again.Cost = Cost{}, Cost{}
	if d := cmp.Diff(p, again); d != "" {
		t.Errorf("the same seed walks elsewhere: %s", d)
	}
}

func TestWalkFindsBugs(t *testing.T) {
	m := cancel{requests: 2, workers: 2, cancellers: 2, bug: noFlush}
	p := walked(t, m, WalkOptions{StopAtViolation: true})
	if p.Stop != StopViolation || len(p.Violations) == 0 {
		t.Errorf("%+v", p)
	}
	if p := walked(t, philosophers{n: 3}, WalkOptions{Walks: 10}); len(p.Violations) != 1 || p.Violations[0].How != InDeadlock {
		t.Errorf("%+v", p)
	}
	if p := walked(t, spinner{edges: map[uint64][]uint64{0: {0}}}, WalkOptions{Walks: 3, MaxSteps: 100}); p.Cut != 3 {
		t.Errorf("%+v", p)
	}
}

func TestBitstate(t *testing.T) {
	m := cancel{requests: 3, workers: 2, cancellers: 2}
	whole := explored(t, m, Options{})
	p := bitSearched(t, m, BitstateOptions{Bytes: 16 << 20})
	if math.Abs(float64(p.States-whole.States)) > 0.01*float64(whole.States) || p.Stop != StopComplete || p.Missed > 1e-5 {
		t.Errorf("%d states, want about %d: %+v", p.States, whole.States, p)
	}
	if d := cmp.Diff(texts(whole.Outcomes), texts(p.Outcomes)); d != "" {
		t.Error(d)
	}
	small := bitSearched(t, m, BitstateOptions{Bytes: 16 << 10})
	if small.Fill < 0.5 || small.Missed < 0.1 || small.States > whole.States {
		t.Errorf("%+v", small)
	}
	if half := bitSearched(t, m, BitstateOptions{Bytes: 16 << 20, Symmetry: true}); half.States*3 > p.States {
		t.Errorf("%d states with symmetry, %d without", half.States, p.States)
	}
	if cut := bitSearched(t, m, BitstateOptions{Bytes: 1 << 20, MaxDepth: 10}); cut.Cut == 0 || cut.Depth != 10 {
		t.Errorf("%+v", cut)
	}
	bug := cancel{requests: 2, workers: 2, cancellers: 2, bug: noFlush}
	if p := bitSearched(t, bug, BitstateOptions{Bytes: 1 << 20, StopAtViolation: true}); p.Stop != StopViolation {
		t.Errorf("%+v", p)
	}
}

func TestPartialStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g := grid{counters: 8, bound: 200}
	if p, err := Walk(ctx, g, WalkOptions{}); err != nil || p.Stop != StopCancelled {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := SearchBits(ctx, g, BitstateOptions{Bytes: 1 << 16}); err != nil || p.Stop != StopCancelled {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := Walk(context.Background(), g, WalkOptions{MaxTime: time.Millisecond}); err != nil || p.Stop != StopTime {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestResultAsJSON(t *testing.T) {
	r := explored(t, philosophers{n: 3}, Options{})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(*r, back); d != "" {
		t.Error(d)
	}
}

func TestReplayRefuses(t *testing.T) {
	if _, err := Replay(philosophers{n: 2}, []Step{{Kind: takeLeft}, {Kind: takeLeft}}); err == nil {
		t.Error("a step was taken twice")
	}
}

type tooWide struct{ grid }

func (tooWide) Words() int { return StateWords + 1 }

func TestModelsThatDoNotFit(t *testing.T) {
	if _, err := Run(context.Background(), tooWide{}, Options{}); err == nil {
		t.Error("five words were accepted")
	}
}
