package compare

import (
	"strings"

	"aiocheck/model"
	"aiocheck/model/design"
)

// Parameter is one coordinate of a design, in words.
type Parameter struct{ Name, Value string }

// Parameters are the coordinates of a design, the same names for every design.
func Parameters(d *design.Design) []Parameter {
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	p := []Parameter{
		{"buffered transfers run by", d.Transfer.String()},
		{"streams run by", d.Stream.String()},
		{"direct transfers run by", d.Direct.String()},
		{"fsync run by", d.Sync.String()},
		{"poll run by", d.Poll.String()},
		{"names run by", d.Names.String()},
		{"opens run by", d.ExecutorOf(model.OpenAt, design.Directory).String()},
		{"a readahead", d.BehaviourOf(model.ReadAhead, design.Regular, 2, 1).String()},
		{"arguments read again by the executor", opcodes(d.ExecArguments)},
		{"submitter's credentials", opcodes(d.Task.Cred)},
		{"submitter's directory and root", opcodes(d.Task.Fs)},
		{"submitter's file table", opcodes(d.Task.Files)},
		{"submitter's limits", opcodes(d.Task.Limits)},
		{"directory and root shared live", opcodes(d.Task.Shared)},
		{"reused threads keep the old context", yes(d.Task.Stale)},
		{"cancel of a queued request", d.Queued.String()},
		{"cancel of a running request", d.Running.String()},
		{"only polls can be cancelled", yes(d.CancelPollOnly)},
		{"answers of a cancel", answers(d.Answers)},
		{"signals flushed before reuse", yes(d.Flush)},
		{"flushed before the event is posted", yes(d.FlushFirst)},
		{"a request is named by", [...]string{design.ByAddress: "address", design.ByNumber: "number"}[d.Identity]},
		{"new entries go to the list's", [...]string{"head", "tail"}[bit(d.List.TailInsert)]},
		{"a cancel unlinks the entry", yes(d.List.UnlinkOnCancel)},
		{"completion looks at the list without the lock", yes(d.List.UnlockedCheck)},
		{"completion", d.Completion.String()},
		{"order", d.Order.String()},
		{"exit", d.Exit.String()},
		{"file and freeze protection held to the end", yes(d.HoldUntilEnd)},
		{"task context given back after the event", yes(d.RestoreLate)},
		{"io_submit tries opens itself", yes(d.AttemptOpen)},
		{"requests done at once are delivered like others", yes(d.HotCompletion)},
		{"unsupported operations fail in io_submit", yes(d.ErrorsFromSubmit)},
		{"a poll ignores its mask", yes(d.PollIgnoresMask)},
		{"names need a descriptor that they do not use", yes(d.SpuriousFget)},
		{"an fsync follows the writes before it", yes(d.SyncFollowsWrites)},
	}
	var bugs []string
	for _, b := range design.BugTable() {
		if d.Has(b.Bug) {
			bugs = append(bugs, b.Name)
		}
	}
	return append(p, Parameter{"seeded bugs", orNone(bugs)})
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

var named = []model.Opcode{
	model.PRead, model.PWrite, model.FSync, model.FDSync, model.Poll, model.PReadV, model.PWriteV, model.OpenAt,
	model.UnlinkAt, model.ReadAhead, model.RenameAt,
}

func opcodes(s design.Opcodes) string {
	var names []string
	for _, o := range named {
		if s.Has(o) {
			names = append(names, o.String())
		}
	}
	if len(names) == len(named) {
		return "all"
	}
	return orNone(names)
}

func answers(s design.Answers) string {
	var names []string
	for a := design.AnswerZero; a <= design.AnswerAllDone; a++ {
		if s.Has(a) {
			names = append(names, a.String())
		}
	}
	return orNone(names)
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
