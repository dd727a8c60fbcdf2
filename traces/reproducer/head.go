package reproducer

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"aiocheck/model"
	"aiocheck/traces"
)

// lineWidth is where lines of the head comment end, as in the kernel.
const lineWidth = 76

// writeHead writes the comment that a reader begins with.
func (u *unit) writeHead(b *bytes.Buffer, checked []string) {
	b.WriteString("// SPDX-License-Identifier: GPL-2.0\n/*\n")
	a := &u.about
	if p, ok := property(a.Property); ok {
		paragraph(b, fmt.Sprintf("A reproducer for a violation of %s: %s", p.Name, p.Sentence))
	} else if a.Property != "" {
		paragraph(b, "A reproducer for a violation of "+a.Property+".")
	} else {
		paragraph(b, "A program of asynchronous I/O. No property is known to be violated by it.")
	}
	field(b, "Seen", a.Seen)
	field(b, "Expected", a.Expected)
	field(b, "Found", a.Found)
	field(b, "Kernel", a.Needs)
	field(b, "Replay", a.Replay)
	if a.Property != "" && !slices.Contains(checked, a.Property) {
		paragraph(b, a.Property+" cannot be seen simply from inside: this program prints what became of each request, and checks what it can.")
	}
	var rounds []string
	for _, p := range u.programs {
		rounds = append(rounds, fmt.Sprintf("round %d has %s, %s and %s, and ends by %s", p.Round, count(len(p.Threads), "thread"),
			count(len(p.Contexts), "context"), count(len(p.Requests), "request"), ending(p.End)))
	}
	paragraph(b, strings.ToUpper(rounds[0][:1])+strings.Join(rounds, "; ")[1:]+". The calls are in the functions of the threads, in the middle of this file.")
	u.writeSteps(b)
	b.WriteString(" *\n *\t" + strings.ReplaceAll(Build, " -static", " \\\n *\t\t-static") + "\n *\t./reproducer [ATTEMPTS [DIRECTORY]]\n")
	paragraph(b, fmt.Sprintf("It makes %d attempts if not told, as races need luck, and ends with the first that violates something. Files are made in DIRECTORY, "+
		"here if not told, and removed. The output is KTAP; the exit code is that of a kernel self-test: 0 all is well, 1 something is violated, 4 it cannot run here.", DefaultAttempts))
	b.WriteString(" */\n")
}

// shownSteps is how many steps the head lists; longer programs are read where
// they are.
const shownSteps = 40

// writeSteps lists the calls of a short program.
func (u *unit) writeSteps(b *bytes.Buffer) {
	if u.steps > shownSteps {
		return
	}
	for k, p := range u.programs {
		for t, list := range p.Threads {
			fmt.Fprintf(b, " *\n *\t%s:\n", u.function(k, t))
			for i := range list {
				s := &list[i]
				text := calls[s.Do](p, s)
				if comment := says(p, s); comment != "" {
					text += ": " + comment
				}
				if text == "" {
					text = "goes on"
				}
				if s.After > 0 {
					text += fmt.Sprintf(" (when thread %d has begun step %d)", s.Thread, s.After)
				}
				for n, line := range wrap(text, lineWidth-16) {
					number := ""
					if n == 0 {
						number = fmt.Sprintf("%d.", i+1)
					}
					fmt.Fprintf(b, " *\t%3s %s\n", number, line)
				}
			}
		}
	}
	b.WriteString(" *\n * Built and run by:\n")
}

func ending(e traces.End) string {
	return [...]string{traces.EndDrain: "reaping all events and destroying the contexts", traces.EndDestroy: "destroying the contexts",
		traces.EndExit: "exiting", traces.EndKill: "being killed"}[e]
}

func property(name string) (model.Property, bool) {
	for _, p := range append(model.Properties(), model.KernelQuiet, model.TransitionsAllowed) {
		if p.Name == name {
			return p, true
		}
	}
	return model.Property{}, false
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// field writes a named line or more of the head, if there is text.
func field(b *bytes.Buffer, name, text string) {
	if text == "" {
		return
	}
	for i, line := range wrap(text, lineWidth-14) {
		if i == 0 {
			fmt.Fprintf(b, " *\n * %-9s %s\n", name+":", line)
			continue
		}
		fmt.Fprintf(b, " * %-9s %s\n", "", line)
	}
}

func paragraph(b *bytes.Buffer, text string) {
	if b.Bytes()[b.Len()-3] != '/' { // not the first
		b.WriteString(" *\n")
	}
	for _, line := range wrap(text, lineWidth-3) {
		b.WriteString(" * " + line + "\n")
	}
}

// wrap splits text at spaces into lines of at most width runes, if it can. No
// line ends the comment.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(strings.NewReplacer("*/", "* /", "/*", "/ *").Replace(text)) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
