package traces

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"aiocheck/model"
)

// LineError says which line of JSON Lines is no part of a trace, and why.
type LineError struct {
	File   string
	Line   int // from 1
	Reason string
}

// Error names the file, the line and the reason.
func (e *LineError) Error() string { return fmt.Sprintf("%s: line %d: %s", e.File, e.Line, e.Reason) }

// maxLine bounds a line of JSON: a header is the longest.
const maxLine = 2 * maxHeader

// headLineJSON and endLineJSON are the first and the last line.
type headLineJSON struct {
	Kind   string `json:"kind"` // "header"
	Header Header `json:"header"`
}

type endLineJSON struct {
	Kind   string `json:"kind"` // "end"
	Ending Ending `json:"ending"`
}

// WriteJSON writes a trace as JSON Lines: the header, an object for each
// record in the order of the file, and the end. Each has a field kind. Every
// record can be read back as it was. The lines of a trace that was cut end
// where the trace does; the reader's error is then returned.
func WriteJSON(w io.Writer, r *Reader) error {
	out := bufio.NewWriterSize(w, 1<<16)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(headLineJSON{"header", r.Header}); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	open := map[uint16]CallKind{} // the call that each thread's return record ends
	var line []byte
	for {
		f, err := r.Next()
		if err != nil {
			if err == io.EOF {
				err = lines.Encode(endLineJSON{"end", *r.Ending()})
			}
			return errors.Join(err, out.Flush())
		}
		for i := range f.Records {
			rec := &f.Records[i]
			if rec.Kind == KindInvoke {
				open[f.Thread] = CallKind(rec.Code)
			}
			line = rec.appendJSON(line[:0], open[f.Thread])
			if _, err := out.Write(append(line, '\n')); err != nil {
				return fmt.Errorf("write JSON: %w", err)
			}
		}
	}
}

// fields lists what is shown of a record; call is the one that a return
// record ends.
func (r *Record) fields(call CallKind) (list, more []field) {
	if r.Kind == 0 || r.Kind >= kindEnd {
		return nil, nil
	}
	list = kindFields[r.Kind]
	switch {
	case r.Kind == KindRequest && model.Opcode(r.Code).Names():
		more = namedFields
	case r.Kind == KindRequest:
		more = requestFields
	case r.Kind == KindInvoke && r.Code < uint8(callEnd):
		more = callFields[r.Code]
	case r.Kind == KindReturn && call < callEnd:
		more = returnFields[call]
	}
	return list, more
}

// appendJSON appends the record as a JSON object.
func (r *Record) appendJSON(b []byte, call CallKind) []byte {
	b = append(b, `{"kind":`...)
	if r.Kind == 0 || r.Kind >= kindEnd {
		b = strconv.AppendUint(b, uint64(r.Kind), 10)
	} else {
		b = append(append(append(b, '"'), r.Kind.String()...), '"')
	}
	b = append(b, `,"thread":`...)
	if r.Thread == Controller {
		b = append(b, `"controller"`...)
	} else {
		b = strconv.AppendUint(b, uint64(r.Thread), 10)
	}
	if r.Kind == KindReturn && call != 0 && call < callEnd {
		b = append(append(append(b, `,"call":"`...), call.String()...), '"')
	}
	rest := *r // what no field has shown yet
	show := func(f *field) {
		b = append(append(append(b, `,"`...), f.name...), `":`...)
		b = f.append(b, r.get(f.slot))
		rest.set(f.slot, 0)
	}
	list, more := r.fields(call)
	for _, fields := range [...][]field{list, more} {
		for i := range fields {
			if f := &fields[i]; f.form != formPlusOne || r.get(f.slot) != 0 {
				show(f)
			}
		}
	}
	for i := range spare {
		if f := &spare[i]; rest.get(f.slot) != 0 {
			show(f)
		}
	}
	return append(b, '}')
}

// ReadJSON reads what WriteJSON writes, lines that a person or a program has
// changed included, and writes it to out as a trace. name is what errors call
// the input. Lines that end without the end line give a trace that was cut,
// and a LineError.
func ReadJSON(in io.Reader, name string, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	number := 0
	fail := func(reason string) error { return &LineError{File: name, Line: number, Reason: reason} }
	next := func() bool { number++; return lines.Scan() }

	var head headLineJSON
	if !next() {
		return fail(ended(lines, "the header is missing"))
	}
	if err := strict(lines.Bytes(), &head); err != nil || head.Kind != "header" {
		return fail(fmt.Sprintf("not the header of a trace (%v)", err))
	}
	w, err := NewWriter(out, head.Header)
	if err != nil {
		return err
	}
	var batch []Record
	open := map[uint16]CallKind{}
	for next() {
		r, end, err := parseLine(lines.Bytes(), open)
		switch {
		case err != nil:
			return errors.Join(fail(err.Error()), w.Append(batch))
		case end != nil:
			if err := errors.Join(w.Append(batch), w.Close(end.Finish, end.Text)); err != nil {
				return err
			}
			if next() {
				return fail("there is more after the end line")
			}
			return nil
		}
		if batch = append(batch, r); len(batch) == maxFrameRecords {
			if err := w.Append(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return errors.Join(fail(ended(lines, "the end line is missing")), w.Append(batch))
}

// ended says why there is no further line.
func ended(lines *bufio.Scanner, reason string) string {
	if err := lines.Err(); err != nil {
		return err.Error()
	}
	return reason
}

// strict decodes JSON and refuses fields that v does not have.
func strict(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// parseLine is the inverse of appendJSON, or gives the end line's ending.
func parseLine(line []byte, open map[uint16]CallKind) (r Record, end *Ending, err error) {
	var got map[string]json.RawMessage
	if err := json.Unmarshal(line, &got); err != nil {
		return r, nil, fmt.Errorf("not a JSON object (%w)", err)
	}
	take := func(f *field) error {
		text, ok := got[f.name]
		if !ok {
			return nil
		}
		delete(got, f.name)
		v, err := f.parse(string(text))
		if err == nil && !r.set(f.slot, v) {
			err = fmt.Errorf("%s is %s, which is too large", f.name, text)
		}
		return err
	}
	kind := string(got["kind"])
	if kind == `"end"` {
		var l endLineJSON
		if err := strict(line, &l); err != nil {
			return r, nil, fmt.Errorf("not an end line (%w)", err)
		}
		return r, &l.Ending, nil
	}
	if r.Kind, err = parseKind(kind); err != nil {
		return r, nil, err
	}
	thread := string(got["thread"])
	if r.Thread = Controller; thread != `"controller"` {
		n, err := strconv.ParseUint(thread, 10, 16)
		if err != nil {
			return r, nil, fmt.Errorf("thread is %s", thread)
		}
		r.Thread = uint16(n)
	}
	delete(got, "kind")
	delete(got, "thread")
	if r.Kind == KindReturn {
		delete(got, "call") // told by the invoke record
	}
	call := open[r.Thread]
	list, _ := r.fields(call)
	for i := range list {
		if err := take(&list[i]); err != nil {
			return r, nil, err
		}
	}
	_, more := r.fields(call) // after the code is known
	for _, fields := range [...][]field{more, spare} {
		for i := range fields {
			if err := take(&fields[i]); err != nil {
				return r, nil, err
			}
		}
	}
	for name := range got {
		return r, nil, fmt.Errorf("unknown field %q of a %s record", name, kind)
	}
	if r.Kind == KindInvoke {
		open[r.Thread] = CallKind(r.Code)
	}
	return r, nil, nil
}

// parseKind takes the JSON of a kind: its name or, if it has none, its number.
func parseKind(text string) (Kind, error) {
	for k, name := range kindNames {
		if name != "" && text == `"`+name+`"` {
			return Kind(k), nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("kind is %q", text)
	}
	return Kind(n), nil
}
