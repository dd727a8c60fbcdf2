package graph

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"strings"
)

// font is one whose widths Graphviz knows, so that texts fit their boxes.
const font = "Arial"

// fills and borders of nodes, by look.
var fills = [...]string{"#ffffff", "#eceff3", "#fff6dc", "#e4f3e8", "#fde7ea", "#e6eefb", "#e6eefb", "#f7b5be"}
var borders = [...]string{"#5d6675", "#5d6675", "#c99a1e", "#1a7a3c", "#c8102e", "#0b57b8", "#0b57b8", "#c8102e"}

// WriteDOT writes the graph in the language of Graphviz.
func (g *Graph) WriteDOT(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "digraph {\n")
	fmt.Fprintf(b, "\tgraph [fontname=%q, rankdir=TB, nodesep=0.35, ranksep=0.4, labelloc=t, labeljust=l, pad=0.2, bgcolor=white, label=<%s>]\n", font, g.heading())
	fmt.Fprintf(b, "\tnode [shape=box, style=\"rounded,filled\", fontname=%q, fontsize=12, margin=\"0.16,0.07\", penwidth=1.2, height=0.3]\n", font)
	fmt.Fprintf(b, "\tedge [fontname=%q, fontsize=10, arrowsize=0.7, penwidth=1.2]\n", font)
	for i := range g.Nodes {
		g.writeNode(b, i)
	}
	for _, e := range g.Edges {
		color := e.Labels[0].Role.Color()
		fmt.Fprintf(b, "\tn%d -> n%d [color=%q, label=<%s>, tooltip=%q]\n", e.From, e.To, color, g.edgeLabel(e), e.words())
	}
	fmt.Fprintf(b, "}\n")
	return b.Flush()
}

func (g *Graph) writeNode(b *bufio.Writer, i int) {
	n := &g.Nodes[i]
	width := 1.2
	if n.Look == Begin || n.Look == End || n.Look == Bad {
		width = 2.2
	}
	if g.Wide {
		fmt.Fprintf(b, "\tn%d [id=n%d, shape=circle, width=0.28, fixedsize=true, fontsize=8, label=\"%d\", fillcolor=%q, color=%q, penwidth=%g, tooltip=%q]\n",
			i, i, i, fills[n.Look], borders[n.Look], width, n.Name+"\n"+n.Details)
		return
	}
	label := "<b>" + html.EscapeString(n.Name) + "</b>"
	for _, note := range n.Notes {
		color := "#3a4250"
		if strings.HasPrefix(note, "✗") || strings.HasPrefix(note, "signal") {
			color = "#c8102e"
		}
		if strings.HasPrefix(note, "here ") {
			color = "#1a7a3c"
		}
		label += fmt.Sprintf("<br/><font point-size=\"10\" color=%q>%s</font>", color, html.EscapeString(note))
	}
	fmt.Fprintf(b, "\tn%d [id=n%d, label=<%s>, fillcolor=%q, color=%q, penwidth=%g, tooltip=%q]\n", i, i, label, fills[n.Look], borders[n.Look], width, n.Details)
}

// edgeLabel is a line for each step, with the lock that it runs under.
func (g *Graph) edgeLabel(e Edge) string {
	var lines []string
	for _, l := range e.Labels {
		text := fmt.Sprintf("<font color=%q><b>%s</b></font>", l.Role.Color(), l.Step)
		if l.Lock != "" && !g.Wide {
			text += fmt.Sprintf(" <font color=\"#5d6675\" point-size=\"9\">%s</font>", html.EscapeString(l.Lock))
		}
		lines = append(lines, " "+text+" ")
	}
	return strings.Join(lines, "<br align=\"left\"/>")
}

// words is what an edge says to who points at it.
func (e Edge) words() string {
	var lines []string
	for _, l := range e.Labels {
		text := l.Step + " by " + l.Who
		if l.Lock != "" {
			text += ", under " + l.Lock
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

// heading is the title with the legend of roles under it.
func (g *Graph) heading() string {
	row := func(size int, cells string) string {
		return fmt.Sprintf(`<tr><td align="left"><font point-size="%d">%s</font></td></tr>`, size, cells)
	}
	legend := `<font color="#3a4250">steps of </font>`
	for i, r := range g.Roles() {
		if i > 0 {
			legend += ", "
		}
		legend += fmt.Sprintf(`<font color=%q>%s</font>`, r.Color(), html.EscapeString(r.String()))
	}
	if !g.Wide {
		legend += `<font color="#5d6675">; in grey: the lock held</font>`
	}
	bad := ""
	for _, v := range g.Violated {
		bad += row(12, `<font color="#c8102e">✗ `+html.EscapeString(v)+"</font>")
	}
	return `<table border="0" cellspacing="0" cellpadding="2">` + row(18, "<b>"+html.EscapeString(g.Title)+"</b>") +
		row(12, `<font color="#3a4250">`+html.EscapeString(g.Subtitle)+"</font>") +
		row(12, legend) + bad + "</table>"
}
