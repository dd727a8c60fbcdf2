package graph

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// WriteHTML writes one page that needs nothing else: the picture, what a state
// is when it is clicked, and the table of steps with their locks and sources.
func (g *Graph) WriteHTML(ctx context.Context, w io.Writer) error {
	picture, err := g.svg(ctx)
	if err != nil {
		return fmt.Errorf("draw the graph: %w", err)
	}
	details := make([]string, len(g.Nodes))
	for i, n := range g.Nodes {
		details[i] = n.Name + "\n" + n.Details
	}
	data := struct {
		*Graph
		Picture template.HTML // made by Graphviz from text that WriteDOT has escaped
		Details []string
	}{g, template.HTML(picture), details}
	if err := page.Execute(w, data); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}
