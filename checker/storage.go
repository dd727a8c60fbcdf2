package checker

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"aiocheck/model"
	"aiocheck/traces"
)

// storage is a judgement of the storage and the streams under way.
type storage struct {
	history *traces.History
	budget  *budget
	effects []effect
	layout  *layout
	sound   []uint64        // by position in history.Data, one bit: its registers are to be judged
	flaws   []flawed        // the first of each kind, in the order of history.Data
	count   [2][flaws]int64 // of flaws: of the storage, of streams
	runs    int64           // runs of data inspected
	sectors int64           // sectors that reads returned
	undone  int64           // writes that were cancelled before they began
	moved   int64           // transfers whose result was compared with their effect
	late    [endNever + 1]int64
	regions struct {
		found collected
		done  atomic.Int64
	}
	stream int64 // runs of data read from streams
}

// flawed is a run of data with a flaw.
type flawed struct {
	flaw   flaw
	stream bool
	data   int // position in history.Data
}

// judgeStorage judges the storage and the streams. Without a budget that
// lasts, what was found until then counts, and the rest is undecided.
func judgeStorage(h *traces.History, b *budget) []Verdict {
	s := &storage{history: h, budget: b}
	why := ""
	for _, stage := range []struct {
		name string
		run  func() bool
	}{
		{"finding the effect of each request", s.findEffects},
		{"inspecting what reads returned", s.inspectData},
		{"judging streams", s.judgeStreams},
		{"laying out regions", s.layRegions},
		{"judging regions", s.judgeRegions},
	} {
		if !stage.run() {
			why = b.why() + " while " + stage.name
			if s.layout != nil {
				why += fmt.Sprintf(": %d of %d were done", s.regions.done.Load(), s.layout.regions())
			}
			break
		}
	}
	return s.verdicts(why)
}

func (s *storage) findEffects() bool {
	s.effects = effects(s.history, s.budget)
	for i := range s.effects {
		e := &s.effects[i]
		if e.does == writes && e.ended != endNever && s.onStorage(i) {
			s.late[e.ended]++
		}
		if e.none == notBegun {
			s.undone++
		}
		if e.does != doesNothing && e.ended == endEvent && !failed(s.history, &s.history.Requests[i]) {
			s.moved++
		}
	}
	return s.effects != nil
}

func (s *storage) onStorage(request int) bool {
	return s.history.Files[s.history.Requests[request].File].Kind == traces.Storage
}

// inspectData judges each run of data of the storage by itself.
func (s *storage) inspectData() bool {
	h := s.history
	if !s.budget.take(int64(len(h.Data) / 8)) {
		return false
	}
	s.sound = make([]uint64, (len(h.Data)+63)/64)
	for i := range h.Data {
		if i&0xffff == 0 && s.budget.spent() {
			return false
		}
		d := &h.Data[i]
		if s.effects[d.Request-1].does != reads || !s.onStorage(int(d.Request-1)) {
			continue
		}
		f, lo, hi := inspect(h, s.effects, d)
		switch f {
		case silent:
			continue
		case sound, suspect:
			s.sound[i/64] |= 1 << (i % 64)
			s.sectors += (hi+sectorLines-1)/sectorLines - lo/sectorLines
		default:
			s.flaw(f, false, i)
		}
		s.runs++
	}
	return true
}

// flaw counts a flaw, and keeps the first of each kind.
func (s *storage) flaw(f flaw, stream bool, data int) {
	n := &s.count[0][f]
	if stream {
		n = &s.count[1][f]
	}
	if *n++; *n <= maxFindings {
		s.flaws = append(s.flaws, flawed{f, stream, data})
	}
}

func (s *storage) layRegions() bool {
	h := s.history
	run := func(i int) (lo, hi int64) {
		if s.sound[i/64]>>(i%64)&1 == 0 {
			return 0, 0
		}
		return returned(h, s.effects, &h.Data[i])
	}
	s.layout = lay(len(h.Requests), len(h.Data), placeOfWrite(h, s.effects), run, s.budget)
	return s.layout != nil
}

// judgeRegions lets every processor take one region after the other. Results
// are merged in the order of regions, so that chance has no part in them.
func (s *storage) judgeRegions() bool {
	workers := min(runtime.GOMAXPROCS(0), s.layout.regions())
	found := make([]collected, s.layout.regions())
	var next atomic.Int64
	var stopped atomic.Bool
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			if !s.budget.take(int64(len(s.effects)+1) * 4) {
				stopped.Store(true)
				return
			}
			g := &region{storage: s, local: make([]int32, len(s.effects)+1)}
			for r := next.Add(1) - 1; r < int64(len(found)); r = next.Add(1) - 1 {
				g.found = &found[r]
				if !g.gather(int(r)) || !g.judge() {
					stopped.Store(true)
					return
				}
				g.found.open = nil
				s.regions.done.Add(1)
			}
		})
	}
	wait.Wait()
	all := &s.regions.found
	for i := range found {
		all.merge(&found[i])
	}
	all.joinAdjacent()
	s.tellShort()
	return !stopped.Load()
}

// verdicts puts together what the stages have found. why is empty if all of
// them ran to their end.
func (s *storage) verdicts(why string) []Verdict {
	found := &s.regions.found
	instances := map[string]int64{
		model.FreshReads.Name:          found.reads,
		model.NoLostWrite.Name:         found.writesReadAfter,
		model.NoThinAir.Name:           s.runs,
		model.DataInPlace.Name:         s.runs,
		model.WholeSectors.Name:        s.sectors,
		model.ResultMatchesEffect.Name: s.moved,
		model.CancelledNoEffect.Name:   s.undone,
		model.StreamOrder.Name:         s.stream,
		model.DestroyWaits.Name:        s.late[endDestroy],
		model.ExitWaits.Name:           s.late[endExit],
	}
	violations := map[string]int64{}
	for of := range s.count {
		for f, n := range s.count[of] {
			violations[flaw(f).property(of == 1).Name] += n
		}
	}
	for _, v := range found.list {
		violations[blameProperty[v.kind].Name]++
	}
	for k, n := range found.more {
		violations[blameProperty[k].Name] += n
	}
	findings := s.explain()
	var vs []Verdict
	for _, p := range model.Properties() {
		n, judged := instances[p.Name]
		if !judged {
			continue
		}
		v := Verdict{Property: p, Instances: n, Violations: violations[p.Name], Findings: findings[p.Name]}
		switch {
		case v.Violations > 0:
			v.Outcome, v.Why = Violated, why
		case why != "":
			v.Outcome, v.Why = Undecided, why
		case n == 0:
			v.Outcome = Unchecked
		}
		vs = append(vs, v)
	}
	return vs
}
