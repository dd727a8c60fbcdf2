package build

import (
	"bufio"
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// setting is one line of a configuration: a symbol, and the value that stands
// behind its equals sign, or "n" if it is not set.
type setting struct{ symbol, value string }

// String is the line as kconfig writes it.
func (s setting) String() string {
	if s.value == "n" {
		return "# " + s.symbol + " is not set"
	}
	return s.symbol + "=" + s.value
}

var (
	settingLine = regexp.MustCompile(`^(CONFIG_[A-Z0-9a-z_]+)=(\S.*)$`)
	notSetLine  = regexp.MustCompile(`^# (CONFIG_[A-Z0-9a-z_]+) is not set$`)
)

// parseSettings reads a fragment or a whole .config: settings, comments and
// empty lines. name is for errors. A symbol that is set twice is an error.
func parseSettings(name string, text []byte) ([]setting, error) {
	var settings []setting
	seen := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), " \t\r")
		var s setting
		if m := settingLine.FindStringSubmatch(line); m != nil {
			s = setting{m[1], m[2]}
		} else if m := notSetLine.FindStringSubmatch(line); m != nil {
			s = setting{m[1], "n"}
		} else if line == "" || line[0] == '#' {
			continue
		} else {
			return nil, fmt.Errorf("%s:%d: %q is neither CONFIG_SYMBOL=value nor a comment", name, n, line)
		}
		if first, twice := seen[s.symbol]; twice {
			return nil, fmt.Errorf("%s:%d: %s is set in line %d already", name, n, s.symbol, first)
		}
		seen[s.symbol] = n
		settings = append(settings, s)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return settings, nil
}

// mergeSettings puts fragments one after the other; a later one's value of a
// symbol takes the place of an earlier one's.
func mergeSettings(fragments ...[]setting) []setting {
	var merged []setting
	at := map[string]int{}
	for _, f := range fragments {
		for _, s := range f {
			if i, there := at[s.symbol]; there {
				merged[i] = s
				continue
			}
			at[s.symbol] = len(merged)
			merged = append(merged, s)
		}
	}
	return merged
}

func writeSettings(settings []setting) []byte {
	var b bytes.Buffer
	for _, s := range settings {
		fmt.Fprintln(&b, s)
	}
	return b.Bytes()
}

// unmet is a setting that was asked for and is not in a .config.
type unmet struct {
	want setting
	got  string // the value that it has instead; "" if the symbol is not there
}

func (u unmet) String() string {
	switch u.got {
	case "":
		return u.want.String() + " (no such symbol in this source, or something that it depends on is off)"
	case "n":
		return u.want.String() + " (is not set)"
	}
	return u.want.String() + " (is " + u.got + ")"
}

// findUnmet compares what was wanted with the .config that came out: kconfig
// drops, without a word, what it does not know and what has its dependencies
// off.
func findUnmet(wanted, config []setting) []unmet {
	var out []unmet
	for _, w := range wanted {
		got := ""
		if i := slices.IndexFunc(config, func(s setting) bool { return s.symbol == w.symbol }); i >= 0 {
			got = config[i].value
		}
		// What is not there at all is not set either.
		if got == w.value || (w.value == "n" && got == "") {
			continue
		}
		out = append(out, unmet{w, got})
	}
	return out
}
