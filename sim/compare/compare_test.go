package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aiocheck/model/design"
	"aiocheck/sim/explore"
)

func run(t *testing.T, opts Options, cases []Case, designs ...design.Design) *Table {
	t.Helper()
	table, err := Run(context.Background(), designs, cases, opts)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func designNamed(t *testing.T, name string) design.Design {
	t.Helper()
	d, err := design.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (t *Table) cell(test *testing.T, property string, column int) *Cell {
	test.Helper()
	for i, p := range t.Properties {
		if p.Name == property {
			return &t.Cells[i][column]
		}
	}
	test.Fatalf("no row for %s", property)
	return nil
}

// Every seeded bug shows in the cases that are there for the property that it
// violates, and the design without it does not violate that.
func TestCasesShowEveryBug(t *testing.T) {
	for _, info := range design.BugTable() {
		t.Run(info.Name, func(t *testing.T) {
			base := designNamed(t, info.Base)
			cases := slices.DeleteFunc(Cases(), func(c Case) bool { return !slices.Contains(c.Shows, info.Property) || c.Scenario.Prologue })
			table := run(t, Options{}, cases, base, base.With(info.Bug))
			if c := table.cell(t, info.Property.Name, 0); c.Status == Violated {
				t.Errorf("%s violates %s without the bug, in %v", info.Base, info.Property.Name, c.ViolatedIn)
			}
			if c := table.cell(t, info.Property.Name, 1); c.Status != Violated {
				t.Errorf("%s: %s %s", info.Property.Name, c.Status, c.Why)
			}
		})
	}
}

// whole is the comparison of all designs in all cases, made once.
var whole = sync.OnceValues(func() (*Table, error) {
	return Run(context.Background(), design.All(), Cases(), Options{})
})

func wholeTable(t *testing.T) *Table {
	t.Helper()
	table, err := whole()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// What a design cannot run is left with a reason, and nothing is judged by it.
func TestEveryCellHasAReason(t *testing.T) {
	table := wholeTable(t)
	for i, row := range table.Cells {
		for j, c := range row {
			name := table.Columns[j].Name + ", " + table.Properties[i].Name
			switch c.Status {
			case Holds:
				if c.Shown == 0 || c.States == 0 || c.Why != "" {
					t.Errorf("%s holds in nothing: %+v", name, c)
				}
			case Violated:
				if c.Counterexample == nil || c.Counterexample.Length() == 0 || !slices.Contains(c.ViolatedIn, c.Counterexample.Case) {
					t.Errorf("%s: no counterexample: %+v", name, c)
				}
			default:
				if c.Why == "" {
					t.Errorf("%s is %s, and nobody knows why", name, c.Status)
				}
			}
		}
	}
}

func TestSameTableTwice(t *testing.T) {
	cases := Cases()[:6]
	a := run(t, Options{}, cases, designNamed(t, "thread-2016-01"), designNamed(t, "acall-pool"))
	b := run(t, Options{}, cases, designNamed(t, "thread-2016-01"), designNamed(t, "acall-pool"))
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
}

// A search that ends by a limit leaves its properties bounded, and a comparison
// that is interrupted does not claim anything.
func TestLimitsAreSaid(t *testing.T) {
	table := run(t, Options{MaxStates: 10}, Cases(), designNamed(t, "thread-6.1"))
	if c := table.cell(t, "one-event", 0); c.Status != Bounded || !strings.Contains(c.Why, string(explore.StopStates)) {
		t.Errorf("%+v", c)
	}
	if table.Worst() != Bounded {
		t.Errorf("worst is %s", table.Worst())
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	table, err := Run(ctx, []design.Design{designNamed(t, "thread-6.1")}, Cases(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range table.Cells {
		if row[0].Status == Holds {
			t.Errorf("%s holds in an interrupted comparison", table.Properties[i].Name)
		}
	}
}

func TestRenderings(t *testing.T) {
	a, b := designNamed(t, "thread-2016-01"), designNamed(t, "mainline-6.1")
	table := run(t, Options{}, Cases(), a, b)
	table.Pair = table.Compare(&a, &b)
	if len(table.Pair.Parameters) == 0 || len(table.Pair.Outcomes) == 0 {
		t.Fatalf("no differences: %+v", table.Pair)
	}
	var page, markdown, text, data bytes.Buffer
	for _, err := range []error{
		table.WriteHTML(&page), table.WriteMarkdown(&markdown), table.WriteText(&text, Style{Full: true}), json.NewEncoder(&data).Encode(table),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Contains(page.Bytes(), []byte("http://")) || bytes.Contains(page.Bytes(), []byte("https://")) {
		t.Error("the page speaks of the network")
	}
	target := regexp.MustCompile(`href="#([^"]+)"|\]\(#([^)]+)\)`)
	for name, doc := range map[string]string{"page": page.String(), "Markdown": markdown.String()} {
		links := target.FindAllStringSubmatch(doc, -1)
		if len(links) < table.Count(0, Violated) {
			t.Errorf("the %s has %d links", name, len(links))
		}
		for _, l := range links {
			if !strings.Contains(doc, `id="`+l[1]+l[2]+`"`) {
				t.Errorf("the %s has no place for %s", name, l[0])
			}
		}
	}
	for _, want := range []string{"✗", "args-captured", "only mainline-6.1:", "closes a file", "the last state violates it"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text has no %q", want)
		}
	}
	var back struct {
		Cells [][]struct{ Status string }
	}
	if err := json.Unmarshal(data.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	for i, row := range back.Cells {
		for j, c := range row {
			if c.Status != table.Cells[i][j].Status.String() {
				t.Errorf("JSON says %s, the table %s", c.Status, table.Cells[i][j].Status)
			}
		}
	}
}
