package litmus

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a mistake in the text of a test, with its place.
type Error struct {
	File         string
	Line, Column int    // from 1, in characters
	Want, Found  string // what was expected, and what stands there
}

// Error is "file:line:column: expected this, found that".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: expected %s, found %s", e.File, e.Line, e.Column, e.Want, e.Found)
}

// token is a word or a symbol of a line.
type token struct {
	text   string
	column int // from 1
}

// symbols end a word; != is two of them.
const symbols = "=!(),;:|"

// tokenize cuts a line into words and symbols, and splits off its comment.
func tokenize(line string) (tokens []token, comment string, commented bool) {
	column := 1
	for i := 0; i < len(line); {
		c, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case c == '#':
			return tokens, strings.TrimSpace(line[i+1:]), true
		case c == ' ' || c == '\t' || c == '\r':
			i++
			column++
		case strings.HasPrefix(line[i:], "!="):
			tokens = append(tokens, token{"!=", column})
			i += 2
			column += 2
		case strings.ContainsRune(symbols, c):
			tokens = append(tokens, token{string(c), column})
			i += size
			column++
		default:
			end := strings.IndexAny(line[i:], " \t\r#"+symbols)
			if end < 0 {
				end = len(line) - i
			}
			tokens = append(tokens, token{line[i : i+end], column})
			column += utf8.RuneCountInString(line[i : i+end])
			i += end
		}
	}
	return tokens, "", false
}

// cursor reads the tokens of a line. After its first error it stays where it
// is, and reads nothing more.
type cursor struct {
	file   string
	line   int
	width  int // of the line, in characters
	tokens []token
	at     int
	err    *Error
}

// peek is the text of the next token, "" at the end of the line.
func (c *cursor) peek() string {
	if c.err != nil || c.at == len(c.tokens) {
		return ""
	}
	return c.tokens[c.at].text
}

func (c *cursor) accept(text string) bool {
	if c.peek() != text || text == "" {
		return false
	}
	c.at++
	return true
}

func (c *cursor) expect(text string) {
	if !c.accept(text) {
		c.fail(fmt.Sprintf("%q", text))
	}
}

// fail reports that something else was expected where the cursor is.
func (c *cursor) fail(want string) {
	if c.err != nil {
		return
	}
	c.err = &Error{c.file, c.line, c.width + 1, want, "the end of the line"}
	if c.at < len(c.tokens) {
		c.err.Column, c.err.Found = c.tokens[c.at].column, fmt.Sprintf("%q", c.tokens[c.at].text)
	}
}

// failLast reports that something else was expected in place of the token
// that was just read.
func (c *cursor) failLast(want string) {
	if c.err == nil {
		c.at--
		c.fail(want)
	}
}

// word reads a token that is no symbol.
func (c *cursor) word(want string) string {
	w := c.peek()
	if w == "" || w == "!=" || strings.Contains(symbols, w) {
		c.fail(want)
		return ""
	}
	c.at++
	return w
}

// size reads a number of bytes.
func (c *cursor) size(want string) int64 {
	w := c.word(want)
	n, ok := parseSize(w)
	if !ok {
		c.failLast(want)
	}
	return n
}

// count reads a number from least to most.
func (c *cursor) count(least, most int, of string) int {
	want := fmt.Sprintf("a number of %s from %d to %d", of, least, most)
	n := c.size(want)
	if n < int64(least) || n > int64(most) {
		c.failLast(want)
		return least
	}
	return int(n)
}

// end reports what is left on the line.
func (c *cursor) end() {
	if c.err == nil && c.at < len(c.tokens) {
		c.fail("the end of the line")
	}
}

// oneOf writes words as alternatives.
func oneOf(words []string) string {
	switch len(words) {
	case 0:
		return "nothing (none is declared)"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
