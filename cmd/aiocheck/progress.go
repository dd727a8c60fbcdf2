package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"aiocheck/traces"
)

// plainEvery is how often progress is told where no terminal shows a bar.
const plainEvery = 10 * time.Second

// progress tells how far a run, or several side by side, have come, in requests or, when only a time
// was given, in time: a bar with the time left on a terminal, a line now and
// then elsewhere.
type progress struct {
	mu       sync.Mutex
	out      io.Writer
	bar      *progressbar.ProgressBar
	total    int           // requests; 0 if the run ends by time
	duration time.Duration // 0 if it ends by requests
	start    time.Time
	told     time.Time
	requests int
}

func newProgress(stderr io.Writer, requests int, duration time.Duration) *progress {
	p := &progress{out: stderr, total: requests, duration: duration, start: time.Now(), told: time.Now()}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		most, unit := int64(requests), "requests"
		if requests == 0 {
			most, unit = int64(duration.Seconds()), "s"
		}
		p.bar = progressbar.NewOptions64(most, progressbar.OptionSetWriter(stderr), progressbar.OptionSetItsString(unit),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetDescription("recording"), progressbar.OptionEnableColorCodes(false))
	}
	return p
}

// saw counts the requests among records that were recorded.
func (p *progress) saw(recs []traces.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range recs {
		if recs[i].Kind == traces.KindRequest && recs[i].Context != traces.NoContext {
			p.requests++
		}
	}
	if p.bar != nil {
		if p.total == 0 {
			p.bar.Set64(int64(min(time.Since(p.start), p.duration).Seconds()))
		} else {
			p.bar.Set64(int64(min(p.requests, p.total)))
		}
		return
	}
	if time.Since(p.told) >= plainEvery {
		p.told = time.Now()
		fmt.Fprintln(p.out, p.line())
	}
}

// line is one line of plain progress.
func (p *progress) line() string {
	spent := time.Since(p.start)
	if p.total == 0 {
		return fmt.Sprintf("aiocheck: recorded %d requests, %v left", p.requests, (p.duration - spent).Round(time.Second))
	}
	left := "unknown"
	if p.requests > 0 {
		left = (spent * time.Duration(max(0, p.total-p.requests)) / time.Duration(p.requests)).Round(time.Second).String()
	}
	return fmt.Sprintf("aiocheck: recorded %d of %d requests, %s left", p.requests, p.total, left)
}

func (p *progress) done() {
	if p.bar != nil {
		p.bar.Finish()
	}
}
