package traces

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
)

// The JSON form of a machine.Scenario names what the model numbers: calls,
// opcodes and kinds of files. docs/schedule.md describes it.
type (
	scenarioJSON struct {
		Name      string        `json:"name,omitempty"`
		CPUs      int           `json:"cpus,omitempty"`
		Workers   int           `json:"workers,omitempty"`
		Anonymous bool          `json:"anonymous,omitempty"`
		Prologue  bool          `json:"prologue,omitempty"`
		Contexts  []contextJSON `json:"contexts"`
		Files     []fileJSON    `json:"files,omitempty"`
		Requests  []requestJSON `json:"requests,omitempty"`
		Threads   []threadJSON  `json:"threads"`
	}
	contextJSON struct {
		Slots uint8 `json:"slots,omitempty"`
	}
	fileJSON struct {
		Kind     string `json:"kind"`
		Capacity uint8  `json:"capacity,omitempty"`
		Content  uint8  `json:"content,omitempty"`
		Atomic   uint8  `json:"atomic,omitempty"`
		NoWriter bool   `json:"no_writer,omitempty"`
	}
	requestJSON struct {
		Op      string `json:"op"`
		File    uint8  `json:"file,omitempty"`
		Units   uint8  `json:"units,omitempty"`
		Offset  uint8  `json:"offset,omitempty"`
		Address uint8  `json:"address,omitempty"`
		Eventfd bool   `json:"eventfd,omitempty"`
		Refused bool   `json:"refused,omitempty"`
		NoFile  bool   `json:"no_file,omitempty"`
	}
	threadJSON struct {
		Name    string     `json:"name,omitempty"`
		CPU     uint8      `json:"cpu,omitempty"`
		Forever bool       `json:"forever,omitempty"`
		Calls   []callJSON `json:"calls,omitempty"`
	}
	callJSON struct {
		Call    string `json:"call"`
		Context uint8  `json:"context,omitempty"`
		// Numbers as int: encoding/json would write bytes as base64.
		Requests  []int `json:"requests,omitempty"`
		Min       uint8 `json:"min,omitempty"`
		Nr        uint8 `json:"nr,omitempty"`
		Timeout   bool  `json:"timeout,omitempty"`
		Elsewhere bool  `json:"elsewhere,omitempty"`
		File      uint8 `json:"file,omitempty"`
		Units     uint8 `json:"units,omitempty"`
	}
)

// WriteScenario writes a scenario as JSON, one line for each thing declared
// and each thread.
func WriteScenario(w io.Writer, s *machine.Scenario) error {
	j := scenarioToJSON(s)
	var b bytes.Buffer
	b.WriteString("{\n")
	field := func(name string, value any) { // any: it goes straight to encoding/json
		fmt.Fprintf(&b, "  %q: %s,\n", name, compact(value))
	}
	if j.Name != "" {
		field("name", j.Name)
	}
	if j.CPUs != 0 {
		field("cpus", j.CPUs)
	}
	if j.Workers != 0 {
		field("workers", j.Workers)
	}
	if j.Anonymous {
		field("anonymous", true)
	}
	if j.Prologue {
		field("prologue", true)
	}
	list(&b, "contexts", j.Contexts)
	list(&b, "files", j.Files)
	list(&b, "requests", j.Requests)
	list(&b, "threads", j.Threads)
	text := strings.TrimSuffix(b.String(), ",\n")
	_, err := io.WriteString(w, strings.TrimSuffix(text, "\n")+"\n}\n")
	return err
}

// list writes a field whose elements have a line each.
func list[T any](b *bytes.Buffer, name string, elements []T) {
	if len(elements) == 0 {
		return
	}
	fmt.Fprintf(b, "  %q: [\n", name)
	for i, e := range elements {
		comma := ","
		if i == len(elements)-1 {
			comma = ""
		}
		fmt.Fprintf(b, "    %s%s\n", compact(e), comma)
	}
	b.WriteString("  ],\n")
}

// compact is a value as JSON on one line, with a blank after each colon and
// comma between fields for people.
func compact(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		panic("traces: broken invariant: a scenario has no JSON form: " + err.Error())
	}
	var b strings.Builder
	quoted, escaped := false, false
	for _, c := range string(raw) {
		b.WriteRune(c)
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ':' || c == ','):
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// ParseScenario reads the JSON form of a scenario. Errors name the line.
func ParseScenario(data []byte) (*machine.Scenario, error) {
	s, line, err := parseScenario(data)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	return s, nil
}

// parseScenario also says at which line, from 1, an error is.
func parseScenario(data []byte) (*machine.Scenario, int, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var j scenarioJSON
	err := d.Decode(&j)
	if err == nil && d.More() {
		err = errors.New("more follows after the scenario")
	}
	if err != nil {
		return nil, lineOf(data, err, d.InputOffset()), jsonError(err)
	}
	s, err := scenarioFromJSON(&j)
	return s, 1, err
}

// unknownField is how encoding/json begins to complain of one.
const unknownField = "unknown field "

// lineOf is the line, from 1, at which decoding failed.
func lineOf(data []byte, err error, offset int64) int {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	default: // an unknown field is not located
		if _, field, found := strings.Cut(err.Error(), unknownField); found {
			offset = int64(bytes.Index(data, []byte(field)))
		}
	}
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
}

// jsonError says in our words what a decoder complains of.
func jsonError(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Type.Kind() == reflect.Uint8:
		return fmt.Errorf("field %q: a number of 0 to 255 is wanted, not %s", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("field %q: a %s is wanted, not %s", kind.Field, kind.Type.Kind(), kind.Value)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the scenario is cut off")
	}
	if _, field, found := strings.Cut(err.Error(), unknownField); found {
		return fmt.Errorf("a scenario has no field %s", field)
	}
	return err
}

func scenarioToJSON(s *machine.Scenario) *scenarioJSON {
	j := &scenarioJSON{Name: s.Name, CPUs: s.CPUs, Workers: s.Workers, Anonymous: s.Anonymous, Prologue: s.Prologue}
	for _, c := range s.Contexts {
		j.Contexts = append(j.Contexts, contextJSON(c))
	}
	for _, f := range s.Files {
		j.Files = append(j.Files, fileJSON{f.Kind.String(), f.Capacity, f.Content, f.Atomic, f.NoWriter})
	}
	for _, r := range s.Requests {
		j.Requests = append(j.Requests, requestJSON{r.Opcode.String(), r.File, r.Units, r.Offset, r.Address, r.Eventfd, r.Refused, r.NoFile})
	}
	for _, t := range s.Threads {
		u := threadJSON{Name: t.Name, CPU: t.CPU, Forever: t.Forever}
		for _, c := range t.Calls {
			var requests []int
			for _, r := range c.Requests {
				requests = append(requests, int(r))
			}
			u.Calls = append(u.Calls, callJSON{c.Kind.String(), c.Context, requests, c.Min, c.Nr, c.Timeout, c.Elsewhere, c.File, c.Units})
		}
		j.Threads = append(j.Threads, u)
	}
	return j
}

func scenarioFromJSON(j *scenarioJSON) (*machine.Scenario, error) {
	s := &machine.Scenario{Name: j.Name, CPUs: j.CPUs, Workers: j.Workers, Anonymous: j.Anonymous, Prologue: j.Prologue}
	for _, c := range j.Contexts {
		s.Contexts = append(s.Contexts, machine.Context(c))
	}
	for i, f := range j.Files {
		kind, ok := design.ParseFileKind(f.Kind)
		if !ok {
			return nil, fmt.Errorf("file %d: there is no kind of file %q", i, f.Kind)
		}
		s.Files = append(s.Files, machine.File{Kind: kind, Capacity: f.Capacity, Content: f.Content, Atomic: f.Atomic, NoWriter: f.NoWriter})
	}
	for i, r := range j.Requests {
		op, err := model.ParseOpcode(r.Op)
		if err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
		s.Requests = append(s.Requests, machine.Request{Opcode: op, File: r.File, Units: r.Units, Offset: r.Offset, Address: r.Address, Eventfd: r.Eventfd, Refused: r.Refused, NoFile: r.NoFile})
	}
	for i, t := range j.Threads {
		u := machine.Thread{Name: t.Name, CPU: t.CPU, Forever: t.Forever}
		for k, c := range t.Calls {
			call, err := callFromJSON(&c)
			if err != nil {
				return nil, fmt.Errorf("thread %d, call %d: %w", i, k, err)
			}
			u.Calls = append(u.Calls, call)
		}
		s.Threads = append(s.Threads, u)
	}
	return s, nil
}

func callFromJSON(c *callJSON) (machine.Call, error) {
	call := machine.Call{Context: c.Context, Min: c.Min, Nr: c.Nr, Timeout: c.Timeout, Elsewhere: c.Elsewhere, File: c.File, Units: c.Units}
	kind, ok := parseCallKind(c.Call)
	if !ok {
		return call, fmt.Errorf("there is no call %q", c.Call)
	}
	call.Kind = kind
	for _, r := range c.Requests {
		if r < 0 || r > 255 {
			return call, fmt.Errorf("there is no request %d", r)
		}
		call.Requests = append(call.Requests, uint8(r))
	}
	return call, nil
}

func parseCallKind(name string) (machine.CallKind, bool) {
	for k := machine.Submit; k <= machine.Read; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}
