package compare

import (
	"fmt"
	"slices"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
)

// needs says what a design lacks to run a case, "" if nothing.
func needs(d *design.Design, s *machine.Scenario) string {
	for _, r := range s.Requests {
		switch {
		case d.ExecutorOf(r.Opcode, s.Files[r.File].Kind) == design.Unsupported:
			return fmt.Sprintf("it has no %s", r.Opcode)
		case r.Eventfd && !d.Completion.KernelRing():
			return "its completions signal no eventfd"
		}
	}
	for _, c := range s.Contexts {
		if c.Slots != 0 && d.Completion != design.ReservedRing {
			return "it reserves no slots for completions"
		}
	}
	for _, t := range s.Threads {
		for _, c := range t.Calls {
			switch {
			case c.Kind == machine.Cancel && d.Answers == 0:
				return "it has no call that cancels"
			case c.Kind == machine.Destroy && !d.Completion.KernelRing():
				return "it has no context to destroy"
			case c.Kind == machine.ReapRing && !d.Completion.KernelRing():
				return "it maps no ring of the kernel's"
			case c.Kind == machine.Exit && d.Exit == design.ExitKill:
				return "exit kills its threads, as it does any thread of the process"
			}
		}
	}
	return ""
}

// lacks says why a property has nothing to speak of in a design, "" if it has.
func lacks(d *design.Design, p model.Property) string {
	pools := []design.Executor{design.Pool, design.AttemptPool, design.PerFile}
	switch p {
	case model.CancelledNoEffect:
		if d.Queued == design.QueuedNone && !d.CancelPollOnly {
			return "a request that has not begun cannot be cancelled"
		}
	case model.CancelledEnds:
		if d.Queued == design.QueuedNone && d.Running == design.RunningNone && !d.CancelPollOnly {
			return "nothing can be cancelled"
		}
	case model.SignalOutlivesRequest:
		if d.Running == design.RunningNone {
			return "no signals are sent to cancel"
		}
	case model.CancelHitsRequest:
		if d.Queued == design.QueuedNone && d.Running == design.RunningNone {
			return "nothing can be cancelled"
		}
	case model.RingNeverOverflows:
		if d.Completion == design.UnreservedRing {
			return "its ring reserves nothing: the program must leave room"
		}
	case model.FsyncOrder:
		if !d.SyncFollowsWrites {
			return "an fsync is not promised to follow the writes submitted before it"
		}
	case model.PoolProgress:
		bounded := func(e design.Executor) bool { return slices.Contains(pools, e) }
		if !slices.ContainsFunc([]design.Executor{d.Transfer, d.Stream, d.Direct, d.Sync, d.Poll, d.Names}, bounded) {
			return "it has no bounded pool"
		}
	}
	return ""
}
