package kernel

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"aiocheck/model"
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

// testBytes is the size of the storage of tests.
const testBytes = 1 << 20

// run runs programs on a temporary file and returns the records.
func run(t *testing.T, programs ...*traces.Program) collected {
	t.Helper()
	storage, err := OpenStorage(StorageOptions{Path: t.TempDir(), Bytes: testBytes, Run: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := storage.Close(); err != nil {
			t.Error(err)
		}
	}()
	h, err := NewHost(storage, Options{Run: 7, Threads: 4, Records: 1 << 12})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	var records collected
	err = h.Run(context.Background(), func() (*traces.Program, bool) {
		if len(programs) == 0 {
			return nil, false
		}
		p := programs[0]
		programs = programs[1:]
		return p, true
	}, &records)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestDrain(t *testing.T) {
	p := &traces.Program{
		Round: 1, First: 1,
		Contexts: []traces.ContextDecl{{Slots: 8}},
		Files:    []traces.FileDecl{{Kind: traces.Storage, Bytes: testBytes}},
		Requests: []traces.RequestDecl{
			{Opcode: model.PWrite, Offset: 4096, Bytes: 4096},
			{Opcode: model.PRead, Offset: 0, Bytes: 8192},
		},
		Threads: [][]traces.Step{
			{{Do: traces.DoSubmit, Count: 1}, {Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: -1}},
			{{Do: traces.DoSubmit, Request: 1, Count: 1, Thread: 0, After: 2}},
		},
	}
	for _, r := range run(t, p) {
		t.Logf("%+v", r)
	}
}
