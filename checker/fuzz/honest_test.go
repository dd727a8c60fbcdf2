package fuzz_test

import (
	"bytes"
	"testing"

	"aiocheck/checker/fuzz"
	"aiocheck/checker/fuzz/simulated"
)

// judge runs a draft on an honest kernel and wants no violation.
func judge(t *testing.T, target *simulated.Target, seed uint64, d *fuzz.Draft) {
	t.Helper()
	run, err := target.Open(t.Context(), seed*0x9e3779b97f4a7c15)
	if err != nil {
		t.Fatal(err)
	}
	h := run.Header()
	programs := fuzz.Programs(&h, []*fuzz.Draft{d})
	rec, err := run.Do(t.Context(), programs)
	if err != nil {
		t.Fatal(err)
	}
	j, err := fuzz.Judge(rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(j.Violations) > 0 {
		var text bytes.Buffer
		if err := fuzz.List(&text, programs[0]); err != nil {
			t.Fatal(err)
		}
		t.Errorf("seed %d: %+v\n%s", seed, j.Violations, text.String())
	}
}

// No program of any profile makes an honest kernel look wrong, or hang.
func TestHonestKernelIsNotSuspected(t *testing.T) {
	target := &simulated.Target{}
	for _, p := range fuzz.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			for seed := range honest {
				run, err := target.Open(t.Context(), uint64(seed)*0x9e3779b97f4a7c15)
				if err != nil {
					t.Fatal(err)
				}
				judge(t, target, uint64(seed), fuzz.Drafts(&p, run.Header().Abilities).Example(seed))
			}
		})
	}
}
