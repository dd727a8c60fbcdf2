package report

import (
	"bytes"
	"encoding/json"
	"io"

	"aiocheck/sim/explore"
	"aiocheck/sim/replay"
	"aiocheck/traces"
)

type reportJSON struct {
	Outcome    Verdict          `json:"outcome"`
	Design     string           `json:"design"`
	Bugs       []string         `json:"bugs,omitempty"`
	Scenario   json.RawMessage  `json:"scenario"`
	Search     string           `json:"search"`
	States     int64            `json:"states"`
	Steps      int64            `json:"steps"`
	Depth      int              `json:"depth"`
	Stop       explore.Stop     `json:"stop"`
	Frontier   int64            `json:"frontier"`
	Complete   int              `json:"complete_depth"`
	Liveness   explore.Liveness `json:"liveness"`
	Taken      map[string]int64 `json:"taken"` // by kind of step, those never taken with 0
	Properties []propertyJSON   `json:"properties"`
	Outcomes   []outcomeJSON    `json:"outcomes"`
	Sample     *sampleJSON      `json:"sample,omitempty"`
	Cost       explore.Cost     `json:"cost"`
}

// sampleJSON is what only walks and bitstate searches have: see
// explore.Partial.
type sampleJSON struct {
	Walks  int64   `json:"walks,omitempty"`
	Cut    int64   `json:"cut"`
	Fill   float64 `json:"fill"`
	Missed float64 `json:"missed"`
}

type propertyJSON struct {
	Name     string        `json:"name"`
	Sentence string        `json:"sentence"`
	Verdict  Verdict       `json:"verdict"`
	Examples []exampleJSON `json:"examples,omitempty"`
}

type exampleJSON struct {
	How    explore.How  `json:"how"`
	States int64        `json:"states"`
	File   string       `json:"file,omitempty"`
	Steps  []replay.Row `json:"steps"`
	Cycle  []replay.Row `json:"cycle,omitempty"`
}

type outcomeJSON struct {
	Text   string `json:"text"`
	States int64  `json:"states"`
	Steps  int    `json:"steps"` // of a shortest behaviour that ends so
}

// WriteJSON prints the report as one JSON object on one line.
func (r *Report) WriteJSON(w io.Writer) error {
	var scenario bytes.Buffer
	if err := traces.WriteScenario(&scenario, r.Setup.Scenario); err != nil {
		return err
	}
	res := r.Result
	j := reportJSON{
		Outcome: r.Verdict(), Design: r.Setup.Design.Name, Scenario: scenario.Bytes(), Search: r.Method,
		States: res.States, Steps: res.Transitions, Depth: res.Depth, Stop: res.Stop, Frontier: res.Frontier,
		Complete: res.CompleteDepth, Liveness: res.Liveness, Taken: map[string]int64{}, Cost: res.Cost,
	}
	if p := r.Partial; p != nil {
		j.Sample = &sampleJSON{p.Walks, p.Cut, p.Fill, p.Missed}
	}
	for _, b := range r.Setup.Bugs {
		j.Bugs = append(j.Bugs, b.String())
	}
	for _, s := range res.Steps {
		j.Taken[s.Kind.String()] = s.Taken
	}
	for _, o := range res.Outcomes {
		j.Outcomes = append(j.Outcomes, outcomeJSON{o.Text, o.States, len(o.Path)})
	}
	for _, p := range r.Properties {
		q := propertyJSON{Name: p.Name, Sentence: p.Sentence, Verdict: p.Verdict}
		for _, e := range p.Examples {
			rows := e.Run.Rows()
			n := len(e.Run.Schedule.Steps)
			q.Examples = append(q.Examples, exampleJSON{e.How, e.States, e.File, rows[:n], rows[n:]})
		}
		j.Properties = append(j.Properties, q)
	}
	return json.NewEncoder(w).Encode(&j)
}
