package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"aiocheck/sim/explore"
)

// frontier tells how far an exploration has come: on a terminal one line that
// changes, elsewhere a line now and then. How much is left nobody knows.
type frontier struct {
	out   io.Writer
	live  bool // out is a terminal
	every time.Duration
	shown bool // a line is there
	began time.Time
}

func newFrontier(stderr io.Writer) *frontier {
	p := &frontier{out: stderr, every: plainEvery, began: time.Now()}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.live, p.every = true, 100*time.Millisecond
	}
	return p
}

func (p *frontier) show(g explore.Progress) {
	text := fmt.Sprintf("explored %s states, frontier %s, depth %d, %s states/s, %v",
		humanize.Comma(g.States), humanize.Comma(g.Frontier), g.Depth, humanize.SIWithDigits(g.Rate, 2, ""), g.Elapsed.Round(time.Second))
	if g.InCycles > 0 {
		text = fmt.Sprintf("explored %s states, looked for fair cycles from %s, %v",
			humanize.Comma(g.States), humanize.Comma(g.InCycles), g.Elapsed.Round(time.Second))
	}
	switch {
	case p.live:
		fmt.Fprintf(p.out, "\r%s\x1b[K", text) // and clears what was longer
		p.shown = true
	case time.Since(p.began) >= p.every: // short explorations stay silent
		fmt.Fprintf(p.out, "aiocheck: %s\n", text)
	}
}

// done wipes the changing line.
func (p *frontier) done() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K") // with the ^C that the terminal may have put there
	}
}
