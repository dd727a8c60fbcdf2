package qemu

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// maxConsole is how much of a guest's console is kept: what a kernel reports
// first is what it is to be judged by.
const maxConsole = 16 << 20

// Console keeps what a guest writes to its serial port.
type Console struct {
	mu   sync.Mutex
	text []byte
	out  io.Writer // gets a copy; may be nil
}

// Write keeps p. It never fails: a copy that cannot be written is given up.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, p[:min(len(p), maxConsole-len(c.text))]...)
	if c.out != nil {
		if _, err := c.out.Write(p); err != nil {
			c.out = nil
		}
	}
	return len(p), nil
}

// Text is everything so far.
func (c *Console) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.text)
}

// Tail is the last lines, without what a firmware prints before them.
func (c *Console) Tail(lines int) string {
	text := strings.TrimRight(clean(c.Text()), "\n")
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Report is what a kernel says is wrong with itself.
type Report struct {
	Kind    string `json:"kind"`    // one of the kinds in openings
	Summary string `json:"summary"` // its first telling line
	Text    string `json:"text"`    // all of it, without the time stamps
}

// opening is the beginning of a line that begins a report.
type opening struct {
	kind string
	line *regexp.Regexp
}

// openings are tried in their order. The texts are those of
// mm/kasan/report.c, mm/kfence/report.c, kernel/kcsan/report.c,
// kernel/locking/lockdep.c, kernel/panic.c (__warn), lib/list_debug.c,
// kernel/hung_task.c, kernel/rcu/tree_stall.h, kernel/watchdog.c,
// kernel/workqueue.c, arch/x86/mm/fault.c, arch/x86/kernel/traps.c,
// arch/x86/kernel/dumpstack.c, lib/bug.c, lib/ubsan.c, mm/kmemleak.c and
// mm/oom_kill.c.
var openings = []opening{
	{"kasan", regexp.MustCompile(`^BUG: KASAN: `)},
	{"kfence", regexp.MustCompile(`^BUG: KFENCE: `)},
	{"data race", regexp.MustCompile(`^BUG: KCSAN: `)},
	{"lockdep", regexp.MustCompile(`^WARNING: (possible (circular|recursive|irq lock inversion|unsafe locking)|.*lock order detected|inconsistent lock state|bad unlock balance|held lock freed|lock held when|Nested lock|suspicious RCU usage)`)},
	{"warning", regexp.MustCompile(`^WARNING: `)},
	{"list corruption", regexp.MustCompile(`^list_(add|del) corruption`)},
	{"hung task", regexp.MustCompile(`^INFO: task .* blocked for more than \d+ seconds`)},
	{"stall", regexp.MustCompile(`^(rcu: )?INFO: rcu\w* (self-detected stall|detected (expedited )?stalls)`)},
	{"stall", regexp.MustCompile(`^(watchdog: )?BUG: (soft lockup|workqueue lockup)|^(watchdog: )?Watchdog detected hard LOCKUP`)},
	{"oops", regexp.MustCompile(`^BUG: (kernel NULL pointer dereference|unable to handle)`)},
	{"oops", regexp.MustCompile(`^(general protection fault|stack segment|invalid opcode|divide error|Oops)\b.*: `)},
	{"bug", regexp.MustCompile(`^kernel BUG at `)},
	{"bug", regexp.MustCompile(`^BUG: `)},
	{"ubsan", regexp.MustCompile(`^UBSAN: `)},
	{"leak", regexp.MustCompile(`^kmemleak: [1-9]\d* new suspected memory leaks`)},
	{"out of memory", regexp.MustCompile(`^Out of memory: Killed process`)},
	{"panic", regexp.MustCompile(`^Kernel panic - not syncing`)},
}

// sequels are lines that would begin a report, but belong to one of this kind
// when it is open: a fault is told by its reason first and its number next, a
// list corruption by what is wrong first and a warning or BUG next.
var sequels = map[string]*regexp.Regexp{
	"oops":            regexp.MustCompile(`^Oops: `),
	"bug":             regexp.MustCompile(`^(invalid opcode|Oops): `),
	"list corruption": regexp.MustCompile(`^(kernel BUG at |WARNING: |invalid opcode: |Oops: )`),
}

var (
	stamp = regexp.MustCompile(`^(?:<\d+>)?\[ *(\d+\.\d+)\](?:\[ *[TC]\d+\])? ?`)
	cut   = regexp.MustCompile(`^-+\[ cut here \]-+$`)
	ended = regexp.MustCompile(`^---\[ end (trace|Kernel panic)`)
	rule  = regexp.MustCompile(`^={20,}$`)
)

const (
	reportLines = 300 // longest report
	reportGap   = 2.0 // seconds of the guest without a line that end a report
)

// Scan finds the reports in a console's text, in their order.
func Scan(text string) []Report {
	var s scanner
	for line := range strings.Lines(clean(text)) {
		s.line(strings.TrimRight(line, "\n"))
	}
	s.end()
	return s.found
}

// clean takes carriage returns and a terminal's escape sequences away.
func clean(text string) string {
	return strings.ReplaceAll(escape.ReplaceAllString(text, ""), "\r", "")
}

var escape = regexp.MustCompile("\x1b(\\[[0-9;?=]*[A-Za-z]|c)")

// scanner is within a report, or not: then kind is empty. A "cut here" line
// opens one whose kind is not known yet.
type scanner struct {
	found []Report
	kind  string
	title string
	lines []string
	last  float64 // time stamp of the last line
}

func (s *scanner) line(text string) {
	m := stamp.FindStringSubmatch(text)
	if m == nil {
		return // not the kernel's
	}
	at, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return
	}
	text = text[len(m[0]):]
	if len(s.lines) > 0 && (at-s.last > reportGap || len(s.lines) >= reportLines) {
		s.end()
	}
	s.last = at
	if cut.MatchString(text) {
		s.end()
		s.lines = append(s.lines, text)
		return
	}
	if kind := opens(text); kind != "" {
		sequel := sequels[s.kind]
		if s.kind != "" && (sequel == nil || !sequel.MatchString(text)) {
			s.end()
		}
		if s.kind == "" {
			s.kind, s.title = kind, text
		}
	}
	if len(s.lines) == 0 && s.kind == "" {
		return
	}
	s.lines = append(s.lines, text)
	// KASAN and lockdep draw a rule before their title and KASAN one after.
	if ended.MatchString(text) || s.kind == "kasan" && rule.MatchString(text) {
		s.end()
	}
}

func opens(text string) string {
	for _, o := range openings {
		if o.line.MatchString(text) {
			return o.kind
		}
	}
	return ""
}

// end closes the report that is open, if any.
func (s *scanner) end() {
	if s.kind != "" {
		s.found = append(s.found, Report{Kind: s.kind, Summary: s.title, Text: strings.Join(s.lines, "\n")})
	}
	s.kind, s.title, s.lines = "", "", nil
}
