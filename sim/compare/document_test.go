package compare

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"aiocheck/model/design"
)

var update = flag.Bool("update", false, "rewrite generated documents")

const documentFile = "../../docs/designs.md"

const head = "# Designs compared\n\n" +
	"<!-- Generated: go test ./sim/compare -run TestDocument -update -->\n\n" +
	"Every design that the model knows, in the same small programs, against the same properties: what `aiocheck compare --markdown` prints. " +
	"A ✓ means that the property holds in every reachable state of every case below, including every fair cycle; it says nothing about larger programs. " +
	"A ✗ leads to a shortest behaviour that violates the property. A seeded bug in the corrected design shows as a ✗ in these cases, whichever of them it is ([seeded-bugs.md](seeded-bugs.md)).\n\n" +
	"`aiocheck compare --html FILE` gives the same as a page, `aiocheck compare A B` says how two designs differ, down to the litmus tests that tell them apart. " +
	"[model-your-own.md](model-your-own.md) is how to add a column.\n\n"

// pictures links the drawings that the tests of sim/graph keep.
func pictures() string {
	text := "## The life of a request\n\nDrawn by `aiocheck graph` from the states that the machine reaches, projected on one request; at each edge the step and, in grey, the lock that it runs under. A request that is submitted, cancelled at any time and reaped:\n\n"
	for _, d := range design.All() {
		text += fmt.Sprintf("* [%s](pictures/life-%s.svg)\n", d.Name, d.Name)
	}
	return text + "\nThe corrected design:\n\n![The life of a request in thread-6.1](pictures/life-thread-6.1.svg)\n\n" +
		"And every state that a read of an empty pipe reaches in it, while another thread cancels: [states](pictures/states-cancel-read-thread-6.1.svg).\n\n## The table\n\n"
}

// The document is what the code gives.
func TestDocument(t *testing.T) {
	table := wholeTable(t)
	var want bytes.Buffer
	want.WriteString(head + pictures())
	if err := table.WriteMarkdown(&want); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(documentFile, want.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what the code gives: run go test ./sim/compare -run TestDocument -update", documentFile)
	}
}
