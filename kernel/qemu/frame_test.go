package qemu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aiocheck/traces"
)

type message struct {
	kind    kind
	payload string
}

var anyMessages = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) message {
	return message{kind(rapid.Uint32().Draw(t, "kind")), string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "payload"))}
}), 0, 8)

func encode(messages []message) []byte {
	var out bytes.Buffer
	w := &frameWriter{out: &out}
	for _, m := range messages {
		if err := w.send(m.kind, []byte(m.payload)); err != nil {
			panic(err) // a buffer takes everything
		}
	}
	return out.Bytes()
}

// decodeAll reads frames until the error that ends them.
func decodeAll(stream []byte) ([]message, error) {
	f := newFrameReader(bytes.NewReader(stream))
	var all []message
	for {
		k, payload, err := f.next()
		if err != nil {
			return all, err
		}
		all = append(all, message{k, string(payload)})
	}
}

func isPrefix(got, want []message) bool {
	if len(got) > len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

func TestFramesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := anyMessages.Draw(t, "messages")
		got, err := decodeAll(encode(sent))
		if err != io.EOF || len(got) != len(sent) || !isPrefix(got, sent) {
			t.Fatalf("sent %v, got %v, %v", sent, got, err)
		}
	})
}

// A guest that dies leaves every whole frame, and the end is seen to be torn.
func TestTruncatedFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := anyMessages.Draw(t, "messages")
		stream := encode(sent)
		at := rapid.IntRange(0, len(stream)).Draw(t, "at")
		got, err := decodeAll(stream[:at])
		whole, end := 0, 0
		for whole < len(sent) && end+headBytes+len(sent[whole].payload) <= at {
			end += headBytes + len(sent[whole].payload)
			whole++
		}
		want := io.ErrUnexpectedEOF
		if end == at {
			want = io.EOF
		}
		if len(got) != whole || !isPrefix(got, sent) || !errors.Is(err, want) {
			t.Fatalf("cut at %d: %d frames of %d, %v; want %d, %v", at, len(got), len(sent), err, whole, want)
		}
	})
}

// Whatever byte is changed, no frame comes out that was not sent.
func TestDamagedFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := anyMessages.Draw(t, "messages")
		stream := encode(sent)
		if len(stream) == 0 {
			return
		}
		at := rapid.IntRange(0, len(stream)-1).Draw(t, "at")
		stream[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		got, err := decodeAll(stream)
		if err == io.EOF || len(got) == len(sent) || !isPrefix(got, sent) {
			t.Fatalf("byte %d changed: %d frames of %d, %v", at, len(got), len(sent), err)
		}
	})
}

func TestFrameErrors(t *testing.T) {
	le := binary.LittleEndian
	good := appendFrame(nil, kindWant, 0, []byte("x"))
	change := func(at int, value uint32) []byte {
		b := bytes.Clone(good)
		le.PutUint32(b[at:], value)
		return b
	}
	for _, c := range []struct {
		name, want string
		stream     []byte
	}{
		{"garbage", "no frame at byte 0", []byte("Kernel panic - not syncing: it happens")},
		{"hostile length", "more than", change(12, 1<<31)},
		{"longer than what comes", "unexpected EOF", change(12, maxPayload)},
		{"repeated", "the number 0 instead of 1", append(bytes.Clone(good), good...)},
		{"wrong sum", "checksum", change(16, 1)},
		{"another kind", "checksum", change(4, 3)},
	} {
		if _, err := decodeAll(c.stream); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// A length alone claims no memory.
func TestHostileLengthClaimsNoMemory(t *testing.T) {
	f := newFrameReader(strings.NewReader("short"))
	if _, err := f.payload(maxPayload); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if cap(f.buf) > 2*growBy {
		t.Errorf("%d bytes were claimed for 5", cap(f.buf))
	}
}

func TestRecordsComeBack(t *testing.T) {
	sent := []traces.Record{
		traces.RoundRecord(3, 17, 2, traces.EndKill),
		traces.InvokeRecord(3, 1, traces.CallSubmit, 0, 0, 18, 4, 0, 0),
		traces.ReturnRecord(3, 19, -11, 0, 0),
	}
	got, err := decodeRecords(nil, appendRecords(nil, sent))
	if err != nil || len(got) != len(sent) {
		t.Fatal(got, err)
	}
	for i := range got {
		if got[i] != sent[i] {
			t.Errorf("record %d: %+v, want %+v", i, got[i], sent[i])
		}
	}
	other := sent[1]
	other.Thread = 4
	for name, payload := range map[string][]byte{
		"a part":       appendRecords(nil, sent)[:50],
		"no kind":      make([]byte, traces.RecordSize),
		"two threads":  appendRecords(nil, []traces.Record{sent[0], other}),
		"unknown code": appendRecords(nil, []traces.Record{{Kind: traces.KindInvoke, Code: 200}}),
	} {
		if _, err := decodeRecords(nil, payload); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// Nothing that a guest sends breaks the reader: what it gives out can be
// written to a stream again, and gives the same bytes up to there.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{})
	f.Add(encode([]message{{kindHello, `{"protocol":1}`}, {kindAlive, ""}}))
	f.Add(appendFrame(nil, kindRecords, 0, appendRecords(nil, []traces.Record{traces.RoundRecord(0, 1, 0, 0)})))
	f.Add(appendFrame(nil, kindWant, 7, nil))
	f.Fuzz(func(t *testing.T, stream []byte) {
		got, _ := decodeAll(stream)
		if again := encode(got); !bytes.HasPrefix(stream, again) {
			t.Fatalf("%d frames do not come from %q", len(got), stream)
		}
		for _, m := range got {
			// It may refuse them, but nothing else.
			_, _ = decodeRecords(nil, []byte(m.payload))
		}
	})
}
