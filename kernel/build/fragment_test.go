package build

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aiocheck/kernel/config"
)

func TestParseSettings(t *testing.T) {
	got, err := parseSettings("f", []byte("# a comment\n\nCONFIG_AIO=y\nCONFIG_NAME=\"a # b\"  \n# CONFIG_USB is not set\nCONFIG_HZ=1000\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []setting{{"CONFIG_AIO", "y"}, {"CONFIG_NAME", `"a # b"`}, {"CONFIG_USB", "n"}, {"CONFIG_HZ", "1000"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(setting{})); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"CONFIG_A=y\nAIO=y":          "f:2: ",
		"CONFIG_A":                   "f:1: ",
		"CONFIG_A=":                  "f:1: ",
		"CONFIG_A=y\n\nCONFIG_A=n\n": "f:3: CONFIG_A is set in line 1 already",
	} {
		if _, err := parseSettings("f", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzParseSettings(f *testing.F) {
	f.Add([]byte("CONFIG_AIO=y\n# CONFIG_USB is not set\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseSettings("f", text)
		if err != nil {
			return
		}
		again, err := parseSettings("f", writeSettings(got))
		if err != nil || !slices.Equal(got, again) {
			t.Fatalf("%q: %v, written and read again %v, %v", text, got, again, err)
		}
	})
}

// drawSettings draws a fragment of few symbols, so that fragments meet.
func drawSettings(t *rapid.T, label string) []setting {
	symbols := rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 0, 8, rapid.ID[int]).Draw(t, label)
	var out []setting
	for _, s := range symbols {
		out = append(out, setting{fmt.Sprintf("CONFIG_S%d", s), rapid.SampledFrom([]string{"y", "n", "7", `"x"`}).Draw(t, "value")})
	}
	return out
}

// A merge has every symbol once, with the value of the last fragment that
// sets it; and a .config that is the merge leaves nothing unmet.
func TestMergeSettings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSettings(t, "a"), drawSettings(t, "b")
		merged := mergeSettings(a, b)
		value := map[string]string{}
		for _, s := range append(slices.Clone(a), b...) {
			value[s.symbol] = s.value
		}
		if len(merged) != len(value) {
			t.Fatalf("%v and %v: %v", a, b, merged)
		}
		for _, s := range merged {
			if value[s.symbol] != s.value {
				t.Fatalf("%v and %v: %v", a, b, merged)
			}
		}
		if u := findUnmet(merged, merged); len(u) > 0 {
			t.Fatalf("unmet in itself: %v", u)
		}
	})
}

func TestFindUnmet(t *testing.T) {
	config := []setting{{"CONFIG_ON", "y"}, {"CONFIG_OFF", "n"}, {"CONFIG_HZ", "250"}}
	for _, c := range []struct {
		want setting
		said string // "" if it is met
	}{
		{setting{"CONFIG_ON", "y"}, ""},
		{setting{"CONFIG_OFF", "n"}, ""},
		{setting{"CONFIG_ABSENT", "n"}, ""},
		{setting{"CONFIG_ON", "n"}, "# CONFIG_ON is not set (is y)"},
		{setting{"CONFIG_OFF", "y"}, "CONFIG_OFF=y (is not set)"},
		{setting{"CONFIG_HZ", "1000"}, "CONFIG_HZ=1000 (is 250)"},
		{setting{"CONFIG_ABSENT", "y"}, "CONFIG_ABSENT=y (no such symbol in this source, or something that it depends on is off)"},
	} {
		got := findUnmet([]setting{c.want}, config)
		if c.said == "" && len(got) > 0 || c.said != "" && (len(got) != 1 || got[0].String() != c.said) {
			t.Errorf("%v: %v, want %q", c.want, got, c.said)
		}
	}
}

// Every variant's fragments can be read, are all there is, and ask for what
// makes the variant.
func TestVariants(t *testing.T) {
	used := map[string]bool{}
	for name, symbol := range map[string]string{"plain": "CONFIG_AIO", "debug": "CONFIG_KASAN", "coverage": "CONFIG_KCOV"} {
		v, err := findVariant(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, release := range []string{DefaultRelease, "6.12"} {
			for _, unpatched := range []bool{false, true} {
				wanted, err := v.wanted(release, unpatched)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Contains(wanted, setting{symbol, "y"}) {
					t.Errorf("%s does not want %s", name, symbol)
				}
				if slices.Contains(wanted, setting{"CONFIG_AIO_THREAD", "y"}) == unpatched {
					t.Errorf("%s, unpatched %v: wants %v", name, unpatched, wanted)
				}
				// A symbol that later releases lack.
				if slices.Contains(wanted, setting{"CONFIG_RANDOM_TRUST_CPU", "y"}) != (release == "6.1") {
					t.Errorf("%s for %s wants %v", name, release, wanted)
				}
				fragments, err := v.read(release, unpatched)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range fragments {
					used[f.name] = true
				}
				if text, err := Fragments(name, release, unpatched); err != nil || !strings.Contains(string(text), symbol+"=y") {
					t.Errorf("fragments of %s: %v\n%s", name, err, text)
				}
			}
		}
	}
	entries, err := config.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !used[e.Name()] {
			t.Errorf("no variant uses %s", e.Name())
		}
	}
	if _, err := findVariant("nosuch"); err == nil || !strings.Contains(err.Error(), "there are plain, debug, coverage") {
		t.Errorf("error %v", err)
	}
}
