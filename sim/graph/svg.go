package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-graphviz"
)

// WriteSVG lays the graph out with Graphviz and writes a picture that needs
// nothing else.
func (g *Graph) WriteSVG(ctx context.Context, w io.Writer) error {
	picture, err := g.svg(ctx)
	if err != nil {
		return fmt.Errorf("draw the graph: %w", err)
	}
	_, err = w.Write(picture)
	return err
}

// svg is the picture, from its svg element on.
func (g *Graph) svg(ctx context.Context) (picture []byte, err error) {
	var dot, out bytes.Buffer
	if err := g.WriteDOT(&dot); err != nil {
		return nil, err
	}
	gv, err := graphviz.New(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, gv.Close()) }()
	parsed, err := graphviz.ParseBytes(dot.Bytes())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, parsed.Close()) }()
	if err := gv.Render(ctx, parsed, graphviz.SVG, &out); err != nil {
		return nil, err
	}
	at := bytes.Index(out.Bytes(), []byte("<svg"))
	if at < 0 {
		return nil, errors.New("graphviz gave no picture")
	}
	// Metrically the same, where there is no Arial.
	return bytes.ReplaceAll(out.Bytes()[at:], []byte(`font-family="Arial"`), []byte(`font-family="Arial,Liberation Sans,Helvetica,sans-serif"`)), nil
}
