package checker

import (
	"time"

	"github.com/anishathalye/porcupine"

	"aiocheck/model"
)

// The reference for a name space is porcupine on the specification in
// model/names.go. It is given small histories only: those of the laws, and
// minimised ones.

// nameModel is the specification as porcupine takes it.
func nameModel(start model.NameState, files int) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{start} },
		Step: func(state, input, _ any) []any {
			o := input.(nameOp)
			var next []any
			for _, s := range o.next(state.(model.NameState), model.FileID(files)) {
				next = append(next, s)
			}
			return next
		},
	}
	return m.ToModel()
}

// linearizeNames is porcupine's best attempt at an order: the place of each
// operation from 1, or 0 if it fits nowhere, and whether all of them fit.
func linearizeNames(start model.NameState, files int, ops []nameOp, limit time.Duration) (order []int, ok bool) {
	if len(ops) == 0 {
		return nil, true
	}
	list := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		if o.from > o.to {
			panic("checker: an operation on a name ends before it begins")
		}
		list[i] = porcupine.Operation{ClientId: i, Input: o, Call: o.from, Return: o.to}
	}
	return bestOrder(nameModel(start, files), list, limit)
}
