package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

// findingView is a finding as the page shows it: its steps as rows, and
// beside them a chart of the same rows on an axis that shows order, not
// length, of time: the difference between overlapping and following one
// another is what a linearization turns on.
type findingView struct {
	Index    int // among all findings of the page
	Property model.Property
	Finding  *checker.Finding
	Open     bool   // shown unfolded
	Place    string // "storage, bytes 4096 to 4607"; empty if no place is meant
	Steps    []stepView
	Chart    chart
	At       string
	Unplaced int         // steps that fit nowhere
	Inside   *insideView // instead of steps and chart, if it is about transitions
}

type stepView struct {
	Order   int // 0: fits nowhere
	Thread  string
	Request traces.RequestID
	Text    string
	From    string // since the beginning of the finding
	Length  string
}

// chart is the geometry of the steps' picture in pixels.
type chart struct {
	Width, Height int
	Ticks         []tick
	Bars          []bar
	Path          string // through the linearization points, in order
}

type tick struct {
	X    float64
	Text string
}

type bar struct {
	X, Y, Width, Height float64
	Order               int
	PointX, PointY      float64
	Open                bool // not seen to end
	Title               string
}

// The chart's measures in pixels. rowHeight is also that of the rows beside
// it, in style.css.
const (
	rowHeight   = 40
	barMargin   = 10
	chartHead   = 24
	chartMargin = 26
	gapWidth    = 80  // between two neighbouring ends of steps, while there is room
	chartWidth  = 520 // at most
	tickWidth   = 66  // room that a time needs
)

func viewFinding(h *traces.History, index int, p model.Property, f *checker.Finding) findingView {
	v := findingView{Index: index, Property: p, Finding: f, Place: place(h, f), At: duration(f.At)}
	if v.Inside = viewInside(f.Inside); v.Inside != nil {
		return v
	}
	steps := slices.Clone(f.Steps)
	slices.SortStableFunc(steps, func(a, b checker.Step) int { return cmp.Compare(a.From, b.From) })
	start := f.At
	if len(steps) > 0 {
		start = steps[0].From
	}
	for _, s := range steps {
		length := "not seen to end"
		if s.To != traces.Never {
			length = duration(s.To - s.From)
		}
		if s.Order == 0 {
			v.Unplaced++
		}
		v.Steps = append(v.Steps, stepView{s.Order, threadName(s.Thread), s.Request, s.Text, "+" + duration(s.From-start), length})
	}
	v.Chart = drawSteps(steps)
	return v
}

// place names the bytes that the finding is about.
func place(h *traces.History, f *checker.Finding) string {
	if f.File < 0 || int(f.File) >= len(h.Files) {
		return ""
	}
	file := &h.Files[f.File]
	name := file.Kind.String()
	if file.Kind != traces.Storage {
		name = fmt.Sprintf("%s %d", name, file.Number)
	}
	if f.Bytes <= 0 {
		return name
	}
	return fmt.Sprintf("%s, bytes %d to %d (line %d)", name, f.Offset, f.Offset+f.Bytes-1, f.Offset/64)
}

// drawSteps lays the steps out, one row each, in their order.
func drawSteps(steps []checker.Step) chart {
	var ends []traces.Time
	for _, s := range steps {
		ends = append(ends, s.From)
		if s.To != traces.Never {
			ends = append(ends, s.To)
		}
	}
	slices.Sort(ends)
	ends = slices.Compact(ends)
	c := chart{Width: 2 * chartMargin, Height: chartHead + rowHeight*len(steps)}
	if len(ends) == 0 {
		return c
	}
	// One more gap on the right, where steps that were not seen to end go on.
	gap := min(gapWidth, float64(chartWidth-2*chartMargin)/float64(len(ends)))
	c.Width += int(gap * float64(len(ends)))
	x := func(position float64) float64 { return chartMargin + gap*position }
	at := func(t traces.Time) int { i, _ := slices.BinarySearch(ends, t); return i }
	points := linearizationPoints(steps, at)
	every := int(math.Ceil(tickWidth / gap))
	for i := 0; i < len(ends); i += every {
		c.Ticks = append(c.Ticks, tick{x(float64(i)), "+" + duration(ends[i]-ends[0])})
	}
	for i, s := range steps {
		b := bar{X: x(float64(at(s.From))), Y: float64(chartHead + rowHeight*i + barMargin), Height: rowHeight - 2*barMargin, Order: s.Order,
			Open: s.To == traces.Never, Title: s.Text}
		to := x(float64(len(ends)))
		if !b.Open {
			to = x(float64(at(s.To)))
		}
		b.Width = max(to-b.X, 2)
		b.PointX, b.PointY = x(points[i]), b.Y+b.Height/2
		if s.Order == 0 {
			b.PointX = b.X + b.Width/2
		}
		c.Bars = append(c.Bars, b)
	}
	c.Path = pathThrough(c.Bars)
	return c
}

// linearizationPoints gives each step with an order a point of the axis at
// which it could have taken effect at once: in the order given, and within
// the step. The result is in positions between the steps' ends.
func linearizationPoints(steps []checker.Step, at func(traces.Time) int) []float64 {
	placed := placedInOrder(steps)
	gaps := make([]int, len(steps)) // the gap between ends that holds the point
	share := make(map[int]int)      // how many points a gap holds
	gap := 0
	for _, i := range placed {
		gap = max(gap, at(steps[i].From))
		gaps[i] = gap
		share[gap]++
	}
	points := make([]float64, len(steps))
	before := make(map[int]int)
	for _, i := range placed {
		before[gaps[i]]++
		points[i] = float64(gaps[i]) + float64(before[gaps[i]])/float64(share[gaps[i]]+1)
	}
	return points
}

// placedInOrder lists the steps that the linearization holds, in its order.
func placedInOrder(steps []checker.Step) []int {
	var placed []int
	for i := range steps {
		if steps[i].Order > 0 {
			placed = append(placed, i)
		}
	}
	slices.SortStableFunc(placed, func(a, b int) int { return cmp.Compare(steps[a].Order, steps[b].Order) })
	return placed
}

// pathThrough is the SVG path that joins the points in their order.
func pathThrough(bars []bar) string {
	placed := make([]*bar, 0, len(bars))
	for i := range bars {
		if bars[i].Order > 0 {
			placed = append(placed, &bars[i])
		}
	}
	slices.SortStableFunc(placed, func(a, b *bar) int { return cmp.Compare(a.Order, b.Order) })
	path := ""
	for i, b := range placed {
		move := "L"
		if i == 0 {
			move = "M"
		}
		path += fmt.Sprintf("%s%.1f %.1f", move, b.PointX, b.PointY)
	}
	return path
}

// threadName is how the page names a thread.
func threadName(thread uint16) string {
	switch thread {
	case traces.Controller:
		return "controller"
	case traces.KernelThread:
		return "kernel"
	}
	return fmt.Sprintf("thread %d", thread)
}

// duration writes nanoseconds with four significant digits at most.
func duration(ns traces.Time) string {
	v := float64(ns)
	for _, unit := range []struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if v >= unit.ns || v <= -unit.ns {
			return fmt.Sprintf("%.4g %s", v/unit.ns, unit.name)
		}
	}
	return fmt.Sprintf("%d ns", ns)
}
