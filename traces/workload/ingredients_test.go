package workload

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// What it takes for a defect of the patched kernel to show, and in how many of
// 200 rounds of a mix it has to occur. The names are those of the series' last
// patches: a defect that shows up in any round at all is in the last row.
func TestIngredients(t *testing.T) {
	table := []struct {
		defects, what string
		mix           string
		rounds        int
		occurs        func(program) bool
	}{
		{"D1 T13", "the memory that told a name is used for another as soon as io_submit has returned", "default", 25, program.reusesNames},
		{"D1 D20", "a name is told by the working directory, queued, and its thread moves on", "names", 6, program.movesOn},
		{"D2", "names by working directory and root, files that a umask is for", "default", 7, program.ownPlaces},
		{"D3", "another user writes to a set-user-ID file, which is looked at before and after", "default", 9, program.losesSetUID},
		{"D5", "more opens at once than there may be descriptors", "names", 12, program.manyOpens},
		{"D8", "unlinks and renames by a working directory", "default", 10, program.byWorkingDirectory},
		{"D10 T14", "more readers than threads, then the writes that they wait for", "default", 4, program.fullPool},
		{"D11 T4 T6", "a write that is queued for certain is cancelled", "default", 6, program.cancelsQueued},
		{"D15 T16", "an iocb is used again and cancelled while its first request waits", "cancel", 15, program.renewsIocb},
		{"D16", "writes while the file system is frozen, and a look for their events", "default", 6, program.looksFrozen},
		{"D17 T1 T2", "cancelled requests, others on the same threads, cancelled ones again", "default", 10, program.cancelsAgain},
		{"D26 T18", "an open that makes a file", "default", 20, program.makesFiles},
		{"T7", "a cancel beside the submission of a request that nothing else ends", "default", 9, program.cancelsEarly},
		{"T8 T9", "a cancelled write of more than a pipe holds, and reads of what it wrote", "default", 10, program.cutsWrites},
		{"T10", "cancels and new requests in a context without a free slot", "cancel", 2, program.fillsWithCancels},
		{"T11 M5", "io_destroy of a context whose requests nobody else ends", "default", 4, program.abandons},
		{"T15 M12", "a cancelled request that signals an eventfd", "default", 60, program.cancelsSignalling},
		{"M3", "more requests that end at once than a ring holds, without reaping", "default", 3, program.overfills},
		{"M5", "io_destroy just after reads of the storage", "default", 3, program.destroysBusy},
		{"M5 M14", "io_destroy while writes wait for a thaw, twice", "cancel", 4, program.destroysFrozen},
		{"M7", "io_destroy of a context on which somebody waits for nothing", "cancel", 5, program.destroysWaitedFor},
		{"M13", "more refused requests than a ring holds", "default", 3, program.refusesMany},
		{"M14", "io_destroy as soon as another thread begins one of the same context", "default", 4, program.contests},
	}
	rounds := map[string][]*traces.Program{}
	for _, row := range table {
		if rounds[row.mix] == nil {
			load := traces.Workload{Seed: 1, Threads: 4, Depth: 16, Mix: row.mix, MinBytes: 512, MaxBytes: 1 << 20}
			rounds[row.mix] = programs(t, load, traces.Device{Align: 512, MemAlign: 512, Bytes: 16 << 20, Direct: true}, everything, 200)
		}
		n := 0
		for _, p := range rounds[row.mix] {
			if row.occurs(program{p}) {
				n++
			}
		}
		t.Logf("%-12s %-8s %3d of 200: %s", row.defects, row.mix, n, row.what)
		if n < row.rounds {
			t.Errorf("%s: in %d of 200 rounds of mix %s, want %d: %s", row.defects, n, row.mix, row.rounds, row.what)
		}
	}
}

// program has questions about a program.
type program struct{ *traces.Program }

// any reports whether a step of some thread is so, told with all of the thread.
func (p program) any(is func(steps []traces.Step, i int) bool) bool {
	for _, steps := range p.Threads {
		for i := range steps {
			if is(steps, i) {
				return true
			}
		}
	}
	return false
}

// step asks the same of a step alone.
func (p program) step(is func(s traces.Step) bool) bool {
	return p.any(func(steps []traces.Step, i int) bool { return is(steps[i]) })
}

// does reports whether some step does this to the context.
func (p program) does(do traces.Do, context uint16) bool {
	return p.step(func(s traces.Step) bool { return s.Do == do && s.Context == context })
}

// cancelled reports whether some step cancels the request.
func (p program) cancelled(r traces.RequestID) bool {
	return p.step(func(s traces.Step) bool { return s.Do == traces.DoCancel && s.Request == r })
}

// requests are what a submission carries.
func (p program) requests(s traces.Step) []traces.RequestDecl {
	if s.Do != traces.DoSubmit {
		return nil
	}
	return p.Requests[s.Request : s.Request+s.Count]
}

// collects reports whether the step waits for events that only a bug keeps.
func collects(s traces.Step) bool { return s.Do == traces.DoGetEvents && s.Timeout == 10*time.Second }

// anyRequest reports whether a request that is submitted is so.
func (p program) anyRequest(is func(r traces.RequestDecl) bool) bool {
	return p.step(func(s traces.Step) bool {
		for _, r := range p.requests(s) {
			if is(r) {
				return true
			}
		}
		return false
	})
}

func (p program) stream(r traces.RequestDecl) bool {
	k := p.Files[r.File].Kind
	return k == traces.Pipe || k == traces.Socket
}

func (p program) reusesNames() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		return i > 0 && steps[i].Do == traces.DoReuse && steps[i-1].Do == traces.DoSubmit &&
			p.Requests[steps[i].Request].Name != steps[i].Name
	})
}

// frozen are, of the thread that submits while the file system is frozen, the
// steps from its first submission to the thaw.
func (p program) frozen() (steps []traces.Step) {
	peer := len(p.Threads) - 2
	for _, s := range p.Threads[peer] {
		if s.Do == traces.DoThaw {
			for i, first := range p.Threads[s.Thread] {
				if first.Do == traces.DoSubmit {
					return p.Threads[s.Thread][i:s.After]
				}
			}
		}
	}
	return nil
}

func (p program) movesOn() bool {
	steps := p.frozen()
	for i := range steps {
		if s := steps[i]; s.Do == traces.DoChdir && i > 1 && steps[i-1].Do == traces.DoReuse &&
			p.Requests[steps[i-1].Request].Via == traces.ViaCwd {
			return true
		}
	}
	return false
}

func (p program) ownPlaces() bool {
	made := func(via traces.Via) bool {
		return p.anyRequest(func(r traces.RequestDecl) bool { return r.Opcode.Names() && r.Via == via })
	}
	return p.Identity != nil && p.Identity.Root > 0 && made(traces.ViaCwd) && made(traces.ViaRoot) && p.makesFiles()
}

func (p program) losesSetUID() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		list := p.requests(steps[i])
		return len(list) == 1 && list[0].Opcode.Writes() && p.Files[list[0].File].Kind == traces.Directory &&
			p.Identity.UID != 0 && p.Names[list[0].Name].Mode&unix.S_ISUID != 0 &&
			steps[i-1].Do == traces.DoStat && collects(steps[i+1]) && steps[i+2].Do == traces.DoStat
	})
}

func (p program) manyOpens() bool {
	return p.Identity != nil && p.Identity.Descriptors > 0 && p.step(func(s traces.Step) bool {
		n := uint32(0)
		for _, r := range p.requests(s) {
			if r.Opcode == model.OpenAt {
				n++
			}
		}
		return n > p.Identity.Descriptors
	})
}

func (p program) byWorkingDirectory() bool {
	by := func(op model.Opcode) bool {
		return p.anyRequest(func(r traces.RequestDecl) bool { return r.Opcode == op && r.Via == traces.ViaCwd })
	}
	return by(model.UnlinkAt) && by(model.RenameAt)
}

func (p program) fullPool() bool {
	closed := map[uint16]bool{}
	p.step(func(s traces.Step) bool { closed[s.File] = closed[s.File] || s.Do == traces.DoCloseWrite; return false })
	reads, writes := 0, 0
	p.anyRequest(func(r traces.RequestDecl) bool {
		if p.stream(r) && !closed[r.File] && r.Opcode.Reads() {
			reads++
		} else if p.stream(r) && !closed[r.File] && r.Opcode.Writes() {
			writes++
		}
		return false
	})
	return p.End == traces.EndDrain && reads > mostWorkers && writes == reads
}

// queued are the writes that are queued for certain in a frozen round.
func (p program) queued() (ids []traces.RequestID) {
	before := 0
	for _, s := range p.frozen() {
		for i, r := range p.requests(s) {
			if r.File == 0 && r.Opcode.Writes() && before >= mostWorkers {
				ids = append(ids, s.Request+traces.RequestID(i))
			}
			before++
		}
	}
	return ids
}

func (p program) cancelsQueued() bool {
	n := 0
	for _, r := range p.queued() {
		if p.cancelled(r) {
			n++
		}
	}
	return n > 0 && p.looksFrozen()
}

func (p program) looksFrozen() bool {
	collected := false
	for _, s := range p.frozen() {
		if collects(s) {
			collected = true
		} else if collected && s.Do == traces.DoGetEvents && s.Min == 1 {
			return true
		}
	}
	return false
}

func (p program) renewsIocb() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		list := p.requests(steps[i])
		return len(list) == 1 && list[0].Reuse > 0 && p.cancelled(steps[i].Request)
	})
}

// cancelsAgain looks for three batches of a context of which the first and the
// third are cancelled, and each collected before the next.
func (p program) cancelsAgain() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		pattern := ""
		for _, s := range steps[i:] {
			switch {
			case s.Context != steps[i].Context:
			case s.Do == traces.DoSubmit && p.stream(p.Requests[s.Request]) && p.cancelled(s.Request):
				pattern += "c"
			case s.Do == traces.DoSubmit && p.stream(p.Requests[s.Request]):
				pattern += "s"
			case collects(s):
				pattern += "."
			}
		}
		return len(pattern) >= 6 && pattern[:6] == "c.s.c."
	})
}

func (p program) makesFiles() bool {
	return p.anyRequest(func(r traces.RequestDecl) bool { return r.Opcode == model.OpenAt && r.Flags&unix.O_CREAT != 0 })
}

// cancelsEarly looks for cancels by the next step of the submitter, or of a
// thread that waits for the submission itself, of a stream that nobody feeds.
func (p program) cancelsEarly() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		s := steps[i]
		if s.Do != traces.DoCancel || s.After == 0 {
			return false
		}
		at := p.Threads[s.Thread][s.After-1]
		return at.Do == traces.DoSubmit && at.Request == s.Request && at.Count == 1 && p.stream(p.Requests[s.Request]) &&
			!p.step(func(w traces.Step) bool { return w.Do == traces.DoWrite && w.File == p.Requests[s.Request].File })
	})
}

func (p program) cutsWrites() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		list := p.requests(steps[i])
		return len(list) == 1 && list[0].Opcode.Writes() && p.stream(list[0]) && list[0].Bytes > 64<<10 && p.cancelled(steps[i].Request) &&
			p.step(func(s traces.Step) bool { return s.Do == traces.DoRead && s.File == list[0].File })
	})
}

// crowded counts the requests of one kind that go to each context.
func (p program) crowded(is func(r traces.RequestDecl) bool) (context uint16, most int) {
	n := map[uint16]int{}
	p.step(func(s traces.Step) bool {
		for _, r := range p.requests(s) {
			if is(r) {
				n[s.Context]++
			}
		}
		if n[s.Context] > most {
			context, most = s.Context, n[s.Context]
		}
		return false
	})
	return context, most
}

func (p program) fillsWithCancels() bool {
	c, n := p.crowded(func(r traces.RequestDecl) bool { return r.Opcode == model.Poll && r.Offset == pollIn })
	cancels := 0
	p.step(func(s traces.Step) bool {
		if s.Do == traces.DoCancel && s.Context == c {
			cancels++
		}
		return false
	})
	return n > 160 && cancels >= 32
}

func (p program) overfills() bool {
	c, n := p.crowded(func(r traces.RequestDecl) bool { return r.Opcode == model.Poll && r.Offset == pollOut })
	return n > 288 && p.does(traces.DoReapRing, c)
}

func (p program) refusesMany() bool {
	_, n := p.crowded(func(r traces.RequestDecl) bool {
		return r.Opcode == model.FSync && p.Files[r.File].Kind == traces.Eventfd
	})
	return n >= 144
}

// abandons looks for a destroyer who then tells the peer.
func (p program) abandons() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		return steps[i].Do == traces.DoDestroy && i+1 < len(steps) && steps[i+1].Do == traces.DoWrite && p.step(func(s traces.Step) bool {
			return s.Do == traces.DoSubmit && s.Context == steps[i].Context && p.stream(p.Requests[s.Request])
		})
	})
}

func (p program) cancelsSignalling() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		return steps[i].Do == traces.DoCancel && p.Requests[steps[i].Request].Eventfd > 0
	})
}

func (p program) destroysBusy() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		list := p.requests(steps[i])
		return len(list) > 3 && list[0].File == 0 && i+1 < len(steps) && steps[i+1].Do == traces.DoDestroy
	})
}

func (p program) destroysFrozen() bool {
	steps := p.frozen()
	return len(steps) > 0 && p.step(func(s traces.Step) bool {
		return s.Do == traces.DoDestroy && s.Context == steps[0].Context
	})
}

func (p program) destroysWaitedFor() bool {
	return p.any(func(steps []traces.Step, i int) bool {
		_, busy := p.crowded(func(traces.RequestDecl) bool { return true })
		c := steps[i].Context
		return busy > 0 && collects(steps[i]) && steps[i].Max == 4 && steps[i].Min == 1 && !p.does(traces.DoSubmit, c) && p.does(traces.DoDestroy, c)
	})
}

func (p program) contests() bool {
	return p.step(func(s traces.Step) bool {
		if s.Do != traces.DoDestroy || s.After == 0 {
			return false
		}
		rival := p.Threads[s.Thread][s.After-1]
		return rival.Do == traces.DoDestroy && rival.Context == s.Context
	})
}
