package traces

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
)

// reseal gives the head line and every frame header that can be found the
// checksums that they should have: without it, hardly any input would get
// past them.
func reseal(data []byte) []byte {
	data = bytes.Clone(data)
	le := binary.LittleEndian
	var length, sum uint32
	if n, _ := fmt.Sscanf(string(data[:min(len(data), headLineSize)]), headLine, &length, &sum); n == 2 &&
		int(length) <= len(data)-headLineSize {
		copy(data, fmt.Sprintf(headLine, length, Checksum(data[headLineSize:][:length])))
	}
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte(frameMagic))
		if i < 0 || len(data)-at-i < frameHeadSize {
			return data
		}
		at += i
		head, payload := data[at:at+frameHeadSize], data[at+frameHeadSize:]
		if stored := le.Uint32(head[16:]); int64(stored) <= int64(len(payload)) {
			le.PutUint32(head[20:], Checksum(payload[:stored]))
		}
		le.PutUint32(head[28:], Checksum(head[:28]))
		at += frameHeadSize
	}
}

// FuzzReader: no input makes the reader panic, and what it reads it can write
// and read again. A history that is made of it keeps its promises.
func FuzzReader(f *testing.F) {
	var file bytes.Buffer
	synthFile(f, &file, synthLogs(6, 2, 1, 10))
	f.Add(file.Bytes())
	f.Add(file.Bytes()[:file.Len()-100])
	f.Add(file.Bytes()[:400])
	f.Add([]byte("AIOT 1 00000003 00000000\n{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		recs, _, err := readAll(reseal(data))
		if err == nil {
			t.Fatal("reading never ends")
		}
		var again bytes.Buffer
		w, err := NewWriter(&again, Header{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Append(recs), w.Close(FinishComplete, "")); err != nil {
			t.Fatal(err)
		}
		if got, _, err := readAll(again.Bytes()); err != io.EOF || len(got) != len(recs) {
			t.Errorf("%d records of %d: %v", len(got), len(recs), err)
		}
	})
}

// FuzzBuild: no records make the builder panic, and a history that it gives
// keeps its promises.
func FuzzBuild(f *testing.F) {
	for _, logs := range [][]Log{synthLogs(6, 2, 1, 10), {declare(EndKill), {enter(EndKill), request(1, 1, 1), invoke(CallSubmit, 2, 0, 1)}}, tiny()} {
		var seed []byte
		for _, log := range logs {
			for _, r := range log {
				seed = AppendRecord(seed, r)
			}
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var log Log
		for len(data) >= RecordSize {
			log.Record(DecodeRecord((*[RecordSize]byte)(data)))
			data = data[RecordSize:]
		}
		h, err := FromLogs(Header{}, log)
		if err != nil {
			return
		}
		checkPromises(t, h)
	})
}

// checkPromises checks what the documentation of History guarantees.
func checkPromises(t *testing.T, h *History) {
	index := func(what string, i int32, table int) {
		if i < None || int(i) >= table {
			t.Errorf("%s %d of %d", what, i, table)
		}
	}
	ended := map[uint16]Time{}
	for i := range h.Calls {
		c := &h.Calls[i]
		index("round", c.Round, len(h.Rounds))
		index("context", c.Context, len(h.Contexts))
		index("file", c.File, len(h.Files))
		of := len(h.Events)
		if c.Kind == CallSubmit {
			of = len(h.Requests)
		}
		index("first", c.First, of)
		index("last", max(None, c.First+c.Count-1), of)
		if c.Invoke > c.Return || c.Invoke < ended[c.Thread] || int(c.Request) > len(h.Requests) {
			t.Errorf("call %+v after %d", c, ended[c.Thread])
		}
		if c.Completed() {
			ended[c.Thread] = c.Return
		}
	}
	for i := range h.Requests {
		r := &h.Requests[i]
		index("round", r.Round, len(h.Rounds))
		index("context", r.Context, len(h.Contexts))
		index("file", r.File, len(h.Files))
		index("eventfd", r.Eventfd, len(h.Files))
		index("call", r.Call, len(h.Calls))
		index("event", r.Event, len(h.Events))
		index("name", r.Name, len(h.Names))
		index("new name", r.NewName, len(h.Names))
		index("found", r.Found, len(h.Found))
		if r.ID != 0 && r.Opcode.Names() && r.Name == None || r.Name != None && !r.Opcode.Names() && h.Files[r.File].Kind != Directory || r.Via >= viaEnd {
			t.Errorf("request %d on names is %+v", i+1, r)
		}
		if r.ID != 0 && (r.ID != RequestID(i+1) || r.Call == None || r.File == None || r.Round == None) || r.ID == 0 && r.Fate != Unsubmitted {
			t.Errorf("request %d is %+v", i+1, r)
		}
		h.Outcome(r)
	}
	for i := range h.Names {
		n := &h.Names[i]
		index("round", n.Round, len(h.Rounds))
		index("directory", n.Directory, len(h.Files))
		if n.Directory == None || h.Files[n.Directory].Kind != Directory || h.NameIndex(n.Round, int64(n.Number)) != int32(i) {
			t.Errorf("name %d is %+v", i, n)
		}
	}
	for i := range h.Found {
		f := &h.Found[i]
		index("found's call", f.Call, len(h.Calls))
		index("found's request", int32(f.Request)-1, len(h.Requests))
		if !h.Calls[f.Call].Completed() || f.Request != 0 && h.Requests[f.Request-1].Found == None {
			t.Errorf("found %+v", f)
		}
	}
	for i := range h.Events {
		index("event's request", int32(h.Events[i].Request)-1, len(h.Requests))
	}
	for i := range h.Data {
		index("data's request", int32(h.Data[i].Request)-1, len(h.Requests))
	}
}
