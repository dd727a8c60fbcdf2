package force

import (
	"fmt"
	"strings"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/sim/bounds"
)

// Bounds are those of small programs: so many requests, workers and cancels at
// most.
type Bounds struct{ Requests, Workers, Cancels int }

// UnmarshalText reads REQUESTS,WORKERS,CANCELS.
func (b *Bounds) UnmarshalText(text []byte) error {
	if n, err := fmt.Sscanf(string(text), "%d,%d,%d", &b.Requests, &b.Workers, &b.Cancels); n != 3 || err != nil {
		return fmt.Errorf("it is REQUESTS,WORKERS,CANCELS, such as 3,2,1, not %q", text)
	}
	if b.Requests < 1 || b.Requests > 4 || b.Workers < 1 || b.Workers > 4 || b.Cancels < 0 || b.Cancels > 2 {
		return fmt.Errorf("it is 1 to 4 requests, 1 to 4 workers and 0 to 2 cancels")
	}
	return nil
}

// asked is what the requests of small programs ask for: what ends by itself,
// and what waits.
var asked = []bounds.Operation{
	{Opcode: model.PWrite, File: design.Regular, Units: 1},
	{Opcode: model.PRead, File: design.Pipe, Units: 1},
}

// Scenarios are all programs within the bounds in which one thread submits the
// requests by one io_submit, each a write to a file or a read of an empty pipe,
// and each of the other threads cancels one, whichever.
func (b Bounds) Scenarios() ([]*machine.Scenario, error) {
	var all []*machine.Scenario
	for n := 1; n <= b.Requests; n++ {
		for choice := range 1 << n {
			var ops []bounds.Operation
			for i := range n {
				ops = append(ops, asked[choice>>i&1])
			}
			for workers := 1; workers <= b.Workers; workers++ {
				for cancels := 0; cancels <= b.Cancels; cancels++ {
					s, err := bounds.Bounds{Requests: n, Workers: workers, Cancels: cancels, CancelOnce: cancels > 0, Op: ops}.Scenario()
					if err != nil {
						return nil, err
					}
					s.Name = strings.ReplaceAll(strings.ReplaceAll(s.Name, "--", ""), " ", "-")
					all = append(all, s)
				}
			}
		}
	}
	return all, nil
}
