package compare

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aiocheck/model/design"
)

// What each design is known to violate, and from where: the defects of
// thread-aio.md that these properties speak of, no more and no fewer.
var known = map[string]map[string]string{
	"thread-2016-01": {
		"args-captured": "D1", "fs-captured": "D2", "cred-captured": "D3", "limits-captured": "D5", "pool-progress": "D10",
		"destroy-returns": "D11", "cancel-hits-its-request": "D15", "file-held": "D16 a", "use-after-free": "D16 b",
	},
	"thread-2016-01-table": {
		"args-captured": "D1", "fs-captured": "D2", "cred-captured": "D3", "limits-captured": "D5", "pool-progress": "D10",
		"destroy-returns": "D11", "cancel-hits-its-request": "D15", "file-held": "D16 a", "use-after-free": "D16 b",
	},
	"thread-2016-03": { // D5 is fixed, D1 for opens
		"args-captured": "D1, unlinkat", "fs-captured": "D2", "cred-captured": "D3", "pool-progress": "D10",
		"destroy-returns": "D11", "cancel-hits-its-request": "D15", "file-held": "D16 a", "use-after-free": "D19 a",
	},
	"posix-glibc": {"args-captured": "6.2: the aiocb is read in place"},
	"syslets":     {"args-captured": "6.4: atoms hold pointers to their arguments"},
	"threadlets":  {"args-captured": "6.4: ordinary code, which reads memory when it runs"},
	"acall":       {"exit-waits": "6.5: threads go on after the submitter"},
	"acall-pool": {
		"exit-waits": "6.5: threads go on after the submitter", "signal-outlives-request": "6.5: SIGKILL is not flushed",
		"legal-result": "6.5: the next operation is interrupted", "cred-captured": "6.5: a reused thread keeps its task state",
	},
}

func TestKnownDefects(t *testing.T) {
	table := wholeTable(t)
	for j, d := range design.All() {
		var got, want []string
		for i, p := range table.Properties {
			if table.Cells[i][j].Status == Violated {
				got = append(got, p.Name)
			}
		}
		for name := range known[d.Name] {
			want = append(want, name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s violates (-known +found):\n%s", d.Name, diff)
		}
	}
}
