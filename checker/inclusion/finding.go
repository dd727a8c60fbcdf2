package inclusion

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// Violation is a transition that the model does not have where it took place.
type Violation struct {
	At      traces.Transition
	Of      string              // "call", "context", "request" or "thread": whose state it is
	Why     string              // what is wrong with it
	State   string              // before it, in the words of the model
	Allowed []string            // the steps that the model has in that state
	Where   string              // the kernel's function
	Source  string              // and the file that it is in
	Context uint32              // that it is about
	Request uint32              // that it is about, 0 if none
	Data    int64               // of that request: aio_data
	History []traces.Transition // that led to it
}

// Error says which transition, and why not.
func (v *Violation) Error() string { return fmt.Sprintf("%v (%s): %s", &v.At, v.Where, v.Why) }

// finding explains a violation: the transition, the state before it, what the
// model allows there, and the transitions that led to it.
func (v *Violation) finding() checker.Finding {
	f := checker.Finding{Property: model.TransitionsAllowed.Name, At: v.At.Time, File: traces.None,
		Summary:  fmt.Sprintf("transition %d, %v in %s (%s): %s", v.At.Number, v.At.Point, v.Where, v.Source, v.Why),
		Expected: "a step that the model has there: " + strings.Join(v.Allowed, "; ")}
	if len(v.Allowed) == 0 {
		f.Expected = "a transition that fits what was before it"
	}
	// Programs number their requests in the lower half of aio_data.
	if id := traces.RequestID(uint32(v.Data)); id != 0 {
		f.Requests = []traces.RequestID{id}
	}
	inside := &checker.Inside{Of: v.Of, Why: v.Why, Function: v.Where, Source: v.Source, State: strings.Split(v.State, "\n"), Allowed: v.Allowed}
	shown := append(slices.Clone(v.History), v.At)
	for i := range shown {
		t := &shown[i]
		order := i + 1
		if i == len(shown)-1 {
			order = 0
		}
		f.Steps = append(f.Steps, checker.Step{Thread: traces.KernelThread, From: t.Time, To: t.Time, Text: t.String(), Order: order})
		inside.Steps = append(inside.Steps, insideStep(inside, t, shown))
	}
	f.Inside = inside
	return f
}

// insideStep is a transition as a person reads it; its task is added to those
// of the finding.
func insideStep(f *checker.Inside, t *traces.Transition, shown []traces.Transition) checker.InsideStep {
	task := slices.IndexFunc(f.Tasks, func(o checker.InsideTask) bool { return o.ID == t.Task })
	if task < 0 {
		task = len(f.Tasks)
		f.Tasks = append(f.Tasks, checker.InsideTask{ID: t.Task, Name: role(t.Task, shown)})
	}
	s := checker.InsideStep{Number: t.Number, At: t.Time, Task: task, Point: t.Point.String(), Request: t.Request, Detail: detail(t), Function: table[t.Point].where}
	for _, k := range kindsOf(t) {
		s.Steps = append(s.Steps, k.String())
	}
	return s
}

// kindsOf are the steps that a transition may stand for.
func kindsOf(t *traces.Transition) []machine.Kind {
	switch {
	case t.Point == traces.AtNoContext:
		return noContext[traces.Point(t.Seen)]
	case t.Point == traces.AtLeave && traces.Point(t.Seen) != traces.AtGetEvents:
		return nil // the model's calls end with their last step
	}
	return table[t.Point].kinds
}

// role says what a thread is, by what it does.
func role(task uint32, shown []traces.Transition) string {
	for i := range shown {
		t := &shown[i]
		of := table[t.Point].of
		switch {
		case t.Task != task:
		case t.Point == traces.AtStarted, t.Point == traces.AtBegin, t.Point == traces.AtReturn, t.Point == traces.AtUnlinked, t.Point == traces.AtFlushed, t.Point == traces.AtIdle:
			return fmt.Sprintf("AIO thread %d", task)
		case of == ofCall, t.Point == traces.AtSetup, t.Point == traces.AtSlot, t.Point == traces.AtArmed, t.Point == traces.AtCopied, t.Point == traces.AtRefused:
			return fmt.Sprintf("caller %d", task)
		}
	}
	if task == 0 {
		return "interrupt"
	}
	return fmt.Sprintf("thread %d", task)
}

// detail is what a transition says beside its point, in the words of its
// meaning (include/uapi/linux/aio_thread.h).
func detail(t *traces.Transition) string {
	result := model.Result(t.Value).String()
	switch t.Point {
	case traces.AtLeave:
		return fmt.Sprintf("%v = %s", traces.Point(t.Seen), result)
	case traces.AtNoContext:
		return traces.Point(t.Seen).String()
	case traces.AtCopied:
		return fmt.Sprintf("%v, data %#x", model.Opcode(t.Other), uint64(t.Value))
	case traces.AtRefused, traces.AtPosted:
		return result
	case traces.AtReturn:
		if t.Seen != 0 {
			return result + ", pending: " + signals(t.Seen)
		}
		return result
	case traces.AtFlushed:
		return signals(t.Seen)
	case traces.AtArmed:
		return fmt.Sprintf("class %d, %d queued", t.Seen, t.Other)
	case traces.AtStarted:
		return fmt.Sprintf("class %d, %d left", t.Seen, t.Other)
	case traces.AtSlotsBack:
		return fmt.Sprint(t.Value)
	case traces.AtReaped:
		return fmt.Sprintf("%d events", t.Seen)
	case traces.AtFoundRunning, traces.AtSignal, traces.AtThreadNew, traces.AtThreadEnd:
		return fmt.Sprintf("AIO thread %d", t.Other)
	case traces.AtFoundQueued:
		if t.Seen != 0 {
			return "stays in the queue"
		}
	}
	return ""
}

func signals(seen uint16) string {
	var list []string
	for i, name := range []string{"SIGKILL", "SIGPIPE", "SIGXFSZ"} {
		if seen&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return "no signal"
	}
	return strings.Join(list, ", ")
}

// before is what led to a violation: all of its request, and of the others the
// latest of the thread that took the step, or that had to do with it.
func (c *Checker) before(v *Violation) []traces.Transition {
	t := &v.At
	var own, others []traces.Transition
	for i := range c.recent {
		r := &c.recent[(c.oldest+i)%len(c.recent)]
		switch {
		case r.Context != v.Context && r.Context != 0 && v.Context != 0:
		case v.Request != 0 && r.Request == v.Request:
			own = append(own, *r)
		case r.Task == t.Task, r.Other == t.Task && (r.Point == traces.AtFoundRunning || r.Point == traces.AtSignal),
			v.Request == 0 && r.Request == 0 && (v.Context == 0 || table[r.Point].of == ofContext):
			others = append(others, *r)
		}
	}
	list := append(own[max(0, len(own)-shown):], others[max(0, len(others)-max(0, shown-len(own))):]...)
	slices.SortFunc(list, func(a, b traces.Transition) int { return cmp.Compare(a.Number, b.Number) })
	return list
}
