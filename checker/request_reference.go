package checker

import (
	"math"
	"time"

	"github.com/anishathalye/porcupine"

	"aiocheck/model"
	"aiocheck/traces"
)

// The reference for one request is porcupine on the specification in
// model/request.go. It is given the few observations of one request only.

// requestModel is the specification of one request as porcupine takes it.
func requestModel(c model.Contract, r model.RequestSpec) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{c.Initial()} },
		Step: func(state, input, _ any) []any {
			var next []any
			for _, s := range c.Next(r, state.(model.RequestState), input.(model.Observation)) {
				next = append(next, s)
			}
			return next
		},
	}
	return m.ToModel()
}

// observation is an observation and when it can have taken effect.
type observation struct {
	model.Observation
	interval
	cancel int // position in requestView.cancels, or None
	miss   int // position in the misses, or None
}

// observations lists what the view holds, with the given empty rings, as
// closed intervals of half nanoseconds: Settled comes half a nanosecond after
// what it follows, before anything that begins later.
func (v *requestView) observations(c model.Contract, misses []interval) []observation {
	var list []observation
	add := func(seen model.Seen, in interval, answer model.Result) *observation {
		list = append(list, observation{model.Observation{Seen: seen, Answer: answer}, interval{double(in.from), double(in.to)}, traces.None, traces.None})
		return &list[len(list)-1]
	}
	settled := func(after traces.Time) {
		if at := later(after, int64(c.PostLag)); at != traces.Never {
			o := add(model.SeenSettled, interval{at, at}, 0)
			o.from, o.to = o.from+1, o.to+1
		}
	}
	switch v.fate {
	case traces.Accepted:
		add(model.SeenAccepted, v.submit, 0)
		if v.spec.Inline {
			settled(v.submit.to)
		}
	case traces.Rejected:
		add(model.SeenRefused, v.submit, 0)
	case traces.Unsure:
		add(model.SeenSubmit, interval{v.submit.from, traces.Never}, 0)
	}
	if v.spec.Waits && v.ready != traces.Never {
		add(model.SeenReady, interval{v.ready, traces.Never}, 0)
	}
	for i, x := range v.cancels {
		if x.open {
			add(model.SeenCancelOpen, interval{x.from, traces.Never}, 0).cancel = i
			continue
		}
		add(model.SeenCancel, x.interval, x.answer).cancel = i
		if v.fate == traces.Accepted && x.answer == model.Fail(model.EINVAL) && c.Cancellable(v.spec.Opcode) && x.from > v.submit.to {
			settled(x.to)
		}
	}
	if v.seen.from != traces.Never {
		add(model.SeenEvent, v.seen, v.res)
	} else if v.unseen != traces.Never {
		add(model.SeenReapOpen, interval{v.unseen, traces.Never}, 0)
	}
	if v.again.from != traces.Never {
		add(model.SeenEvent, v.again, v.res)
	}
	for i, m := range misses {
		add(model.SeenMiss, m, 0).miss = i
	}
	if v.dying != traces.Never {
		add(model.SeenDying, interval{v.dying, v.dead}, 0)
		if v.dead != traces.Never {
			add(model.SeenGone, interval{v.dead, v.dead}, 0)
		}
	}
	return list
}

// double is a time in half nanoseconds.
func double(t traces.Time) traces.Time {
	if t > math.MaxInt64/2-1 {
		return traces.Never
	}
	return 2 * t
}

// linearizeRequest is porcupine's best attempt at an order: the place of each
// observation from 1, or 0 if it fits nowhere, and whether all of them fit.
func linearizeRequest(c model.Contract, r model.RequestSpec, list []observation, limit time.Duration) (order []int, ok bool) {
	if len(list) == 0 {
		return nil, true
	}
	ops := make([]porcupine.Operation, len(list))
	for i, o := range list {
		if o.from > o.to {
			panic("checker: an observation ends before it begins")
		}
		ops[i] = porcupine.Operation{ClientId: i, Input: o.Observation, Call: o.from, Return: o.to}
	}
	return bestOrder(requestModel(c, r), ops, limit)
}
