package report

import (
	"fmt"
	"math"
	"slices"

	"aiocheck/traces"
)

// latencyView is the distribution of the time from the invocation of
// io_submit to the return of the call that reaped the event, one row a class
// of request. The axis is logarithmic, and so are the heights, because the
// rare slow request is what one looks for.
type latencyView struct {
	Width, Height int // of a row's picture, in pixels
	Ticks         []tick
	Rows          []latencyRow
}

type latencyRow struct {
	Class                    string
	Count                    int
	Min, P50, P90, P99, P999 string
	Max                      string
	Slowest                  traces.RequestID
	Bars                     []latencyBar
	MarkP50, MarkP99         float64
	samples                  []sample
}

type latencyBar struct {
	X, Y, Width, Height float64
	Title               string
}

type sample struct {
	latency traces.Time
	request traces.RequestID
}

// The picture's measures in pixels, and how many bars an octave has.
const (
	latencyWidth  = 520
	latencyHeight = 40
	perOctave     = 4
)

func viewLatency(h *traces.History, f requestFacts) latencyView {
	v := latencyView{Width: latencyWidth, Height: latencyHeight}
	rows := make([]latencyRow, len(traces.LatencyClasses))
	lowest, highest := math.MaxInt, 0
	for i := range h.Requests {
		r := &h.Requests[i]
		if !submitted(r) || r.Context == traces.None || r.Event == traces.None {
			continue
		}
		row := &rows[h.LatencyClass(r)]
		latency := f.spans[i].to - f.spans[i].from
		row.samples = append(row.samples, sample{latency, r.ID})
		lowest, highest = min(lowest, bin(latency)), max(highest, bin(latency))
	}
	if lowest > highest {
		return v
	}
	scale := float64(latencyWidth) / float64(highest-lowest+1)
	x := func(latency traces.Time) float64 { return (logBin(latency) - float64(lowest)) * scale }
	for i := range rows {
		if len(rows[i].samples) > 0 {
			rows[i].Class = traces.LatencyClasses[i]
			rows[i].fill(lowest, scale, x)
			v.Rows = append(v.Rows, rows[i])
		}
	}
	for ns := traces.Time(1); ns <= 1e12; ns *= 10 {
		if at := x(ns); at >= 0 && at <= latencyWidth {
			v.Ticks = append(v.Ticks, tick{at, duration(ns)})
		}
	}
	return v
}

// logBin is the place of a latency on the logarithmic axis, in bins.
func logBin(latency traces.Time) float64 { return math.Log2(float64(max(latency, 1))) * perOctave }

func bin(latency traces.Time) int { return int(logBin(latency)) }

// fill derives the row's figures and bars from its samples.
func (r *latencyRow) fill(lowest int, scale float64, x func(traces.Time) float64) {
	slices.SortFunc(r.samples, func(a, b sample) int { return int(a.latency - b.latency) })
	at := func(part float64) traces.Time {
		return r.samples[min(len(r.samples)-1, int(part*float64(len(r.samples))))].latency
	}
	slowest := r.samples[len(r.samples)-1]
	r.Count, r.Slowest = len(r.samples), slowest.request
	r.Min, r.P50, r.P90 = duration(at(0)), duration(at(0.5)), duration(at(0.9))
	r.P99, r.P999, r.Max = duration(at(0.99)), duration(at(0.999)), duration(slowest.latency)
	r.MarkP50, r.MarkP99 = x(at(0.5)), x(at(0.99))
	counts := make(map[int]int)
	most := 0
	for _, s := range r.samples {
		counts[bin(s.latency)]++
		most = max(most, counts[bin(s.latency)])
	}
	for b, n := range counts {
		height := latencyHeight * math.Log1p(float64(n)) / math.Log1p(float64(most))
		from := traces.Time(math.Exp2(float64(b) / perOctave))
		to := traces.Time(math.Exp2(float64(b+1) / perOctave))
		r.Bars = append(r.Bars, latencyBar{float64(b-lowest) * scale, latencyHeight - height, scale - 1, height,
			fmt.Sprintf("%d requests: %s to %s", n, duration(from), duration(to))})
	}
	slices.SortFunc(r.Bars, func(a, b latencyBar) int { return int(a.X - b.X) })
}
