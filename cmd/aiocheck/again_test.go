package main

import (
	"reflect"
	"testing"

	"github.com/alecthomas/kong"
)

// The command that does a run again has what counts for the run, as it was
// written, and nothing that says where results go.
func TestAgain(t *testing.T) {
	flags := []*kong.Flag{}
	for _, name := range []string{"kernel", "seed", "trace", "append"} {
		var text string
		flags = append(flags, &kong.Flag{Value: &kong.Value{Name: name, Target: reflect.ValueOf(&text).Elem()}})
	}
	for _, c := range []struct {
		args  []string
		flags [][2]string
		files []string
		want  string
	}{
		{[]string{"verify", "--kernel", "plain", "--deterministic"}, [][2]string{{"--seed", "7"}}, nil,
			"aiocheck verify --kernel plain --deterministic --seed 7"},
		{[]string{"verify", "--seed=1", "--trace", "x", "--json", "--kernel=plain", "--trace=y"}, [][2]string{{"--seed", "7"}}, nil,
			"aiocheck verify --kernel=plain --seed 7"},
		{[]string{"litmus", "a.litmus", "--append", "a=1 b", "b.litmus"}, nil, []string{"b.litmus"},
			"aiocheck litmus --append 'a=1 b' b.litmus"},
	} {
		l := newLine(c.args, flags)
		if got := l.again(c.flags, c.files...); got != c.want {
			t.Errorf("%q: %s", c.args, got)
		}
	}
}
