package main

import (
	"fmt"
	"io"

	"aiocheck/checker/report"
)

// printing is the flags of commands whose outcome other programs read.
type printing struct {
	Format string `help:"What to print: ${enum} (the kernel's test output; XML of CI servers)." enum:"text,json,ktap,junit" default:"text" placeholder:"FORMAT"`
	JSON   bool   `name:"json" help:"The same as --format json: one object."`
}

// checkFormat refuses two formats.
func (p *printing) checkFormat() error {
	if p.JSON && p.Format != "text" && p.Format != "json" {
		return fmt.Errorf("--json and --format %s exclude each other", p.Format)
	}
	return nil
}

// format is what --format and --json ask for.
func (p *printing) format() string {
	if p.JSON {
		return "json"
	}
	return p.Format
}

// writeSuites writes one document of ktap or junit.
func (p *printing) writeSuites(w io.Writer, suites []report.Suite) error {
	if p.format() == "ktap" {
		return report.WriteKTAP(w, suites)
	}
	return report.WriteJUnit(w, suites)
}
