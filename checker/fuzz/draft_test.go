package fuzz_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/checker/fuzz"
	"aiocheck/checker/fuzz/simulated"
	"aiocheck/model"
	"aiocheck/traces"
)

// able is what the simulated kernel with threads can do.
var able = traces.Abilities{Threaded: true, Names: true, Identity: true, Freeze: true}

func anyDraft(t *rapid.T) *fuzz.Draft {
	p := rapid.SampledFrom(fuzz.Profiles()).Draw(t, "profile")
	return fuzz.Drafts(&p, able).Draw(t, "draft")
}

// A draft is the same after it was a file, and makes the same program again.
func TestDraftsAreFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDraft(t)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var again fuzz.Draft
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		at := fuzz.Place{First: 1, Able: able, Bytes: fuzz.WindowBytes(0), CPUs: 2}
		if diff := cmp.Diff(d.Compile(at), again.Compile(at)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Tables that nothing is about change nothing else in the program.
func TestTidyKeepsThePrograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDraft(t)
		at := fuzz.Place{First: 1, Able: able, Bytes: fuzz.WindowBytes(0)}
		before, after := d.Compile(at), d.Tidy().Compile(at)
		for i := range before.Threads[:min(d.Threads, len(before.Threads))] {
			kinds := func(p *traces.Program) (list []traces.Do) {
				for _, s := range p.Threads[i] {
					list = append(list, s.Do)
				}
				return list
			}
			if diff := cmp.Diff(kinds(before), kinds(after)); diff != "" {
				t.Fatal(diff)
			}
		}
		if n, most := len(after.Contexts), len(before.Contexts); n > most {
			t.Fatalf("%d contexts, of %d", n, most)
		}
	})
}

// Shrinking leaves nothing that can be left out, and what it leaves fails.
func TestShrinkFindsTheCore(t *testing.T) {
	p, err := fuzz.FindProfile("cancel")
	if err != nil {
		t.Fatal(err)
	}
	// As if a kernel failed whenever a POLL is cancelled that was submitted
	// beside something else of the same batch.
	fails := func(d *fuzz.Draft) bool {
		for i := range d.Acts {
			c := &d.Acts[i]
			for k := range d.Acts[:i] {
				s := &d.Acts[k]
				if c.Do == fuzz.Cancel && s.Do == fuzz.Submit && c.Of == s.ID && len(s.Requests) > 1 &&
					slices.ContainsFunc(s.Requests, func(r traces.RequestDecl) bool { return r.Opcode == model.Poll }) {
					return true
				}
			}
		}
		return false
	}
	shrunk := 0
	for seed := range 200 {
		d := fuzz.Drafts(p, able).Example(seed)
		if !fails(d) {
			continue
		}
		if shrunk++; shrunk > 5 {
			break
		}
		small, err := fuzz.Shrink(d, 10_000_000_000, fails)
		if err != nil {
			t.Fatal(err)
		}
		if !fails(small) || len(small.Acts) != 2 || len(small.Contexts) != 1 {
			text, _ := json.Marshal(small)
			t.Errorf("seed %d: %s", seed, text)
		}
	}
	if shrunk == 0 {
		t.Error("no draft fails: this test shows nothing")
	}
}

// A draft all of whose changes fail is shrunk to nothing, and shrinking ends by
// itself: no change undoes another.
func TestShrinkEnds(t *testing.T) {
	for seed := range 20 {
		d := fuzz.Drafts(&fuzz.Profiles()[0], able).Example(seed)
		asked := 0
		small, err := fuzz.Shrink(d, 10*time.Minute, func(*fuzz.Draft) bool { asked++; return true })
		if err != nil {
			t.Fatal(err)
		}
		if len(small.Acts) > 0 || asked > 1000 {
			t.Errorf("seed %d: %d acts left, %d drafts asked about", seed, len(small.Acts), asked)
		}
		few := 0
		small, err = fuzz.Shrink(d, 10*time.Minute, func(c *fuzz.Draft) bool { few++; return len(c.Acts) >= len(d.Acts) })
		if err != nil {
			t.Fatal(err)
		}
		if len(small.Acts) != len(d.Acts) || small.Threads != 1 || few > 5000 {
			t.Errorf("seed %d: %d of %d acts, %d threads, %d drafts asked about", seed, len(small.Acts), len(d.Acts), small.Threads, few)
		}
	}
}

// What the corpus makes of its drafts ends, too, and makes an honest kernel not
// look wrong.
func TestMutantsAreSound(t *testing.T) {
	p, err := fuzz.FindProfile("default")
	if err != nil {
		t.Fatal(err)
	}
	var corpus []*fuzz.Seed
	fresh := fuzz.Drafts(p, able)
	for seed := range 60 {
		corpus = append(corpus, &fuzz.Seed{Draft: fresh.Example(seed)})
	}
	target := &simulated.Target{}
	for seed := range mutants {
		d := fuzz.Mutants(corpus, fresh).Example(seed)
		if seed%2 == 0 { // the changes of changes
			corpus = append(corpus, &fuzz.Seed{Draft: d})
		}
		judge(t, target, uint64(seed), d)
	}
}
