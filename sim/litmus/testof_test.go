package litmus

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"aiocheck/model/design"
	"aiocheck/model/machine"
)

// A scenario that is made a test and back is the same, but for what says
// nothing: names, and how a refusal comes about.
func TestTestOf(t *testing.T) {
	for _, info := range design.BugTable() {
		s := machine.Witness(info.Bug)
		test, err := TestOf(s)
		if err != nil {
			t.Errorf("%s: %v", info.Name, err)
			continue
		}
		got, err := Scenario(test)
		if err != nil {
			t.Errorf("%s: %v", info.Name, err)
			continue
		}
		for i := range got.Threads {
			got.Threads[i].Name = s.Threads[i].Name
		}
		for i := range got.Files {
			if s.Files[i].Capacity == 0 {
				got.Files[i].Capacity = 0 // enough
			}
		}
		for i := range got.Requests {
			if s.Requests[i].Refused {
				got.Requests[i] = s.Requests[i]
			}
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("%s: %s", info.Name, diff)
		}
	}
	for _, s := range []*machine.Scenario{machine.CancelScenario(1, 1, 1)} {
		if _, err := TestOf(s); err == nil {
			t.Error("a call that is made for ever is a test")
		}
	}
}
