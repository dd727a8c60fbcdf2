package patches

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Every series is numbered without a gap, and each patch says what it is for
// and changes something.
func TestSeries(t *testing.T) {
	for _, release := range Releases() {
		series, err := Series(release)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range series {
			if want := fmt.Sprintf("%04d-", i+1); !strings.HasPrefix(p.Name, want) {
				t.Errorf("%s: %s does not begin with %s", release, p.Name, want)
			}
			for _, want := range []string{"\nSubject: ", "\ndiff --git a/"} {
				if !bytes.Contains(p.Text, []byte(want)) {
					t.Errorf("%s: %s lacks %q", release, p.Name, want)
				}
			}
		}
	}
	if none, err := Series("2.4"); err != nil || len(none) > 0 {
		t.Errorf("a series for 2.4: %v, %v", none, err)
	}
}
