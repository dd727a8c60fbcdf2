package kernel

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"aiocheck/traces"
)

func TestMain(m *testing.M) {
	MaybeRunner()
	goleak.VerifyTestMain(m)
}

// collected is a Sink in memory.
type collected []traces.Record

func (c *collected) Append(records []traces.Record) error {
	*c = append(*c, records...)
	return nil
}

const (
	testRun     = 7
	testBytes   = 1 << 20 // of the storage
	testThreads = 5
)

// openTest opens a temporary file that is closed at the end of the test.
func openTest(t testing.TB) *Storage {
	t.Helper()
	storage, err := OpenStorage(StorageOptions{Path: t.TempDir(), Bytes: testBytes, Run: testRun})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := storage.Close(); err != nil {
			t.Error(err)
		}
	})
	return storage
}

// newTestHost makes a host that is closed at the end of the test.
func newTestHost(t testing.TB, storage *Storage) *Host {
	t.Helper()
	h, err := NewHost(storage, Options{Run: testRun, Threads: testThreads, Records: 1 << 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// runOn runs programs on storage and returns the records.
func runOn(t testing.TB, storage *Storage, next func() (*traces.Program, bool)) collected {
	t.Helper()
	var records collected
	if err := newTestHost(t, storage).Run(context.Background(), next, &records); err != nil {
		t.Fatal(err)
	}
	return records
}

// list gives programs one after another.
func list(programs ...*traces.Program) func() (*traces.Program, bool) {
	return func() (*traces.Program, bool) {
		if len(programs) == 0 {
			return nil, false
		}
		p := programs[0]
		programs = programs[1:]
		return p, true
	}
}
