package traces

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"aiocheck/model/machine"
)

// OpenSchedule reads a schedule file.
func OpenSchedule(path string) (*Schedule, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open schedule: %w", err)
	}
	return ParseSchedule(path, data)
}

// ReadSchedule reads a schedule from r; name is for errors.
func ReadSchedule(name string, r io.Reader) (*Schedule, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read schedule %s: %w", name, err)
	}
	return ParseSchedule(name, data)
}

// ParseSchedule reads the text of a schedule. Errors name the file and the
// line.
func ParseSchedule(name string, data []byte) (*Schedule, error) {
	p := &scheduleParser{lines: strings.Split(string(data), "\n")}
	if err := p.parse(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, p.at, err)
	}
	return &p.schedule, nil
}

// scheduleParser goes through the lines of a schedule file once.
type scheduleParser struct {
	lines    []string
	at       int // line last taken, from 1
	schedule Schedule
	seen     map[string]bool // keywords that may come once
	steps    *[]ScheduleStep // where steps go
}

// next takes the next line, cut at its comment; false at the end of the file.
func (p *scheduleParser) next() (words []string, comment string, ok bool) {
	if p.at == len(p.lines) {
		return nil, "", false
	}
	line, comment, _ := strings.Cut(p.lines[p.at], "#")
	p.at++
	return strings.Fields(line), strings.TrimSpace(comment), true
}

func (p *scheduleParser) parse() error {
	words, _, _ := p.next()
	if strings.Join(words, " ") != scheduleHead {
		return fmt.Errorf("this is no schedule file of a known version: the first line must be %q", scheduleHead)
	}
	p.seen = map[string]bool{}
	for {
		words, comment, ok := p.next()
		if !ok {
			break
		}
		if len(words) == 0 {
			continue
		}
		if err := p.line(words, comment); err != nil {
			return err
		}
	}
	for _, key := range []string{"design", "scenario"} {
		if !p.seen[key] {
			return fmt.Errorf("the schedule ends without a %s", key)
		}
	}
	return nil
}

func (p *scheduleParser) line(words []string, comment string) error {
	key, args := words[0], words[1:]
	if p.steps != nil && key != "cycle" {
		step, err := parseStep(words)
		step.Comment = comment
		*p.steps = append(*p.steps, step)
		return err
	}
	want := map[string]int{"design": 1, "bug": 1, "violates": 2, "steps": 0, "cycle": 0}
	if n, known := want[key]; known && n != len(args) {
		return fmt.Errorf("%s takes %d words, not %d", key, n, len(args))
	}
	if p.seen[key] && key != "bug" {
		return fmt.Errorf("a second %s", key)
	}
	p.seen[key] = true
	s := &p.schedule
	switch key {
	case "design":
		s.Design = args[0]
	case "bug":
		s.Bugs = append(s.Bugs, args[0])
	case "violates":
		s.Violates, s.How = args[0], args[1]
		if s.How != "state" && s.How != "deadlock" && s.How != "cycle" {
			return fmt.Errorf("a property is violated in a state, a deadlock or a cycle, not in a %q", s.How)
		}
	case "scenario":
		return p.scenario()
	case "steps":
		p.steps = &s.Steps
	case "cycle":
		p.steps = &s.Cycle
	default:
		return fmt.Errorf("%q is none of design, bug, violates, scenario, steps, cycle", key)
	}
	return nil
}

// scenario takes the lines of the scenario's JSON, to the one that is a
// closing brace.
func (p *scheduleParser) scenario() error {
	first := p.at - 1
	_, begin, _ := strings.Cut(p.lines[first], "scenario")
	var b bytes.Buffer
	b.WriteString(begin)
	for p.lines[p.at-1] != "}" {
		if p.at == len(p.lines) {
			return errors.New("the scenario has no end: a line with nothing but a closing brace")
		}
		b.WriteString("\n" + p.lines[p.at])
		p.at++
	}
	s, line, err := parseScenario(b.Bytes())
	if err != nil {
		p.at = first + line
		return fmt.Errorf("scenario: %w", err)
	}
	p.schedule.Scenario = *s
	return nil
}

// parseStep reads "W4a worker1 request2", with a choice if there is one.
func parseStep(words []string) (s ScheduleStep, err error) {
	if len(words) < 3 || len(words) > 4 {
		return s, fmt.Errorf("a step is its name, who takes it and its request, such as W4a worker1 request2; not %q", strings.Join(words, " "))
	}
	kind, ok := parseStepKind(words[0])
	if !ok {
		return s, fmt.Errorf("no step is called %q", words[0])
	}
	s.Kind = kind
	if s.Actor, err = parseActor(words[1]); err != nil {
		return s, err
	}
	if s.Request, err = parseNumbered(words[2], "request"); err != nil {
		return s, err
	}
	if len(words) == 4 {
		s.Choice, err = parseNumbered(words[3], "choice")
	}
	return s, err
}

func parseStepKind(name string) (machine.Kind, bool) {
	for k := range machine.NumKinds {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

func parseActor(word string) (Actor, error) {
	for r, name := range roleNames {
		if strings.HasPrefix(word, name) {
			n, err := parseNumbered(word, name)
			return Actor{Role(r), n}, err
		}
	}
	return Actor{}, fmt.Errorf("%q is no actor such as thread0, worker1, context0 or device0", word)
}

// parseNumbered reads a number of 0 to 255 with its name before it: "worker1".
func parseNumbered(word, name string) (uint8, error) {
	digits, found := strings.CutPrefix(word, name)
	n, err := strconv.ParseUint(digits, 10, 8)
	if !found || err != nil || digits != strconv.FormatUint(n, 10) {
		return 0, fmt.Errorf("%q is not %s with a number of 0 to 255", word, name)
	}
	return uint8(n), nil
}
