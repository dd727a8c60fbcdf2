package litmus

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aiocheck/model"
)

// condition reads [DESIGNS :] QUANTIFIER EXPRESSION.
func (p *parser) condition() {
	var c Condition
	if !slices.Contains(quantifierNames[:], p.peek()) {
		if colon := slices.ContainsFunc(p.tokens, func(t token) bool { return t.text == ":" }); !colon {
			p.fail("a statement: about, source, designs, cpus, workers, a kind of file, context, request, threads, exists, forbidden or always")
			return
		}
		c.Designs = p.designs()
		p.expect(":")
	}
	w := p.word("exists, forbidden or always")
	i := slices.Index(quantifierNames[:], w)
	if i < 0 {
		p.failLast("exists, forbidden or always")
		return
	}
	if !p.threads {
		p.failLast("the threads before any condition")
		return
	}
	c.Quantifier = Quantifier(i)
	c.Expr = p.expr(0)
	p.test.Conditions = append(p.test.Conditions, c)
}

// ParseExpr reads an expression over the outcomes of a test; origin is named
// in errors. Here a comma or a semicolon may stand for and, so that the text of
// an outcome is an expression.
func ParseExpr(t *Test, origin, text string) (Expr, error) {
	tokens, _, _ := tokenize(text)
	for i := range tokens {
		if tokens[i].text == "," || tokens[i].text == ";" {
			tokens[i].text = "and"
		}
	}
	p := &parser{test: *t, cursor: &cursor{file: origin, line: 1, width: len(text), tokens: tokens}}
	e := p.expr(0)
	p.end()
	if p.err != nil {
		return Expr{}, p.err
	}
	return e, nil
}

// maxDepth bounds how deep expressions nest.
const maxDepth = 50

// expr reads TERM { or TERM }.
func (p *parser) expr(depth int) Expr {
	return p.chain("or", Or, depth, func(d int) Expr { return p.chain("and", And, d, p.factor) })
}

// chain reads operands joined by a word.
func (p *parser) chain(word string, op Op, depth int, operand func(int) Expr) Expr {
	args := []Expr{operand(depth)}
	for p.accept(word) {
		args = append(args, operand(depth))
	}
	if len(args) == 1 {
		return args[0]
	}
	return Expr{Op: op, Args: args}
}

// factor reads not FACTOR, a parenthesis or an atom.
func (p *parser) factor(depth int) Expr {
	if depth > maxDepth {
		p.fail("an expression that nests less deeply")
		return Expr{}
	}
	switch {
	case p.accept("not"):
		return Expr{Op: Not, Args: []Expr{p.factor(depth + 1)}}
	case p.accept("("):
		e := p.expr(depth + 1)
		p.expect(")")
		return e
	}
	return Expr{Atom: p.atom()}
}

const wantAtom = "hangs, violates PROPERTY, or what is to hold of a request (a.res), a call (T0.cancel), a stream (p) or data (f[4K])"

func (p *parser) atom() (a Atom) {
	w := p.word(wantAtom)
	left, right, dotted := strings.Cut(w, ".")
	switch {
	case p.err != nil:
	case w == "hangs":
		a.Kind = Hangs
	case w == "violates":
		a.Kind = Violates
		a.Name = p.property()
	case strings.HasSuffix(w, "]"):
		p.unit(&a, w)
	case dotted && slices.Contains(p.requestNames(), left):
		a.Kind, a.Name = RequestIs, left
		i := slices.Index(fieldNames[:], right)
		if i < 0 {
			p.failLast(fmt.Sprintf("a field of request %s: %s.%s", left, left, oneOf(fieldNames[:])))
			return a
		}
		a.Field = Field(i)
		p.relation(&a, fieldValues[i], a.Field == Res || a.Field == Covers)
	case dotted:
		a.Call = p.callRef(left, right)
		if p.accept("got") {
			a.Kind = Got
			if a.Call.Do != GetEvents && a.Call.Do != Reap {
				p.failLast("= or !=, as only getevents and reap take events")
			}
			a.Name = p.declared("a request", p.requestNames())
			return a
		}
		p.relation(&a, callValues, true)
	case slices.Contains(p.requestNames(), w):
		a.Kind, a.Name = Before, w
		p.expect("before")
		a.Other = p.declared("another request", p.requestNames())
		if a.Other == a.Name && p.err == nil {
			p.failLast("another request")
		}
	case slices.Contains(p.fileNames(), w):
		for _, f := range p.test.Files {
			if f.Name == w && !f.Kind.Stream() {
				p.failLast("a stream: only a pipe, a socket or an eventfd has a content to compare")
				return a
			}
		}
		a.Kind, a.Name = StreamIs, w
		p.relation(&a, nil, true)
	default:
		p.failLast(wantAtom)
	}
	return a
}

// unit reads the name of a file or a request, and an offset: f[4K].
func (p *parser) unit(a *Atom, word string) {
	name, offset, _ := strings.Cut(strings.TrimSuffix(word, "]"), "[")
	var names []string
	for _, f := range p.test.Files {
		names = append(names, f.Name)
	}
	writers := slices.Clone(unitValues)
	for _, r := range p.test.Requests {
		if r.Op.Reads() {
			names = append(names, r.Name)
		}
		if r.Op.Writes() {
			writers = append(writers, r.Name)
		}
	}
	n, ok := parseSize(offset)
	if !ok || !slices.Contains(names, name) {
		p.failLast("a file or a read with an offset, such as f[4K], of " + oneOf(names))
		return
	}
	a.Kind, a.Name, a.Offset = UnitIs, name, n
	p.relation(a, writers, false)
}

// callRef resolves the name of a call: the thread's name, and the call's with
// its number if the thread makes several such calls.
func (p *parser) callRef(thread, call string) (ref CallRef) {
	i := slices.Index(p.threadNames(), thread)
	if i < 0 {
		p.failLast("the name of a request or a thread: " + oneOf(append(p.requestNames(), p.threadNames()...)))
		return ref
	}
	name := strings.TrimRight(call, "0123456789")
	ref = CallRef{Thread: thread, N: 1}
	var known []string
	made := map[Do]int{}
	for _, c := range p.test.Threads[i].Calls {
		made[c.Do]++
	}
	for do, times := range made {
		for n := range times {
			known = append(known, (&CallRef{thread, do, n + 1}).text(&p.test))
		}
	}
	slices.Sort(known)
	want := "a call of thread " + thread + ": " + oneOf(known)
	do := slices.Index(callNames[:], name)
	if do < 0 {
		p.failLast(want)
		return ref
	}
	ref.Do = Do(do)
	if digits := call[len(name):]; digits != "" {
		n, err := strconv.Atoi(digits)
		if err != nil {
			n = 0
		}
		ref.N = n
	} else if made[ref.Do] > 1 {
		ref.N = 0 // which one?
	}
	if ref.N < 1 || ref.N > made[ref.Do] {
		p.failLast(want)
	}
	return ref
}

// relation reads = VALUE or != VALUE.
func (p *parser) relation(a *Atom, words []string, numbers bool) {
	switch {
	case p.accept("!="):
		a.Unequal = true
	case !p.accept("="):
		p.fail("= or !=")
	}
	want := oneOf(words)
	switch {
	case numbers && len(words) > 0:
		want = "a number, an error such as -EINTR, " + want
	case numbers:
		want = "a size such as 4K"
	}
	w := p.word(want)
	if n, ok := parseSize(w); ok && numbers {
		a.Value.Number = n
		return
	}
	if p.err == nil && !slices.Contains(words, w) && !(numbers && len(words) > 0 && isErrno(w)) {
		p.failLast(want)
	}
	a.Value.Word = w
}

// isErrno reports whether a word has the form of a negative error: -EINTR.
func isErrno(w string) bool {
	if !strings.HasPrefix(w, "-E") || len(w) < 4 {
		return false
	}
	for _, c := range w[2:] {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func (p *parser) property() string {
	var names []string
	for _, property := range slices.Concat(model.Properties(), model.Internal()) {
		names = append(names, property.Name)
	}
	return p.declared("the name of a property", names)
}
