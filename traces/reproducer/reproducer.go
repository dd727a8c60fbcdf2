// Package reproducer turns programs into one C file that stands alone: libc,
// raw system calls, and the checks that can be made from inside, in the manner
// of a kernel self-test.
package reproducer

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"aiocheck/model"
	"aiocheck/traces"
)

// Build is the command that compiles a reproducer, for a machine or, being
// static, for a guest without a libc. The last word is the C file.
const Build = "gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -pthread -o reproducer reproducer.c"

// DefaultAttempts is how often a reproducer runs its program if it is not told.
const DefaultAttempts = 1000

// About is what the head of the file says beside the program.
type About struct {
	Property string // name of the violated property; empty for none
	Seen     string // what was seen: the finding's summary
	Expected string // what was to be seen
	Found    string // where: kernel, trace, seed
	Needs    string // what the kernel must be told, if anything
	Replay   string // the aiocheck command that shows it again
	Direct   bool   // the storage is opened with O_DIRECT
}

// Of says of a trace where it is from and what the kernel needs.
func Of(h *traces.Header) About {
	a := About{Direct: h.Device.Direct, Found: fmt.Sprintf("Linux %s (%s), target %s", h.Kernel.Release, h.Contract.Name, h.Target)}
	var needs []string
	if h.Contract.Threaded && h.Target != "sim" {
		needs = append(needs, "thread-based AIO, switched on by the sysctl fs.aio-auto-threads=1")
	}
	switch {
	case h.Misbehaviour != "" && h.Target == "sim":
		needs = append(needs, "the bug "+h.Misbehaviour+" of the simulated kernel")
	case h.Misbehaviour != "":
		needs = append(needs, h.Misbehaviour+" in /sys/module/aio_thread/parameters/defects")
	}
	if len(needs) > 0 {
		a.Needs = "with " + strings.Join(needs, ", and ")
	}
	return a
}

//go:embed parts/*.c
var parts embed.FS

// directive is a line of a part that is there for the generator only.
var directive = regexp.MustCompile(`(?m)^[\t ]*(/\*%[^%]*%\*/)\n`)

// parse reads the parts, C files with directives of text/template.
func parse() (*template.Template, error) {
	files, err := parts.ReadDir("parts")
	if err != nil {
		return nil, err
	}
	t := template.New("").Delims("/*%", "%*/")
	for _, f := range files { // by name
		text, err := parts.ReadFile("parts/" + f.Name())
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(f.Name(), ".")
		if _, err := t.New(name).Parse(directive.ReplaceAllString(string(text), "$1")); err != nil {
			return nil, fmt.Errorf("parse part %s of reproducers: %w", f.Name(), err)
		}
	}
	return t, nil
}

// Write writes the C file that runs the programs, one after the other, each a
// round, and judges what comes of it. It refuses programs that no target can
// run.
func Write(w io.Writer, about About, programs ...*traces.Program) error {
	u, err := newUnit(about, programs)
	if err != nil {
		return err
	}
	t, err := parse()
	if err != nil {
		return err
	}
	var code bytes.Buffer
	for _, part := range []string{"1_head", "constants", "2_round", "requests", "3_shared", "4_buffers", "5_files", "6_steps", "7_others", "threads", "8_process", "9a_judge", "9b_names", "9c_main"} {
		switch part {
		case "constants":
			u.writeConstants(&code)
		case "requests":
			u.writeRequests(&code)
		case "threads":
			u.writeThreads(&code)
			u.writeRounds(&code)
		default:
			if err := t.ExecuteTemplate(&code, part, u); err != nil {
				return fmt.Errorf("write reproducer: %w", err)
			}
		}
	}
	checked := checkedBy(code.String(), about.Property)
	var b bytes.Buffer
	u.writeHead(&b, checked)
	b.Write(bytes.Replace(code.Bytes(), []byte(propertiesHere), []byte(propertyTable(checked)), 1))
	_, err = w.Write(b.Bytes())
	return err
}

// propertiesHere is where the table of properties goes, once it is known
// which of them the code speaks of.
const propertiesHere = "@properties@\n"

var judged = regexp.MustCompile(`"([a-z-]+)"`)

// checkedBy lists the properties that code checks, the violated one first.
func checkedBy(code, violated string) []string {
	named := map[string]bool{}
	for _, m := range judged.FindAllStringSubmatch(code, -1) {
		named[m[1]] = true
	}
	var names []string
	for _, p := range model.Properties() {
		if named[p.Name] {
			names = append(names, p.Name)
		}
	}
	if i := slices.Index(names, violated); i >= 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, violated)
	}
	return names
}

func propertyTable(names []string) string {
	var b strings.Builder
	b.WriteString("/* What is checked, by aiocheck's names; docs/properties.md says what they mean. */\nstatic const char *const properties[] = {\n")
	for _, n := range names {
		fmt.Fprintf(&b, "\t%q,\n", n)
	}
	b.WriteString("};\n")
	return b.String()
}
