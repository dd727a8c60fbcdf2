package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"aiocheck/checker"
	"aiocheck/sim/explore"
)

// Ctrl-C ends every way of exploring with what it has.
func TestExploreInterrupted(t *testing.T) {
	for _, way := range []string{"--liveness", "--bitstate=64M", "--walk=1000000"} {
		ctx, interrupt := context.WithCancel(context.Background())
		interrupt()
		var stdout, stderr bytes.Buffer
		s := &session{ctx: ctx, stdout: &stdout, stderr: &stderr}
		err := s.execute([]string{"explore", "--requests=4", "--workers=2", "--cancels=2", way})
		var v verdictError
		if !errors.As(err, &v) || checker.Outcome(v) != checker.Undecided || exitCode(&stderr, err) != exitUndecided {
			t.Errorf("%s: %v", way, err)
		}
		for _, want := range []string{"it was interrupted", "\nundecided: one-event, "} {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("%s: %q is missing in\n%s", way, want, stdout.String())
			}
		}
	}
}

// Elsewhere than on a terminal progress is plain lines, and none at first.
func TestFrontier(t *testing.T) {
	var out bytes.Buffer
	p := newFrontier(&out)
	g := explore.Progress{States: 1_234_567, Frontier: 89_012, Depth: 34, Rate: 2_500_000, Elapsed: 12 * time.Second}
	p.show(g)
	if p.live || out.Len() > 0 {
		t.Errorf("at once: %q", out.String())
	}
	p.began = p.began.Add(-p.every)
	p.show(g)
	p.done()
	if want := "aiocheck: explored 1,234,567 states, frontier 89,012, depth 34, 2.5 M states/s, 12s\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	p.live = true
	p.show(g)
	p.done()
	if !strings.HasPrefix(out.String(), "\rexplored 1,234,567") || !strings.HasSuffix(out.String(), "\r\x1b[K") {
		t.Errorf("on a terminal %q", out.String())
	}
}
