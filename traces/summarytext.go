package traces

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteText writes the summary as aligned columns for a terminal.
func (s Summary) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests accepted in %s, %.0f a second; %s read, %s written\n",
		s.Accepted, short(int64(s.Elapsed)), s.Rate, size(s.BytesRead), size(s.BytesWritten))
	fmt.Fprintf(&b, "%d events reaped; io_submit found no free slot %d times\n", s.Events, s.NoSlot)
	fmt.Fprintf(&b, "%d released buffers (%s) looked at again, %d of them damaged\n", s.Watched.Buffers, size(int64(s.Watched.Bytes)), s.Damages)
	if s.ReadBack > 0 {
		fmt.Fprintf(&b, "%s of the storage read back in the end\n", size(s.ReadBack))
	}
	var ends []string
	for _, r := range s.Rounds {
		ends = append(ends, fmt.Sprintf("%d by %s", r.Count, r.End))
	}
	fmt.Fprintf(&b, "rounds ended: %s\n", strings.Join(ends, ", "))

	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	requests := [][]string{{"requests", "accepted", "rejected", "unsure", "plain", "ended", "failed"}}
	for _, o := range s.Requests {
		requests = append(requests, []string{o.Opcode, n(o.Accepted), n(o.Rejected), n(o.Unsure), n(o.Plain), n(o.Ended), n(o.Failed)})
	}
	columns(&b, 1, requests)
	calls := [][]string{{"calls", "made", "failed", "open"}}
	for _, c := range s.Calls {
		calls = append(calls, []string{c.Call, n(c.Count), n(c.Failed), n(c.Open)})
	}
	columns(&b, 1, calls)
	cancels := [][]string{{"io_cancel", "its request then", "count"}}
	for _, c := range s.Cancels {
		cancels = append(cancels, []string{c.Answer, c.Then, n(c.Count)})
	}
	columns(&b, 2, cancels)
	latency := [][]string{{"latency", "count", "p50", "p90", "p99", "p99.9", "max"}}
	for _, l := range s.Latency {
		latency = append(latency, []string{l.Class, n(l.Count), short(l.P50), short(l.P90), short(l.P99), short(l.P999), short(l.Max)})
	}
	columns(&b, 1, latency)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// columns writes a blank line and a table whose first columns, so many, are
// text, and the others numbers. A table with nothing but its heads is left out.
func columns(b *strings.Builder, text int, rows [][]string) {
	if len(rows) == 1 {
		return
	}
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	b.WriteByte('\n')
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			if i < text {
				fmt.Fprintf(b, "%-*s", width[i], cell)
			} else {
				fmt.Fprintf(b, "%*s", width[i], cell)
			}
		}
		b.WriteByte('\n')
	}
}

// short is a duration in nanoseconds with three digits and a unit.
func short(ns int64) string {
	v, unit := float64(ns), "ns"
	for _, next := range []string{"µs", "ms", "s"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, next
	}
	return digits(v) + " " + unit
}

// size is a number of bytes with three digits and a binary unit.
func size(bytes int64) string {
	if bytes < 1024 {
		return fmt.Sprintf("%d B", bytes)
	}
	v, unit := float64(bytes)/1024, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, next
	}
	return digits(v) + " " + unit
}

// digits shows v with three digits, or as a whole number if it has more.
func digits(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}
