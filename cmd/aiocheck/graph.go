package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/sim/graph"
)

type graphCommand struct {
	Design    string   `help:"The design to draw." required:"" placeholder:"DESIGN"`
	Bug       []string `help:"Put these seeded bugs into the design, by name." placeholder:"BUG"`
	Opcode    string   `help:"Draw the life of a request of this opcode." default:"PWRITE" placeholder:"OPCODE"`
	File      string   `help:"On a file of this kind." default:"regular" placeholder:"KIND"`
	Destroy   bool     `help:"With an io_destroy at any time."`
	Scenario  string   `help:"Draw instead every state that a program reaches: a standard case (docs/designs.md), or a file: JSON (docs/schedule.md), or a litmus test." placeholder:"CASE|FILE"`
	MaxStates int      `help:"Refuse to draw more states." default:"500" placeholder:"N"`
	Format    string   `help:"dot, svg or html." enum:"dot,svg,html" default:"svg"`
	Output    string   `help:"Write to this file instead of the terminal." short:"o" placeholder:"FILE"`
	Overwrite bool     `help:"Overwrite files that exist."`
}

// Run draws the graph.
func (c *graphCommand) Run(s *session) error {
	designs, err := namedDesigns([]string{c.Design}, c.Bug)
	if err != nil {
		return usageError(err)
	}
	g, err := c.graph(&designs[0])
	if err != nil {
		return usageError(err)
	}
	write := func(w io.Writer) error { return c.write(s.ctx, g, w) }
	if c.Output != "" {
		return writeFile(c.Output, c.Overwrite, write)
	}
	if err := write(s.stdout); err != nil {
		return machineError(err)
	}
	return nil
}

func (c *graphCommand) graph(d *design.Design) (*graph.Graph, error) {
	if c.Scenario != "" {
		s, err := namedScenario(c.Scenario)
		if err != nil {
			return nil, err
		}
		return graph.Space(d, s, c.MaxStates)
	}
	op, err := model.ParseOpcode(strings.ToUpper(c.Opcode))
	if err != nil {
		return nil, err
	}
	kind, ok := design.ParseFileKind(c.File)
	if !ok {
		return nil, fmt.Errorf("no kind of file is called %q", c.File)
	}
	return graph.Life(d, op, kind, c.Destroy)
}

func (c *graphCommand) write(ctx context.Context, g *graph.Graph, w io.Writer) error {
	switch c.Format {
	case "dot":
		return g.WriteDOT(w)
	case "html":
		return g.WriteHTML(ctx, w)
	}
	return g.WriteSVG(ctx, w)
}
