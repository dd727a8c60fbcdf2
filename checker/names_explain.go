package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// shownOp is an operation that an explanation shows.
type shownOp struct {
	Step
	calls []int32
	file  int32
}

// explain makes the finding of a name space that is not linearizable, from the
// smallest part of its history that is not.
func (r *nameRound) explain(s *nameSpace, at int, expected string, suspects []int) Finding {
	ops, kept := s.shrink(r.b)
	order, _ := linearizeNames(s.start, len(s.files), ops, explainLimit)
	var steps []shownOp
	last := at
	for k, i := range kept {
		steps = append(steps, r.step(&r.ops[s.placed[i]], order[k]))
		if last == at && order[k] == 0 {
			last = i
		}
	}
	// The suspects that the explanation would otherwise leave out.
	for _, i := range suspects {
		shown := slices.ContainsFunc(steps, func(x shownOp) bool { return x.Request == r.ops[i].request })
		if !shown && len(steps) < maxShown {
			steps = append(steps, r.step(&r.ops[i], 0))
		}
	}
	o := &r.ops[s.placed[last]]
	summary := fmt.Sprintf("%s: %s, but %s", r.opText(o), r.answerText(o), r.otherwise(s, o))
	if o.end != traces.None && o.interval.to != traces.Never {
		return r.finding(summary, expected, o.interval.to, steps...)
	}
	return r.finding(summary, expected, o.from, steps...)
}

// maxShown bounds how many steps an explanation has.
const maxShown = 24

// shrink leaves out operations as long as the others cannot be put in order,
// whatever the ones left out did. It gives those that are left, and where they
// were.
func (s *nameSpace) shrink(b *budget) (ops []nameOp, kept []int) {
	ops = slices.Clone(s.ops)
	for i := range ops {
		kept = append(kept, i)
	}
	start := time.Now()
	out := map[int]nameOp{} // left out, but believed to have done something
	judge := func(list []nameOp) bool {
		for _, o := range out {
			list = append(list, o)
		}
		v, _ := judgeNameSpace(s.start, len(s.files), list, b)
		return v == namesBroken
	}
	for k := 0; k < len(ops) && !b.spent() && time.Since(start) < explainLimit; {
		o := ops[k]
		rest := slices.Delete(slices.Clone(ops), k, k+1)
		if changes := o.Do != model.StatName && (o.Errno == 0 || o.Errno == model.EINTR || o.Open); changes {
			stray := o.astray(o.Name)
			stray.from, stray.to = beginning, traces.Never
			out[2*kept[k]] = stray
			if o.To != o.Name {
				stray = o.astray(o.To)
				stray.from, stray.to = beginning, traces.Never
				out[2*kept[k]+1] = stray
			}
		}
		if judge(slices.Clip(rest)) {
			ops, kept = rest, slices.Delete(kept, k, k+1)
			continue
		}
		delete(out, 2*kept[k])
		delete(out, 2*kept[k]+1)
		k++
	}
	return ops, kept
}

// otherwise says what names were bound to, as far as the others tell.
func (r *nameRound) otherwise(s *nameSpace, o *placedOp) string {
	name := &r.h.Names[o.at.name]
	switch {
	case o.Errno == model.ENOENT:
		return "the name was bound to a file all the while"
	case o.Do == model.StatName && o.Errno == 0 && name.Kind != traces.Absent && o.found != traces.None && keyOf(r.h.Found[o.found].Inode) == keyOf(name.Inode):
		return "the name was not bound to the file that it began with any more"
	case o.Errno == 0 && o.found != traces.None:
		return "the name was not bound to that file at any instant in between"
	}
	return "no instant in between allows it"
}

// finding makes a finding of operations on names.
func (r *nameRound) finding(summary, expected string, at traces.Time, steps ...shownOp) Finding {
	f := Finding{Summary: summary, Expected: expected, At: at, File: traces.None}
	slices.SortStableFunc(steps, func(a, b shownOp) int { return cmp.Compare(a.From, b.From) })
	for _, s := range steps {
		f.Steps = append(f.Steps, s.Step)
		if s.Request != 0 {
			f.Requests = append(f.Requests, s.Request)
		}
		for _, c := range s.calls {
			if c != traces.None {
				f.Calls = append(f.Calls, c)
			}
		}
		f.File = s.file
	}
	slices.Sort(f.Requests)
	f.Requests = slices.Compact(f.Requests)
	slices.SortFunc(f.Calls, func(a, b int32) int {
		return cmp.Or(cmp.Compare(r.h.Calls[a].Invoke, r.h.Calls[b].Invoke), cmp.Compare(a, b))
	})
	f.Calls = slices.Compact(f.Calls)
	return f
}

// step is how an explanation shows an operation.
func (r *nameRound) step(o *placedOp, order int) shownOp {
	s := shownOp{calls: []int32{o.call, o.end}, file: o.at.directory}
	s.Step = Step{Thread: r.h.Calls[o.call].Thread, From: o.from, To: o.interval.to, Request: o.request, Order: order,
		Text: r.opText(o) + ": " + r.answerText(o)}
	if decoy := r.decoy(o); decoy != traces.None {
		s.Text += fmt.Sprintf("; its memory was overwritten with n%d meanwhile", r.h.Names[decoy].Number)
	}
	return s
}

// writeStep is how an explanation shows a transfer of a named file.
func (r *nameRound) writeStep(w *traces.Request) shownOp {
	in, _ := requestInterval(r.h, w)
	res, _, _ := r.h.Outcome(w)
	s := shownOp{calls: []int32{w.Call}, file: w.File}
	if w.Event != traces.None {
		s.calls = append(s.calls, r.h.Events[w.Event].Call)
	}
	s.Step = Step{Thread: r.h.Calls[w.Call].Thread, From: in.from, To: in.to, Request: w.ID,
		Text: fmt.Sprintf("write by request %d, %d bytes to the file that n%d began with: result %v", w.ID, w.Bytes, r.h.Names[w.Name].Number, res)}
	return s
}

// opText is an operation with its arguments: "openat(n3, O_RDWR|O_CREAT) by
// request 17".
func (r *nameRound) opText(o *placedOp) string {
	name := r.placeText(o.at)
	text := ""
	switch o.Do {
	case model.StatName:
		return "stat(" + name + ")"
	case model.UnlinkName:
		text = "unlinkat(" + name + ")"
	case model.RenameName:
		text = "renameat(" + name + ", " + r.placeText(o.to) + renameFlags(o.Flags) + ")"
	default:
		text = "openat(" + name + ", " + openFlags(o.Flags) + ")"
	}
	return fmt.Sprintf("%s by request %d", text, o.request)
}

// placeText is "n3", with its directory if that is not its own.
func (r *nameRound) placeText(p namePlace) string {
	n := &r.h.Names[p.name]
	switch p.directory {
	case n.Directory:
		return fmt.Sprintf("n%d", n.Number)
	case elsewhere:
		return fmt.Sprintf("n%d in a directory outside of the round", n.Number)
	}
	return fmt.Sprintf("n%d in directory %d", n.Number, r.h.Files[p.directory].Number)
}

func openFlags(flags uint32) string {
	parts := []string{[...]string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}[flags&accessMode]}
	rest := flags &^ accessMode
	for _, f := range []struct {
		bit  uint32
		name string
	}{{0o100, "O_CREAT"}, {0o200, "O_EXCL"}, {0o1000, "O_TRUNC"}, {0o2000, "O_APPEND"}, {0o4000, "O_NONBLOCK"}, {0o2000000, "O_CLOEXEC"}} {
		if rest&f.bit != 0 {
			parts = append(parts, f.name)
			rest &^= f.bit
		}
	}
	if rest != 0 {
		parts = append(parts, fmt.Sprintf("%#o", rest))
	}
	return strings.Join(parts, "|")
}

func renameFlags(flags uint32) string {
	switch flags {
	case 0:
		return ""
	case model.RenameNoReplace:
		return ", RENAME_NOREPLACE"
	case model.RenameExchange:
		return ", RENAME_EXCHANGE"
	}
	return fmt.Sprintf(", %#x", flags)
}

// answerText says how an operation ended.
func (r *nameRound) answerText(o *placedOp) string {
	switch {
	case o.Open:
		return "not seen to end"
	case o.Errno != 0:
		return model.Fail(o.Errno).String()
	case o.found != traces.None && o.request != 0:
		return fmt.Sprintf("descriptor %d of %s", r.h.Found[o.found].FD, r.fileText(r.h.Found[o.found].Inode))
	case o.found != traces.None:
		return r.fileText(r.h.Found[o.found].Inode)
	}
	return "done"
}

// fileText names a file: by the name that it began with, or as one made later.
func (r *nameRound) fileText(n traces.Inode) string {
	if home, old := r.homes[keyOf(n)]; old {
		return fmt.Sprintf("file %d, which began as n%d", n.Number, r.h.Names[home.name].Number)
	}
	return fmt.Sprintf("file %d, made in the round", n.Number)
}
