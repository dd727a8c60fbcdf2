package litmus

import (
	"slices"
	"strings"
	"time"

	"aiocheck/model/machine"
	"aiocheck/traces"
)

// Scenario is the test with as many workers as the kernel has, for an order to
// be made of. A pool of the model is a processor's, of the kernel a context's:
// if there are several contexts, no request waits for a thread of either.
func (p *Plan) Scenario() (*machine.Scenario, error) {
	t := p.pooled()
	if len(t.Contexts) > 1 && p.Workers > 0 {
		t.Workers = max(1, len(t.Requests))
		p.Workers = t.Workers
	}
	return Scenario(t)
}

// Gated says which steps of the program's threads wait for a script: those of
// the test, and where the helper begins to end the round.
func (p *Plan) Gated() []traces.Span {
	spans := make([]traces.Span, len(p.threads))
	for i := range p.Test.Threads {
		spans[i].To = uint32(len(p.Test.Threads[i].Calls))
	}
	if p.ends() {
		spans[len(p.Test.Threads)] = traces.Span{From: uint32(p.prepared), To: uint32(p.prepared) + 1}
	}
	return spans
}

// ends reports whether the helper ends the round: Forced gives it a step before
// that, which does nothing but wait.
func (p *Plan) ends() bool {
	helper := len(p.Test.Threads)
	return helper < len(p.threads) && p.prepared < len(p.threads[helper])
}

// Positions are the requests' places in the program.
func (p *Plan) Positions() (positions []traces.RequestID) {
	for _, at := range p.position {
		positions = append(positions, traces.RequestID(at))
	}
	return positions
}

// Forced is the program without any waits of its own, for a script to order.
// In named are the requests that cancels name, by thread and call, where they
// may name one of several.
func (p *Plan) Forced(round, rounds int, settle time.Duration, named map[[2]int]int) *traces.Program {
	out := p.Program(Instance{Round: round, Settle: settle}, rounds)
	out.Processors = nil
	helper := len(p.Test.Threads)
	for i := range p.Test.Threads {
		for k := range out.Threads[i] {
			s := &out.Threads[i][k]
			s.Spin = 0
			if s.After > 0 && int(s.Thread) != helper {
				s.Thread, s.After = 0, 0
			}
			if r, ok := named[[2]int{i, k}]; ok && s.Do == traces.DoCancel {
				s.Request = traces.RequestID(p.position[r])
			}
		}
		// The leader's submission is met by script; what the helper has to fill
		// and close comes first.
		if helper < len(p.threads) && len(out.Threads[i]) > 0 {
			first := p.threads[i][0]
			out.Threads[i][0].Thread, out.Threads[i][0].After = first.Thread, first.After
		}
	}
	if p.ends() {
		out.Threads[helper] = slices.Insert(slices.Clone(out.Threads[helper]), p.prepared, traces.Step{Do: traces.DoAwait})
	}
	return out
}

// View is what a program can observe of the end of a behaviour, in the form of
// Seen.Outcome; whole says that the run came to its end.
func (p *Plan) View(obs *machine.Observation, whole bool) string {
	seen := *obs
	seen.Requests = slices.Clone(obs.Requests)
	for i := range seen.Requests {
		// What is done to another name, or in another directory, is not seen at
		// the request's own.
		if end := &seen.Requests[i]; p.Test.Requests[i].Op.Names() && (end.Rewrite || end.Task != machine.TaskSubmitter) {
			end.Units = 0
		}
		if end := &seen.Requests[i]; strings.HasPrefix(end.Result, "-") {
			end.Data = nil // nobody looks
		}
	}
	return p.view(&seen, !whole)
}

// Allows reports whether the design allows such an outcome.
func (p *Plan) Allows(outcome string) bool { return slices.Contains(p.Allowed, outcome) }

// UnitBytes is what a unit of the file of request i takes in the program.
func (p *Plan) UnitBytes(i int) int64 { return p.unitBytes(fileIndex(p.Test, p.Test.Requests[i].File)) }
