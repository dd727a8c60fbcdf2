package fuzz

import (
	"encoding/json"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// shrinking is held while rapid shrinks: its settings belong to the process.
var shrinking sync.Mutex

// flags is held while rapid's flags are changed, and for reading while drafts
// are generated, which looks at some of them.
var flags sync.RWMutex

// shrinkSeed is where rapid's search begins: any, but always the same.
const shrinkSeed = 1

// Shrink looks for the simplest draft that still fails. A draft is first made
// simpler part by part; then rapid takes over, whose generator makes several
// changes at once and whose shrinking finds the simplest that it can within the
// time. (Alone rapid takes a minute for what so takes seconds: it tries all
// pairs of decisions.) fails is asked once about each draft, so that it may well
// depend on chance. If nothing simpler fails, that is d.
func Shrink(d *Draft, limit time.Duration, fails func(*Draft) bool) (*Draft, error) {
	shrinking.Lock()
	began := time.Now()
	defer shrinking.Unlock()
	flags.Lock()
	restore, err := settings(map[string]string{
		"rapid.checks": "40", "rapid.seed": fmt.Sprint(shrinkSeed), "rapid.nofailfile": "true", "rapid.shrinktime": time.Second.String(),
	})
	flags.Unlock()
	if err != nil {
		return d, err
	}
	defer func() {
		flags.Lock()
		defer flags.Unlock()
		restore()
	}()
	known := map[string]bool{}
	ends := time.Now().Add(limit)
	ask := func(c *Draft) bool {
		text, err := json.Marshal(c.Tidy())
		if err != nil {
			panic(fmt.Sprintf("a draft is not JSON: %v", err))
		}
		failed, asked := known[string(text)]
		if !asked {
			failed = time.Now().Before(ends) && fails(c)
			known[string(text)] = failed
		}
		return failed
	}
	d = greedy(d, ends, ask).Tidy()
	ends = time.Now().Add(min(time.Until(ends), time.Since(began)+time.Second))
	best, generator := d, simpler(d)
	search := func(t *rapid.T) {
		c := generator.Draw(t, "draft")
		if ask(c) {
			best = c // the last one that rapid tries is the simplest
			t.Fatalf("fails")
		}
	}
	done := make(chan struct{})
	go func() { // FailNow ends the goroutine
		defer close(done)
		rapid.Check(quiet{}, search)
	}()
	<-done
	return best.Tidy(), nil
}

// settings sets flags of rapid's and returns what puts them back. Outside of go
// test, rapid wants to find those of package testing set up, too.
func settings(values map[string]string) (restore func(), err error) {
	if flag.Lookup("test.v") == nil {
		testing.Init()
	}
	if !flag.Parsed() {
		if err := flag.CommandLine.Parse(nil); err != nil {
			return nil, fmt.Errorf("set up rapid: %w", err)
		}
	}
	before := map[string]string{}
	restore = func() {
		for name, value := range before {
			// It was the flag's own value, so it can be set.
			_ = flag.Set(name, value)
		}
	}
	for name, value := range values {
		f := flag.Lookup(name)
		if f == nil {
			restore()
			return nil, fmt.Errorf("set up rapid: it has no flag %s", name)
		}
		before[name] = f.Value.String()
		if err := flag.Set(name, value); err != nil {
			restore()
			return nil, fmt.Errorf("set up rapid: %w", err)
		}
	}
	return restore, nil
}
