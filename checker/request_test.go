package checker

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/traces"
)

var einval, einprogress = model.Fail(model.EINVAL), model.Fail(model.EINPROGRESS)

// drawView draws everything that can be observed of a request, legal or not,
// within a few nanoseconds, so that all ways of overlapping come up.
func drawView(t *rapid.T, c model.Contract) (*requestView, []interval) {
	times := rapid.Int64Range(0, 14)
	in := func(name string) interval {
		a, b := times.Draw(t, name), times.Draw(t, name+" end")
		return interval{min(a, b), max(a, b)}
	}
	v := &requestView{submit: nothing, seen: nothing, again: nothing, ready: traces.Never, dying: traces.Never, dead: traces.Never, unseen: traces.Never}
	v.spec.Opcode = rapid.SampledFrom([]model.Opcode{model.Poll, model.Poll, model.Poll, model.PRead, model.FSync}).Draw(t, "op")
	v.spec.Bytes = 64
	if v.spec.Opcode == model.Poll {
		v.spec.Events, v.spec.Bytes = 1, 0
		v.spec.Waits = rapid.Bool().Draw(t, "waits")
	}
	v.spec.Inline = c.Inline(v.spec.Opcode, false) && rapid.Bool().Draw(t, "inline")
	v.fate = rapid.SampledFrom([]traces.Fate{traces.Accepted, traces.Accepted, traces.Accepted, traces.Accepted, traces.Rejected, traces.Unsure, traces.Unsubmitted}).Draw(t, "fate")
	if v.fate != traces.Unsubmitted {
		v.submit = in("submit")
	}
	if v.fate == traces.Unsure {
		v.submit.to = traces.Never
	}
	if v.spec.Waits && rapid.Bool().Draw(t, "made ready") {
		v.ready = times.Draw(t, "ready")
	}
	if !v.spec.Waits {
		v.ready = 0
	}
	from := traces.Time(0)
	for range rapid.IntRange(0, 3).Draw(t, "cancels") {
		x := cancelView{interval: in("cancel"), answer: rapid.SampledFrom([]model.Result{einval, einval, einprogress}).Draw(t, "answer")}
		x.from = max(x.from, from)
		x.to = max(x.from, x.to)
		from = x.from
		if rapid.IntRange(0, 7).Draw(t, "open") == 0 {
			x.open, x.to, x.answer = true, traces.Never, 0
		}
		v.cancels = append(v.cancels, x)
	}
	if rapid.Bool().Draw(t, "event") {
		v.seen = in("event")
		v.res = rapid.SampledFrom([]model.Result{0, 1, 64, 65, einval, model.Fail(model.EINTR), -512}).Draw(t, "res")
		if rapid.IntRange(0, 15).Draw(t, "twice") == 0 {
			v.again = in("again")
			v.again.to = max(v.again.to, v.seen.to)
		}
	} else if rapid.IntRange(0, 3).Draw(t, "unseen") == 0 {
		v.unseen = times.Draw(t, "unseen from")
	}
	if rapid.IntRange(0, 3).Draw(t, "destroy") == 0 {
		d := in("destroy")
		v.dying, v.dead = d.from, d.to
		if rapid.Bool().Draw(t, "open destroy") {
			v.dead = traces.Never
		}
	}
	var misses []interval
	for range rapid.IntRange(0, 2).Draw(t, "misses") {
		misses = append(misses, in("miss"))
	}
	v.missed = missedOf(misses)
	return v, misses
}

func missedOf(misses []interval) func(traces.Time) traces.Time {
	return func(after traces.Time) traces.Time {
		ended := traces.Time(traces.Never)
		for _, m := range misses {
			if m.from > after {
				ended = min(ended, m.to)
			}
		}
		return ended
	}
}

// The linear decision and porcupine on the specification agree on every
// history of one request.
func TestFastAgreesWithPorcupine(t *testing.T) {
	contracts := []model.Contract{model.SimulatedContract(), model.ThreadContract(), model.SimulatedContract()}
	contracts[1].PostLag = 0
	contracts[2].PostLag = 3
	legal, broken := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for range 250 { // rapid's own cost is in its calls
			c := rapid.SampledFrom(contracts).Draw(t, "contract")
			v, misses := drawView(t, c)
			faults := v.judge(c, nil)
			list := v.observations(c, misses)
			_, ok := linearizeRequest(c, v.spec, list, time.Minute)
			if ok != (len(faults) == 0) {
				for _, o := range list {
					t.Logf("%v %v", o.Observation, o.interval)
				}
				t.Fatalf("porcupine says %v, the fast decision %v, of %+v", ok, faults, v)
			}
			if ok {
				legal++
			} else {
				broken++
			}
		}
	})
	t.Logf("%d legal, %d broken", legal, broken)
}
