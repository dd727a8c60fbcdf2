package traces

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"aiocheck/model"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var tinyInode = Inode{Number: 77, Device: 0x801, Mode: 0o104755, UID: 1000}

// tiny is a run of one round that has every kind of record; its goldens are in
// testdata.
func tiny() []Log {
	controller := Log{
		RoundRecord(Controller, 100, 1, EndDestroy),
		FileRecord(0, Storage, FileDirect, 1<<20), FileRecord(1, Pipe, FileNonblock, 0), FileRecord(2, Eventfd, 0, 0),
		FileRecord(3, Directory, 0, 0), FileRecord(4, Directory, 0, 0),
		ContextRecord(0, 8),
		NameRecord(0, 3, Regular, tinyInode), NameRecord(1, 3, Absent, Inode{}), NameRecord(2, 4, Fifo, Inode{Number: 78, Device: 0x801, Mode: 0o10600}),
		IdentityRecord(Identity{UID: 1000, Umask: 0o22, Cwd: 4, Root: 5, Descriptors: 8}, 20),
		ExitRecord(EndDestroy, 9000, 9500),
		WatchedRecord(Controller, 3, 12288),
	}
	const data = synthRun << 32
	thread := Log{
		RoundRecord(0, 200, 1, EndDestroy),
		InvokeRecord(0, 0, CallSetup, 0, 0, 300, 8, 0, 0), ReturnRecord(0, 350, 0, 0x7f5500000000, 32|1<<32),
		RequestRecord(0, 0, 1, model.PWrite, 0, 0, 4096, 1024, 0, data|1, 0x5500_0040),
		RequestRecord(0, 0, 2, model.PRead, 0, 3, 4096, 512, 0, data|2, 0x5500_0080),
		RequestRecord(0, 0, 3, model.Poll, 1, 0, 1, 0, 0, data|3, 0x5500_00c0),
		InvokeRecord(0, 0, CallSubmit, 0, 0, 400, 3, 0, 0), ReturnRecord(0, 500, 3, 0, 0),
		InvokeRecord(0, 0, CallCancel, 3, 0, 600, 0, 0, 0), ReturnRecord(0, 650, model.Fail(model.EINPROGRESS), 0, 0),
		InvokeRecord(0, 0, CallGetEvents, 0, 0, 700, 1, 8, 1_000_000), ReturnRecord(0, 1500, 3, 0, 0),
		EventRecord(0, data|3, 0x5500_00c0, 0, 0), EventRecord(0, data|2, 0x5500_0080, 512, 0), EventRecord(0, data|1, 0x5500_0040, model.Fail(model.EIO), 0),
		DataRecord(0, 2, DataWritten, 4096, 256, 1, 4096), DataRecord(0, 2, DataMisplaced, 4352, 256, 1, 8192),
		DamageRecord(0, 2, AfterEvent, 1600, 2500, 64, 8),
		InvokeRecord(0, 0, CallReadEventfd, 0, 2, 2600, 0, 0, 0), ReturnRecord(0, 2650, 8, 1, 0),
		RequestRecord(0, NoContext, 4, model.PWrite, 1, 0, 0, 64, 0, 0, 0),
		InvokeRecord(0, NoContext, CallWrite, 4, 1, 2700, 64, -1, 0), ReturnRecord(0, 2750, 64, 0, 0),
		InvokeRecord(0, NoContext, CallClose, 0, 1, 2800, 1, 0, 0), ReturnRecord(0, 2850, 0, 0, 0),
		InvokeRecord(0, 0, CallReapRing, 0, 0, 2900, 0, 4, 0), ReturnRecord(0, 2910, 0, 3, 3),
		RequestRecord(0, 0, 5, model.OpenAt, 3, 0, 0o100|0o600<<32, 0, uint32(ViaCwd), data|5, 0x5500_0100),
		RequestRecord(0, 0, 6, model.RenameAt, 3, 0, 1, 0|1<<16, uint32(ViaRoot), data|6, 0x5500_0140),
		InvokeRecord(0, 0, CallSubmit, 0, 0, 2920, 2, 0, 0), ReturnRecord(0, 2921, 2, 0, 0),
		InvokeRecord(0, NoContext, CallReuse, 6, 3, 2922, 1, 0, 0), ReturnRecord(0, 2923, 0, 0, 0),
		InvokeRecord(0, 0, CallGetEvents, 0, 0, 2924, 1, 8, -1), ReturnRecord(0, 2925, 2, 0, 0),
		EventRecord(0, data|5, 0x5500_0100, 9, 0), EventRecord(0, data|6, 0x5500_0140, model.Fail(model.EEXIST), 0),
		FoundRecord(0, 5, tinyInode, 9, 0o100001),
		InvokeRecord(0, NoContext, CallStat, 0, 3, 2926, 0, 0, 0), ReturnRecord(0, 2927, 0, 0, 0), FoundRecord(0, 0, tinyInode, 0, 0),
		InvokeRecord(0, NoContext, CallChdir, 0, 4, 2928, 0, 0, 0), ReturnRecord(0, 2929, 0, 0, 0),
		InvokeRecord(0, NoContext, CallFreeze, 0, 0, 2930, 0, 0, 0), ReturnRecord(0, 2931, 0, 0, 0),
		InvokeRecord(0, NoContext, CallThaw, 0, 0, 2932, 0, 0, 0), ReturnRecord(0, 2933, 0, 0, 0),
		RequestRecord(0, NoContext, 7, model.UnlinkAt, 4, 0, 0, 2, 0, 0, 0),
		InvokeRecord(0, NoContext, CallUnlinkAt, 7, 4, 2934, 0, 0, 0), ReturnRecord(0, 2935, 0, 0, 0),
		RequestRecord(0, NoContext, 8, model.OpenAt, 3, 0, 0, 0, 0, 0, 0),
		InvokeRecord(0, NoContext, CallOpenAt, 8, 3, 2936, 0, 0, 0), ReturnRecord(0, 2937, 10, 0, 0), FoundRecord(0, 8, tinyInode, 10, 0o100000),
		InvokeRecord(0, 0, CallDestroy, 0, 0, 3000, 0, 0, 0),
	}
	return []Log{thread, controller}
}

var update = flag.Bool("update", false, "write the golden files of testdata")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}

// toJSON converts a trace in memory.
func toJSON(data []byte) ([]byte, error) {
	r, err := NewReader(bytes.NewReader(data), "test.aiot")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out bytes.Buffer
	err = WriteJSON(&out, r)
	return out.Bytes(), err
}

func TestJSONIsReadable(t *testing.T) {
	var file bytes.Buffer
	synthFile(t, &file, tiny())
	text, err := toJSON(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "tiny.jsonl", text)
}

func TestJSONLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Log(rapid.SliceOfN(anyRecord(), 0, 40).Draw(t, "records"))
		var file, again bytes.Buffer
		synthFileOf(t, &file, want)
		text, err := toJSON(file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := ReadJSON(bytes.NewReader(text), "test.jsonl", &again); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got, ending, err := readAll(again.Bytes())
		if err != io.EOF || ending.Finish != FinishFailed || ending.Text != "why" {
			t.Fatal(ending, err)
		}
		if diff := cmp.Diff(want, Log(got), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s\n%s", diff, text)
		}
	})
}

// synthFileOf writes the records of one log.
func synthFileOf(t *rapid.T, w io.Writer, log Log) {
	out, err := NewWriter(w, synthHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Append(log), out.Close(FinishFailed, "why")); err != nil {
		t.Fatal(err)
	}
}

func TestJSONOfACutTraceIsCut(t *testing.T) {
	var file, again bytes.Buffer
	synthFile(t, &file, synthLogs(2, 2, 1, 20))
	var damage *FormatError
	text, err := toJSON(file.Bytes()[:file.Len()-10])
	if !errors.As(err, &damage) {
		t.Fatal(err)
	}
	var line *LineError
	err = ReadJSON(bytes.NewReader(text), "cut.jsonl", &again)
	if !errors.As(err, &line) || line.Line != bytes.Count(text, []byte("\n"))+1 || line.Reason != "the end line is missing" {
		t.Error(err)
	}
	want, _, _ := readAll(file.Bytes())
	got, _, err := readAll(again.Bytes())
	if !errors.As(err, &damage) || len(got) != len(want) {
		t.Errorf("%d records of %d: %v", len(got), len(want), err)
	}
}

func TestWrongJSONIsRefused(t *testing.T) {
	var file bytes.Buffer
	synthFile(t, &file, tiny())
	text, err := toJSON(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for wrong, reason := range map[string]string{
		``:                                   `not a JSON object`,
		`[1]`:                                `not a JSON object`,
		`{"thread":0}`:                       `kind is ""`,
		`{"kind":"revoke","thread":0}`:       `kind is "\"revoke\""`,
		`{"kind":"round"}`:                   `thread is `,
		`{"kind":"round","thread":70000}`:    `thread is 70000`,
		`{"kind":"round","thread":0,"no":1}`: `unknown field "no" of a "round" record`,
		`{"kind":"round","thread":0,"end":"late"}`:           `end is "late"`,
		`{"kind":"round","thread":0,"end":256}`:              `end is 256, which is too large`,
		`{"kind":"round","thread":0,"at":1.5}`:               `at is 1.5`,
		`{"kind":"return","thread":0,"ret":"-ENOSUCH"}`:      `ret is "-ENOSUCH"`,
		`{"kind":"event","thread":0,"data":"12"}`:            `data is "12"`,
		`{"kind":"found","thread":0,"mode":"08"}`:            `mode is "08"`,
		`{"kind":"identity","thread":0,"cwd":65535}`:         `cwd is 65535, which is too large`,
		`{"kind":"request","thread":0,"op":"PREAD","via":0}`: `unknown field "via"`,
		`{"kind":"invoke","thread":0,"call":"io_enter"}`:     `call is "io_enter"`,
		`{"kind":"end","ending":{"finish":"over"}}`:          `unknown finish`,
		`{"kind":"header","header":{},"thread":0}`:           `kind is`,
		`{"kind":"invoke","thread":0,"call":1,"min_nr":"x"}`: `unknown field "min_nr"`,
	} {
		in := lines[0] + lines[1] + wrong + "\n" + strings.Join(lines[2:], "")
		err := ReadJSON(strings.NewReader(in), "wrong.jsonl", io.Discard)
		var line *LineError
		if !errors.As(err, &line) || line.Line != 3 || !strings.Contains(line.Reason, reason) {
			t.Errorf("%s\ngot %v, want line 3: …%s…", wrong, err, reason)
		}
	}
	for in, want := range map[string]string{
		"":                       "wrong.jsonl: line 1: the header is missing",
		"{}\n":                   "wrong.jsonl: line 1: not the header of a trace",
		string(text) + "{}\n":    "there is more after the end line",
		strings.Repeat("x", 3e6): "line 1: bufio.Scanner: token too long",
	} {
		if err := ReadJSON(strings.NewReader(in), "wrong.jsonl", io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
}

// FuzzReadJSON: no lines make the reader panic, and the trace that it makes
// of them it can make again of that trace's lines.
func FuzzReadJSON(f *testing.F) {
	var file bytes.Buffer
	synthFile(f, &file, tiny())
	text, err := toJSON(file.Bytes())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)/2])
	f.Add([]byte(`{"kind":"header","header":{}}` + "\n" + `{"kind":77,"thread":"controller","code":9,"d":"0xff"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second bytes.Buffer
		if ReadJSON(bytes.NewReader(text), "fuzz", &first) != nil {
			return
		}
		again, err := toJSON(first.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := ReadJSON(bytes.NewReader(again), "again", &second); err != nil {
			t.Fatal(err)
		}
		a, _, _ := readAll(first.Bytes())
		b, _, _ := readAll(second.Bytes())
		if diff := cmp.Diff(a, b, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
