package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"aiocheck/traces"
)

// finding makes a finding of a few calls, with a step for each in order of
// time. It drops calls that are None.
func (j *contextJudge) finding(summary, expected string, at traces.Time, requests []traces.RequestID, calls ...int32) Finding {
	f := Finding{Summary: summary, Expected: expected, At: at, Requests: requests, File: traces.None}
	for _, i := range calls {
		if i != traces.None && !slices.Contains(f.Calls, i) {
			f.Calls = append(f.Calls, i)
		}
	}
	slices.SortFunc(f.Calls, func(a, b int32) int {
		return cmp.Or(cmp.Compare(j.h.Calls[a].Invoke, j.h.Calls[b].Invoke), cmp.Compare(a, b))
	})
	for _, i := range f.Calls {
		c := &j.h.Calls[i]
		s := Step{Thread: c.Thread, From: c.Invoke, To: c.Return, Request: c.Request, Text: j.callText(i, requests)}
		if s.Request == 0 && len(requests) > 0 {
			s.Request = requests[0]
		}
		f.Steps = append(f.Steps, s)
	}
	return f
}

// callText is a call with its arguments and its answer: "io_cancel(17) =
// -EINPROGRESS". Of many requests or events, those in named come first.
func (j *contextJudge) callText(i int32, named []traces.RequestID) string {
	c := &j.h.Calls[i]
	var text, tail string
	switch c.Kind {
	case traces.CallSetup:
		text = fmt.Sprintf("%d events", c.X)
	case traces.CallSubmit:
		var ids []traces.RequestID
		for k := range c.Count {
			ids = append(ids, j.h.Requests[c.First+k].ID)
		}
		text = idText(ids, named)
	case traces.CallCancel:
		text = fmt.Sprint(c.Request)
	case traces.CallGetEvents, traces.CallPGetEvents:
		text = fmt.Sprintf("min %d, max %d, ", c.X, c.Y)
		if c.Z < 0 {
			text += "no timeout"
		} else {
			text += "timeout " + time.Duration(c.Z).String()
		}
	case traces.CallReapRing:
		text = fmt.Sprintf("max %d", c.Y)
		tail = fmt.Sprintf(", head %d, tail %d", c.Extra1, c.Extra2)
	case traces.CallRead, traces.CallWrite:
		text = fmt.Sprintf("%d bytes of file %d", c.X, j.h.Files[c.File].Number)
	case traces.CallReadEventfd, traces.CallClose:
		text = fmt.Sprintf("file %d", j.h.Files[c.File].Number)
	}
	if !c.Completed() {
		return fmt.Sprintf("%v(%s), not seen to return", c.Kind, text)
	}
	if c.Kind == traces.CallReadEventfd && c.Ret >= 0 {
		tail = fmt.Sprintf(", value %d", c.Extra1)
	}
	if c.Kind.Reaps() && c.Count > 0 {
		var ids []traces.RequestID
		for k := range c.Count {
			ids = append(ids, j.h.Events[c.First+k].Request)
		}
		tail += ": events of " + idText(ids, named)
		for k := range c.Count {
			if e := &j.h.Events[c.First+k]; len(named) == 1 && e.Request == named[0] {
				tail += fmt.Sprintf(" (%d: res %v)", e.Request, e.Res)
			}
		}
	}
	return fmt.Sprintf("%v(%s) = %v%s", c.Kind, text, c.Ret, tail)
}

// idText lists IDs, no more than eight: the named ones, then others.
func idText(ids, named []traces.RequestID) string {
	const most = 8
	if len(ids) > most {
		var few []traces.RequestID
		for _, pass := range []bool{true, false} {
			for _, id := range ids {
				if len(few) < most && slices.Contains(named, id) == pass {
					few = append(few, id)
				}
			}
		}
		return strings.Trim(fmt.Sprint(few), "[]") + fmt.Sprintf(" and %d more", len(ids)-most)
	}
	return strings.Trim(fmt.Sprint(ids), "[]")
}

// contextName is how findings speak of a context.
func (j *contextJudge) contextName(context int32) string {
	c := &j.h.Contexts[context]
	return fmt.Sprintf("context %d of round %d", c.Number, j.h.Rounds[c.Round].Number)
}
