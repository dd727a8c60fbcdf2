// Package report writes a judged history as one HTML page that needs nothing
// else: no network, no other file. What a reader must see even where scripts
// do not run (verdict, findings with their linearization attempts, tables,
// latencies) is made here; the timeline, the search and the details are made
// by the scripts in js/ from the page's data block.
package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"aiocheck/checker"
	"aiocheck/traces"
)

//go:embed head.html tail.html style.css js/*.js
var files embed.FS

// scripts are the page's scripts in the order in which they are joined into
// one: each may use what the ones before it define.
var scripts = []string{"format", "data", "view", "timeline", "minimap", "details", "search", "main"}

var pages = template.Must(template.New("report").Funcs(template.FuncMap{"count": count[int], "count64": count[int64]}).
	ParseFS(files, "head.html", "tail.html"))

// page is what the templates show.
type page struct {
	Policy    string
	Style     template.CSS
	Script    template.JS
	Judgement *checker.Judgement
	Banner    string
	Facts     []fact
	Totals    []fact
	Notes     []string
	Findings  []findingView
	Grids     []grid
	Latency   latencyView
	Elapsed   string
}

// Write writes the page of a history and its judgement.
func Write(w io.Writer, h *traces.History, j *checker.Judgement) error {
	f := gather(h)
	p, err := newPage(h, j)
	if err != nil {
		return err
	}
	var findings []checker.Finding
	for _, v := range j.Verdicts {
		for i := range v.Findings {
			view := viewFinding(h, len(findings), v.Property, &v.Findings[i])
			// One of each property is enough to begin with.
			view.Open = i == 0
			p.Findings = append(p.Findings, view)
			findings = append(findings, v.Findings[i])
		}
	}
	m, tables := tabulate(h, f, findings)
	s := traces.Summarize(h)
	p.Totals = totals(&s, &m)
	p.Grids = []grid{byOpcode(h, f), byCall(&s), byAnswer(&s)}
	p.Latency = viewLatency(h, f)

	// The data block is written past the template: it is base64, which HTML
	// leaves alone, and megabytes long.
	if err := pages.ExecuteTemplate(w, "head.html", p); err != nil {
		return fmt.Errorf("write the head of the page: %w", err)
	}
	if _, err := io.WriteString(w, `<script type="application/octet-stream" id="data">`); err != nil {
		return fmt.Errorf("write the data of the page: %w", err)
	}
	if err := writeBlock(w, m, tables, tableNames); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "</script>\n"); err != nil {
		return fmt.Errorf("write the data of the page: %w", err)
	}
	if err := pages.ExecuteTemplate(w, "tail.html", p); err != nil {
		return fmt.Errorf("write the end of the page: %w", err)
	}
	return nil
}

func newPage(h *traces.History, j *checker.Judgement) (*page, error) {
	style, err := files.ReadFile("style.css")
	if err != nil {
		return nil, fmt.Errorf("read the page's style: %w", err)
	}
	script, err := joinScripts()
	if err != nil {
		return nil, err
	}
	p := &page{Style: template.CSS(style), Script: template.JS(script), Judgement: j, Banner: banner(j), Facts: facts(h),
		Elapsed: duration(j.Elapsed.Nanoseconds())}
	// The policy lets nothing be loaded, and only this style and this script
	// run, whatever a trace's strings hold.
	p.Policy = fmt.Sprintf("default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src '%s'; script-src '%s'",
		sourceHash(string(style)), sourceHash(script))
	if h.Cut != nil {
		p.Notes = append(p.Notes, "The trace ends before the run did; this page shows what came before: "+h.Cut.Error())
	}
	if h.Header.Misbehaviour != "" {
		p.Notes = append(p.Notes, "A seeded bug was switched on: "+h.Header.Misbehaviour)
	}
	return p, nil
}

// joinScripts makes one script whose definitions are its own.
func joinScripts() (string, error) {
	var b strings.Builder
	b.WriteString("(function () {\n\"use strict\";\n")
	for _, name := range scripts {
		text, err := files.ReadFile("js/" + name + ".js")
		if err != nil {
			return "", fmt.Errorf("read the page's scripts: %w", err)
		}
		b.Write(text)
	}
	b.WriteString("})();\n")
	return b.String(), nil
}

// sourceHash is the Content-Security-Policy source of an inline text.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// banner is the verdict in one sentence.
func banner(j *checker.Judgement) string {
	var n [4]int
	for _, v := range j.Verdicts {
		n[v.Outcome&3]++
	}
	judged := n[checker.Holds] + n[checker.Violated] + n[checker.Undecided]
	switch j.Outcome {
	case checker.Violated:
		return fmt.Sprintf("Violated: %d of the %d properties that this run put to the test", n[checker.Violated], judged)
	case checker.Undecided:
		return fmt.Sprintf("Undecided: %d of the %d properties that this run put to the test; none is known to be violated", n[checker.Undecided], judged)
	}
	return fmt.Sprintf("Holds: all %d properties that this run put to the test", judged)
}
