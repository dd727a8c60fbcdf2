package model

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite generated documents")

// docs/properties.md lists the properties as the code has them.
func TestPropertiesDocument(t *testing.T) {
	const path = "../docs/properties.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| property | object | what must hold |\n| --- | --- | --- |\n")
	for _, p := range Properties() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Name, p.Object, p.Sentence)
	}
	table := regexp.MustCompile(`(?s)\| property .*?\n\n`)
	want := table.ReplaceAllLiteralString(string(text), b.String()+"\n")
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the code says: run go test ./model -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Names are unique, and of the form that documents and flags use.
func TestPropertyNames(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, p := range Properties() {
		if !form.MatchString(p.Name) || seen[p.Name] || !strings.HasSuffix(p.Sentence, ".") {
			t.Errorf("property %+v", p)
		}
		seen[p.Name] = true
	}
}

func TestOpcodesRoundTrip(t *testing.T) {
	for o := range Opcode(255) {
		back, err := ParseOpcode(o.String())
		named := !strings.HasPrefix(o.String(), "opcode ")
		if named != (err == nil) || named && back != o {
			t.Errorf("%v: %v, %v", o, back, err)
		}
	}
}

func TestResultNames(t *testing.T) {
	for r, want := range map[Result]string{0: "0", 17: "17", -22: "-EINVAL", -115: "-EINPROGRESS", -512: "-ERESTARTSYS", -4000: "-4000", -5000: "-5000"} {
		if r.String() != want {
			t.Errorf("%d: %s, want %s", int64(r), r, want)
		}
	}
	if Fail(EINTR).Errno() != EINTR || Result(5).Errno() != 0 || Result(-5000).Errno() != 0 {
		t.Error("Errno is not the inverse of Fail")
	}
}
