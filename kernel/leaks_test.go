package kernel

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"aiocheck/traces"
)

// A round that gives everything back is not suspected; a descriptor that is
// open afterwards is told.
func TestLeaks(t *testing.T) {
	h, err := NewHost(openTest(t), Options{Run: testRun, Threads: testThreads, Records: 1 << 12, Leaks: true})
	if err != nil {
		t.Fatal(err)
	}
	p := program(traces.EndDrain, inFlight(), []traces.Step{submitting(2, 2), {Do: traces.DoGetEvents, Min: 2, Max: 2, Timeout: forEver}})
	if err := errors.Join(h.Run(context.Background(), list(p), &collected{}), h.Close()); err != nil {
		t.Error(err)
	}
	// Slots and threads are those of the whole machine here: they are counted,
	// and not compared.
	if _, err := (&runner{conf: settings{Leaks: true, Own: true}}).holdings(); err != nil {
		t.Fatal(err)
	}
	r := &runner{conf: settings{Leaks: true}}
	before, err := r.holdings()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.leaked(before, time.Minute); err != nil {
		t.Error(err)
	}
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := r.leaked(before, 0); !errors.Is(err, ErrLeak) || !strings.Contains(err.Error(), " descriptors after ") {
		t.Errorf("error %v", err)
	}
}
