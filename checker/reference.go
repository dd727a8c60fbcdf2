package checker

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"aiocheck/traces"
)

// The reference for one register is porcupine, with a model that knows
// nothing of zones: an optional write takes effect or does not. Its cost is
// exponential in how many accesses overlap, so it is given small histories
// only: those of the laws, and minimised ones.

var registerModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{traces.RequestID(0)} },
	Step: func(state, input, _ any) []any {
		a := input.(access)
		switch {
		case a.write && a.optional:
			return []any{state, a.value}
		case a.write:
			return []any{a.value}
		case state == a.value:
			return []any{state}
		}
		return nil
	},
}

// operations gives the accesses the form that porcupine takes. All of them
// have a call and a return, and in this order: of a history with anything
// else porcupine would say that it is not linearizable.
func operations(accesses []access) []porcupine.Operation {
	var ops []porcupine.Operation
	for i, a := range accesses {
		if a.from > a.to {
			panic("checker: an access ends before it begins")
		}
		ops = append(ops, porcupine.Operation{ClientId: i, Input: a, Call: a.from, Return: a.to})
	}
	return ops
}

// linearize is porcupine's best attempt at an order: the place of each access
// from 1, or 0 if it fits nowhere, and whether all of them fit.
func linearize(accesses []access, limit time.Duration) (order []int, ok bool) {
	return bestOrder(registerModel.ToModel(), operations(accesses), limit)
}

// bestOrder is porcupine's best attempt at an order of the operations: the
// place of each from 1, or 0 if it fits nowhere, and whether all of them fit.
func bestOrder(m porcupine.Model, ops []porcupine.Operation, limit time.Duration) (order []int, ok bool) {
	order = make([]int, len(ops))
	result, info := porcupine.CheckOperationsVerbose(m, ops, limit)
	var best []int
	for _, partial := range info.PartialLinearizations()[0] {
		// Of several attempts of one length, the one is taken that begins
		// earliest in the table: porcupine lists them in any order.
		if len(partial) > len(best) || len(partial) == len(best) && slices.Compare(partial, best) < 0 {
			best = partial
		}
	}
	for place, id := range best {
		order[id] = place + 1
	}
	return order, result == porcupine.Ok
}
