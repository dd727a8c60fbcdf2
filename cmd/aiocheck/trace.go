package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"aiocheck/checker/report"
	"aiocheck/traces"
)

type traceCommand struct {
	Show    showCommand    `cmd:"" help:"Print a trace as JSON Lines: the header, each record, the end."`
	Stat    statCommand    `cmd:"" help:"Summarise a trace without judging it."`
	Convert convertCommand `cmd:"" help:"Convert a trace between its forms."`

	Reproduce reproduceCommand `cmd:"" help:"Write a stand-alone C program that runs what a finding is about."`
}

type showCommand struct {
	File string `arg:"" help:"The trace."`
}

func (c *showCommand) Run(s *session) error {
	return toJSON(c.File, s.stdout)
}

// toJSON prints what is readable of a trace, and then what stopped it.
func toJSON(path string, w io.Writer) error {
	r, err := traces.Open(path)
	if err != nil {
		return usageError(err)
	}
	defer r.Close()
	out := bufio.NewWriter(w)
	err = traces.WriteJSON(out, r)
	if errors.Is(err, syscall.EPIPE) {
		return nil // the reader, such as head, has seen enough
	}
	if flushed := out.Flush(); flushed != nil && !errors.Is(flushed, syscall.EPIPE) {
		return machineError(fmt.Errorf("write JSON Lines: %w", flushed))
	}
	if err != nil {
		return usageError(err)
	}
	return nil
}

type statCommand struct {
	File string `arg:"" help:"The trace."`
	JSON bool   `name:"json" help:"Print one JSON object."`
}

func (c *statCommand) Run(s *session) error {
	h, err := traces.Read(c.File)
	if err != nil {
		return usageError(err)
	}
	summary := traces.Summarize(h)
	if c.JSON {
		r := struct {
			Header  traces.Header  `json:"header"`
			Summary traces.Summary `json:"summary"`
			Cut     string         `json:"cut,omitempty"`
		}{Header: h.Header, Summary: summary}
		if h.Cut != nil {
			r.Cut = h.Cut.Error()
		}
		return json.NewEncoder(s.stdout).Encode(r)
	}
	if err := report.WriteHeader(s.stdout, &h.Header); err != nil {
		return err
	}
	fmt.Fprintln(s.stdout)
	if err := summary.WriteText(s.stdout); err != nil {
		return err
	}
	if h.Cut != nil {
		fmt.Fprintf(s.stdout, "\ncut      %v\n", h.Cut)
	}
	return nil
}

type convertCommand struct {
	File      string `arg:"" help:"A trace, or JSON Lines of one (- for standard input)."`
	Output    string `arg:"" help:"The file to write (- for standard output)."`
	To        string `help:"The form to write: ${enum}." enum:"aiot,jsonl,perfetto" required:""`
	Overwrite bool   `help:"Overwrite the file if it exists."`
}

func (c *convertCommand) Run(s *session) error {
	write := func(w io.Writer) error { return c.convert(w) }
	if c.Output == "-" {
		return write(s.stdout)
	}
	return writeFile(c.Output, c.Overwrite, write)
}

func (c *convertCommand) convert(w io.Writer) error {
	switch c.To {
	case "jsonl":
		return toJSON(c.File, w)
	case "perfetto":
		h, err := traces.Read(c.File)
		if err != nil {
			return usageError(err)
		}
		return traces.WritePerfetto(w, h)
	}
	in := os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return usageError(fmt.Errorf("open JSON Lines: %w", err))
		}
		defer f.Close()
		in = f
	}
	if err := traces.ReadJSON(bufio.NewReader(in), c.File, w); err != nil {
		return usageError(err)
	}
	return nil
}
