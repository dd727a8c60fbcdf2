package fuzz_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"aiocheck/checker/fuzz"
)

// A corpus has the same features after it was minimised and read again, and
// those of both after it was merged with another.
func TestCorpusKeepsItsFeatures(t *testing.T) {
	dirs := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(dirs, fmt.Sprint(n))
		want := map[string]bool{}
		fill := func(c *fuzz.Corpus) {
			for range rapid.IntRange(0, 12).Draw(t, "drafts") {
				var shown []string
				for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 15), 1, 4, rapid.ID).Draw(t, "features") {
					shown = append(shown, fmt.Sprintf("request %d", i))
					want[shown[len(shown)-1]] = true
				}
				if _, err := c.Add(&fuzz.Draft{Acts: make([]fuzz.Act, rapid.IntRange(0, 3).Draw(t, "acts"))}, shown); err != nil {
					t.Fatal(err)
				}
			}
		}
		open := func() *fuzz.Corpus {
			c, err := fuzz.OpenCorpus(dir)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Counts()["request"]; got != len(want) {
				t.Fatalf("%d features, want %d", got, len(want))
			}
			return c
		}
		for range 2 { // the second time, others are added
			c := open()
			fill(c)
			if _, err := c.Minimise(); err != nil {
				t.Fatal(err)
			}
		}
		c := open()
		if gone, err := c.Minimise(); err != nil || gone > 0 {
			t.Fatalf("%d seeds more go, error %v", gone, err)
		}
	})
}

// What is no seed is refused, by name.
func TestBadCorpus(t *testing.T) {
	for _, text := range []string{"{", "{}", "[]"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "bad.json"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := fuzz.OpenCorpus(dir); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// Wilson's interval, by values worked out by hand.
func TestRate(t *testing.T) {
	for _, c := range []struct {
		rate      fuzz.Rate
		low, high float64
		text      string
	}{
		{fuzz.Rate{}, 0, 1, "0 of 0 runs, 0 to 100 %"},
		{fuzz.Rate{Runs: 10}, 0, 0.2775, "0 of 10 runs, 0 to 28 %"},
		{fuzz.Rate{Runs: 10, Violated: 10}, 0.7225, 1, "10 of 10 runs, 72 to 100 %"},
		{fuzz.Rate{Runs: 100, Violated: 50}, 0.4038, 0.5962, "50 of 100 runs, 40 to 60 %"},
	} {
		low, high := c.rate.Interval()
		if math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 || c.rate.String() != c.text {
			t.Errorf("%v: %f to %f", c.rate, low, high)
		}
	}
}
