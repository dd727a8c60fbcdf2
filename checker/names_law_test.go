package checker

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/traces"
)

// drawNameOps draws a history of a few names that an honest name space could
// have given, or, if bent, one with an answer or two changed.
func drawNameOps(t *rapid.T) (start model.NameState, files int, ops []nameOp) {
	const names = 3
	for i := range start.Bound {
		start.Bound[i] = model.NoFile
	}
	for n := range names {
		if rapid.Bool().Draw(t, "exists") {
			start.Bound[n] = model.FileID(files)
			start.Born = start.Born.With(model.FileID(files))
			files++
		}
	}
	first := files
	files += 3
	at := rapid.Int64Range(0, rapid.SampledFrom([]int64{2, 12}).Draw(t, "length"))
	state := start
	var list []nameOp
	for range rapid.IntRange(1, 7).Draw(t, "ops") {
		a, b := at.Draw(t, "from"), at.Draw(t, "to")
		o := nameOp{interval: interval{min(a, b), max(a, b)}}
		o.Do = rapid.SampledFrom([]model.NameDo{model.OpenName, model.OpenName, model.UnlinkName, model.RenameName, model.StatName}).Draw(t, "do")
		o.event = int32(rapid.IntRange(0, 3).Draw(t, "event")) // events come in any order
		o.Name, o.To = uint8(rapid.IntRange(0, names-1).Draw(t, "name")), uint8(rapid.IntRange(0, names-1).Draw(t, "new name"))
		switch o.Do {
		case model.OpenName:
			o.Flags = rapid.SampledFrom([]uint32{0, model.OpenCreate, model.OpenCreate | model.OpenExclusive}).Draw(t, "flags")
			o.Denied = model.FileSet(rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "denied"))
		case model.RenameName:
			o.Flags = rapid.SampledFrom([]uint32{0, 0, model.RenameNoReplace, model.RenameExchange}).Draw(t, "flags")
		}
		if len(list) > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
			o.NameCall = list[len(list)-1].NameCall // several of one kind
		}
		list = append(list, o)
	}
	// Answers as an honest name space gives them, one operation after the
	// other at instants in order; unknown files come into being in turn.
	slices.SortStableFunc(list, func(a, b nameOp) int { return int(a.to+a.from) - int(b.to+b.from) })
	instant, made := traces.Time(0), model.FileID(first)
	for _, o := range list {
		if instant = max(instant, o.from); o.to < instant {
			o.to = instant
		}
		o.NameAnswer, state = honestAnswer(t, state, o.NameCall, &made, model.FileID(files))
		ops = append(ops, o)
	}
	for range rapid.IntRange(0, 2).Draw(t, "bent") {
		o := &ops[rapid.IntRange(0, len(ops)-1).Draw(t, "which")]
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			o.NameAnswer = model.NameAnswer{Errno: rapid.SampledFrom([]model.Errno{0, model.ENOENT, model.EEXIST, model.EACCES, model.EINTR}).Draw(t, "errno"),
				File: model.FileID(rapid.IntRange(-2, files-1).Draw(t, "file"))}
			if o.File == model.NoFile {
				o.File = model.UnseenFile
			}
		case 1:
			o.Open = true
		case 2:
			o.Open, o.to = true, traces.Never
		case 3:
			o.stray = true
		}
	}
	return start, files, ops
}

// honestAnswer takes the first answer that the state allows.
func honestAnswer(t *rapid.T, s model.NameState, c model.NameCall, made *model.FileID, files model.FileID) (model.NameAnswer, model.NameState) {
	answers := []model.NameAnswer{{Errno: model.EACCES}, {Errno: model.ENOENT}, {Errno: model.EEXIST}}
	for f := model.FileID(0); f < *made; f++ {
		answers = append(answers, model.NameAnswer{File: f})
	}
	if *made < files {
		answers = append(answers, model.NameAnswer{File: *made})
	}
	answers = append(answers, model.NameAnswer{File: model.UnseenFile})
	if c.Do == model.UnlinkName || c.Do == model.RenameName {
		answers = []model.NameAnswer{{File: model.UnseenFile}, {Errno: model.ENOENT}, {Errno: model.EEXIST}}
	}
	for _, a := range answers {
		refused := a.Errno == model.EACCES && c.Do != model.OpenName
		if next := s.Next(c, a); len(next) > 0 && !refused {
			if a.File == *made {
				*made++
			}
			return a, next[0]
		}
	}
	t.Fatalf("nothing answers %+v in %+v", c, s)
	return model.NameAnswer{}, s
}

// The search and porcupine agree on every history of a few operations.
func TestNameSearchAgreesWithPorcupine(t *testing.T) {
	hold, broken := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for range 40 { // rapid's own cost is in its calls
			start, files, ops := drawNameOps(t)
			v, _ := judgeNameSpace(start, files, ops, newBudget(Limits{}))
			_, ok := linearizeNames(start, files, ops, time.Minute)
			if v == namesTooMany || ok != (v == namesHold) {
				for _, o := range ops {
					t.Logf("%+v", o)
				}
				t.Fatalf("porcupine says %v, the search %v, from %+v", ok, v, start)
			}
			if ok {
				hold++
			} else {
				broken++
			}
		}
	})
	t.Logf("%d hold, %d broken", hold, broken)
	if hold == 0 || broken == 0 {
		t.Error("only one direction was tried")
	}
}

// Operations of one kind that end together do so in the order of their events,
// whatever the order in which they were submitted.
func TestSameKindEndsTogether(t *testing.T) {
	var start model.NameState
	for i := range start.Bound {
		start.Bound[i] = model.NoFile
	}
	create := model.NameCall{Do: model.OpenName, Flags: model.OpenCreate}
	cancelled := func(event int32) nameOp {
		return nameOp{NameCall: create, NameAnswer: model.NameAnswer{Errno: model.EINTR, File: model.UnseenFile}, interval: interval{0, 10}, event: event}
	}
	unlink := nameOp{NameCall: model.NameCall{Do: model.UnlinkName}, interval: interval{0, 10}, event: 3}
	gone := nameOp{NameCall: model.NameCall{Do: model.StatName}, NameAnswer: model.NameAnswer{Errno: model.ENOENT}, interval: interval{11, 12}}
	for _, ops := range [][]nameOp{{cancelled(2), cancelled(1), gone}, {cancelled(2), cancelled(1), unlink, gone}, {unlink, cancelled(4), cancelled(1), gone}} {
		if v, _ := judgeNameSpace(start, 0, ops, newBudget(Limits{})); v != namesHold {
			t.Errorf("%+v: %v", ops, v)
		}
	}
}
