package traces

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

// chromeEvent has the fields of the trace event format that are used.
type chromeEvent struct {
	Phase string         `json:"ph"`
	PID   *int           `json:"pid"`
	TID   *int           `json:"tid"`
	Name  string         `json:"name"`
	TS    *float64       `json:"ts"`
	Dur   *float64       `json:"dur"`
	ID    *int           `json:"id"`
	BP    string         `json:"bp"`
	Cat   string         `json:"cat"`
	Args  map[string]any `json:"args"`
}

func perfettoEvents(t *testing.T, h *History) (events []chromeEvent, text []byte) {
	t.Helper()
	var out bytes.Buffer
	if err := WritePerfetto(&out, h); err != nil {
		t.Fatal(err)
	}
	var file struct {
		TraceEvents []chromeEvent
	}
	if err := json.Unmarshal(out.Bytes(), &file); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	return file.TraceEvents, out.Bytes()
}

func TestPerfettoOfATinyRun(t *testing.T) {
	_, text := perfettoEvents(t, history(t, synthHeader(1), tiny()...))
	golden(t, "tiny.perfetto.json", text)
}

// TestPerfettoIsWellFormed: every event has what its phase needs, slices of a
// track do not overlap, and arrows lead from calls to slices of requests.
func TestPerfettoIsWellFormed(t *testing.T) {
	type lane struct{ pid, tid int }
	h := history(t, synthHeader(4), synthLogs(4, 4, 3, 2000)...)
	events, _ := perfettoEvents(t, h)
	ends, named, slices := map[lane]float64{}, map[lane]bool{}, map[int]int{}
	starts, arrows := map[int]bool{}, 0
	within := map[lane][]chromeEvent{}
	for _, e := range events {
		if e.PID == nil || e.TID == nil || e.Name == "" {
			t.Fatalf("event %+v", e)
		}
		on := lane{*e.PID, *e.TID}
		switch e.Phase {
		case "M":
			named[on] = true
		case "X":
			// Times are in microseconds: their sum is right to far less than a nanosecond.
			if e.TS == nil || e.Dur == nil || *e.Dur < 0 || *e.TS < ends[on]-1e-6 || !named[on] {
				t.Errorf("slice %+v after %f", e, ends[on])
			}
			ends[on] = *e.TS + *e.Dur
			slices[on.pid]++
			within[on] = append(within[on], e)
		case "s":
			starts[*e.ID] = true
		case "f":
			hit := false
			for _, s := range within[on] {
				hit = hit || *s.TS <= *e.TS && *e.TS < *s.TS+*s.Dur
			}
			if !starts[*e.ID] || e.BP != "e" || e.Cat != "cancel" || on.pid != perfettoRequests || !hit {
				t.Errorf("arrow %+v", e)
			}
			arrows++
		default:
			t.Errorf("event %+v", e)
		}
	}
	rejected := 0
	for i := range h.Requests {
		if h.Requests[i].Fate == Rejected {
			rejected++
		}
	}
	if slices[perfettoCalls] != len(h.Calls)+len(h.Rounds) || slices[perfettoRequests] != 2000-2000%3-rejected || arrows == 0 || arrows != len(starts) {
		t.Errorf("slices %v for %d calls, %d rejected, %d arrows of %d", slices, len(h.Calls), rejected, arrows, len(starts))
	}
}

func TestPerfettoReportsAFullDisk(t *testing.T) {
	if err := WritePerfetto(&fullDisk{room: 100}, history(t, synthHeader(1), tiny()...)); err == nil || errors.Unwrap(err) == nil {
		t.Errorf("got %v", err)
	}
}
