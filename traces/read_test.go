package traces

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// save writes a trace to a file of the test.
func save(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.aiot")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadGivesTheHistoryOfTheLogs(t *testing.T) {
	logs := synthLogs(3, 3, 4, 2000)
	want, err := FromLogs(synthHeader(3), logs...)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	synthFile(t, &file, logs)
	got, err := Read(save(t, file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if got.Ending.Totals.Requests != 2000 || len(got.Requests) != 2000 || len(got.Rounds) != 4 || len(got.Files) != 9 || len(got.Names) != 8 || len(got.Found) == 0 {
		t.Errorf("totals %+v, %d requests, %d rounds, %d files", got.Ending.Totals, len(got.Requests), len(got.Rounds), len(got.Files))
	}
	// One batch a thread: the frames are in the order of the logs.
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Ending{}, "Totals")); diff != "" {
		t.Error(diff)
	}
}

// prefixes counts, for each thread, how many of its records are kept, and
// fails unless they are its first ones.
func prefixes(t *testing.T, r *Reader, logs []Log) error {
	kept := map[uint16]int{}
	for {
		f, err := r.Next()
		if err != nil {
			return err
		}
		log := logs[min(int(f.Thread), len(logs)-1)]
		for i := range f.Records {
			if f.Records[i] != log[kept[f.Thread]] {
				t.Fatalf("record %d of thread %d is %+v", kept[f.Thread], f.Thread, f.Records[i])
			}
			kept[f.Thread]++
		}
	}
}

func TestReaderTruncatedAnywhere(t *testing.T) {
	logs := synthLogs(5, 2, 2, 40)
	var file bytes.Buffer
	synthFile(t, &file, logs)
	for n := range file.Len() {
		var damage *FormatError
		r, err := NewReader(bytes.NewReader(file.Bytes()[:n]), "cut.aiot")
		if err == nil {
			err = prefixes(t, r, logs)
			if at := r.Offset(); !errors.As(err, &damage) || damage.Offset != at || at > int64(n) {
				t.Errorf("cut at byte %d: read to %d: %v", n, at, err)
			}
		} else if !errors.As(err, &damage) || damage.Offset > int64(n) || damage.File != "cut.aiot" {
			t.Errorf("cut at byte %d: %v", n, err)
		}
	}
	r, err := NewReader(bytes.NewReader(file.Bytes()), "whole.aiot")
	if err != nil {
		t.Fatal(err)
	}
	if err := prefixes(t, r, logs); err != io.EOF {
		t.Errorf("whole file: %v", err)
	}
}
