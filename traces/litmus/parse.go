package litmus

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"aiocheck/model"
	"aiocheck/model/design"
)

// parser reads a test line by line.
type parser struct {
	file    string
	test    Test
	named   bool
	table   bool // rows of the threads may follow
	threads bool // the threads were declared
	pending []string
	*cursor
}

// Parse reads a test. The error, of type *Error, names the file, the line and
// the column, and what was expected there.
func Parse(file string, text []byte) (*Test, error) {
	p := &parser{file: file}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for n, line := range lines {
		if !utf8.ValidString(line) {
			return nil, &Error{file, n + 1, 1, "UTF-8 text", "other bytes"}
		}
		tokens, comment, commented := tokenize(line)
		width := utf8.RuneCountInString(line)
		p.cursor = &cursor{file: file, line: n + 1, width: width, tokens: tokens}
		switch {
		case len(tokens) == 0 && commented:
			p.pending = append(p.pending, comment)
			continue
		case len(tokens) == 0:
			continue
		}
		prose := tokens[0].text == "about" || tokens[0].text == "source"
		if commented && !prose {
			p.pending = append(p.pending, comment)
		}
		p.statement(line)
		if p.err != nil {
			return nil, p.err
		}
	}
	p.cursor = &cursor{file: file, line: len(lines) + 1}
	p.complete()
	if p.err != nil {
		return nil, p.err
	}
	return &p.test, nil
}

// complete checks what only the end of the file shows.
func (p *parser) complete() {
	t := &p.test
	p.comment(PartEnd, 0)
	slices.SortStableFunc(t.Comments, func(a, b Comment) int {
		if a.Before.Part != b.Before.Part {
			return int(a.Before.Part) - int(b.Before.Part)
		}
		return a.Before.Index - b.Before.Index
	})
	missing := ""
	switch {
	case !p.named:
		missing = `"litmus NAME"`
	case !p.threads:
		missing = `"threads"`
	case !slices.ContainsFunc(t.Threads, func(th Thread) bool { return len(th.Calls) > 0 }):
		missing = "a call of a thread"
	}
	if missing != "" {
		p.err = &Error{p.file, p.line, 1, missing, "the end of the file"}
	}
}

// comment places the comment lines read before a statement.
func (p *parser) comment(part Part, index int) {
	for _, text := range p.pending {
		p.test.Comments = append(p.test.Comments, Comment{Place{part, index}, text})
	}
	p.pending = nil
}

// statement reads one line.
func (p *parser) statement(line string) {
	t := &p.test
	indented := line[0] == ' ' || line[0] == '\t'
	if p.table && indented {
		p.comment(PartThreads, 0)
		p.row()
		return
	}
	p.table = false
	first := p.peek()
	if !p.named && first != "litmus" {
		p.fail(`"litmus NAME"`)
		return
	}
	kind, isFile := design.ParseFileKind(first)
	switch {
	case first == "litmus":
		if p.named {
			p.fail("one test in a file")
			return
		}
		p.at++
		p.comment(PartName, 0)
		t.Name, p.named = p.name("the name of the test"), true
	case first == "about":
		p.comment(PartAbout, 0)
		t.About = append(t.About, p.prose(line))
		return
	case first == "source":
		p.comment(PartSource, 0)
		t.Source = p.prose(line)
		return
	case first == "designs":
		p.at++
		p.comment(PartDesigns, 0)
		t.Designs = p.designs()
	case first == "cpus":
		p.at++
		p.comment(PartCPUs, 0)
		t.CPUs = p.count(1, 64, "CPUs")
	case first == "workers":
		p.at++
		p.comment(PartWorkers, 0)
		t.Workers = p.count(1, 256, "workers")
	case isFile:
		p.at++
		p.comment(PartFile, len(t.Files))
		p.fileDeclaration(kind)
	case first == "context":
		p.at++
		p.comment(PartContext, len(t.Contexts))
		c := Context{Name: p.newName("the name of a context")}
		p.expect("slots")
		c.Slots = p.count(1, 1<<20, "slots")
		t.Contexts = append(t.Contexts, c)
	case first == "request":
		p.at++
		p.comment(PartRequest, len(t.Requests))
		p.request()
	case first == "threads":
		p.at++
		p.comment(PartThreads, 0)
		p.header()
	default:
		p.comment(PartCondition, len(t.Conditions))
		p.condition()
	}
	p.end()
}

// prose is the rest of the line after its first word, as it is.
func (p *parser) prose(line string) string {
	word := p.word("a word")
	_, rest, _ := strings.Cut(line, word)
	rest = strings.TrimSpace(rest)
	if rest == "" {
		p.fail("text")
	}
	return rest
}

// designs reads names of designs and groups up to the end of the line or a
// colon.
func (p *parser) designs() (words []string) {
	want := "a design or a group of designs: " + oneOf(append(allDesigns(), Groups()...)) + ", with +BUG for a seeded bug"
	for {
		w := p.word(want)
		if p.err != nil {
			return nil
		}
		if _, err := Expand([]string{w}); err != nil {
			p.failLast(want)
			return nil
		}
		words = append(words, w)
		if !p.accept(",") {
			return words
		}
	}
}

// reserved words cannot be names, as conditions and calls use them.
var reserved = []string{"and", "or", "not", "hangs", "violates", "got", "before", "on", "at", "iocb", "eventfd", "nofd", "old", "plain", "timeout", "cpu", "none", "holds", "nowriter", "slots"}

// name reads a name: letters, digits, - and _, beginning with a letter.
func (p *parser) name(want string) string {
	want += " (letters, digits, - and _)"
	w := p.word(want)
	for i := range len(w) {
		c := w[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && c != '_' && (c < '0' || c > '9')) {
			p.failLast(want)
			return ""
		}
	}
	return w
}

// newName reads a name that nothing has yet.
func (p *parser) newName(want string) string {
	w := p.name(want)
	if p.err == nil && (slices.Contains(reserved, w) || p.known(w)) {
		p.failLast(want + " that is not in use")
	}
	return w
}

func (p *parser) known(name string) bool {
	return slices.Contains(p.fileNames(), name) || slices.Contains(p.contextNames(), name) ||
		slices.Contains(p.requestNames(), name) || slices.Contains(p.threadNames(), name)
}

func (p *parser) fileNames() (names []string) {
	for _, f := range p.test.Files {
		names = append(names, f.Name)
	}
	return names
}

func (p *parser) contextNames() (names []string) {
	for _, c := range p.test.Contexts {
		names = append(names, c.Name)
	}
	return names
}

func (p *parser) requestNames() (names []string) {
	for _, r := range p.test.Requests {
		names = append(names, r.Name)
	}
	return names
}

func (p *parser) threadNames() (names []string) {
	for _, t := range p.test.Threads {
		names = append(names, t.Name)
	}
	return names
}

// declared reads one of the names that are declared.
func (p *parser) declared(what string, names []string) string {
	want := what + ": " + oneOf(names)
	w := p.word(want)
	if p.err == nil && !slices.Contains(names, w) {
		p.failLast(want)
	}
	return w
}

// fileDeclaration reads KIND NAME [SIZE] [holds SIZE] [nowriter].
func (p *parser) fileDeclaration(kind design.FileKind) {
	f := File{Kind: kind, Name: p.newName("the name of a file")}
	if kind.Stream() {
		if w := p.peek(); w != "" && w[0] >= '0' && w[0] <= '9' && kind != design.Eventfd {
			f.Bytes = p.size("a size")
			if f.Bytes == 0 {
				p.failLast("a size above 0")
			}
		}
		if p.accept("holds") {
			f.Holds = p.size("a size such as 4K")
		}
		f.NoWriter = p.accept("nowriter")
	}
	p.test.Files = append(p.test.Files, f)
}

// opcodeNames are the opcodes as tests write them.
func opcodeNames() (names []string) {
	for op := model.Opcode(0); op <= model.RenameAt; op++ {
		if name := opcodeName(op); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func opcodeName(op model.Opcode) string {
	if op == NoOp {
		return "noop"
	}
	if name := op.String(); !strings.Contains(name, " ") {
		return strings.ToLower(name)
	}
	return ""
}

// request reads NAME OPCODE FILE [SIZE] [at OFFSET] [iocb WORD] [nofd] [eventfd].
func (p *parser) request() {
	r := Request{Name: p.newName("the name of a request")}
	w := p.word("an opcode: " + oneOf(opcodeNames()))
	found := false
	for op := range model.RenameAt + 1 {
		if opcodeName(op) == w && w != "" {
			r.Op, found = op, true
		}
	}
	if p.err == nil && !found {
		p.failLast("an opcode: " + oneOf(opcodeNames()))
	}
	r.File = p.declared("a file", p.fileNames())
	if r.sized() {
		r.Bytes = p.size("a size such as 4K")
		if r.Bytes == 0 && p.err == nil {
			p.failLast("a size above 0")
		}
		if p.accept("at") {
			r.Offset = p.size("an offset such as 4K")
		}
	}
	if p.accept("iocb") {
		r.Iocb = p.name("a word for the iocb's memory")
	}
	r.NoFile = p.accept("nofd")
	r.Eventfd = p.accept("eventfd")
	p.test.Requests = append(p.test.Requests, r)
}

// sized reports whether the opcode has a length.
func (r *Request) sized() bool { return r.Op.Transfers() || r.Op == model.ReadAhead }

// header reads NAME [cpu N] { | NAME [cpu N] }.
func (p *parser) header() {
	if p.threads {
		p.failLast("a condition: the threads were declared above")
		return
	}
	p.threads, p.table = true, true
	for {
		t := Thread{Name: p.newName("the name of a thread")}
		if p.accept("cpu") {
			t.CPU = p.count(0, max(p.test.CPUs, 1)-1, "a CPU")
		}
		p.test.Threads = append(p.test.Threads, t)
		if !p.accept("|") {
			return
		}
	}
}

// row reads a call, or nothing, for each thread.
func (p *parser) row() {
	for i := 0; ; i++ {
		if i == len(p.test.Threads) {
			p.failLast(fmt.Sprintf("at most %d columns", i))
			return
		}
		if w := p.peek(); w != "|" && w != "" {
			p.test.Threads[i].Calls = append(p.test.Threads[i].Calls, p.call())
		}
		if !p.accept("|") {
			p.end()
			return
		}
	}
}

// call reads a call with its arguments.
func (p *parser) call() (c Call) {
	want := "a call: " + oneOf(callNames[:])
	w := p.word(want)
	i := slices.Index(callNames[:], w)
	if i < 0 {
		p.failLast(want)
		return c
	}
	c.Do = Do(i)
	switch c.Do {
	case Submit:
		for len(c.Requests) == 0 || p.peek() != "" && p.peek() != "|" && p.peek() != "on" {
			c.Requests = append(c.Requests, p.declared("a request", p.requestNames()))
			if p.err != nil {
				return c
			}
		}
	case Cancel:
		for ok := true; ok; ok = p.accept("or") {
			c.Requests = append(c.Requests, p.declared("a request", p.requestNames()))
		}
	case Rewrite:
		c.Requests = []string{p.declared("a request", p.requestNames())}
	case GetEvents:
		c.Min = p.count(0, 1<<16, "events")
		c.Nr = p.count(max(c.Min, 1), 1<<16, "events")
		c.Timeout = p.accept("timeout")
	case Close:
		c.File = p.declared("a file", p.fileNames())
	case Write, Read:
		c.File = p.declared("a file", p.fileNames())
		c.Bytes = p.size("a size such as 4K")
		if c.Bytes == 0 && p.err == nil {
			p.failLast("a size above 0")
		}
	}
	if c.Do.onContext() && p.accept("on") {
		c.Context = p.declared("a context", p.contextNames())
		if names := p.contextNames(); c.Do != Cancel && len(names) > 0 && c.Context == names[0] {
			c.Context = ""
		}
	}
	return c
}
