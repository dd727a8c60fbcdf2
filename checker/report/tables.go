package report

import (
	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

// maxRuns is how many data runs a page holds at most: those of requests that
// findings name, then the earliest. A hundred thousand reads of fragmented
// data would otherwise make a page that no browser opens.
const maxRuns = 300_000

// meta is what the scripts need besides the tables: names of numbers, and
// what is small. It is JSON inside the compressed block, so that no string of
// it ever meets the HTML parser; scripts put them into text nodes only.
type meta struct {
	Opcodes   []string       `json:"opcodes"`  // by number; empty where there is none
	Calls     []string       `json:"calls"`    // by traces.CallKind
	Outcomes  []string       `json:"outcomes"` // by outcome
	Classes   []string       `json:"classes"`  // by traces.DataClass
	Releases  []string       `json:"releases"` // by traces.Release
	Errors    map[int]string `json:"errors"`   // by positive number, with a minus: "-EINVAL"
	Rounds    []metaRound    `json:"rounds"`
	Files     []metaFile     `json:"files"`
	Contexts  []metaContext  `json:"contexts"`
	Damages   []metaDamage   `json:"damages"`
	Findings  []metaFinding  `json:"findings"`
	Lanes     int            `json:"lanes"`
	From      traces.Time    `json:"from"` // of the run
	To        traces.Time    `json:"to"`
	RunsTotal int            `json:"runs_total"` // data runs of the history; the page may hold fewer
}

type metaRound struct {
	Number uint64      `json:"number"`
	Start  traces.Time `json:"start"`
	To     traces.Time `json:"to"`
	End    string      `json:"end"`
}

type metaFile struct {
	Kind   string `json:"kind"`
	Number uint16 `json:"number"`
	Round  int32  `json:"round"`
}

type metaContext struct {
	Number  uint32 `json:"number"`
	Slots   uint32 `json:"slots"`
	Ring    uint32 `json:"ring"`
	Setup   int32  `json:"setup"`
	Destroy int32  `json:"destroy"`
}

type metaDamage struct {
	Request  traces.RequestID `json:"request"`
	After    uint8            `json:"after"` // a traces.Release
	Poisoned traces.Time      `json:"poisoned"`
	Seen     traces.Time      `json:"seen"`
	First    uint32           `json:"first"`
	Bytes    uint32           `json:"bytes"`
}

type metaFinding struct {
	Property string             `json:"property"`
	Summary  string             `json:"summary"`
	From     traces.Time        `json:"from"` // of its steps
	To       traces.Time        `json:"to"`
	Requests []traces.RequestID `json:"requests"`
	Calls    []int32            `json:"calls"`
}

// tableNames is the order of the tables in the data block.
var tableNames = []string{"requests", "order", "calls", "events", "data"}

// tabulate turns a history into what the scripts read.
func tabulate(h *traces.History, f requestFacts, findings []checker.Finding) (meta, map[string]*table) {
	lane, order, lanes := packLanes(f.spans)
	m := newMeta(h, findings)
	m.Lanes = lanes
	return m, map[string]*table{
		"requests": requestTable(h, f, lane),
		"order":    orderTable(order),
		"calls":    callTable(h),
		"events":   eventTable(h),
		"data":     dataTable(h, findings),
	}
}

// requestTable has one row a request, at its ID less one.
func requestTable(h *traces.History, f requestFacts, lane []int32) *table {
	t := &table{rows: len(h.Requests)}
	empty := &traces.Request{Round: traces.None, Context: traces.None, File: traces.None, Eventfd: traces.None, Call: traces.None, Event: traces.None}
	field := func(name string, value func(r *traces.Request) int64) {
		t.add(name, func(i int) int64 {
			if r := &h.Requests[i]; submitted(r) {
				return value(r)
			}
			return value(empty)
		})
	}
	field("opcode", func(r *traces.Request) int64 { return int64(r.Opcode) })
	field("fate", func(r *traces.Request) int64 { return int64(r.Fate) })
	field("index", func(r *traces.Request) int64 { return int64(r.Index) })
	field("round", func(r *traces.Request) int64 { return int64(r.Round) })
	field("context", func(r *traces.Request) int64 { return int64(r.Context) })
	field("file", func(r *traces.Request) int64 { return int64(r.File) })
	field("eventfd", func(r *traces.Request) int64 { return int64(r.Eventfd) })
	field("call", func(r *traces.Request) int64 { return int64(r.Call) })
	field("event", func(r *traces.Request) int64 { return int64(r.Event) })
	field("bytes", func(r *traces.Request) int64 { return int64(r.Bytes) })
	field("rwflags", func(r *traces.Request) int64 { return int64(r.RWFlags) })
	field("offset", func(r *traces.Request) int64 { return r.Offset })
	field("data", func(r *traces.Request) int64 { return int64(r.Data) })
	field("obj", func(r *traces.Request) int64 { return int64(r.Obj) })
	t.add("outcome", func(i int) int64 { return int64(f.outcome[i]) })
	t.add("from", func(i int) int64 { return f.spans[i].from })
	t.add("to", func(i int) int64 { return f.spans[i].to })
	t.add("lane", func(i int) int64 { return int64(lane[i]) })
	return t
}

// orderTable lists the requests that have a lane by their beginning.
func orderTable(order []int32) *table {
	t := &table{rows: len(order)}
	t.add("request", func(i int) int64 { return int64(order[i]) })
	return t
}

// unseen stands for traces.Never, which a script's numbers cannot hold.
const unseen = -1

// callTable has one row a call, in the order of the history.
func callTable(h *traces.History) *table {
	t := &table{rows: len(h.Calls)}
	field := func(name string, value func(c *traces.Call) int64) {
		t.add(name, func(i int) int64 { return value(&h.Calls[i]) })
	}
	field("kind", func(c *traces.Call) int64 { return int64(c.Kind) })
	field("thread", func(c *traces.Call) int64 { return int64(c.Thread) })
	field("round", func(c *traces.Call) int64 { return int64(c.Round) })
	field("context", func(c *traces.Call) int64 { return int64(c.Context) })
	field("file", func(c *traces.Call) int64 { return int64(c.File) })
	field("request", func(c *traces.Call) int64 { return int64(c.Request) })
	field("from", func(c *traces.Call) int64 { return c.Invoke })
	field("to", func(c *traces.Call) int64 {
		if !c.Completed() {
			return unseen
		}
		return c.Return
	})
	field("x", func(c *traces.Call) int64 { return c.X })
	field("y", func(c *traces.Call) int64 { return c.Y })
	field("z", func(c *traces.Call) int64 { return c.Z })
	field("ret", func(c *traces.Call) int64 { return int64(c.Ret) })
	field("extra1", func(c *traces.Call) int64 { return int64(c.Extra1) })
	field("extra2", func(c *traces.Call) int64 { return int64(c.Extra2) })
	field("first", func(c *traces.Call) int64 { return int64(c.First) })
	field("count", func(c *traces.Call) int64 { return int64(c.Count) })
	return t
}

// eventTable has one row an event. Its data and obj are given as what they
// differ (exclusive or) from those of the request: 0 in every right event.
func eventTable(h *traces.History) *table {
	t := &table{rows: len(h.Events)}
	t.add("call", func(i int) int64 { return int64(h.Events[i].Call) })
	t.add("request", func(i int) int64 { return int64(h.Events[i].Request) })
	t.add("res", func(i int) int64 { return int64(h.Events[i].Res) })
	t.add("res2", func(i int) int64 { return int64(h.Events[i].Res2) })
	given := func(i int) (data, obj uint64) {
		if id := h.Events[i].Request; id >= 1 && int(id) <= len(h.Requests) {
			data, obj = h.Requests[id-1].Data, h.Requests[id-1].Obj
		}
		return data, obj
	}
	t.add("data", func(i int) int64 {
		data, _ := given(i)
		return int64(h.Events[i].Data ^ data)
	})
	t.add("obj", func(i int) int64 {
		_, obj := given(i)
		return int64(h.Events[i].Obj ^ obj)
	})
	return t
}

// dataTable has one row a data run that the page keeps.
func dataTable(h *traces.History, findings []checker.Finding) *table {
	keep := keptRuns(h, findings)
	t := &table{rows: len(keep)}
	field := func(name string, value func(d *traces.Data) int64) {
		t.add(name, func(i int) int64 { return value(&h.Data[keep[i]]) })
	}
	field("request", func(d *traces.Data) int64 { return int64(d.Request) })
	field("writer", func(d *traces.Data) int64 { return int64(d.Writer) })
	field("class", func(d *traces.Data) int64 { return int64(d.Class) })
	field("offset", func(d *traces.Data) int64 { return d.Offset })
	field("bytes", func(d *traces.Data) int64 { return int64(d.Bytes) })
	field("claimed", func(d *traces.Data) int64 { return d.Claimed })
	return t
}

// keptRuns chooses the data runs of the page: positions in h.Data, ascending.
func keptRuns(h *traces.History, findings []checker.Finding) []int32 {
	named := make(map[traces.RequestID]bool)
	for _, f := range findings {
		for _, id := range f.Requests {
			named[id] = true
		}
	}
	others := maxRuns
	for i := range h.Data {
		if named[h.Data[i].Request] {
			others--
		}
	}
	var keep []int32
	for i := range h.Data {
		if named[h.Data[i].Request] {
			keep = append(keep, int32(i))
		} else if others > 0 {
			keep = append(keep, int32(i))
			others--
		}
	}
	return keep
}

func newMeta(h *traces.History, findings []checker.Finding) meta {
	m := meta{Errors: make(map[int]string), RunsTotal: len(h.Data),
		Rounds: []metaRound{}, Files: []metaFile{}, Contexts: []metaContext{}, Damages: []metaDamage{}, Findings: []metaFinding{}}
	for op := range model.RenameAt + 1 {
		m.Opcodes = append(m.Opcodes, op.String())
	}
	for kind := range traces.CallClose + 1 {
		m.Calls = append(m.Calls, kind.String())
	}
	for o := range outcome(outcomes) {
		m.Outcomes = append(m.Outcomes, o.String())
	}
	for class := range traces.DataCorrupt + 1 {
		m.Classes = append(m.Classes, class.String())
	}
	for release := range traces.AfterExit + 1 {
		m.Releases = append(m.Releases, release.String())
	}
	for e := range model.Errno(4096) {
		if name := model.Fail(e).String(); len(name) > 1 && name[1] == 'E' {
			m.Errors[int(e)] = name
		}
	}
	ends := roundEnds(h)
	for i, r := range h.Rounds {
		m.Rounds = append(m.Rounds, metaRound{r.Number, r.Start, ends[i+1], r.End.String()})
	}
	for _, f := range h.Files {
		m.Files = append(m.Files, metaFile{f.Kind.String(), f.Number, f.Round})
	}
	for _, c := range h.Contexts {
		m.Contexts = append(m.Contexts, metaContext{c.Number, c.Slots, c.Ring, c.Setup, c.Destroy})
	}
	for _, d := range h.Damages {
		m.Damages = append(m.Damages, metaDamage{d.Request, uint8(d.Why), d.Poisoned, d.Seen, d.First, d.Bytes})
	}
	m.From, m.To = extent(h, ends)
	for _, f := range findings {
		from, to := findingExtent(&f, m.To)
		m.Findings = append(m.Findings, metaFinding{f.Property, f.Summary, from, to, f.Requests, f.Calls})
	}
	return m
}

// extent is the time from the first to the last thing that was seen.
func extent(h *traces.History, ends []traces.Time) (from, to traces.Time) {
	for _, end := range ends {
		to = max(to, end)
	}
	from = to
	for i := range h.Calls {
		from = min(from, h.Calls[i].Invoke)
	}
	for i := range h.Rounds {
		from = min(from, h.Rounds[i].Start)
	}
	return from, to
}

// findingExtent is the time that a finding's steps span; last stands in for
// ends that were not seen.
func findingExtent(f *checker.Finding, last traces.Time) (from, to traces.Time) {
	from, to = f.At, f.At
	for _, s := range f.Steps {
		from = min(from, s.From)
		if s.To == traces.Never {
			to = max(to, last)
		} else {
			to = max(to, s.To)
		}
	}
	return from, to
}
