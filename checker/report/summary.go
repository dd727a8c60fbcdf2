package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
		{"kernel", head.Kernel.Release + " " + head.Kernel.Machine},
		{"CPUs", strconv.Itoa(head.Kernel.CPUs)},
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

// totals says what happened, in numbers.
func totals(s *traces.Summary, m *meta) []fact {
	list := []fact{
		{"time", duration(s.Elapsed.Nanoseconds())},
		{"rounds", rounds(s)},
		{"requests accepted", count(s.Accepted)},
		{"accepted a second", count(int64(s.Rate))},
		{"events reaped", count(s.Events)},
		{"read", size(s.BytesRead)},
		{"written", size(s.BytesWritten)},
		{"read back in the end", size(s.ReadBack)},
		{"most at a time", count(m.Lanes)},
		{"io_submit without a slot", count(s.NoSlot)},
		{"never submitted", count(s.Unsubmitted)},
		{"released buffers looked at again", fmt.Sprintf("%s (%s)", count(int64(s.Watched.Buffers)), size(int64(s.Watched.Bytes)))},
		{"of them written to", count(s.Damages)},
	}
	return slices.DeleteFunc(list, func(f fact) bool { return f.Value == "0" || f.Value == "0 B" })
}

// rounds writes how many rounds ended in which way.
func rounds(s *traces.Summary) string {
	var all int64
	var ends []string
	for _, r := range s.Rounds {
		all += r.Count
		ends = append(ends, count(r.Count)+" "+r.End)
	}
	if len(ends) == 0 {
		return count(all)
	}
	return count(all) + " (" + strings.Join(ends, ", ") + ")"
}

// byOpcode counts requests by opcode and outcome, which are also the colours
// of the timeline; plain reads and writes are rows of their own. Like
// traces.Summary it leaves the controller out.
func byOpcode(h *traces.History, f requestFacts) grid {
	g := newGrid("opcode", outcomeNames())
	for i := range h.Requests {
		r := &h.Requests[i]
		if !submitted(r) || h.Calls[r.Call].Thread == traces.Controller {
			continue
		}
		name := r.Opcode.String()
		if r.Context == traces.None {
			name = h.Calls[r.Call].Kind.String() + "(2)"
		}
		g.count(name, int(f.outcome[i]), 1)
	}
	return g.finish()
}

// byAnswer counts calls of io_cancel by their answer and by what then became
// of the request.
func byAnswer(s *traces.Summary) grid {
	columns := []string{traces.ThenCancelled, traces.ThenNatural, traces.ThenError, traces.ThenBefore, traces.ThenNever, traces.ThenRejected, traces.ThenUnsubmitted}
	g := newGrid("io_cancel's answer", columns)
	for _, c := range s.Cancels {
		g.count(c.Answer, slices.Index(columns, c.Then), int(c.Count))
	}
	return g.finish()
}

// byCall counts calls by how they ended. io_cancel has a table of its own: its
// good answer is an error, -EINPROGRESS.
func byCall(s *traces.Summary) grid {
	g := newGrid("call", []string{"success", "error", "not seen to return"})
	for _, c := range s.Calls {
		if c.Call == traces.CallCancel.String() {
			continue
		}
		g.count(c.Call, 0, int(c.Count-c.Failed-c.Open))
		g.count(c.Call, 1, int(c.Failed))
		g.count(c.Call, 2, int(c.Open))
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

func (g *grid) count(row string, column, n int) {
	i := slices.IndexFunc(g.Rows, func(r gridRow) bool { return r.Name == row })
	if i < 0 {
		i = len(g.Rows)
		g.Rows = append(g.Rows, gridRow{Name: row, counts: make([]int, len(g.Columns))})
	}
	g.Rows[i].counts[column] += n
	g.Rows[i].Total += n
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
