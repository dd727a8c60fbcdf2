package machine

import (
	"slices"
	"testing"

	"aiocheck/model/design"
)

// Every seeded bug violates its property in its witness, and the design
// without it violates nothing there.
func TestSeededBugs(t *testing.T) {
	for _, info := range design.BugTable() {
		t.Run(info.Name, func(t *testing.T) {
			base, err := design.Named(info.Base)
			if err != nil {
				t.Fatal(err)
			}
			s := Witness(info.Bug)
			sound := machineOf(t, base, s)
			if e := full(t, sound, 300_000); e.violated != 0 {
				for i, w := range e.witness {
					t.Errorf("%s without the bug violates %s in\n%s", info.Base, properties[i].Name, sound.Describe(&w))
				}
			}
			broken := machineOf(t, base.With(info.Bug), s)
			e := full(t, broken, 300_000)
			if !slices.Contains(names(e.violated), info.Property.Name) {
				t.Errorf("violated %v in %d states, want %s", names(e.violated), e.states, info.Property.Name)
			}
			t.Logf("%d states, violated %v", e.states, names(e.violated))
		})
	}
}

func machineOf(t testing.TB, d design.Design, s *Scenario) *Machine {
	t.Helper()
	m, err := New(&d, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
