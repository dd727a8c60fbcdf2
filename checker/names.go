package checker

import (
	"cmp"
	"fmt"
	"slices"

	"aiocheck/model"
	"aiocheck/traces"
)

// nameProperties are the properties that judgeNames gives verdicts on.
var nameProperties = []model.Property{
	model.NamesInOrder, model.ArgsCaptured, model.CredCaptured, model.FsCaptured, model.LimitsCaptured,
	model.ResultMatchesEffect, model.CancelledNoEffect,
}

// nameJudge judges the names of a history, one round after another: which
// file each name is bound to, as a linearizable object, and what every
// operation on a name says of itself.
type nameJudge struct {
	ledger
	h *traces.History
	b *budget

	requests buckets // by round: operations on names, in order of ID
	calls    buckets // by round: stat, chdir and reuse, in order of invocation
	found    map[int32]int32
	queued   []traces.RequestID // cancelled before they began, sorted
	spaces   int                // name spaces judged
	tooMany  int                // of them, those that the bounds of the search left undecided
}

// judgeNames judges the names of a history.
func judgeNames(h *traces.History, b *budget) []Verdict {
	j := &nameJudge{ledger: newLedger(nameProperties...), h: h, b: b}
	if len(h.Names) > 0 {
		j.judge()
	}
	j.decide(b)
	if v := j.verdict(model.NamesInOrder); j.tooMany > 0 && v.Outcome != Violated && !b.spent() {
		v.Outcome = Undecided
		v.Why = fmt.Sprintf("%d of %d groups of names have more names, files or operations at a time than can be judged", j.tooMany, j.spaces)
	}
	return j.verdicts
}

func (j *nameJudge) judge() {
	h := j.h
	bytes := int64(len(h.Requests)*4 + len(h.Calls)*4 + len(h.Found)*16 + len(h.Rounds)*8)
	defer j.b.give(bytes)
	if !j.b.take(bytes) {
		return
	}
	j.requests = bucket(len(h.Rounds), len(h.Requests), func(i int) int32 {
		if r := &h.Requests[i]; r.Call != traces.None && r.Fate != traces.Rejected && r.Name != traces.None {
			return r.Round
		}
		return traces.None
	}, nil)
	j.calls = bucket(len(h.Rounds), len(h.Calls), func(i int) int32 {
		switch c := &h.Calls[i]; c.Kind {
		case traces.CallStat, traces.CallChdir, traces.CallReuse:
			return c.Round
		}
		return traces.None
	}, func(a, b int32) int { return cmp.Compare(h.Calls[a].Invoke, h.Calls[b].Invoke) })
	j.found = map[int32]int32{}
	for i := range h.Found {
		if f := &h.Found[i]; f.Request == 0 {
			j.found[f.Call] = int32(i)
		}
	}
	j.queued = queuedWhenCancelled(h)
	for first := 0; first < len(h.Names); {
		end := first + 1
		for ; end < len(h.Names) && h.Names[end].Round == h.Names[first].Round; end++ {
		}
		if j.b.spent() {
			return
		}
		newNameRound(j, h.Names[first].Round, int32(first), int32(end)).judge()
		first = end
	}
}

// wasQueued reports whether the request was cancelled before it began.
func (j *nameJudge) wasQueued(id traces.RequestID) bool {
	_, found := slices.BinarySearch(j.queued, id)
	return found
}
