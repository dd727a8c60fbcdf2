package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"aiocheck/traces"
)

// fact is a line of the page's head.
type fact struct{ Name, Value string }

// grid is a table of counts with names for its rows and columns. Columns
// without any count are left out.
type grid struct {
	Corner  string
	Columns []string
	Rows    []gridRow
}

type gridRow struct {
	Name   string
	Cells  []string // empty for none
	Total  int
	counts []int
}

// facts says what ran where.
func facts(h *traces.History) []fact {
	head := &h.Header
	open := "buffered"
	if head.Device.Direct {
		open = "O_DIRECT"
	}
	device := head.Device.Path
	if head.Device.FileSystem != "" {
		device += " on " + head.Device.FileSystem
	}
	list := []fact{
		{"target", head.Target},
		{"kernel", fmt.Sprintf("%s %s, %d CPUs", head.Kernel.Release, head.Kernel.Machine, head.Kernel.CPUs)},
		{"contract", head.Contract.Name},
		{"device", fmt.Sprintf("%s (%s, %s, %s)", device, head.Device.Kind, open, size(head.Device.Bytes))},
		{"seed", strconv.FormatUint(head.Workload.Seed, 10)},
		{"threads", strconv.Itoa(head.Workload.Threads)},
		{"depth", strconv.Itoa(head.Workload.Depth)},
		{"mix", head.Workload.Mix},
		{"sizes", size(int64(head.Workload.MinBytes)) + " to " + size(int64(head.Workload.MaxBytes))},
		{"started", head.Started},
		{"tool", head.Tool},
	}
	return slices.DeleteFunc(list, func(f fact) bool { return f.Value == "" })
}

// totals counts what happened.
func totals(h *traces.History, f requestFacts, m *meta) []fact {
	var read, written int64
	for i := range h.Requests {
		r := &h.Requests[i]
		if res, _, ok := h.Outcome(r); ok && res > 0 && r.Opcode.Reads() {
			read += int64(res)
		} else if ok && res > 0 && r.Opcode.Writes() {
			written += int64(res)
		}
	}
	seconds := float64(m.To-m.From) / 1e9
	rate := "–"
	if seconds > 0 {
		rate = count(int(float64(len(h.Events))/seconds)) + " events/s"
	}
	return []fact{
		{"time", duration(m.To - m.From)},
		{"rounds", count(len(h.Rounds))},
		{"requests", count(len(h.Requests))},
		{"calls", count(len(h.Calls))},
		{"events", count(len(h.Events))},
		{"rate", rate},
		{"read", size(read)},
		{"written", size(written)},
		{"most in flight", count(m.Lanes)},
		{"released buffers looked at again", fmt.Sprintf("%s (%s)", count(int(h.Watched.Buffers)), size(int64(h.Watched.Bytes)))},
	}
}

// byOpcode counts requests by opcode and outcome; plain reads and writes are
// rows of their own.
func byOpcode(h *traces.History, f requestFacts) grid {
	g := newGrid("opcode", outcomeNames())
	for i := range h.Requests {
		r := &h.Requests[i]
		name := r.Opcode.String()
		if r.Context == traces.None && r.Call != traces.None {
			name = h.Calls[r.Call].Kind.String() + "(2)"
		}
		g.count(name, int(f.outcome[i]))
	}
	return g.finish()
}

// byAnswer counts calls of io_cancel by their answer and by what then became
// of the request.
func byAnswer(h *traces.History, f requestFacts) grid {
	g := newGrid("io_cancel's answer", outcomeNames())
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Kind != traces.CallCancel {
			continue
		}
		answer := "not seen"
		if c.Completed() {
			answer = c.Ret.String()
		}
		became := unsubmitted
		if c.Request >= 1 && int(c.Request) <= len(f.outcome) {
			became = f.outcome[c.Request-1]
		}
		g.count(answer, int(became))
	}
	return g.finish()
}

func outcomeNames() []string {
	names := make([]string, outcomes)
	for o := range names {
		names[o] = outcome(o).String()
	}
	return names
}

func newGrid(corner string, columns []string) grid { return grid{Corner: corner, Columns: columns} }

func (g *grid) count(row string, column int) {
	i := slices.IndexFunc(g.Rows, func(r gridRow) bool { return r.Name == row })
	if i < 0 {
		i = len(g.Rows)
		g.Rows = append(g.Rows, gridRow{Name: row, counts: make([]int, len(g.Columns))})
	}
	g.Rows[i].counts[column]++
	g.Rows[i].Total++
}

// finish drops empty columns, sorts the rows, most first, and writes the cells.
func (g *grid) finish() grid {
	out := grid{Corner: g.Corner, Rows: g.Rows}
	for c, name := range g.Columns {
		if !slices.ContainsFunc(g.Rows, func(r gridRow) bool { return r.counts[c] > 0 }) {
			continue
		}
		out.Columns = append(out.Columns, name)
		for i := range out.Rows {
			cell := ""
			if n := g.Rows[i].counts[c]; n > 0 {
				cell = count(n)
			}
			out.Rows[i].Cells = append(out.Rows[i].Cells, cell)
		}
	}
	slices.SortStableFunc(out.Rows, func(a, b gridRow) int { return cmp.Compare(b.Total, a.Total) })
	return out
}

// count writes a number with its thousands apart: "12 345" with thin spaces.
func count[N int | int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	var out []byte
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, "\u202f"...)
		}
		out = append(out, digits[i])
	}
	return string(out)
}

// size writes bytes with a binary unit.
func size(bytes int64) string {
	v, units := float64(bytes), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for v >= 1024 && len(units) > 1 {
		v, units = v/1024, units[1:]
	}
	return fmt.Sprintf("%.4g %s", v, units[0])
}
