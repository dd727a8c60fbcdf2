package traces

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"aiocheck/model"
)

// example is the run that FORMAT.md shows.
func example() []Log {
	return []Log{
		{
			RoundRecord(Controller, 1000, 1, EndDrain),
			FileRecord(0, Storage, FileDirect, 1<<20),
			ContextRecord(0, 8),
		},
		{
			RoundRecord(0, 2000, 1, EndDrain),
			RequestRecord(0, 0, 1, model.PWrite, 0, 0, 4096, 1024, 0, synthRun<<32|1, 0x55aa00000040),
			InvokeRecord(0, 0, CallSubmit, 0, 0, 3000, 1, 0, 0), ReturnRecord(0, 3500, 1, 0, 0),
			InvokeRecord(0, 0, CallGetEvents, 0, 0, 4000, 1, 8, -1), ReturnRecord(0, 9000, 1, 0, 0),
			EventRecord(0, synthRun<<32|1, 0x55aa00000040, 1024, 0),
		},
	}
}

// block replaces what FORMAT.md shows between the fences after the comment
// of that name.
func block(t *testing.T, doc, name, content string) string {
	t.Helper()
	before, after, found := strings.Cut(doc, "<!-- "+name+" -->\n```\n")
	_, rest, closed := strings.Cut(after, "```\n")
	if !found || !closed {
		t.Fatalf("FORMAT.md has no block %q", name)
	}
	return before + "<!-- " + name + " -->\n```\n" + content + "```\n" + rest
}

// TestDocumentShowsTheFormat: the bytes in FORMAT.md are those that the writer
// makes.
func TestDocumentShowsTheFormat(t *testing.T) {
	var records strings.Builder
	for _, r := range example()[1] {
		fmt.Fprintf(&records, "%v\n", r.Kind)
		for b := AppendRecord(nil, r); len(b) > 0; b = b[16:] {
			fmt.Fprintf(&records, "  % x  % x\n", b[:8], b[8:16])
		}
	}
	var file bytes.Buffer
	synthFile(t, &file, example())
	frames := file.Bytes()[bytes.Index(file.Bytes(), []byte(frameMagic)):]

	want, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	got := block(t, block(t, string(want), "records", records.String()), "frames", hex.Dump(frames))
	if *update {
		if err := os.WriteFile("FORMAT.md", []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if got != string(want) {
		t.Error("FORMAT.md shows other bytes than the writer makes; run go test -update ./traces and look at the difference")
	}
}

// TestDocumentNamesEverything: the tables of FORMAT.md have each kind and each
// call under its number.
func TestDocumentNamesEverything(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for k := KindRound; k < kindEnd; k++ {
		if row := fmt.Sprintf("\n| %d | %v |", k, k); !strings.Contains(string(doc), row) {
			t.Errorf("no row %q", row)
		}
	}
	for c := CallSetup; c < callEnd; c++ {
		if row := fmt.Sprintf("\n| %d | %v |", c, c); !strings.Contains(string(doc), row) {
			t.Errorf("no row %q", row)
		}
	}
}
