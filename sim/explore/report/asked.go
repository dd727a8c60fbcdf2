package report

import (
	"slices"

	"aiocheck/model"
	"aiocheck/model/machine"
)

// asked reports whether a scenario puts a property to the test at all: that a
// context is destroyed once is no news where nobody destroys one.
func asked(s *machine.Scenario, p model.Property) bool {
	cancels := calls(s, machine.Cancel)
	ends := calls(s, machine.Destroy) || calls(s, machine.Exit)
	switch p {
	case model.CancelAnswer:
		return cancels
	case model.CancelledNoEffect, model.CancelledEnds, model.SignalOutlivesRequest:
		return cancels || ends
	case model.CancelHitsRequest:
		return cancels && reused(s)
	case model.DestroyOnce, model.DestroyWaits:
		return calls(s, machine.Destroy)
	case model.DestroyReturns:
		return ends
	case model.ExitWaits:
		return calls(s, machine.Exit)
	case model.WaiterWoken:
		return calls(s, machine.GetEvents)
	case model.ArgsCaptured:
		return calls(s, machine.ChangeIocb)
	case model.EventfdCount:
		return requests(s, func(r *machine.Request) bool { return r.Eventfd })
	case model.FsyncOrder:
		return requests(s, func(r *machine.Request) bool { return r.Opcode.Syncs() })
	case model.ResultMatchesEffect:
		return requests(s, func(r *machine.Request) bool { return r.Opcode.Transfers() })
	case model.LimitsCaptured:
		return requests(s, func(r *machine.Request) bool { return r.Opcode.Writes() || r.Opcode == model.OpenAt })
	case model.FsCaptured, model.FilesCaptured:
		return requests(s, func(r *machine.Request) bool {
			return r.Opcode == model.OpenAt || r.Opcode == model.UnlinkAt || r.Opcode == model.RenameAt
		})
	}
	return true
}

// calls reports whether some thread makes such a call.
func calls(s *machine.Scenario, kind machine.CallKind) bool {
	return slices.ContainsFunc(s.Threads, func(t machine.Thread) bool {
		return slices.ContainsFunc(t.Calls, func(c machine.Call) bool { return c.Kind == kind })
	})
}

func requests(s *machine.Scenario, so func(*machine.Request) bool) bool {
	return slices.ContainsFunc(s.Requests, func(r machine.Request) bool { return so(&r) })
}

// reused reports whether two requests have one iocb address.
func reused(s *machine.Scenario) bool {
	seen := map[uint8]bool{}
	for _, r := range s.Requests {
		if r.Address != 0 && seen[r.Address] {
			return true
		}
		seen[r.Address] = true
	}
	return false
}
