package report

import (
	"fmt"
	"strings"

	"aiocheck/checker"
)

// insideView is a finding in a kernel's transitions as the page shows it: a
// column for each of the kernel's threads, and from top to bottom what they
// did, with the transition at the end that the model does not have.
type insideView struct {
	*checker.Inside
	Width, Height int
	Lanes         []insideLane
	Rows          []insideRow
	RowHeight     int
	Text          int // where the texts beside the columns begin
}

type insideLane struct {
	X    int
	Name string
}

type insideRow struct {
	Y, BoxX, BoxY, BoxWidth, BoxHeight int
	CenterX                            int
	Number                             uint64
	At                                 string // since the first of them
	Point                              string
	Text                               string // what it says, which step it is, and where
	Title                              string
	Wrong                              bool
	Request                            uint32
	Tint                               int // requests beside the one in question are fainter
}

// The picture's measures in pixels.
const (
	insideRowHeight  = 30
	insideHead       = 30
	insideNumbers    = 150 // for numbers and times
	insideLaneWidth  = 140
	insideBoxWidth   = 122
	insideBoxHeight  = 22
	insideTextWidth  = 460
	insideTextOffset = 14
)

func viewInside(f *checker.Inside) *insideView {
	if f == nil || len(f.Steps) == 0 {
		return nil
	}
	v := &insideView{Inside: f, RowHeight: insideRowHeight}
	for i, t := range f.Tasks {
		v.Lanes = append(v.Lanes, insideLane{insideNumbers + insideLaneWidth*i + insideLaneWidth/2, t.Name})
	}
	v.Text = insideNumbers + insideLaneWidth*len(f.Tasks) + insideTextOffset
	v.Width = v.Text + insideTextWidth
	v.Height = insideHead + insideRowHeight*len(f.Steps)
	last := &f.Steps[len(f.Steps)-1]
	for i := range f.Steps {
		s := &f.Steps[i]
		y := insideHead + insideRowHeight*i
		x := v.Lanes[s.Task].X
		r := insideRow{Y: y + insideRowHeight/2, BoxX: x - insideBoxWidth/2, BoxY: y + (insideRowHeight-insideBoxHeight)/2, BoxWidth: insideBoxWidth, BoxHeight: insideBoxHeight,
			CenterX: x, Number: s.Number, At: "+" + duration(s.At-f.Steps[0].At), Point: s.Point, Wrong: s == last, Request: s.Request}
		if s.Request != 0 && s.Request != last.Request && last.Request != 0 {
			r.Tint = 1
		}
		r.Text = insideText(s, last)
		r.Title = fmt.Sprintf("%d %s, in %s", s.Number, s.Point, s.Function)
		v.Rows = append(v.Rows, r)
	}
	return v
}

// insideText is what stands beside a transition.
func insideText(s, last *checker.InsideStep) string {
	var parts []string
	if s.Request != 0 && s.Request != last.Request {
		parts = append(parts, fmt.Sprintf("request %d", s.Request))
	}
	if s.Detail != "" {
		parts = append(parts, s.Detail)
	}
	if len(s.Steps) > 0 {
		parts = append(parts, strings.Join(s.Steps, "/"))
	}
	return strings.Join(append(parts, s.Function+"()"), " · ")
}
