package replay

import (
	"io"
	"strings"
)

// writeColumns prints rows in columns, each at most so wide as caps says (0
// means as wide as it gets) and broken at blanks where that is not enough.
func writeColumns(w io.Writer, caps []int, rows [][]string) error {
	widths := make([]int, len(caps))
	folded := make([][][]string, len(rows))
	for i, row := range rows {
		for k, cell := range row {
			lines := fold(cell, caps[k])
			folded[i] = append(folded[i], lines)
			for _, line := range lines {
				widths[k] = max(widths[k], len(line))
			}
		}
	}
	var b strings.Builder
	for _, row := range folded {
		for n := 0; ; n++ {
			var line strings.Builder
			more := false
			for k, cell := range row {
				text := ""
				if n < len(cell) {
					text = cell[n]
					more = true
				}
				line.WriteString("  " + text + strings.Repeat(" ", widths[k]-len(text)))
			}
			if !more {
				break
			}
			b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fold breaks text into lines of at most so many characters, unless a word is
// longer.
func fold(text string, most int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case most > 0 && len(line)+1+len(word) > most:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
