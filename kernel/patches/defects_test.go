package patches

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"
)

// What the messages list is what the code knows, and there are enough.
func TestDefects(t *testing.T) {
	for _, release := range Releases() {
		defects, err := Defects(release)
		if err != nil {
			t.Fatal(err)
		}
		if len(defects) < 30 {
			t.Errorf("%s: %d defects, want at least 30", release, len(defects))
		}
		series, err := Series(release)
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		for _, p := range series {
			all = append(all, p.Text...)
		}
		listed := map[string]bool{}
		for _, d := range defects {
			if listed[d.Name] {
				t.Errorf("%s: %s is listed twice", release, d.Name)
			}
			listed[d.Name] = true
			if !bytes.Contains(all, fmt.Appendf(nil, "aio_defect(AIO_DEFECT_%s)", d.Name)) {
				t.Errorf("%s: nothing in the code asks for %s", release, d.Name)
			}
		}
		for _, m := range regexp.MustCompile(`aio_defect\(AIO_DEFECT_([A-Z0-9]+)\)`).FindAllSubmatch(all, -1) {
			if !listed[string(m[1])] {
				t.Errorf("%s: the code knows %s, no message does", release, m[1])
			}
		}
	}
}
